"""Images of any size segmented block by block: nearest first, resumable, in bounded memory."""

from __future__ import annotations

import math
import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from napari_vlseg.errors import ImageError
from napari_vlseg.events import Notice, Progress, Work
from napari_vlseg.images import SourceImage
from napari_vlseg.models.base import DenseSegmenter
from napari_vlseg.prompts import ClassPrompt, PromptTable
from napari_vlseg.proposals import PostProcess
from napari_vlseg.workflow.blocks.background import Background
from napari_vlseg.workflow.blocks.finishing import Labelling, finish
from napari_vlseg.workflow.blocks.grid import BlockGrid, plan_blocks
from napari_vlseg.workflow.blocks.levels import at_level
from napari_vlseg.workflow.blocks.results import BlockResult, BlockRun
from napari_vlseg.workflow.blocks.sources import BlockSource, Index, pixels_key
from napari_vlseg.workflow.blocks.store import RunFolder, plane_name
from napari_vlseg.workflow.blocks.tasks import (
    BlockAnswer,
    BlockQuestion,
    BlockRunner,
    BlockTask,
    LocalRunner,
)
from napari_vlseg.workflow.cache import EmbeddingCache
from napari_vlseg.workflow.propose import default_thresholds

STAGE = "segmenting blocks"

_SAMPLE_SIDE = 128
"""Pixels along a window that is looked at for the background, for a model without tiles."""

_NOTHING = 0.05
"""Probability below which a model finds nothing in the background."""


@dataclass(frozen=True)
class Focus:
    """What the person looks at: blocks near it come first.

    Attributes
    ----------
    index : tuple of int
        The plane.
    row, col : float
        On the plane, in pixels of the full resolution.
    """

    index: Index
    row: float
    col: float


def segment_blocks(
    source: BlockSource | SourceImage,
    model: DenseSegmenter,
    prompts: PromptTable,
    *,
    folder: Path,
    planes: Sequence[Index] | None = None,
    focus: Focus | None = None,
    within: tuple[slice, slice] | None = None,
    postprocess: PostProcess | None = None,
    working_scale: float | None = None,
    edges: bool | None = None,
    cache: EmbeddingCache | None = None,
    runner: BlockRunner | None = None,
    skip_empty: bool = True,
    out: Any = None,
    watch: Callable[[Labelling], object] | None = None,
) -> Work[BlockResult]:
    """Segment an image of any size by a prompt table.

    Memory is bounded by a few blocks, whatever the size. What is done stays in `folder`: the
    same call, after it was cancelled or killed, goes on from there, and blocks whose pixels
    have changed since are computed anew. Labels are those that `propose` gives for a plane
    that fits into memory, but for what an object larger than the halo of a block loses.

    Parameters
    ----------
    source : BlockSource or SourceImage
    model : DenseSegmenter
    prompts : PromptTable
    folder : Path
        For what is computed. Runs that ask something else of another model don't mix.
    planes : sequence of tuple of int, optional
        Positions on the leading axes; every plane if omitted.
    focus : Focus, optional
        Blocks near it come first, and so do planes.
    within : tuple of slice, optional
        Rows and columns, in pixels of the full resolution: only blocks that see some of them
        are labelled; the whole plane if omitted.
    postprocess, working_scale, edges
        See `napari_vlseg.workflow.propose.propose`.
    cache : EmbeddingCache, optional
        Keeps encoded blocks, so that another prompt does not encode them again.
    runner : BlockRunner, optional
        Where the model runs; this machine if omitted.
    skip_empty : bool
        Whether tiles of nothing but background are left out.
    out : array-like, optional
        Takes the labels: leading axes and (H, W), an integer type that holds their number. A
        zarr array in `folder` if omitted.
    watch : callable, optional
        Given what knows which planes are done, before the first event: for
        `napari_vlseg.workflow.blocks.finishing.finish_plane`.

    Yields
    ------
    Progress, Notice or Partial
        Partial results come first from the block in focus; until all blocks around a block
        are done they are provisional.

    Returns
    -------
    BlockResult

    Raises
    ------
    PromptError
        If the table asks for nothing.
    ImageError
        If a plane does not exist.
    CacheError
        If the folder can't be written.
    """
    whole = source if isinstance(source, BlockSource) else BlockSource.of(source)
    chosen = _planes(whole, planes, focus)
    prompts.active  # noqa: B018 - raises for an empty question, before anything is read
    seen, scale = at_level(whole, model, working_scale)
    grid = plan_blocks(model, seen.shape, scale)
    question = BlockQuestion(prompts, seen.window_view, grid.scale if grid.side else scale, edges)
    facts = _facts(model, question, seen, skip_empty)
    store = RunFolder.open(folder, facts, grid, len(prompts.active))
    run = BlockRun(
        store,
        chosen,
        whole.leading,
        whole.shape,
        _blocks(grid, whole, within, _centre(focus, whole, seen)),
        prompts,
        model.info,
        question.working_scale,
        edges,
    )
    post, thresholds = postprocess or PostProcess(), default_thresholds(model, prompts)
    job = _Job(run, seen, Labelling(run, thresholds, post))
    if watch is not None:
        watch(job.labelling)
    answering = runner or LocalRunner(model, cache)
    if skip_empty:
        yield Progress("looking for the background", 0, 0)
        yield from job.learn_background(answering, question)
    yield from job.answer(answering, question)
    return (yield from finish(job.labelling, out, tuple(job.notices)))


@dataclass
class _Job:
    """The first stage of a run: every block is answered, and labelled once it can be."""

    run: BlockRun
    source: BlockSource
    labelling: Labelling
    background: Background = field(default_factory=Background)
    notices: list[str] = field(default_factory=list)
    _keys: dict[int, str] = field(default_factory=dict)
    _settled: queue.SimpleQueue[tuple[int, bool]] = field(default_factory=queue.SimpleQueue)
    _stopped: threading.Event = field(default_factory=threading.Event)
    _done: int = 0
    _needed: list[int] = field(init=False)

    def __post_init__(self) -> None:
        self._needed = self.labelling.needed()

    def learn_background(self, runner: BlockRunner, question: BlockQuestion) -> Work[None]:
        """Find out what may be left out: where there is nothing, and the model says so."""
        grid = self.run.grid
        side = round(grid.side * grid.scale) if grid.side else _SAMPLE_SIDE
        background = Background.of(self.source, self.run.planes, side)
        if background.pixels is None:
            return
        for event in runner.answers(question, iter([BlockTask(0, background.pixels)])):
            if isinstance(event, BlockAnswer):
                if event.probabilities.max() < _NOTHING:
                    self.background = background
            else:
                yield event

    def answer(self, runner: BlockRunner, question: BlockQuestion) -> Work[None]:
        """Have all blocks answered that are not done yet."""
        answers = runner.answers(question, self._tasks())
        try:
            for event in answers:
                if isinstance(event, BlockAnswer):
                    self._keep(event)
                    yield from self._block_done(event.number)
                elif isinstance(event, Notice):
                    yield from self._note(event.message)
                yield from self._take_settled()
                yield self._progress()
        finally:
            self._stopped.set()
            close = getattr(answers, "close", None)
            if close is not None:
                close()
        yield from self._take_settled()

    def _tasks(self) -> Iterator[BlockTask]:
        """Blocks whose answers are not there; runs in the thread that reads."""
        grid = self.run.grid
        for place, index in enumerate(self.run.planes):
            for number in self._needed:
                if self._stopped.is_set():
                    return
                block, name = grid.block(number), plane_name(index)
                pixels = self.source.read(index, *block.window)
                task = place * len(grid) + number
                key = self._keys[task] = pixels_key(pixels)
                if self.run.store.has(name, number, key):
                    self._settled.put((task, False))
                    continue
                plan, is_empty = grid.plan(block), False
                if self.background.color is not None:
                    shown = self.source.show(pixels)
                    if plan is None:
                        is_empty = self.background.covers(shown)
                    else:
                        plan = self.background.without_empty(plan, shown)
                        is_empty = not plan.tiles
                if is_empty:
                    self._settled.put((task, True))
                else:
                    yield BlockTask(task, pixels, plan)

    def _take_settled(self) -> Work[None]:
        """Blocks that need no answer, since the reader found so."""
        while not self._settled.empty():
            task, is_empty = self._settled.get()
            if is_empty:
                self._keep(BlockAnswer(task, np.zeros(0, np.float16)))
            yield from self._block_done(task)

    def _keep(self, answer: BlockAnswer) -> None:
        place, number = divmod(answer.number, len(self.run.grid))
        found = answer.probabilities if answer.probabilities.size else None
        name = plane_name(self.run.planes[place])
        self.run.store.put(name, number, self._keys[answer.number], found)

    def _block_done(self, task: int) -> Work[None]:
        place, number = divmod(task, len(self.run.grid))
        self._done += 1
        yield self._progress()
        yield from self.labelling.take(place, number, self._keys.pop(task))

    def _progress(self) -> Progress:
        return Progress(STAGE, self._done, len(self.run.planes) * len(self._needed))

    def _note(self, message: str) -> Iterator[Notice]:
        if message not in self.notices:
            self.notices.append(message)
            yield Notice(message)


def _planes(
    source: BlockSource, planes: Sequence[Index] | None, focus: Focus | None
) -> tuple[Index, ...]:
    """Planes to segment, those near the focus first.

    Raises
    ------
    ImageError
        If one does not exist.
    """
    leading = source.leading
    chosen = list(np.ndindex(*leading)) if planes is None else [tuple(p) for p in planes]
    for index in chosen:
        if len(index) != len(leading) or not all(
            0 <= place < count for place, count in zip(index, leading, strict=True)
        ):
            raise ImageError(
                f"There is no plane {index} in an image with {leading or 'no'} leading planes: "
                "give one position for each leading axis, from 0."
            )
    if focus is not None and len(focus.index) == len(leading):
        here = focus.index
        chosen.sort(key=lambda index: sum(abs(a - b) for a, b in zip(index, here, strict=True)))
    return tuple(dict.fromkeys(chosen))


def _blocks(
    grid: BlockGrid,
    whole: BlockSource,
    within: tuple[slice, slice] | None,
    centre: tuple[float, float] | None,
) -> tuple[int, ...]:
    """Blocks to label, near ones first.

    Raises
    ------
    ImageError
        If the part lies beside the plane.
    """
    order = grid.order(centre)
    if within is None:
        return tuple(order)
    rows, cols = (
        slice(int(part.start * extent / full), math.ceil(part.stop * extent / full))
        for part, extent, full in zip(within, grid.shape, whole.shape, strict=True)
    )
    seen = {block.number for block in grid.touching(rows, cols)}
    if not seen:
        raise ImageError(
            f"Rows {within[0].start} to {within[0].stop} and columns {within[1].start} to "
            f"{within[1].stop} lie beside a plane of {whole.shape} pixels: choose a part of it."
        )
    return tuple(number for number in order if number in seen)


def _centre(
    focus: Focus | None, whole: BlockSource, seen: BlockSource
) -> tuple[float, float] | None:
    if focus is None:
        return None
    (height, width), (full_height, full_width) = seen.shape, whole.shape
    return focus.row * height / full_height, focus.col * width / full_width


def _told(row: ClassPrompt) -> tuple[Any, ...]:
    """What of a row decides its map."""
    references = tuple(reference.sha256 for reference in row.references)
    return row.phrases, row.negatives, references, row.mix


def _facts(
    model: DenseSegmenter, question: BlockQuestion, source: BlockSource, skip_empty: bool
) -> dict[str, Any]:
    """What decides the probabilities of a block beside its pixels, as JSON."""
    info = model.info
    return {
        "model": [str(info), info.hashes, info.precision],
        "prompts": repr([_told(row) for row in question.prompts.active]),
        "templates": repr((question.prompts.templates, question.prompts.visual)),
        "view": repr(question.view),
        "working_scale": question.working_scale,
        "edges": question.edges,
        "shape": list(source.shape),
        "skip_empty": skip_empty,
    }
