"""Anti-aliased coverage of outlines: star-shaped regions, polygons and strokes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from scipy import ndimage as ndi

from napari_vlseg.training.scenes.canvas import FloatArray, Stamp

Points = npt.NDArray[np.float64]
Radius = Callable[[npt.NDArray[np.float64]], npt.NDArray[np.float64]]

_EDGE = 1.0


def _grid(centre: tuple[float, float], reach: float) -> tuple[int, int, Points, Points]:
    """Top-left pixel and (row, col) offsets from the centre of a square window."""
    half = int(np.ceil(reach + 2 * _EDGE))
    top, left = round(centre[0]) - half, round(centre[1]) - half
    steps = np.arange(2 * half + 1)
    rows = np.asarray(top + steps - centre[0], np.float64)[:, np.newaxis]
    cols = np.asarray(left + steps - centre[1], np.float64)[np.newaxis, :]
    return top, left, rows, cols


def _coverage(inside_distance: npt.NDArray[np.float64]) -> FloatArray:
    """Coverage of pixels whose centres lie that far inside an outline."""
    return np.clip(inside_distance / _EDGE + 0.5, 0, 1).astype(np.float32)


def radial(centre: tuple[float, float], radius: Radius, reach: float) -> Stamp:
    """A region given by its radius (pixels) as a function of the angle (radians)."""
    top, left, rows, cols = _grid(centre, reach)
    distance = np.hypot(rows, cols)
    return Stamp(_coverage(radius(np.arctan2(rows, cols)) - distance), top, left)


def disc(centre: tuple[float, float], radius: float) -> Stamp:
    """A filled circle."""
    return radial(centre, lambda angle: np.full(angle.shape, radius), radius)


def ellipse(centre: tuple[float, float], radius: float, aspect: float, tilt: float) -> Stamp:
    """A filled ellipse with half axes `radius` and `radius * aspect`, turned by `tilt`."""
    top, left, rows, cols = _grid(centre, radius * max(aspect, 1))
    along = np.cos(tilt) * cols + np.sin(tilt) * rows
    across = (np.cos(tilt) * rows - np.sin(tilt) * cols) / aspect
    inside = (radius - np.hypot(along, across)) * min(aspect, 1)
    return Stamp(_coverage(inside), top, left)


def wobbly(
    centre: tuple[float, float], radius: float, roughness: float, rng: np.random.Generator
) -> Stamp:
    """A blob: a circle whose radius is modulated by a few low frequencies."""
    orders = np.arange(2, 6)
    amplitudes = rng.normal(0, roughness / orders)
    phases = rng.uniform(0, 2 * np.pi, orders.size)

    def outline(angle: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        waves = np.cos(angle[..., np.newaxis] * orders + phases) @ amplitudes
        return radius * np.clip(1 + waves, 0.35, 1.7)

    return radial(centre, outline, 1.7 * radius)


def polygon(corners: Points) -> Stamp:
    """A filled polygon, corners of shape (n, 2) in (row, col).

    Uses the signed distance to the nearest edge; the sign follows the even-odd rule.
    """
    centre = (float(corners[:, 0].mean()), float(corners[:, 1].mean()))
    reach = float(np.hypot(*(corners - centre).T).max())
    top, left, rows, cols = _grid(centre, reach)
    points = np.stack(np.broadcast_arrays(rows, cols), -1)
    corners = corners - centre
    inside = np.zeros(points.shape[:2], bool)
    nearest = np.full(points.shape[:2], np.inf)
    for start, end in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        nearest = np.minimum(nearest, _distance_to_segment(points, start, end))
        inside ^= _ray_crosses(points, start, end)
    return Stamp(_coverage(np.where(inside, nearest, -nearest)), top, left)


def _distance_to_segment(points: Points, start: Points, end: Points) -> Points:
    edge, offset = end - start, points - start
    squared_length = max(float(edge @ edge), 1e-9)
    along = np.clip(offset @ edge / squared_length, 0, 1)
    away = offset - along[..., np.newaxis] * edge
    return np.asarray(np.hypot(away[..., 0], away[..., 1]))


def _ray_crosses(points: Points, start: Points, end: Points) -> npt.NDArray[np.bool_]:
    """Whether a ray towards larger columns crosses the edge."""
    rows, cols = points[..., 0], points[..., 1]
    spans = (start[0] > rows) != (end[0] > rows)
    rise = end[0] - start[0]
    slope = (end[1] - start[1]) / rise if abs(rise) > 1e-9 else 0.0
    return spans & (cols < start[1] + slope * (rows - start[0]))


def stroke(path: Points, widths: npt.ArrayLike, shape: tuple[int, int]) -> Stamp:
    """A line of the given width (pixels; one value, or one per point) along a path.

    Parameters
    ----------
    path : ndarray, shape (n, 2)
        Points in (row, col).
    widths : float or array of shape (n,)
        Full width at the points.
    shape : tuple of int
        Height and width of the canvas; the stamp covers all of it.
    """
    inside = np.full(shape, -np.inf)
    half = np.broadcast_to(np.asarray(widths, float) / 2, len(path))
    for start, end, thick in zip(path[:-1], path[1:], half[:-1], strict=True):
        low = np.clip(np.floor(np.minimum(start, end) - thick - 2), 0, shape).astype(int)
        high = np.clip(np.ceil(np.maximum(start, end) + thick + 3), 0, shape).astype(int)
        if (high <= low).any():
            continue
        window = np.s_[low[0] : high[0], low[1] : high[1]]
        rows = np.arange(low[0], high[0])[:, np.newaxis] - start[0]
        cols = np.arange(low[1], high[1]) - start[1]
        edge = end - start
        along = rows * edge[0] + cols * edge[1]
        along = np.clip(along / max(float(edge @ edge), 1e-9), 0, 1)
        distance = np.hypot(rows - along * edge[0], cols - along * edge[1])
        np.maximum(inside[window], thick - distance, out=inside[window])
    return Stamp(_coverage(inside), 0, 0)


def rim(body: Stamp, width: float) -> Stamp:
    """The rim of a stamp, `width` pixels wide."""
    depth = ndi.distance_transform_edt(np.pad(body.alpha >= 0.5, 1))[1:-1, 1:-1]
    band = np.clip(width + 0.5 - depth, 0, 1) * body.alpha
    return Stamp(band.astype(np.float32), body.top, body.left)
