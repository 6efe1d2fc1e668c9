"""Runs over blocks as the window has them done: generators that touch neither layers nor Qt."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from napari_vlseg.events import Partial, Progress, Work
from napari_vlseg.models.base import DenseSegmenter
from napari_vlseg.prompts import PromptTable
from napari_vlseg.proposals import PostProcess, Proposals
from napari_vlseg.ui.blockwise.folders import forget_old_runs
from napari_vlseg.ui.image_choice import Whole
from napari_vlseg.ui.jobs import ModelSettings, ModelSource
from napari_vlseg.ui.packing import Packed
from napari_vlseg.workflow.blocks.finishing import finish, finish_plane
from napari_vlseg.workflow.blocks.labeller import Labelling
from napari_vlseg.workflow.blocks.results import BlockResult, BlockRun
from napari_vlseg.workflow.blocks.segmenting import Focus, segment_blocks
from napari_vlseg.workflow.blocks.sources import BlockSource
from napari_vlseg.workflow.blocks.tasks import BlockRunner
from napari_vlseg.workflow.cache import EmbeddingCache

Index = tuple[int, ...]
Region = tuple[slice, slice]

_AHEAD = 2
"""Planes that are done and wait to be put on the labels."""

_TICK_S = 0.1

_ABOVE_ALL = 2.0
"""Threshold of a class that is hidden: no probability reaches it."""


class Gate:
    """Holds a run up while the window is behind, so that planes don't pile up in memory."""

    def __init__(self) -> None:
        self._free = threading.Semaphore(_AHEAD)

    def enter(self) -> Work[None]:
        """Wait until there is room for one more."""
        while not self._free.acquire(timeout=_TICK_S):
            yield Progress("drawing labels", 0, 0)

    def leave(self) -> None:
        """One is dealt with."""
        self._free.release()

    def drain(self) -> Work[None]:
        """Wait until all are dealt with."""
        for _ in range(_AHEAD):
            yield from self.enter()


@dataclass(frozen=True, eq=False)
class PlaneReady(Partial):
    """A plane of a run, or the region of it that was asked for, with its objects.

    Attributes
    ----------
    result : BlockResult
        Of this plane alone.
    """

    result: BlockResult | None = None

    def proposals(self) -> Proposals:
        """The plane as proposals without probabilities, which stay in the files of the run."""
        assert self.result is not None
        found, run = self.result, self.result.run
        nothing = np.zeros((len(found.classes), 0, 0), np.float32)
        return Proposals(
            self.labels,
            nothing,
            found.classes,
            found.objects.drop(columns="plane"),
            found.thresholds,
            found.postprocess,
            run.prompts,
            run.model,
            run.working_scale or 1.0,
            edges=bool(run.edges),
        )


@dataclass(frozen=True, eq=False)
class Request:
    """What is segmented, as it was when it was asked for.

    Attributes
    ----------
    whole : Whole
        The image.
    planes : tuple of tuple of int
    focus : Focus
        What the person looks at.
    within : tuple of slice or None
        Rows and columns of the plane; None is all.
    prompts : PromptTable
    postprocess : PostProcess
    settings : ModelSettings
    folder : Path
        For what is computed.
    """

    whole: Whole
    planes: tuple[Index, ...]
    focus: Focus
    within: Region | None
    prompts: PromptTable
    postprocess: PostProcess
    settings: ModelSettings
    folder: Path


RunnerMaker = Callable[[ModelSettings, DenseSegmenter], BlockRunner | None]


def run_of(
    request: Request,
    model: DenseSegmenter,
    cache: EmbeddingCache | None,
    runner: BlockRunner | None,
    out: Any,
    watch: Callable[[Labelling], None] | None = None,
) -> Work[BlockResult]:
    """The run over blocks that a request asks for; `out` takes its labels."""
    return segment_blocks(
        source_of(request.whole),
        model,
        request.prompts,
        folder=request.folder,
        planes=request.planes,
        focus=request.focus,
        within=request.within,
        postprocess=request.postprocess,
        working_scale=request.settings.working_scale,
        edges=request.settings.edges,
        cache=cache,
        runner=runner,
        out=out,
        watch=watch,
    )


def blocks_job(
    models: ModelSource[DenseSegmenter],
    request: Request,
    cache: EmbeddingCache | None,
    gate: Gate,
    make_runner: RunnerMaker,
) -> Work[BlockRun]:
    """Segment planes block by block; each is handed over once it is done.

    Yields
    ------
    Progress, Notice, Partial or PlaneReady
        Progress counts blocks. For each `PlaneReady` somebody has to leave the gate.
    """
    model = yield from models.get(request.settings)
    forget_old_runs(request.folder)
    yield from request.whole.look()
    known: list[Labelling] = []
    runner = make_runner(request.settings, model)
    work = run_of(request, model, cache, runner, _Nowhere(), known.append)
    try:
        yield from _handed_over(work, known, gate)
    finally:
        work.close()  # no labels as a whole are needed
    yield from gate.drain()
    return known[0].run


def _handed_over(work: Work[BlockResult], known: list[Labelling], gate: Gate) -> Work[None]:
    """Planes in the order of the run, whichever is done first: so their objects have the same
    numbers wherever blocks are answered."""
    place = 0
    for event in work:
        yield event
        if not isinstance(event, Partial):
            continue
        (labelling,) = known
        planes = labelling.run.planes
        while place < len(planes) and labelling.is_labelled(place):
            yield from gate.enter()
            yield (yield from _ready(finish_plane, labelling, planes[place]))
            place += 1
        if place == len(planes):
            return


@dataclass(frozen=True)
class Look:
    """How probabilities are turned into labels.

    Attributes
    ----------
    thresholds : tuple of float
        One per class.
    shown : tuple of str
        Classes that are visible.
    postprocess : PostProcess
    """

    thresholds: tuple[float, ...]
    shown: tuple[str, ...]
    postprocess: PostProcess


def threshold_job(runs: Sequence[tuple[BlockResult, Look]], gate: Gate) -> Work[None]:
    """Make labels of planes anew from the probabilities of their runs; no model runs.

    Parameters
    ----------
    runs : sequence of (BlockResult, Look)
        Each of one plane, and what its labels are to be like.
    gate : Gate
    """
    for done, (result, look) in enumerate(runs):
        (index,) = result.run.planes
        yield Progress("setting thresholds", done, len(runs))
        out = _PlaneOut(result.run)
        made = yield from _progress_alone(_labelled_anew(result, look, out), done, len(runs))
        yield from gate.enter()
        yield PlaneReady(index, *out.region, out.labels, _without_labels(made))
    yield from gate.drain()


def _labelled_anew(result: BlockResult, look: Look, out: Any) -> Work[BlockResult]:
    thresholds = [
        threshold if name in look.shown else _ABOVE_ALL
        for name, threshold in zip(result.classes, look.thresholds, strict=True)
    ]
    labelling = Labelling(result.run, thresholds, look.postprocess)
    yield from labelling.label_all()
    made = yield from finish(labelling, out, result.notices)
    return replace(made, thresholds=look.thresholds)


def source_of(whole: Whole) -> BlockSource:
    """The image as a run reads it."""
    return BlockSource(whole.data, whole.fixed_view(), whole.levels or (whole.data,))


def maps_of(run: BlockRun, index: Index) -> np.ndarray:
    """Probabilities of a whole plane, float32 (C, H, W); 0 where nothing was computed."""
    rows, cols = (slice(0, extent) for extent in run.grid.shape)
    maps = run.probabilities(index, rows, cols)
    for axis, (whole, extent) in enumerate(zip(run.shape, run.grid.shape, strict=True), start=1):
        if whole != extent:
            places = ((np.arange(whole) + 0.5) * extent / whole).astype(int)
            maps = maps.take(np.clip(places, 0, extent - 1), axis)
    return maps


def kept_proposals(made: Proposals, run: BlockRun, index: Index) -> Callable[[], Proposals]:
    """Reads the proposals of a plane from the files of its run, when they are needed."""
    labels, rest = Packed.of(made.labels), replace(made, labels=np.zeros((0, 0), np.int32))

    def load() -> Proposals:
        return replace(rest, labels=labels.array(), probabilities=maps_of(run, index))

    return load


class _Nowhere:
    """Takes labels that are not needed: planes are handed over one by one."""

    dtype = np.dtype(np.uint32)

    def __setitem__(self, key: Any, value: Any) -> None:
        """Nothing is kept."""


@dataclass(eq=False)
class _PlaneOut:
    """Takes the labels of one plane, or of the region of it that was segmented."""

    run: BlockRun
    dtype: np.dtype = field(default_factory=lambda: np.dtype(np.int32))

    def __post_init__(self) -> None:
        parts = [self.run.full(self.run.grid.block(number)) for number in self.run.blocks]
        self.region: Region = (_around(p[0] for p in parts), _around(p[1] for p in parts))
        rows, cols = self.region
        self.labels = np.zeros((rows.stop - rows.start, cols.stop - cols.start), np.int32)

    def __setitem__(self, key: tuple[Any, ...], value: np.ndarray) -> None:
        rows, cols = (
            slice(part.start - side.start, part.stop - side.start)
            for part, side in zip(key[-2:], self.region, strict=True)
        )
        self.labels[rows, cols] = value


def _around(parts: Iterator[slice]) -> slice:
    every = list(parts)
    return slice(min(part.start for part in every), max(part.stop for part in every))


def _ready(
    make: Callable[[Labelling, Index, Any], Work[BlockResult]], labelling: Labelling, index: Index
) -> Work[PlaneReady]:
    out = _PlaneOut(labelling.run)
    made = yield from _progress_alone(make(labelling, index, out), 0, 0)
    return PlaneReady(index, *out.region, out.labels, _without_labels(made))


def _without_labels(made: BlockResult) -> BlockResult:
    """A result that may be kept for each plane of a stack: its labels are on the layer."""
    return replace(made, labels=None)


def _progress_alone(work: Work[BlockResult], done: int, total: int) -> Work[BlockResult]:
    """Work whose own counting means nothing to the person."""
    while True:
        try:
            event = next(work)
        except StopIteration as stop:
            return stop.value
        if isinstance(event, Progress):
            yield Progress("drawing labels", done, total)
