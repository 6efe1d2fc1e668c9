"""What a mask before its threshold says: where it lies, and how another window sees it."""

from __future__ import annotations

import numpy as np
from scipy import ndimage as ndi

from napari_vlseg.models.sam_windows import Box, Window
from napari_vlseg.object_prompts import MaskLogits

_SURELY_OUTSIDE = -8.0


def positive_box(logits: MaskLogits) -> Box | None:
    """Edges (top, left, bottom, right) of the positive logits, in image pixels from the edge."""
    found = logits.values > 0
    if not found.any():
        return None
    top, left, height, width = logits.window
    tall, wide = height / found.shape[0], width / found.shape[1]
    rows, cols = np.flatnonzero(found.any(1)), np.flatnonzero(found.any(0))
    return (
        float(top + rows[0] * tall),
        float(left + cols[0] * wide),
        float(top + (rows[-1] + 1) * tall),
        float(left + (cols[-1] + 1) * wide),
    )


def deepest_place(logits: MaskLogits) -> tuple[float, float]:
    """(row, col) farthest inside the positive logits, in image pixels from the edge."""
    top, left, height, width = logits.window
    tall, wide = height / logits.values.shape[0], width / logits.values.shape[1]
    inside = np.pad(logits.values > 0, 1)
    depth = ndi.distance_transform_edt(inside, sampling=(1.0, wide / tall))[1:-1, 1:-1]
    row, col = np.unravel_index(int(depth.argmax()), depth.shape)
    return float(top + (row + 0.5) * tall), float(left + (col + 0.5) * wide)


def is_cut(logits: MaskLogits, shape: tuple[int, int]) -> bool:
    """Whether the mask touches a border of its window at which the plane goes on."""
    found = logits.values > 0
    top, left, height, width = logits.window
    return bool(
        (top > 0 and found[0].any())
        or (left > 0 and found[:, 0].any())
        or (top + height < shape[0] and found[-1].any())
        or (left + width < shape[1] and found[:, -1].any())
    )


def moved(logits: MaskLogits, window: Window, size: int) -> np.ndarray:
    """Logits as another window sees them, shape (size, size); outside the old one, surely not."""
    if logits.window == window.place and logits.values.shape == (size, size):
        return logits.values
    shape, place = logits.values.shape, logits.window
    centres = np.arange(size, dtype=np.float32) + 0.5
    rows = ((window.top - place[0]) + centres * window.height / size) * shape[0] / place[2] - 0.5
    cols = ((window.left - place[1]) + centres * window.width / size) * shape[1] / place[3] - 0.5
    grid = np.meshgrid(rows, cols, indexing="ij")
    sampled = ndi.map_coordinates(
        logits.values, grid, order=1, mode="constant", cval=_SURELY_OUTSIDE
    )
    return np.asarray(sampled, np.float32)
