"""Images of any size segmented block by block: nearest first, resumable, in bounded memory."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from napari_vlseg.errors import ImageError
from napari_vlseg.events import Work
from napari_vlseg.images import SourceImage
from napari_vlseg.models.base import DenseSegmenter
from napari_vlseg.prompts import ClassPrompt, PromptTable
from napari_vlseg.proposals import PostProcess
from napari_vlseg.workflow.blocks.answering import Answering
from napari_vlseg.workflow.blocks.finishing import finish
from napari_vlseg.workflow.blocks.grid import BlockGrid, plan_blocks
from napari_vlseg.workflow.blocks.labeller import Labelling
from napari_vlseg.workflow.blocks.levels import at_level
from napari_vlseg.workflow.blocks.results import BlockResult, BlockRun
from napari_vlseg.workflow.blocks.sources import BlockSource, Index
from napari_vlseg.workflow.blocks.store import RunFolder
from napari_vlseg.workflow.blocks.tasks import BlockQuestion, BlockRunner, LocalRunner
from napari_vlseg.workflow.cache import EmbeddingCache
from napari_vlseg.workflow.propose import default_thresholds


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
    job = Answering(run, seen, Labelling(run, thresholds, post))
    if watch is not None:
        watch(job.labelling)
    answering = runner or LocalRunner(model, cache)
    if skip_empty:
        yield from job.learn_background(answering, question)
    yield from job.answer(answering, question)
    return (yield from finish(job.labelling, out, tuple(job.notices)))


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
