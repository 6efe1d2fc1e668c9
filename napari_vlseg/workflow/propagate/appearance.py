"""What an object looks like beside its surroundings."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from scipy import ndimage as ndi

from napari_vlseg.workflow.propagate.pieces import Mask

Plane = npt.NDArray[np.float32]

_GAP, _RING = 2, 4
_LEAST_RING = 8
_TELLING = 0.03
_ADAPTS = 0.2


@dataclass(frozen=True, eq=False)
class Appearance:
    """Mean and spread of colour, inside an object and in a ring around it.

    Attributes
    ----------
    inside, around : numpy.ndarray, shape (6,), float64
        Means of red, green and blue, then their standard deviations.
    """

    inside: npt.NDArray[np.float64] = field(repr=False)
    around: npt.NDArray[np.float64] = field(repr=False)

    @property
    def contrast(self) -> float:
        """How far the object stands out, as a distance between colours in [0, 1]."""
        return float(np.linalg.norm(self.inside - self.around) / np.sqrt(3))

    def likeness(self, other: Appearance) -> float:
        """How much two objects look alike, in (0, 1]; 1 is the same.

        A difference of half the contrast is half alike: so much changes where half of what is
        taken for the object are its surroundings.
        """
        scale = max(self.contrast / 2, _TELLING)
        away = float(np.linalg.norm(self.inside - other.inside) / np.sqrt(3))
        return float(0.5 ** (away / scale) ** 2)

    def standing_out(self, other: Appearance) -> float:
        """Contrast of another relative to this; 1 where this one has none that tells.

        Only the part of the other's contrast counts that points the same way: a bright object
        does not become a dark one.
        """
        if self.contrast < _TELLING:
            return 1.0
        mine, theirs = (one.inside - one.around for one in (self, other))
        return float(mine @ theirs / (mine @ mine))

    def adapted(self, other: Appearance) -> Appearance:
        """This, a little more like another: objects change slowly."""
        inside, around = (
            (1 - _ADAPTS) * mine + _ADAPTS * theirs
            for mine, theirs in ((self.inside, other.inside), (self.around, other.around))
        )
        return Appearance(inside, around)


def appearance(
    plane: Plane, top: int, left: int, mask: Mask, taken: Mask | None = None
) -> Appearance:
    """Look at an object.

    Parameters
    ----------
    plane : numpy.ndarray, shape (H, W, 3), float32 in [0, 1]
    top, left : int
        Where its mask begins on the plane.
    mask : numpy.ndarray, shape (rows, cols), bool
        Marks a pixel at least.
    taken : numpy.ndarray, shape (H, W), bool, optional
        Pixels of objects, which are no surroundings of another.
    """
    reach = _GAP + _RING
    rows = slice(max(0, top - reach), min(plane.shape[0], top + mask.shape[0] + reach))
    cols = slice(max(0, left - reach), min(plane.shape[1], left + mask.shape[1] + reach))
    here = np.zeros((rows.stop - rows.start, cols.stop - cols.start), bool)
    first = top - rows.start, left - cols.start
    here[first[0] : first[0] + mask.shape[0], first[1] : first[1] + mask.shape[1]] = mask
    distance = ndi.distance_transform_edt(~here)
    ring = (distance > _GAP) & (distance <= reach)
    if taken is not None:
        free = ring & ~taken[rows, cols]
        ring = free if np.count_nonzero(free) >= _LEAST_RING else ring
    pixels = plane[rows, cols]
    inside = _colours(pixels[here])
    return Appearance(inside, _colours(pixels[ring]) if ring.any() else inside)


def _colours(pixels: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    return np.concatenate([pixels.mean(axis=0), pixels.std(axis=0)]).astype(np.float64)
