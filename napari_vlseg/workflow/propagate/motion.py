"""Where an object of one plane is to be expected on the next."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from skimage.feature import match_template

from napari_vlseg.workflow.propagate.pieces import Piece

Plane = npt.NDArray[np.float32]
Shift = tuple[float, float]

_MARGIN = 3
_INERTIA = 0.3
_FLAT = 1e-3


def expected_shift(
    before: Plane, after: Plane, piece: Piece, velocity: Shift, reach: float
) -> Shift:
    """How far an object moved: where its patch is found again, near where it was going.

    The patch is compared by normalised cross-correlation (Lewis 1995, "Fast normalized
    cross-correlation"; `skimage.feature.match_template`). Far from the place that the last
    motion suggests, a match has to be better to be believed.

    Parameters
    ----------
    before, after : numpy.ndarray, shape (H, W, 3), float32 in [0, 1]
        The plane with the object, and the next.
    piece : Piece
        The object on `before`.
    velocity : tuple of float
        (rows, cols) that it moved last.
    reach : float
        Farthest distance from there that is looked at, in sizes of the object.

    Returns
    -------
    tuple of float
        (rows, cols); `velocity` where the patch is featureless or moves out of the plane.
    """
    shape = before.shape[:2]
    top, bottom, left, right = _around(piece, shape)
    patch = before[top:bottom, left:right]
    if not patch.size or float(patch.std()) < _FLAT:
        return velocity
    far = max(2, round(reach * max(piece.shape)))
    going = round(velocity[0]), round(velocity[1])
    if _reaches_beyond((top, bottom, left, right), going, shape):
        return velocity
    rows = slice(max(0, top + going[0] - far), min(shape[0], bottom + going[0] + far))
    cols = slice(max(0, left + going[1] - far), min(shape[1], right + going[1] + far))
    region = after[rows, cols]
    if any(there < here for there, here in zip(region.shape, patch.shape, strict=True)):
        return velocity
    likeness = _likeness(region, patch)
    shifts = np.meshgrid(
        np.arange(likeness.shape[0]) + rows.start - top,
        np.arange(likeness.shape[1]) + cols.start - left,
        indexing="ij",
    )
    away = np.hypot(shifts[0] - velocity[0], shifts[1] - velocity[1]) / max(piece.shape)
    best = np.unravel_index(int(np.argmax(likeness - _INERTIA * away)), likeness.shape)
    return float(shifts[0][best]), float(shifts[1][best])


def _around(piece: Piece, shape: tuple[int, ...]) -> tuple[int, int, int, int]:
    """(top, bottom, left, right) of the object with a margin, inside the plane."""
    rows, cols = piece.shape
    return (
        max(0, piece.top - _MARGIN),
        min(shape[0], piece.top + rows + _MARGIN),
        max(0, piece.left - _MARGIN),
        min(shape[1], piece.left + cols + _MARGIN),
    )


def _reaches_beyond(
    box: tuple[int, int, int, int], going: tuple[int, int], shape: tuple[int, ...]
) -> bool:
    """Whether a box that moves on leaves the plane in part: what is outside can't be compared."""
    (top, bottom, left, right), (down, aside) = box, going
    outside_rows = top + down < 0 or bottom + down > shape[0]
    return outside_rows or left + aside < 0 or right + aside > shape[1]


def _likeness(region: Plane, patch: Plane) -> npt.NDArray[np.floating]:
    """Correlation at each place, in gray where there are no colours."""
    if (patch[..., 0] == patch[..., 1]).all() and (patch[..., 0] == patch[..., 2]).all():
        return np.asarray(match_template(region[..., 0], patch[..., 0]))
    return np.asarray(match_template(region, patch))[..., 0]
