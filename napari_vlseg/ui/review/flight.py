"""Move the view to an object: its plane, its place, and a scale at which it can be judged."""

from __future__ import annotations

from typing import Any

import numpy as np
from napari.components import ViewerModel
from napari.layers import Labels

from napari_vlseg.ui.review.sights import Sight

_SMALL, _GOOD, _LARGE = 0.16, 0.3, 0.7  # of the canvas
_LEAST = 32.0  # pixels of the image that the object counts as at least


def fly_to(viewer: ViewerModel, layer: Labels, sight: Sight) -> None:
    """Bring an object to the middle of the canvas.

    The scale stays as it is where the object can be judged at it: objects that are looked at one
    after the other have the same scale then, and the eye need not get used to each.
    """
    corners = _corners(layer, sight)
    first, last = corners.min(axis=0), corners.max(axis=0)
    middle = (first + last) / 2
    offset = viewer.dims.ndim - layer.ndim
    hidden = [axis for axis in viewer.dims.not_displayed if axis >= offset]
    if hidden:
        viewer.dims.set_point(hidden, [float(middle[axis - offset]) for axis in hidden])
    shown = [axis - offset for axis in viewer.dims.displayed]
    if min(shown) < 0:
        return
    scene: Any = getattr(viewer, "scene", viewer)
    scene.camera.center = tuple(float(middle[axis]) for axis in shown)
    if viewer.dims.ndisplay == 2:
        pixel = _pixel(layer, sight)
        size = np.maximum((last - first)[shown], _LEAST * pixel)
        share = float(np.max(size * scene.camera.zoom / _canvas_size(viewer)))
        if share < _SMALL:
            scene.camera.zoom *= _GOOD / share
        elif share > _LARGE:
            scene.camera.zoom *= _LARGE / share


def _corners(layer: Labels, sight: Sight) -> np.ndarray:
    """The corners of an object's box in the world, shape (4, ndim)."""
    rows, cols = sight.region
    places = [
        (row, col) for row in (rows.start, rows.stop - 1) for col in (cols.start, cols.stop - 1)
    ]
    return np.array([layer.data_to_world(_place(sight, *place)) for place in places])


def _pixel(layer: Labels, sight: Sight) -> float:
    """Length of a step along the rows in the world."""
    here, there = (layer.data_to_world(_place(sight, row, 0)) for row in (0, 1))
    return float(np.linalg.norm(np.subtract(there, here))) or 1.0


def _place(sight: Sight, row: int, col: int) -> tuple[int, ...]:
    sides = iter((row, col))
    return tuple(next(sides) if position is None else position for position in sight.key)


def inside(layer: Labels, sight: Sight) -> np.ndarray:
    """A place of the world that lies on an object."""
    held = np.argwhere(sight.mask)
    row, col = held[len(held) // 2]
    rows, cols = sight.region
    return np.asarray(
        layer.data_to_world(_place(sight, rows.start + int(row), cols.start + int(col)))
    )


def _canvas_size(viewer: ViewerModel) -> np.ndarray:
    """Height and width of the canvas in its pixels."""
    canvas = getattr(viewer, "canvas", None)  # napari before 0.9 has the size alone
    size = viewer._canvas_size if canvas is None else canvas.size
    return np.maximum(np.array(size, float), 1.0)
