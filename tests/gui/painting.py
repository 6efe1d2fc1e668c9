"""A click model that paints its prompt: a disc under each click, a filled box, a given mask."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Sequence
from typing import Any

import numpy as np

from napari_vlseg.events import Progress, Work
from napari_vlseg.models.base import MaskProposal, PackedEmbedding, PromptableEmbedding
from napari_vlseg.object_prompts import MaskLogits, ObjectPrompt
from napari_vlseg.proposals import ModelInfo

RADII = (4, 7, 2)
"""Of the discs of the three candidates, best first."""
SCORES = (0.9, 0.8, 0.7)


class PaintingModel:
    """The plane has no say.

    Parameters
    ----------
    gate : threading.Event, optional
        Encoding waits for it after its first step, every time.
    radii : tuple of int
        Of the discs of the three candidates; 0 is the clicked pixel alone.

    Attributes
    ----------
    encoded : list of float
        Mean of each plane that was encoded, in order.
    given_up : int
        How often encoding was closed before its end.
    asked : list of ObjectPrompt
    """

    input_size = 64

    def __init__(
        self, gate: threading.Event | None = None, radii: tuple[int, int, int] = RADII
    ) -> None:
        self.radii = radii
        self.info = ModelInfo("painting", "1", device="cpu")
        self.gate = gate
        self.encoded: list[float] = []
        self.given_up = 0
        self.asked: list[ObjectPrompt] = []

    def embedding_key(self, plane: np.ndarray) -> str:
        return hashlib.sha256(repr(plane.shape).encode() + plane.tobytes()).hexdigest()

    def encode_steps(self, plane: np.ndarray) -> Work[PromptableEmbedding]:
        finished = False
        try:
            yield Progress("encoding", 1, 2)
            while self.gate is not None and not self.gate.wait(0.01):
                yield Progress("encoding", 1, 2)
            finished = True
        finally:
            self.given_up += not finished
        self.encoded.append(round(float(plane.mean()), 3))
        return PromptableEmbedding(self.embedding_key(plane), plane.shape[:2], np.zeros(1))

    def predict_objects_steps(
        self,
        embedding: PromptableEmbedding,
        prompts: Sequence[ObjectPrompt],
        *,
        multimask: bool = False,
    ) -> Work[list[list[MaskProposal]]]:
        yield Progress("segmenting", 0, len(prompts))
        self.asked += prompts
        return [
            [
                MaskProposal(_logits(prompt, embedding.shape, radius), score, embedding.shape)
                for radius, score in list(zip(self.radii, SCORES, strict=True))[
                    : 3 if multimask else 1
                ]
            ]
            for prompt in prompts
        ]

    def encode(self, plane: np.ndarray) -> PromptableEmbedding:
        raise NotImplementedError("the window encodes in steps")

    def predict(self, *args: Any, **options: Any) -> list[MaskProposal]:
        raise NotImplementedError("the window asks for objects, in steps")

    predict_steps = predict_objects = predict

    def pack(self, embedding: PromptableEmbedding) -> PackedEmbedding:
        raise NotImplementedError("nothing is kept on disk")

    def unpack(self, packed: PackedEmbedding, plane: np.ndarray) -> PromptableEmbedding:
        raise NotImplementedError("nothing is kept on disk")


def _logits(prompt: ObjectPrompt, shape: tuple[int, int], radius: int) -> MaskLogits:
    rows, cols = np.mgrid[: shape[0], : shape[1]]
    mask = np.zeros(shape, bool)
    if prompt.mask is not None:
        top, left, height, width = prompt.mask.window
        inside = (rows >= top) & (rows < top + height) & (cols >= left) & (cols < left + width)
        values = prompt.mask.values
        where = (
            np.clip((rows - top) * values.shape[0] // height, 0, values.shape[0] - 1),
            np.clip((cols - left) * values.shape[1] // width, 0, values.shape[1] - 1),
        )
        mask |= inside & (values[where] > 0)
    if prompt.box is not None:
        top, left, bottom, right = prompt.box
        mask |= (rows > top) & (rows < bottom) & (cols > left) & (cols < right)
    for (row, col), label in zip(prompt.points, prompt.labels, strict=True):
        disc = (rows - row) ** 2 + (cols - col) ** 2 <= radius**2
        mask = mask | disc if label else mask & ~disc
    if mask.any():
        return MaskLogits.of_mask(mask)
    return MaskLogits(np.full((4, 4), -8, np.float32), (0, 0, *shape))
