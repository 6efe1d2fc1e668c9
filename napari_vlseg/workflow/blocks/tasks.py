"""One block as a task: a pure function of pixels, view, prompts and model, run anywhere."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from napari_vlseg.events import Event, Progress, Work
from napari_vlseg.images import ImageView, extract_plane, leading_axes
from napari_vlseg.models.base import DenseSegmenter
from napari_vlseg.prompts import PromptTable
from napari_vlseg.tiling import TilePlan
from napari_vlseg.workflow.cache import EmbeddingCache
from napari_vlseg.workflow.propose import probability_maps

_SECONDS_BETWEEN_EVENTS = 0.1


@dataclass(frozen=True, eq=False)
class BlockTask:
    """The pixels of a block.

    Attributes
    ----------
    number : int
        Chosen by whoever asks; the answer has the same.
    pixels : numpy.ndarray
        As the image holds them, leading axes of length 1, shown channels and RGB included.
    plan : TilePlan or None
        Tiles to look through, for a `LatticeSegmenter`.
    """

    number: int
    pixels: np.ndarray
    plan: TilePlan | None = None


@dataclass(frozen=True, eq=False)
class BlockQuestion:
    """What all blocks of a run are asked.

    Attributes
    ----------
    prompts : PromptTable
    view : ImageView
        Of the pixels; its contrasts are fixed, so that neighbours look alike.
    working_scale : float or None
        Image pixels per model pixel.
    edges : bool or None
        See `napari_vlseg.workflow.propose.propose`.
    """

    prompts: PromptTable
    view: ImageView
    working_scale: float | None = None
    edges: bool | None = None


@dataclass(frozen=True, eq=False)
class BlockAnswer:
    """The probabilities of a block.

    Attributes
    ----------
    number : int
    probabilities : numpy.ndarray, shape (C, h, w), float16 in [0, 1]
        One map per active row of the prompt table.
    notices : tuple of str
    """

    number: int
    probabilities: np.ndarray
    notices: tuple[str, ...] = ()


class BlockRunner(Protocol):
    """Answers tasks, on this machine or on others."""

    def answers(
        self, question: BlockQuestion, tasks: Iterator[BlockTask]
    ) -> Iterator[Event | BlockAnswer]:
        """Answer tasks, in any order.

        Only a few tasks are taken ahead. Between answers there are events, at least every
        0.2 s, so that whoever listens can stop; closing the iterator does.
        """
        ...


def answer_steps(
    model: DenseSegmenter,
    question: BlockQuestion,
    task: BlockTask,
    cache: EmbeddingCache | None = None,
) -> Work[BlockAnswer]:
    """Answer one task.

    Parameters
    ----------
    model : DenseSegmenter
    question : BlockQuestion
    task : BlockTask
    cache : EmbeddingCache, optional
        Blocks that were encoded before are not encoded again.

    Yields
    ------
    Progress or Notice

    Returns
    -------
    BlockAnswer
    """
    index = (0,) * len(leading_axes(task.pixels, question.view))
    maps = yield from probability_maps(
        model,
        extract_plane(task.pixels, index, question.view),
        question.prompts,
        working_scale=question.working_scale,
        edges=question.edges,
        cache=cache,
        plan=task.plan,
    )
    return BlockAnswer(task.number, maps.probabilities.astype(np.float16), maps.notices)


class LocalRunner:
    """Answers tasks one after another; the next one is read meanwhile.

    Parameters
    ----------
    model : DenseSegmenter
    cache : EmbeddingCache, optional
    """

    def __init__(self, model: DenseSegmenter, cache: EmbeddingCache | None = None) -> None:
        self._model = model
        self._cache = cache

    def answers(
        self, question: BlockQuestion, tasks: Iterator[BlockTask]
    ) -> Iterator[Event | BlockAnswer]:
        """See `BlockRunner.answers`."""
        with ThreadPoolExecutor(1, "read-blocks") as reading:
            ahead: Future[BlockTask | None] = reading.submit(next, tasks, None)
            while (task := (yield from _waiting(ahead))) is not None:
                ahead = reading.submit(next, tasks, None)
                yield (yield from answer_steps(self._model, question, task, self._cache))


def _waiting(ahead: Future[BlockTask | None]) -> Work[BlockTask | None]:
    """The next task; while it is read, whoever listens can stop."""
    while not wait([ahead], _SECONDS_BETWEEN_EVENTS).done:
        yield Progress("reading", 0, 0)
    return ahead.result()
