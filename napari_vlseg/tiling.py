"""Tiles: a plane of any size seen through square windows of one size, and put together again.

A model with a fixed input looks at overlapping tiles. Every tile is full: the last row and
column of tiles are shifted in, and only a plane smaller than a tile is padded. Overlapping
answers are averaged with weights that fall off towards the border of a tile, where a model
sees least of the surroundings.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from napari_vlseg.errors import ImageError, SettingsError


@dataclass(frozen=True)
class Tile:
    """Upper left corner of a tile, in pixels of the padded plane."""

    row: int
    col: int


@dataclass(frozen=True)
class TilePlan:
    """Which tiles cover a plane. Build one with `plan_tiles`.

    Attributes
    ----------
    shape : tuple of int
        (H, W) of the plane before padding.
    side : int
        Height and width of every tile, in pixels.
    overlap : int
        Pixels that neighbouring tiles share, at least.
    tiles : tuple of Tile
        In the order in which they should be computed.
    """

    shape: tuple[int, int]
    side: int
    overlap: int
    tiles: tuple[Tile, ...]

    @property
    def padded_shape(self) -> tuple[int, int]:
        """(H, W) after padding: at least one tile."""
        return max(self.shape[0], self.side), max(self.shape[1], self.side)

    @cached_property
    def weights(self) -> np.ndarray:
        """Blending window, float32 (side, side) in (0, 1]: 1 inside, a cosine ramp in the overlap.

        Ramps of neighbours that overlap by exactly `overlap` add up to 1. The array is read-only.
        """
        from_border = np.minimum(np.arange(self.side), np.arange(self.side)[::-1]) + 0.5
        phase = np.minimum(from_border / max(self.overlap, 1), 1)
        profile = np.sin(0.5 * np.pi * phase) ** 2
        window = np.outer(profile, profile).astype(np.float32)
        window.setflags(write=False)
        return window


def plan_tiles(
    shape: tuple[int, int],
    side: int,
    overlap: int,
    focus: tuple[float, float] | None = None,
) -> TilePlan:
    """Cover a plane with full, overlapping tiles.

    Parameters
    ----------
    shape : tuple of int
        (H, W) of the plane, in pixels.
    side : int
        Height and width of a tile, in pixels.
    overlap : int
        Pixels that neighbouring tiles share at least; ``0 <= overlap < side``.
    focus : tuple of float, optional
        (row, col) of what the person looks at: tiles are ordered by the distance of their
        centres from it. Without it they are in raster order.

    Returns
    -------
    TilePlan

    Raises
    ------
    ImageError
        If the plane has no pixels.
    SettingsError
        If `side` or `overlap` is out of range.

    Examples
    --------
    >>> plan_tiles((5, 4), side=4, overlap=2).tiles
    (Tile(row=0, col=0), Tile(row=1, col=0))
    """
    if len(shape) != 2 or min(shape) < 1:
        raise ImageError(f"A plane of shape {tuple(shape)} has no pixels: choose another image.")
    if side < 1 or not 0 <= overlap < side:
        raise SettingsError(
            f"Tiles of side {side} cannot overlap by {overlap} pixels: choose a side of at least "
            "1 and an overlap from 0 to one less than the side."
        )
    height, width = int(shape[0]), int(shape[1])
    tiles = [
        Tile(row, col)
        for row in _starts(height, side, overlap)
        for col in _starts(width, side, overlap)
    ]
    if focus is not None:
        centre_row, centre_col = focus[0] - side / 2, focus[1] - side / 2
        tiles.sort(key=lambda tile: math.hypot(tile.row - centre_row, tile.col - centre_col))
    return TilePlan((height, width), side, overlap, tuple(tiles))


def pad_plane(plane: np.ndarray, plan: TilePlan) -> np.ndarray:
    """Extend a plane below and to the right until a tile fits into it.

    Parameters
    ----------
    plane : numpy.ndarray, shape (H, W, ...)
        Any dtype.
    plan : TilePlan
        A plan for (H, W).

    Returns
    -------
    numpy.ndarray, shape (*plan.padded_shape, ...)
        `plane` itself where it is large enough. An axis is mirrored at its end; one that is
        too short to be mirrored repeats its last pixel.
    """
    _check_shape("plane", plane.shape[:2], plan.shape)
    for axis, extent in enumerate(plan.padded_shape):
        missing = extent - plane.shape[axis]
        if missing:
            widths = [(0, 0)] * plane.ndim
            widths[axis] = (0, missing)
            plane = np.pad(plane, widths, mode="reflect" if missing < plane.shape[axis] else "edge")
    return plane


def cut_tile(padded: np.ndarray, plan: TilePlan, tile: Tile) -> np.ndarray:
    """The pixels of one tile, shape (side, side, ...): a view of `padded` (see `pad_plane`)."""
    _check_shape("padded plane", padded.shape[:2], plan.padded_shape)
    return padded[tile.row : tile.row + plan.side, tile.col : tile.col + plan.side]


class Blender:
    """Weighted running mean of overlapping tiles.

    The mean is kept up to date, so a result can be shown before the last tile is there, and
    tiles that agree give back exactly what they agree on.

    Parameters
    ----------
    plan : TilePlan
        Where the tiles lie.
    n_channels : int
        Channels of every tile.
    """

    def __init__(self, plan: TilePlan, n_channels: int) -> None:
        self.plan = plan
        self._mean = np.zeros((n_channels, *plan.padded_shape), np.float32)
        self._weight = np.zeros(plan.padded_shape, np.float32)

    def add(self, tile: Tile, values: np.ndarray) -> None:
        """Blend in one tile.

        Parameters
        ----------
        tile : Tile
            One of ``plan.tiles``.
        values : numpy.ndarray, shape (n_channels, side, side)
            Finite values; float32 is blended without a copy.
        """
        side = self.plan.side
        _check_shape("tile", values.shape, (len(self._mean), side, side))
        window = np.s_[tile.row : tile.row + side, tile.col : tile.col + side]
        weight = self._weight[window]
        weight += self.plan.weights
        share = self.plan.weights / weight
        for mean, value in zip(self._mean, values, strict=True):
            current = mean[window]
            current += share * (value - current)

    def result(self) -> np.ndarray:
        """The blended plane, float32 (n_channels, H, W), without padding; 0 where no tile was."""
        height, width = self.plan.shape
        return self._mean[:, :height, :width].copy()


def _starts(extent: int, side: int, overlap: int) -> list[int]:
    """First pixels of the tiles along one axis."""
    if extent <= side:
        return [0]
    return [*range(0, extent - side, side - overlap), extent - side]


def _check_shape(what: str, found: tuple[int, ...], expected: tuple[int, ...]) -> None:
    if tuple(found) != tuple(expected):
        raise ValueError(f"The {what} has shape {tuple(found)}; the tile plan needs {expected}.")
