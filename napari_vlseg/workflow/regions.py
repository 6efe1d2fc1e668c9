"""Regions of a large plane in the order in which a person should look at them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from napari_vlseg.errors import SettingsError
from napari_vlseg.models.looks import looks_of
from napari_vlseg.proposals import Proposals
from napari_vlseg.workflow.ordering import Look, Order, choose_images, near_foreground

SIDE = 512
"""About the side of a region, in pixels."""

_LEAST_LEFT = 0.1


@dataclass(frozen=True)
class Region:
    """A rectangle of a plane.

    Attributes
    ----------
    row, col : int
        Its first pixel.
    height, width : int
    """

    row: int
    col: int
    height: int
    width: int

    @property
    def window(self) -> tuple[slice, slice]:
        """Its pixels in an array (H, W)."""
        rows = slice(self.row, self.row + self.height)
        return rows, slice(self.col, self.col + self.width)


@dataclass(frozen=True)
class RegionChoice:
    """A region in its turn.

    Attributes
    ----------
    region : Region
    reason : str
        Why it comes when it does, see `napari_vlseg.workflow.ordering.Choice`.
    """

    region: Region
    reason: str


def plan_regions(shape: tuple[int, int], side: int = SIDE) -> tuple[Region, ...]:
    """Cover a plane with regions of about equal size that don't overlap.

    The same plane and side give the same regions, so that a region is known by itself.

    Parameters
    ----------
    shape : tuple of int
        (H, W) of the plane.
    side : int
        About the side of a region; they are up to half as large again where the plane is no
        multiple of it.

    Raises
    ------
    SettingsError
        If the side is below 32 pixels.

    Examples
    --------
    >>> [region.width for region in plan_regions((300, 1100), 512)]
    [550, 550]
    """
    if side < 32:
        raise SettingsError(f"A region of {side} pixels shows too little: choose 32 or more.")
    rows, cols = (_borders(extent, side) for extent in shape)
    return tuple(
        Region(top, left, bottom - top, right - left)
        for top, bottom in pairwise(rows)
        for left, right in pairwise(cols)
    )


def choose_regions(
    plane: npt.NDArray[np.float32],
    proposals: Proposals,
    order: Order,
    *,
    side: int = SIDE,
    reviewed: npt.NDArray[np.bool_] | None = None,
    seen: Collection[Region] = (),
    seed: int = 0,
    round_: int = 0,
) -> list[RegionChoice]:
    """The regions of a plane in the order in which they should be looked at.

    Parameters
    ----------
    plane : numpy.ndarray, shape (H, W, 3), float32 in [0, 1]
    proposals : Proposals
        What the model says about it.
    order : {"typical", "uncertain", "random"}
        Typical regions are clustered by colour and texture.
    side : int
        About the side of a region.
    reviewed : numpy.ndarray, shape (H, W), bool, optional
        Pixels that a person decided about: they make no region uncertain, and a region of which
        less than a tenth is left is left out.
    seen : collection of Region
        Regions that were shown before; they are left out.
    seed, round_
        See `napari_vlseg.workflow.ordering.choose_images`.

    Returns
    -------
    list of RegionChoice

    Raises
    ------
    SettingsError
        If the order is unknown, or the side too small.
    """
    done = np.zeros(plane.shape[:2], bool) if reviewed is None else reviewed
    left = [
        region
        for region in plan_regions((plane.shape[0], plane.shape[1]), side)
        if region not in seen and np.mean(~done[region.window]) >= _LEAST_LEFT
    ]
    looks = [_look(plane, proposals, region, done) for region in left]
    chosen = choose_images(looks, order, seed=seed, round_=round_, what="regions")
    return [RegionChoice(left[choice.position], choice.reason) for choice in chosen]


def _look(plane: np.ndarray, proposals: Proposals, region: Region, done: np.ndarray) -> Look:
    window = region.window
    cells = looks_of(np.ascontiguousarray(plane[window])).reshape(-1, 13)
    feature = np.concatenate([cells.mean(0), cells.std(0)])
    lit = np.zeros((region.height, region.width), bool)
    uncertainty = {}
    for number, name in enumerate(proposals.classes):
        probability = proposals.probabilities[number][window]
        threshold = proposals.thresholds[number]
        maps = proposals.disagreement
        differs = None if maps is None else maps[number][window]
        uncertainty[name] = near_foreground(probability, threshold, differs, done[window])
        lit |= probability > threshold
    return Look(feature, float((lit & ~done[window]).mean()), uncertainty)


def _borders(extent: int, side: int) -> list[int]:
    parts = max(1, round(extent / side))
    return [round(extent * number / parts) for number in range(parts + 1)]
