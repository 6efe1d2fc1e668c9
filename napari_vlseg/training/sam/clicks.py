"""Simulated clicks and boxes of a person who knows the object."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage as ndi

Mask = npt.NDArray[np.bool_]


def deepest_pixel(region: Mask) -> tuple[int, int]:
    """(row, col) of the pixel farthest from the outside; the border of the array is outside.

    Parameters
    ----------
    region : ndarray of bool, shape (H, W)
        With at least one pixel.
    """
    rows, cols = np.nonzero(region)
    top, left = rows.min(), cols.min()
    window = np.pad(region[top : rows.max() + 1, left : cols.max() + 1], 1)
    depth = ndi.distance_transform_edt(window)
    row, col = np.unravel_index(int(depth.argmax()), depth.shape)
    return int(row + top - 1), int(col + left - 1)


def corrective_click(found: Mask, wanted: Mask) -> tuple[int, int, int] | None:
    """Where a person would click next: the deepest pixel of the larger error.

    Parameters
    ----------
    found, wanted : ndarray of bool, shape (H, W)

    Returns
    -------
    tuple of int or None
        (row, col, label), label 1 to include and 0 to exclude; None where nothing is wrong.

    Notes
    -----
    The deeper of the missed and of the wrongly included region is corrected, as in the
    evaluation of RITM (Sofiiuk et al. 2022, arXiv 2102.06583).
    """
    best: tuple[float, int, int, int] | None = None
    for region, label in ((wanted & ~found, 1), (found & ~wanted, 0)):
        if not region.any():
            continue
        depth = ndi.distance_transform_edt(np.pad(region, 1))[1:-1, 1:-1]
        row, col = np.unravel_index(int(depth.argmax()), depth.shape)
        if best is None or depth[row, col] > best[0]:
            best = (float(depth[row, col]), int(row), int(col), label)
    return best[1:] if best else None


def random_inner_pixel(
    mask: Mask, rng: np.random.Generator, *, deep_share: float = 0.5
) -> tuple[int, int]:
    """(row, col) inside an object: near its depth, or anywhere.

    Parameters
    ----------
    mask : ndarray of bool, shape (H, W)
        With at least one pixel.
    rng : numpy.random.Generator
    deep_share : float
        Share of clicks that lie at least 0.6 of the greatest depth inside.
    """
    candidates = mask
    if rng.random() < deep_share:
        depth = ndi.distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1]
        candidates = depth >= 0.6 * depth.max()
    rows, cols = np.nonzero(candidates)
    pick = rng.integers(len(rows))
    return int(rows[pick]), int(cols[pick])


def jittered_box(
    box: npt.NDArray[np.float32], size: int, rng: np.random.Generator
) -> npt.NDArray[np.float32]:
    """A box as a person draws it: tight in a third of cases, else a little off.

    Parameters
    ----------
    box : ndarray of float32, shape (4,)
        (top, left, bottom, right) edges in pixels.
    size : int
        Side of the image, to which the result is clipped.
    """
    sides = np.array([box[2] - box[0], box[3] - box[1]] * 2)
    spread = float(rng.choice([0.0, 0.03, 0.07]))
    offsets = np.clip(rng.normal(0, spread, 4), -0.15, 0.15) * sides
    moved = np.clip(box + offsets, 0, size).astype(np.float32)
    return moved if (moved[2:] - moved[:2] >= 1).all() else box
