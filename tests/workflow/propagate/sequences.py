"""Stacks of discs, and a click model that knows them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from napari_vlseg.events import Progress, Work
from napari_vlseg.models.base import MaskProposal, PromptableEmbedding
from napari_vlseg.object_prompts import MaskLogits, ObjectPrompt
from napari_vlseg.proposals import ModelInfo
from napari_vlseg.workflow.propagate.pieces import Piece, pieces_of
from tests.fakes import KnowingSegmenter

SIDE = 64


def disc(row: float, col: float, radius: float) -> np.ndarray:
    rows, cols = np.mgrid[:SIDE, :SIDE]
    return (rows - row) ** 2 + (cols - col) ** 2 <= radius**2


def crossing(n_planes: int = 12) -> np.ndarray:
    """Labels (n, 64, 64): one disc goes right, one goes left above it, one grows."""
    truth = np.zeros((n_planes, SIDE, SIDE), np.int32)
    for plane in range(n_planes):
        truth[plane][disc(40, 12 + 3 * plane, 7)] = 1
        truth[plane][disc(20, 52 - 3 * plane, 6)] = 2
        truth[plane][disc(56, 56, 4 + 0.2 * plane)] = 3
    return truth


class Stack:
    """Planes made from labels, each object with a gray of its own; counts what is asked for."""

    def __init__(self, truth: np.ndarray) -> None:
        noise = np.random.default_rng(0).normal(0, 0.01, truth.shape)
        grays = np.array([0.1, 0.8, 0.6, 0.9, 0.7, 0.5])
        gray = np.clip(grays[truth] + noise, 0, 1).astype(np.float32)
        self.truth = truth
        self._planes = gray[..., np.newaxis].repeat(3, axis=-1)
        self.asked: list[int] = []

    def __call__(self, number: int) -> np.ndarray:
        self.asked.append(number)
        return self._planes[number]

    def anchors(self, plane: int) -> dict[int, dict[int, Piece]]:
        return {number: {plane: piece} for number, piece in pieces_of(self.truth[plane]).items()}

    def number_of(self, plane: np.ndarray) -> int:
        return next(n for n, known in enumerate(self._planes) if np.array_equal(known, plane))


class KnowingStackSegmenter(KnowingSegmenter):
    """Answers with the true object of whichever plane was encoded."""

    def __init__(self, stack: Stack, score: float = 0.9) -> None:
        super().__init__(stack.truth[0], score)
        self.stack = stack

    def encode_steps(self, plane: np.ndarray) -> Work[PromptableEmbedding]:
        self.n_encoded += 1
        yield Progress("encoding", 1, 1)
        content = np.array(self.stack.number_of(plane))
        return PromptableEmbedding(self.embedding_key(plane), plane.shape[:2], content)

    def predict_objects_steps(
        self,
        embedding: PromptableEmbedding,
        prompts: Sequence[ObjectPrompt],
        *,
        multimask: bool = False,
    ) -> Work[list[list[MaskProposal]]]:
        self.truth = self.stack.truth[int(embedding.content)]
        return (yield from super().predict_objects_steps(embedding, prompts, multimask=multimask))


class KnowingVideo:
    """A video model that finds the true object under what it learned; notes what it is told."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.info = ModelInfo("knowing video", "1")
        self.calls: list[tuple[str, int]] = []

    def begin(self) -> KnowingMemory:
        return KnowingMemory(self)


class KnowingMemory:
    def __init__(self, model: KnowingVideo) -> None:
        self._model, self._plane = model, 0
        self._values: dict[int, int] = {}

    def look(self, plane: np.ndarray, number: int, *, reverse: bool = False) -> Work[None]:
        self._plane = self._model.stack.number_of(plane)
        assert self._plane == number
        self._model.calls.append(("back" if reverse else "on", number))
        yield Progress("encoding", 1, 1)

    def learn(self, key: int, mask: np.ndarray) -> None:
        self._values[key] = int(np.bincount(self._model.stack.truth[self._plane][mask]).argmax())

    def find(self, key: int) -> MaskProposal:
        there = self._model.stack.truth[self._plane] == self._values[key]
        if not there.any():
            empty = np.full((2, 2), -8, np.float32)
            return MaskProposal(MaskLogits(empty, (0, 0, SIDE, SIDE)), 0.1, (SIDE, SIDE))
        return MaskProposal(MaskLogits.of_mask(there), 0.9, (SIDE, SIDE))

    def forget(self, key: int) -> None:
        self._model.calls.append(("forget", key))
        del self._values[key]
