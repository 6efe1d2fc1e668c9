"""Objects of neighbouring blocks that are one and the same, and their final numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from napari_vlseg.masks import ObjectStats
from napari_vlseg.workflow.blocks.grid import Block, BlockGrid
from napari_vlseg.workflow.blocks.labelling import COLUMNS, BlockObjects

LEAST_IOU = 0.5
"""Intersection over union, where two blocks both look, from which two objects are one. From a
half on no object can have two such partners on one side."""


@dataclass(frozen=True, eq=False)
class PlaneObjects:
    """The objects of a plane.

    Attributes
    ----------
    numbers : dict of int to numpy.ndarray
        For each block the number of each of its objects, 0 first for the background.
    stats : list of ObjectStats
        By ascending number.
    uncertainties : numpy.ndarray, shape (n,), float64
    """

    numbers: Mapping[int, np.ndarray]
    stats: list[ObjectStats]
    uncertainties: np.ndarray


class Stitcher:
    """Joins the objects of the blocks of a plane: union-find over what overlaps.

    The forest is flattened as it is walked (Tarjan & van Leeuwen, Journal of the ACM 31, 1984,
    path halving); the lower number is the root, so that the order of joining does not matter.

    Parameters
    ----------
    counts : mapping of int to int
        Objects of each block, by its number.
    """

    def __init__(self, counts: Mapping[int, int]) -> None:
        self._offset: dict[int, int] = {}
        total = 0
        for number in sorted(counts):
            self._offset[number] = total
            total += counts[number]
        self._parent = np.arange(total)

    def join(self, a: int, in_a: BlockObjects, b: int, in_b: BlockObjects) -> None:
        """Join the objects that two blocks both see."""
        for one, other in matches(in_a, in_b):
            first = self._root(self._offset[a] + one - 1)
            second = self._root(self._offset[b] + other - 1)
            self._parent[max(first, second)] = min(first, second)

    def roots(self, block: int, count: int) -> np.ndarray:
        """The object that each object of a block belongs to."""
        offset = self._offset[block]
        return np.array([self._root(offset + i) for i in range(count)], np.int64)

    def _root(self, node: int) -> int:
        parent = self._parent
        while parent[node] != node:
            parent[node] = parent[parent[node]]
            node = int(parent[node])
        return node


def matches(a: BlockObjects, b: BlockObjects) -> list[tuple[int, int]]:
    """Pairs of objects of two blocks that are one: see `LEAST_IOU`."""
    rows = slice(max(a.rows.start, b.rows.start), min(a.rows.stop, b.rows.stop))
    cols = slice(max(a.cols.start, b.cols.start), min(a.cols.stop, b.cols.stop))
    if rows.start >= rows.stop or cols.start >= cols.stop:
        return []
    one, other = (
        part.labels[
            rows.start - part.rows.start : rows.stop - part.rows.start,
            cols.start - part.cols.start : cols.stop - part.cols.start,
        ]
        for part in (a, b)
    )
    n_one, n_other = len(a.classes) + 1, len(b.classes) + 1
    both = (one > 0) & (other > 0)
    codes = one[both].astype(np.int64) * n_other + other[both]
    pairs, shared = np.unique(codes, return_counts=True)
    size_one = np.bincount(one.ravel(), minlength=n_one)
    size_other = np.bincount(other.ravel(), minlength=n_other)
    left, right = np.divmod(pairs, n_other)
    iou = shared / (size_one[left] + size_other[right] - shared)
    same = (iou >= LEAST_IOU) & (a.classes[left - 1] == b.classes[right - 1])
    return list(zip(left[same].tolist(), right[same].tolist(), strict=True))


def neighbours(grid: BlockGrid) -> Iterator[tuple[Block, Block]]:
    """Pairs of blocks that touch, corners included, each once."""
    n_rows, n_cols = len(grid.rows), len(grid.cols)
    for row in range(n_rows):
        for col in range(n_cols):
            for down, right in ((0, 1), (1, -1), (1, 0), (1, 1)):
                if row + down < n_rows and 0 <= col + right < n_cols:
                    other = (row + down) * n_cols + col + right
                    yield grid.block(row * n_cols + col), grid.block(other)


def number_objects(
    blocks: Mapping[int, BlockObjects], stitcher: Stitcher | None, offset: int = 0
) -> PlaneObjects:
    """Number the objects of a plane in raster order of their first pixels.

    Parameters
    ----------
    blocks : mapping of int to BlockObjects
        By number of the block. Their label images are not looked at.
    stitcher : Stitcher, optional
        Which has joined them; None where labels are classes, which have numbers already.
    offset : int
        Added to all numbers.
    """
    roots = {
        number: found.classes if stitcher is None else stitcher.roots(number, len(found.classes))
        for number, found in blocks.items()
    }
    every = {name: _column(blocks, name) for name in COLUMNS}
    group = np.concatenate([roots[number] for number in blocks] or [np.zeros(0, np.int64)])
    group, place, member = np.unique(group, return_index=True, return_inverse=True)
    areas = np.bincount(member, every["areas"], len(group)).astype(np.int64)
    order = np.arange(len(group))
    if stitcher is not None:
        order = np.argsort(_first(every, member, len(group)), kind="stable")
    order = order[areas[order] > 0]
    number_of = np.zeros(len(group), np.int64)
    number_of[order] = np.arange(1, len(order) + 1) + offset if stitcher else group[order] + 1
    scores = np.bincount(member, every["scores"], len(group))
    weighted = np.bincount(member, every["uncertainties"] * every["areas"], len(group))
    stats = [
        ObjectStats(
            int(number_of[i]),
            int(every["classes"][place[i]]),
            float(scores[i] / areas[i]),
            int(areas[i]),
        )
        for i in order
    ]
    tables, start = {}, 0
    for number, found in blocks.items():
        part = member[start : start + len(found.classes)]
        tables[number] = np.concatenate([[0], number_of[part]])
        start += len(found.classes)
    return PlaneObjects(tables, stats, weighted[order] / np.maximum(areas[order], 1))


def _column(blocks: Mapping[int, BlockObjects], name: str) -> np.ndarray:
    return np.concatenate([getattr(found, name) for found in blocks.values()] or [np.zeros(0)])


def _first(every: Mapping[str, np.ndarray], member: np.ndarray, count: int) -> np.ndarray:
    """Place of the first pixel of each object in raster order; large where it has none."""
    far = np.iinfo(np.int64).max
    width = int(every["first_cols"].max(initial=0)) + 1
    places = np.where(
        every["first_rows"] < 0, far, every["first_rows"] * width + every["first_cols"]
    ).astype(np.int64)
    first = np.full(count, far)
    np.minimum.at(first, member, places)
    return first
