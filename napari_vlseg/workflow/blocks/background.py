"""Tiles in which there is nothing: flat, and of the colour of the background.

Most of a slide is empty glass, and most of a fluorescence image is dark. A model that looks at
it anyway finds nothing and takes as long as elsewhere. Whether it does find nothing there is
asked once, so that the inside of a large object is not taken for background.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from napari_vlseg.events import Progress, Work
from napari_vlseg.stack_contrast import spread_windows
from napari_vlseg.tiling import TilePlan
from napari_vlseg.workflow.blocks.sources import BlockSource, Index

_CELL = 8
"""Pixels along a cell whose mean is looked at: noise of single pixels is no content."""

_FLAT = 0.06
"""Range of the cells of a flat tile, in shares of the contrast."""

_ALIKE = 0.1
_SAMPLES = 36
_LEAST_SHARE = 0.05
"""Share of the sampled windows that must be flat and alike before they are the background."""


@dataclass(frozen=True, eq=False)
class Background:
    """What the background of an image looks like.

    Attributes
    ----------
    color : numpy.ndarray, shape (3,), optional
        In [0, 1]; None where the image has no background.
    pixels : numpy.ndarray, optional
        A window in which there is nothing else, as the image holds it.
    """

    color: np.ndarray | None = None
    pixels: np.ndarray | None = None

    @classmethod
    def search(cls, source: BlockSource, planes: Sequence[Index], side: int) -> Work[Background]:
        """Look for it in windows that are spread over some planes: the commonest flat colour.

        Parameters
        ----------
        source : BlockSource
        planes : sequence of tuple of int
            Of which three are looked at.
        side : int
            Of the windows, in pixels.

        Yields
        ------
        Progress
            After each window, which may take a while to read.
        """
        places = list(_spread(source.shape, planes, side))
        flat = []
        for number, place in enumerate(places):
            yield Progress("looking for the background", number, len(places))
            cells = _cells(source.look(*place))
            if _is_flat(cells):
                flat.append((cells.mean(axis=(0, 1)), place))
        if not flat:
            return cls()
        colors = np.stack([color for color, _ in flat])
        alike = (np.abs(colors[:, np.newaxis] - colors).max(axis=2) < _ALIKE).sum(axis=1)
        if alike.max() < _LEAST_SHARE * len(places):
            return cls()
        color, place = flat[int(alike.argmax())]
        return cls(color, source.read(*place))

    def covers(self, pixels: np.ndarray) -> bool:
        """Whether there is nothing else in pixels (h, w, 3)."""
        if self.color is None:
            return False
        cells = _cells(pixels)
        away = np.abs(cells.mean(axis=(0, 1)) - self.color).max()
        return bool(away < _ALIKE) and _is_flat(cells)

    def without_empty(self, plan: TilePlan, pixels: np.ndarray) -> TilePlan:
        """The plan without the tiles that hold nothing but background.

        Parameters
        ----------
        plan : TilePlan
            In model pixels.
        pixels : numpy.ndarray, shape (h, w, 3)
            The same part, at any scale.
        """
        if self.color is None:
            return plan
        scale = [extent / whole for extent, whole in zip(pixels.shape, plan.shape, strict=False)]
        kept = []
        for tile in plan.tiles:
            rows, cols = (
                slice(int(start * by), max(int((start + plan.side) * by), int(start * by) + 1))
                for start, by in zip((tile.row, tile.col), scale, strict=True)
            )
            if not self.covers(pixels[rows, cols]):
                kept.append(tile)
        return replace(plan, tiles=tuple(kept))


def _spread(
    shape: tuple[int, int], planes: Sequence[Index], side: int
) -> Iterator[tuple[Index, slice, slice]]:
    """Windows over the planes, evenly."""
    for number, plane in enumerate(np.unique(np.linspace(0, len(planes) - 1, 3).astype(int))):
        for rows, cols in spread_windows(shape, side, _SAMPLES, number * _SAMPLES):
            yield planes[plane], rows, cols


def _cells(pixels: np.ndarray) -> np.ndarray:
    """Means of cells; of a smaller window its own mean."""
    height, width = (max(extent // _CELL, 1) for extent in pixels.shape[:2])
    rows, cols = min(_CELL, pixels.shape[0]), min(_CELL, pixels.shape[1])
    whole = pixels[: height * rows, : width * cols]
    return whole.reshape(height, rows, width, cols, 3).mean(axis=(1, 3))


def _is_flat(cells: np.ndarray) -> bool:
    return bool(np.ptp(cells, axis=(0, 1)).max() < _FLAT)
