"""Where a simulated person clicks: into the middle of the largest error, or near it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage as ndi

Mask = npt.NDArray[np.bool_]
Place = tuple[int, int]

_EIGHT_NEIGHBOURS = np.ones((3, 3), bool)


@dataclass(frozen=True)
class Click:
    """One click.

    Attributes
    ----------
    row, col : int
        Pixel of the plane.
    includes : bool
        Whether the object is there.
    """

    row: int
    col: int
    includes: bool

    @property
    def place(self) -> Place:
        """(row, col)."""
        return self.row, self.col


def next_click(
    found: Mask,
    truth: Mask,
    clicked: Collection[Place] = (),
    *,
    jitter: float = 0.0,
    rng: np.random.Generator | None = None,
) -> Click | None:
    """Where a person clicks next who knows the object.

    Of what is missing and of what is too much, the one that is deepest counts as the larger error,
    and its deepest pixel that nobody clicked yet as its middle.

    Parameters
    ----------
    found, truth : numpy.ndarray, shape (H, W), bool
        What there is, and what there should be.
    clicked : collection of (row, col)
        Places that are not clicked a second time.
    jitter : float
        Standard deviation, in pixels, of a normal distribution by which the click misses that
        middle. It stays inside the connected error that it is meant for.
    rng : numpy.random.Generator, optional
        Draws the displacement; there is none without.

    Returns
    -------
    Click or None
        None where every pixel that is wrong was clicked already.

    Notes
    -----
    The rule without jitter is that of the evaluation of RITM (Sofiiuk et al. 2022, arXiv
    2102.06583). People don't hit the middle (Antonov et al. 2024, arXiv 2410.11722).
    """
    if not (found | truth).any():
        return None
    window = _around(found | truth)
    fresh = np.ones(found.shape, bool)
    for place in clicked:
        fresh[place] = False
    missing, surplus = (truth & ~found)[window], (found & ~truth)[window]
    depths = [_depth(missing) * fresh[window], _depth(surplus) * fresh[window]]
    includes = bool(depths[0].max() >= depths[1].max())
    depth = depths[0] if includes else depths[1]
    if not depth.any():
        return None
    middle = np.unravel_index(int(depth.argmax()), depth.shape)
    if jitter and rng is not None:
        region = missing if includes else surplus
        middle = _near(middle, _connected(region, middle) & fresh[window], jitter, rng)
    top, left = window[0].start, window[1].start
    return Click(int(middle[0]) + top, int(middle[1]) + left, includes)


def _around(mask: Mask) -> tuple[slice, slice]:
    """The smallest window with everything in it; there is no error outside."""
    rows, cols = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(cols[0]), int(cols[-1]) + 1)


def _depth(region: Mask) -> npt.NDArray[np.float64]:
    """Distance to the outside in pixels; what lies beyond the window is outside."""
    return np.asarray(ndi.distance_transform_edt(np.pad(region, 1))[1:-1, 1:-1])


def _connected(region: Mask, place: tuple[np.intp, ...]) -> Mask:
    """The part of a region that hangs together with a place in it."""
    parts, _ = ndi.label(region, _EIGHT_NEIGHBOURS)
    return np.asarray(parts == parts[place])


def _near(
    middle: tuple[np.intp, ...], allowed: Mask, jitter: float, rng: np.random.Generator
) -> tuple[np.intp, ...]:
    """A pixel drawn from the normal distribution around another, cut to what is allowed."""
    rows, cols = np.nonzero(allowed)
    squares = (rows - middle[0]) ** 2 + (cols - middle[1]) ** 2
    weights = np.exp(-squares / (2 * jitter**2))
    pick = int(rng.choice(len(rows), p=weights / weights.sum()))
    return rows[pick], cols[pick]
