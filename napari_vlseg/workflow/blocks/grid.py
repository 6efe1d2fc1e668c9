"""A plane of any size cut into blocks that overlap, each small enough for memory.

A model with a lattice of tiles gets blocks of whole tiles, so that all blocks together look
through the very tiles that the plane has as a whole, each once. Neighbouring blocks overlap
where neighbouring tiles do, and are blended with the same weights.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np

from napari_vlseg.models.base import DenseSegmenter, LatticeSegmenter
from napari_vlseg.tiling import Tile, TilePlan, plan_tiles

BLOCK_SIDE = 1024
"""Pixels along a block, about, in model pixels where the model has a lattice."""

_OVERLAP = 128
"""Pixels that blocks of a model without a lattice share."""


@dataclass(frozen=True)
class Span:
    """A block along one axis.

    Attributes
    ----------
    start, stop : int
        Pixels of the plane that the block sees.
    core : tuple of int
        First pixel that is the block's own, and the first that is not any more: cores don't
        overlap, and cover the plane.
    tiles : tuple of int
        First model pixels of its tiles along the axis; empty without a lattice.
    """

    start: int
    stop: int
    core: tuple[int, int]
    tiles: tuple[int, ...] = ()


@dataclass(frozen=True)
class Block:
    """One block of a plane.

    Attributes
    ----------
    number : int
        Place in the raster of blocks.
    at : tuple of int
        Row and column in that raster.
    rows, cols : Span
    """

    number: int
    at: tuple[int, int]
    rows: Span
    cols: Span

    @property
    def window(self) -> tuple[slice, slice]:
        """Pixels of the plane that it sees."""
        return slice(self.rows.start, self.rows.stop), slice(self.cols.start, self.cols.stop)

    @property
    def core(self) -> tuple[slice, slice]:
        """Pixels that are its own."""
        return slice(*self.rows.core), slice(*self.cols.core)


@dataclass(frozen=True)
class BlockGrid:
    """The blocks of a plane. Build one with `plan_blocks`.

    Attributes
    ----------
    shape : tuple of int
        (H, W) of the plane.
    rows, cols : tuple of Span
        Along either axis.
    scale : float
        Image pixels per model pixel, where there is a lattice.
    side, overlap : int
        Of its tiles, in model pixels; 0 without one.
    """

    shape: tuple[int, int]
    rows: tuple[Span, ...]
    cols: tuple[Span, ...]
    scale: float = 1.0
    side: int = 0
    overlap: int = 0

    def __len__(self) -> int:
        return len(self.rows) * len(self.cols)

    def block(self, number: int) -> Block:
        """A block by its place in the raster."""
        row, col = divmod(number, len(self.cols))
        return Block(number, (row, col), self.rows[row], self.cols[col])

    def order(self, focus: tuple[float, float] | None = None) -> list[int]:
        """Numbers of all blocks, from the one at (row, col) outwards; else in raster order."""
        if focus is None:
            return list(range(len(self)))
        centres = [np.mean([span.core for span in spans], 1) for spans in (self.rows, self.cols)]
        away = np.hypot(centres[0][:, np.newaxis] - focus[0], centres[1][np.newaxis] - focus[1])
        return [int(number) for number in np.argsort(away, axis=None, kind="stable")]

    def touching(self, rows: slice, cols: slice) -> list[Block]:
        """Blocks that see any pixel of a window."""
        found = [
            [n for n, span in enumerate(spans) if span.start < part.stop and part.start < span.stop]
            for spans, part in ((self.rows, rows), (self.cols, cols))
        ]
        return [self.block(r * len(self.cols) + c) for r in found[0] for c in found[1]]

    def plan(self, block: Block) -> TilePlan | None:
        """Tiles of a block, in its own model pixels; None where the model chooses them."""
        if not self.side:
            return None
        rows, cols = block.rows.tiles, block.cols.tiles
        shape = (rows[-1] - rows[0] + self.side, cols[-1] - cols[0] + self.side)
        tiles = tuple(Tile(row - rows[0], col - cols[0]) for row in rows for col in cols)
        return TilePlan(shape, self.side, self.overlap, tiles)

    def weights(self, span: Span) -> np.ndarray:
        """Weight of a block along one axis, float32, one value per pixel of the span."""
        size = span.stop - span.start
        if not self.side:
            distance = np.minimum(np.arange(size), np.arange(size)[::-1]) + 0.5
            ramp = np.sin(0.5 * np.pi * np.minimum(distance / _OVERLAP, 1)) ** 2
            return np.asarray(ramp, np.float32)
        total = np.zeros(span.tiles[-1] - span.tiles[0] + self.side)
        for start in span.tiles:
            total[start - span.tiles[0] :][: self.side] += self._profile
        places = (np.arange(size) + 0.5) * len(total) / size - 0.5
        return np.interp(places, np.arange(len(total)), total).astype(np.float32)

    @cached_property
    def _profile(self) -> np.ndarray:
        """Weight of one tile along one axis, see `TilePlan.weights`."""
        middle = TilePlan((self.side, self.side), self.side, self.overlap, ()).weights
        return middle.max(axis=0).astype(np.float64)


def plan_blocks(
    model: DenseSegmenter, shape: tuple[int, int], working_scale: float | None = None
) -> BlockGrid:
    """Cut a plane into blocks for a model.

    Parameters
    ----------
    model : DenseSegmenter
        One with a lattice (`LatticeSegmenter`) gets blocks of whole tiles.
    shape : tuple of int
        (H, W) of the plane.
    working_scale : float, optional
        Image pixels per model pixel; None lets the model choose.

    Returns
    -------
    BlockGrid
        Of a single block, without a lattice, where the plane is smaller than one.
    """
    if isinstance(model, LatticeSegmenter):
        plan, scale = model.lattice(shape, working_scale)
        if min(plan.shape) >= plan.side:
            starts = ({tile.row for tile in plan.tiles}, {tile.col for tile in plan.tiles})
            rows, cols = (
                _of_tiles(sorted(places), plan.side, extent, whole)
                for places, extent, whole in zip(starts, shape, plan.shape, strict=True)
            )
            return BlockGrid(shape, rows, cols, scale, plan.side, plan.overlap)
    if max(shape) <= BLOCK_SIDE:
        rows, cols = ((Span(0, extent, (0, extent)),) for extent in shape)
        return BlockGrid(shape, rows, cols)
    side = min(BLOCK_SIDE, *shape)
    overlap = min(_OVERLAP, side - 1)
    windows = plan_tiles(shape, side, overlap).tiles
    rows, cols = (
        _with_cores([(start, min(start + side, extent), ()) for start in sorted(starts)])
        for starts, extent in zip(
            ({tile.row for tile in windows}, {tile.col for tile in windows}), shape, strict=True
        )
    )
    return BlockGrid(shape, rows, cols)


def _of_tiles(starts: Sequence[int], side: int, extent: int, whole: int) -> tuple[Span, ...]:
    """Runs of tiles along one axis, as even as can be; `whole` model pixels are `extent`."""
    step = max(1, starts[1] - starts[0]) if len(starts) > 1 else side
    per_block = max(1, round((BLOCK_SIDE - side) / step) + 1)
    count = math.ceil(len(starts) / per_block)
    spans = []
    for part in np.array_split(np.asarray(starts), count):
        tiles = tuple(int(start) for start in part)
        first, last = tiles[0] * extent / whole, (tiles[-1] + side) * extent / whole
        spans.append((math.floor(first), min(math.ceil(last), extent), tiles))
    return _with_cores(spans)


def _with_cores(spans: Sequence[tuple[int, int, tuple[int, ...]]]) -> tuple[Span, ...]:
    """Borders between neighbours lie in the middle of what they share."""
    borders = [0]
    borders += [(a[1] + b[0]) // 2 for a, b in pairwise(spans)]
    borders.append(spans[-1][1])
    return tuple(
        Span(start, stop, (borders[i], borders[i + 1]), tiles)
        for i, (start, stop, tiles) in enumerate(spans)
    )
