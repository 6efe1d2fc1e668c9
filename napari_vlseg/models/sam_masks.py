"""From the decoder's low-resolution logits to masks of the plane, and between windows."""

from __future__ import annotations

import numpy as np
import torch
from scipy import ndimage as ndi
from torch.nn import functional as nnf

from napari_vlseg.models.base import MaskLogits
from napari_vlseg.models.sam_windows import Box, Window

_SURELY_OUTSIDE = -8.0


def plane_mask(logits: MaskLogits, shape: tuple[int, int]) -> np.ndarray:
    """The mask of a plane, bool (H, W): positive logits, interpolated bilinearly."""
    top, left, side = logits.window
    rows, cols = min(side, shape[0] - top), min(side, shape[1] - left)
    values = torch.from_numpy(np.ascontiguousarray(logits.values))[None, None]
    smooth = nnf.interpolate(values, size=(side, side), mode="bilinear", antialias=True)
    mask = np.zeros(shape, bool)
    mask[top : top + rows, left : left + cols] = (smooth[0, 0] > 0).numpy()[:rows, :cols]
    return mask


def positive_box(logits: MaskLogits) -> Box | None:
    """Edges (top, left, bottom, right) of the positive logits, in image pixels from the edge."""
    found = logits.values > 0
    if not found.any():
        return None
    top, left, side = logits.window
    pixel = side / len(found)
    rows, cols = np.flatnonzero(found.any(1)), np.flatnonzero(found.any(0))
    return (
        float(top + rows[0] * pixel),
        float(left + cols[0] * pixel),
        float(top + (rows[-1] + 1) * pixel),
        float(left + (cols[-1] + 1) * pixel),
    )


def deepest_place(logits: MaskLogits) -> tuple[float, float]:
    """(row, col) farthest inside the positive logits, in image pixels from the edge."""
    top, left, side = logits.window
    size = len(logits.values)
    depth = ndi.distance_transform_edt(np.pad(logits.values > 0, 1))[1:-1, 1:-1]
    row, col = np.unravel_index(int(depth.argmax()), depth.shape)
    return float(top + (row + 0.5) * side / size), float(left + (col + 0.5) * side / size)


def is_cut(logits: MaskLogits, shape: tuple[int, int]) -> bool:
    """Whether the mask touches a border of its window at which the plane goes on."""
    found = logits.values > 0
    top, left, side = logits.window
    return bool(
        (top > 0 and found[0].any())
        or (left > 0 and found[:, 0].any())
        or (top + side < shape[0] and found[-1].any())
        or (left + side < shape[1] and found[:, -1].any())
    )


def moved(logits: MaskLogits, window: Window) -> np.ndarray:
    """Logits as another window sees them, shape (m, m); outside the old one, surely not."""
    size = len(logits.values)
    top, left, side = logits.window
    if (top, left, side) == (window.top, window.left, window.side):
        return logits.values
    centres = np.arange(size, dtype=np.float32) + 0.5
    rows = ((window.top - top) + centres * window.side / size) * size / side - 0.5
    cols = ((window.left - left) + centres * window.side / size) * size / side - 0.5
    grid = np.meshgrid(rows, cols, indexing="ij")
    sampled = ndi.map_coordinates(
        logits.values, grid, order=1, mode="constant", cval=_SURELY_OUTSIDE
    )
    return np.asarray(sampled, np.float32)
