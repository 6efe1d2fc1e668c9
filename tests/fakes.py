"""Models without a network: one finds bright or dark pixels, one knows every object."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from napari_vlseg.events import Progress, Work, run
from napari_vlseg.models.base import (
    Conditional,
    Embedding,
    MaskProposal,
    PackedEmbedding,
    PromptableEmbedding,
)
from napari_vlseg.object_prompts import MaskLogits, ObjectPrompt
from napari_vlseg.prompts import ClassPrompt
from napari_vlseg.proposals import ModelInfo
from napari_vlseg.tiling import plan_tiles
from napari_vlseg.visual_prompts import VisualPromptSettings

WORDS = {"bright": (0.0, 1.0), "nuclei": (0.0, 1.0), "dark": (1.0, -1.0), "nothing": (0.0, 0.0)}


class BrightnessSegmenter:
    """Probability = offset + gain · brightness, by the first word it knows.

    Attributes
    ----------
    n_encoded : int
        How often a plane was encoded.
    edges_asked : list of bool or None
        What `predict` was told about edges, call by call.
    """

    default_threshold = 0.5
    default_edges = False
    input_size = 32

    def __init__(self) -> None:
        self.n_encoded = 0
        self.edges_asked: list[bool | None] = []
        self.info = ModelInfo("brightness", "1")

    def embedding_key(self, plane: np.ndarray, working_scale: float | None = None) -> str:
        return hashlib.sha256(plane.tobytes() + repr(working_scale).encode()).hexdigest()

    def encode(self, plane: np.ndarray, *, working_scale: float | None = None) -> Embedding:
        return run(self.encode_steps(plane, working_scale=working_scale))

    def encode_steps(
        self, plane: np.ndarray, *, working_scale: float | None = None
    ) -> Work[Embedding]:
        self.n_encoded += 1
        plan = plan_tiles(plane.shape[:2], 32, 8)
        for done in range(len(plan.tiles)):
            yield Progress("encoding", done + 1, len(plan.tiles))
        return Embedding(
            self.embedding_key(plane, working_scale),
            plane.shape[:2],
            plan,
            working_scale or 1.0,
            (plane.mean(axis=2),),
        )

    def pack(self, embedding: Embedding) -> PackedEmbedding:
        (brightness,) = embedding.activations
        tensors = {"brightness": torch.from_numpy(brightness)}
        return PackedEmbedding(embedding.key, tensors, {"scale": embedding.working_scale})

    def unpack(self, packed: PackedEmbedding, plane: np.ndarray) -> Embedding:
        plan = plan_tiles(plane.shape[:2], 32, 8)
        scale, brightness = packed.meta["scale"], packed.tensors["brightness"].numpy()
        return Embedding(packed.key, plane.shape[:2], plan, scale, (brightness,))

    def condition(
        self,
        prompt: ClassPrompt,
        templates: Sequence[str] = ("{}",),
        visual: VisualPromptSettings | None = None,
    ) -> tuple[Conditional, list[Conditional]]:
        own = self._vector(prompt.phrases[0]) if prompt.phrases else np.array([0.0, 1.0])
        return (
            Conditional(own.astype(np.float32), prompt.name),
            [Conditional(self._vector(phrase), phrase) for phrase in prompt.negatives],
        )

    def _vector(self, phrase: str) -> np.ndarray:
        known = [WORDS[word] for word in phrase.split() if word in WORDS]
        return np.array(known[0] if known else (0.0, 0.0), np.float32)

    def predict(
        self, embedding: Embedding, prompts: Sequence[Conditional], *, edges: bool | None = None
    ) -> np.ndarray:
        return run(self.predict_steps(embedding, prompts, edges=edges))

    def predict_steps(
        self, embedding: Embedding, prompts: Sequence[Conditional], *, edges: bool | None = None
    ) -> Work[np.ndarray]:
        self.edges_asked.append(edges)
        yield Progress("segmenting", 1, 1)
        (brightness,) = embedding.activations
        maps = [p.vector[0] + p.vector[1] * brightness for p in prompts]
        return np.stack(maps).astype(np.float32)

    def unknown_words(self, phrase: str) -> list[str]:
        return [word for word in phrase.split() if word not in WORDS]


class KnowingSegmenter:
    """A click model that knows the true objects, and answers with the one that is meant.

    Parameters
    ----------
    truth : numpy.ndarray, shape (H, W), integer
        A prompt with a click means the object under it, one with a box alone the object that
        fills most of it. Where there is none, nothing is outlined.
    score : float
        Of every answer.

    Attributes
    ----------
    n_encoded : int
    asked : list of ObjectPrompt
    """

    input_size = 32

    def __init__(self, truth: np.ndarray, score: float = 0.9) -> None:
        self.truth = truth
        self.score = score
        self.n_encoded = 0
        self.asked: list[ObjectPrompt] = []
        self.info = ModelInfo("knowing", "1")

    def embedding_key(self, plane: np.ndarray) -> str:
        return "knowing" + hashlib.sha256(plane.tobytes()).hexdigest()

    def encode(self, plane: np.ndarray) -> PromptableEmbedding:
        return run(self.encode_steps(plane))

    def encode_steps(self, plane: np.ndarray) -> Work[PromptableEmbedding]:
        self.n_encoded += 1
        yield Progress("encoding", 1, 1)
        return PromptableEmbedding(self.embedding_key(plane), plane.shape[:2])

    def predict_objects(
        self,
        embedding: PromptableEmbedding,
        prompts: Sequence[ObjectPrompt],
        *,
        multimask: bool = False,
    ) -> list[list[MaskProposal]]:
        return run(self.predict_objects_steps(embedding, prompts, multimask=multimask))

    def predict_objects_steps(
        self,
        embedding: PromptableEmbedding,
        prompts: Sequence[ObjectPrompt],
        *,
        multimask: bool = False,
    ) -> Work[list[list[MaskProposal]]]:
        self.asked += prompts
        yield Progress("segmenting", len(prompts), len(prompts))
        return [[self.answer(prompt)] * (3 if multimask else 1) for prompt in prompts]

    def answer(self, prompt: ObjectPrompt) -> MaskProposal:
        """The object that is meant, at the resolution of the plane."""
        value = self._meant(prompt)
        if value == 0:
            return self._proposal(np.full((1, 1), -8), (0, 0))
        rows, cols = np.nonzero(self.truth == value)
        window = np.s_[rows.min() : rows.max() + 1, cols.min() : cols.max() + 1]
        found = self.truth[window] == value
        return self._proposal(np.where(found, 8, -8), (int(rows.min()), int(cols.min())))

    def _proposal(self, values: np.ndarray, corner: tuple[int, int]) -> MaskProposal:
        around = np.pad(values, 1, constant_values=-8).astype(np.float32)
        logits = MaskLogits(around, (corner[0] - 1, corner[1] - 1, *around.shape))
        return MaskProposal(logits, self.score, self.truth.shape)

    def _meant(self, prompt: ObjectPrompt) -> int:
        if len(prompt.points):
            row, col = np.round(prompt.points[0]).astype(int)
            return int(self.truth[row, col])
        assert prompt.box is not None
        top, left, bottom, right = (round(edge + 0.5) for edge in prompt.box)
        return int(np.bincount(self.truth[top:bottom, left:right].ravel()).argmax())

    def predict(self, *args: Any, **options: Any) -> list[MaskProposal]:
        raise NotImplementedError("objects are asked for")

    predict_steps = predict

    def pack(self, embedding: PromptableEmbedding) -> PackedEmbedding:
        raise NotImplementedError("nothing is kept on disk")

    def unpack(self, packed: PackedEmbedding, plane: np.ndarray) -> PromptableEmbedding:
        raise NotImplementedError("nothing is kept on disk")
