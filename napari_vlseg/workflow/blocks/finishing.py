"""The second stage of a run: from probabilities on disk to labels on disk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import zarr

from napari_vlseg.errors import SettingsError
from napari_vlseg.events import Progress, Work
from napari_vlseg.masks import ObjectStats
from napari_vlseg.proposals import PostProcess
from napari_vlseg.workflow.blocks.labeller import Labelling
from napari_vlseg.workflow.blocks.labelling import BlockObjects
from napari_vlseg.workflow.blocks.results import BlockResult, BlockRun
from napari_vlseg.workflow.blocks.stitching import (
    PlaneObjects,
    Stitcher,
    neighbours,
    number_objects,
)
from napari_vlseg.workflow.propose import new_thresholds, table_of

_CHUNK = 512
_ROWS = 5_000


def rethreshold_blocks(
    result: BlockResult,
    thresholds: Mapping[str, float] | None = None,
    postprocess: PostProcess | None = None,
    out: Any = None,
) -> Work[BlockResult]:
    """Make new labels from the kept probabilities of a run; no model runs.

    Parameters
    ----------
    result : BlockResult
    thresholds : mapping of str to float, optional
        New thresholds by class name; the other classes keep theirs.
    postprocess : PostProcess, optional
    out : array-like, optional
        See `napari_vlseg.workflow.blocks.segment_blocks`.

    Yields
    ------
    Progress or Partial

    Returns
    -------
    BlockResult

    Raises
    ------
    SettingsError
        If a class is unknown or a threshold is not in [0, 1].
    CacheError
        If the probabilities are not there any more.
    """
    asked = new_thresholds(result.classes, result.thresholds, thresholds)
    labelling = Labelling(result.run, asked, postprocess or result.postprocess)
    yield from labelling.label_all()
    return (yield from finish(labelling, out, result.notices))


def finish_plane(labelling: Labelling, index: tuple[int, ...], out: Any) -> Work[BlockResult]:
    """Number the objects of one plane, from 1, while others are still being labelled.

    Parameters
    ----------
    labelling : Labelling
        Every block of the plane is labelled.
    index : tuple of int
        Of the plane.
    out : array-like
        Takes the labels, see `napari_vlseg.workflow.blocks.segmenting.segment_blocks`.

    Yields
    ------
    Progress

    Returns
    -------
    BlockResult
        As of a run over this plane alone.
    """
    alone = replace(labelling.run, planes=(index,))
    return (yield from finish(Labelling(alone, labelling.thresholds, labelling.post), out, ()))


def finish(labelling: Labelling, out: Any, notices: tuple[str, ...]) -> Work[BlockResult]:
    """Number the objects of all planes and write the labels, block by block.

    Parameters
    ----------
    labelling : Labelling
        Every block of the run is labelled.
    out : array-like, optional
        See `napari_vlseg.workflow.blocks.segmenting.segment_blocks`.
    notices : tuple of str
        Of the run.

    Yields
    ------
    Progress

    Returns
    -------
    BlockResult
    """
    run = labelling.run
    labels = _new_labels(run) if out is None else out
    tables: list[pd.DataFrame] = []
    offset, semantic = 0, labelling.post.mode == "semantic"
    in_order = sorted(enumerate(run.planes), key=lambda item: item[1])
    for done, (place, index) in enumerate(in_order):
        yield Progress("writing labels", done, len(run.planes))
        found = yield from _number(labelling, place, offset)
        if found.stats and not semantic:
            offset = found.stats[-1].label
        _check_room(labels, max((stat.label for stat in found.stats), default=0))
        areas = yield from _write(labelling, place, index, found, labels)
        tables += yield from _tables(labelling, index, found, areas)
    yield Progress("writing labels", len(run.planes), len(run.planes))
    objects = _of_all_planes(tables, semantic)
    return BlockResult(labels, objects, labelling.thresholds, labelling.post, run, notices)


def _number(labelling: Labelling, place: int, offset: int) -> Work[PlaneObjects]:
    """Final numbers of the objects of a plane."""
    run = labelling.run
    facts: dict[int, BlockObjects] = {}
    for number in sorted(run.blocks):
        yield Progress("joining blocks", number, len(run.grid))
        found = labelling.objects(place, number)
        facts[number] = replace(found, labels=np.zeros((0, 0), np.int32))
    stitcher = None
    if labelling.post.mode != "semantic":
        stitcher = Stitcher({number: len(found.classes) for number, found in facts.items()})
        for one, other in neighbours(run.grid):
            if one.number in facts and other.number in facts:
                a, b = (labelling.objects(place, block.number) for block in (one, other))
                stitcher.join(one.number, a, other.number, b)
                yield Progress("joining blocks", one.number, len(run.grid))
    return number_objects(facts, stitcher, offset)


def _write(
    labelling: Labelling, place: int, index: tuple[int, ...], found: PlaneObjects, labels: Any
) -> Work[dict[int, int]]:
    """Write a plane; gives the pixels of each label where the plane was enlarged."""
    run, grid = labelling.run, labelling.run.grid
    areas: dict[int, int] = {}
    for number in sorted(run.blocks):
        block = grid.block(number)
        core = found.numbers[number][labelling.objects(place, number).core(block)]
        whole = run.enlarged(block, core)
        labels[(*index, *run.full(block))] = whole.astype(labels.dtype)
        if run.shape != grid.shape:
            for label, count in zip(*np.unique(whole, return_counts=True), strict=True):
                areas[int(label)] = areas.get(int(label), 0) + int(count)
        yield Progress("writing labels", place, len(run.planes))
    return areas


def _tables(
    labelling: Labelling, index: tuple[int, ...], found: PlaneObjects, areas: Mapping[int, int]
) -> Work[list[pd.DataFrame]]:
    """The objects of a plane, in parts, so that a run of many can be stopped in between."""
    run, plane = labelling.run, ",".join(map(str, index))
    stats = found.stats
    if run.shape != run.grid.shape:
        stats = [ObjectStats(s.label, s.class_index, s.score, areas.get(s.label, 0)) for s in stats]
    tables = []
    for start in range(0, max(len(stats), 1), _ROWS):
        part = slice(start, start + _ROWS)
        uncertain = found.uncertainties[part]
        table = table_of(stats[part], run.prompts, labelling.thresholds, run.model, uncertain)
        tables.append(table.assign(plane=plane))
        yield Progress("listing objects", start, len(stats))
    return tables


def _of_all_planes(tables: Sequence[pd.DataFrame], semantic: bool) -> pd.DataFrame:
    """One table; of classes one row each, whichever planes they are on."""
    filled = [table for table in tables if len(table)]
    if not filled:
        return tables[0]
    together = pd.concat(filled, ignore_index=True)
    if not semantic or not together["label"].duplicated().any():
        return together
    weighted = together.assign(score=together["score"] * together["area"])
    sums = weighted.groupby("label")[["score", "area"]].sum()
    first = together.drop_duplicates("label").sort_values("label", ignore_index=True)
    area = sums["area"].loc[first["label"]].to_numpy()
    return first.assign(
        area=area, score=sums["score"].loc[first["label"]].to_numpy() / area, plane=""
    )


def _new_labels(run: BlockRun) -> Any:
    side = [min(_CHUNK, extent) for extent in run.shape]
    return zarr.create_array(
        run.store.path / "labels.zarr",
        shape=(*run.leading, *run.shape),
        chunks=(*(1 for _ in run.leading), *side),
        dtype="uint32",
        overwrite=True,
    )


def _check_room(labels: Any, highest: int) -> None:
    limit = np.iinfo(labels.dtype).max
    if highest > limit:
        raise SettingsError(
            f"There are {highest} objects but the labels are of type {labels.dtype}, which holds "
            f"{limit}: give labels of type uint32."
        )
