"""The second stage of a run: from probabilities on disk to labels on disk."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import zarr

from napari_vlseg.errors import CacheError, SettingsError
from napari_vlseg.events import Partial, Progress, Work
from napari_vlseg.masks import ObjectStats
from napari_vlseg.proposals import PostProcess
from napari_vlseg.workflow.blocks.grid import Block
from napari_vlseg.workflow.blocks.labelling import (
    HALO,
    BlockObjects,
    around,
    find_objects,
    read_objects,
    write_objects,
)
from napari_vlseg.workflow.blocks.results import BlockResult, BlockRun, objects_folder
from napari_vlseg.workflow.blocks.stitching import (
    PlaneObjects,
    Stitcher,
    matches,
    neighbours,
    number_objects,
)
from napari_vlseg.workflow.blocks.store import plane_name
from napari_vlseg.workflow.propose import new_thresholds, table_of

_IN_MEMORY = 8
_CHUNK = 512
_FIRST_LOOKS = 2
"""Blocks that are shown before their neighbours are done."""


class Labelling:
    """Labels blocks once all that they look at is there.

    Parameters
    ----------
    run : BlockRun
    thresholds : sequence of float
        One per class.
    post : PostProcess
    """

    def __init__(self, run: BlockRun, thresholds: Sequence[float], post: PostProcess) -> None:
        self.run = run
        self.thresholds = tuple(thresholds)
        self.post = post
        self.halo = round(HALO * max(1.0, run.grid.scale))
        self._folder = objects_folder(run, self.thresholds, post)
        self._wanted = frozenset(run.blocks)
        self._keys: dict[tuple[int, int], str] = {}
        self._labelled: set[tuple[int, int]] = set()
        self._recent: OrderedDict[tuple[int, int], BlockObjects] = OrderedDict()
        self._shown: dict[tuple[int, int], np.ndarray] = {}
        self._highest = 0
        self._looks = 0

    def take(self, place: int, number: int, key: str) -> Work[None]:
        """A block is done, computed from the pixels of a key: label what can be labelled."""
        self._keys[place, number] = key
        grid = self.run.grid
        block = grid.block(number)
        ready = False
        for other in grid.touching(*_wider(block.window, self.halo)):
            if other.number in self._wanted and self._is_ready(place, other):
                yield from self._label(place, other)
                ready = ready or other.number == number
        if not ready and number in self._wanted and self._looks < _FIRST_LOOKS:
            self._looks += 1
            yield from self._show_alone(place, block)

    def label_all(self) -> Work[None]:
        """Label every block of a run whose blocks are all done."""
        planes, blocks = self.run.planes, self.run.blocks
        for place, index in enumerate(planes):
            for number in self.needed():
                self._keys[place, number] = self.run.store.key(plane_name(index), number)
            for done, number in enumerate(blocks, start=place * len(blocks)):
                yield Progress("drawing labels", done, len(planes) * len(blocks))
                yield from self._label(place, self.run.grid.block(number))

    def is_labelled(self, place: int) -> bool:
        """Whether every block of a plane is labelled, for good."""
        return all((place, number) in self._labelled for number in self.run.blocks)

    def needed(self) -> list[int]:
        """Numbers of the blocks that must be answered on each plane, near ones first."""
        blocks = map(self.run.grid.block, self.run.blocks)
        seen = [[block.number, *self._around(block)] for block in blocks]
        return list(dict.fromkeys([n for n, *_ in seen] + [n for some in seen for n in some]))

    def objects(self, place: int, number: int) -> BlockObjects:
        """What a block holds."""
        at = place, number
        if at not in self._recent:
            found = read_objects(self._file(*at))
            if found is None:
                raise CacheError(
                    f"“{self._file(*at)}” is missing: run again, which computes it anew."
                )
            self._remember(at, found)
        self._recent.move_to_end(at)
        return self._recent[at]

    def _seen_by(self, block: Block) -> list[Block]:
        return self.run.grid.touching(*around(block, self.run.grid.shape, self.halo))

    def _is_ready(self, place: int, block: Block) -> bool:
        if (place, block.number) in self._labelled:
            return False
        return all((place, one.number) in self._keys for one in self._seen_by(block))

    def _label(self, place: int, block: Block) -> Work[None]:
        path = self._file(place, block.number)
        made_of = " ".join(self._keys[place, one.number] for one in self._seen_by(block))
        found = read_objects(path, made_of)
        if found is None:
            rows, cols = around(block, self.run.grid.shape, self.halo)
            maps = self.run.probabilities(self.run.planes[place], rows, cols)
            found = yield from find_objects(maps, rows, cols, block, self.thresholds, self.post)
            write_objects(path, found, made_of)
        self._labelled.add((place, block.number))
        self._remember((place, block.number), found)
        yield self._partial(place, block, found)

    def _show_alone(self, place: int, block: Block) -> Work[None]:
        """Show a block before its neighbours are there; nothing is kept of it."""
        rows, cols = block.core
        name = plane_name(self.run.planes[place])
        maps = self.run.store.window(name, rows, cols, [block])
        found = yield from find_objects(maps, rows, cols, block, self.thresholds, self.post)
        yield self._partial(place, block, found)

    def _partial(self, place: int, block: Block, found: BlockObjects) -> Partial:
        """The block with numbers of this run: those of its neighbours where objects go on."""
        numbers = np.arange(len(found.classes) + 1)
        if self.post.mode != "semantic":
            numbers[1:] += self._highest
            self._highest += len(found.classes)
            for other in self._around(block):
                known = self._shown.get((place, other))
                if known is not None and (place, other) in self._recent:
                    for mine, theirs in matches(found, self._recent[place, other]):
                        numbers[mine] = known[theirs]
            self._shown[place, block.number] = numbers
        labels = self.run.enlarged(block, numbers[found.core(block)].astype(np.uint32))
        return Partial(self.run.planes[place], *self.run.full(block), labels)

    def _around(self, block: Block) -> list[int]:
        return [b.number for b in self._seen_by(block) if b.number != block.number]

    def _remember(self, at: tuple[int, int], found: BlockObjects) -> None:
        while len(self._recent) >= _IN_MEMORY:
            self._recent.popitem(last=False)
        self._recent[at] = found

    def _file(self, place: int, number: int) -> Path:
        return self._folder / plane_name(self.run.planes[place]) / f"{number:06d}.block"


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
    for place, index in sorted(enumerate(run.planes), key=lambda item: item[1]):
        yield Progress("writing labels", len(tables), len(run.planes))
        found = yield from _number(labelling, place, offset)
        if found.stats and not semantic:
            offset = found.stats[-1].label
        _check_room(labels, max((stat.label for stat in found.stats), default=0))
        areas = yield from _write(labelling, place, index, found, labels)
        tables.append(_table(labelling, index, found, areas))
    yield Progress("writing labels", len(run.planes), len(run.planes))
    objects = _of_all_planes(tables, semantic)
    return BlockResult(labels, objects, labelling.thresholds, labelling.post, run, notices)


def _number(labelling: Labelling, place: int, offset: int) -> Work[PlaneObjects]:
    """Final numbers of the objects of a plane."""
    run = labelling.run
    facts: dict[int, BlockObjects] = {}
    for number in sorted(run.blocks):
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


def _table(
    labelling: Labelling, index: tuple[int, ...], found: PlaneObjects, areas: Mapping[int, int]
) -> pd.DataFrame:
    run = labelling.run
    stats = found.stats
    if run.shape != run.grid.shape:
        stats = [ObjectStats(s.label, s.class_index, s.score, areas.get(s.label, 0)) for s in stats]
    table = table_of(stats, run.prompts, labelling.thresholds, run.model, found.uncertainties)
    return table.assign(plane=",".join(map(str, index)))


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


def _wider(window: tuple[slice, slice], halo: int) -> tuple[slice, slice]:
    rows, cols = (slice(part.start - halo, part.stop + halo) for part in window)
    return rows, cols


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
