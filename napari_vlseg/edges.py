"""Edges: a probability map that is too smooth, drawn to the outlines of the image.

A patch of a vision transformer gives one answer for many pixels, so its map knows where an
object is better than where it ends. Here the image decides the rest, in three steps:

1. The colours are projected on the direction that best tells the class from the rest, Fisher's
   linear discriminant (1936) with the probabilities for weights. What remains is one guide
   channel per class.
2. A guided filter (He, Sun & Tang, "Guided Image Filtering", PAMI 2013) lets the map follow
   the guide inside small windows.
3. Each pixel is compared with the mean guide of the class and of the rest around it, which
   adds to its logit what linear discriminant analysis makes of the difference, up to a limit.
   A guided filter once more takes out the noise.

The statistics of the windows are computed on a coarser grid ("Fast Guided Filter", He & Sun,
arXiv 1505.00996).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy import ndimage as ndi

from napari_vlseg.errors import ImageError, SettingsError
from napari_vlseg.events import Progress, Work, run

_VARIANCE = 1e-3
"""Variance of the guide that counts as flat, in squared intensities."""

_EVIDENCE_WEIGHT = 0.35
_MOST_EVIDENCE = 4.0
_CERTAIN = 0.003
"""Probabilities closer to 0 or 1 than this are not told apart."""

_FEW = 0.1
"""Share of a window that is added to the pixels of either class with the mean of all, so that
a class of next to no pixels is no evidence."""

_GRID_RADIUS = 2.0
"""Radius of a window on the coarser grid, in its cells, where the radius allows one."""

_SMALLEST_RADIUS = 0.5
_DIRECTION_PIXELS = 2**16
_BAND_PIXELS = 2**22


def refine_edges(probabilities: np.ndarray, plane: np.ndarray, radius: float) -> np.ndarray:
    """Draw the edges of probability maps to those of the image.

    Parameters
    ----------
    probabilities : numpy.ndarray, shape (C, H, W), float32 in [0, 1]
        One map per class.
    plane : numpy.ndarray, shape (H, W, 3), float32 in [0, 1] or uint8
        What the model saw.
    radius : float
        How far an edge may be off, in pixels of the plane; half a patch of the model.

    Returns
    -------
    numpy.ndarray, shape (C, H, W), float32 in [0, 1]
        The same values where the radius is below half a pixel.

    Raises
    ------
    ImageError
        If the shapes don't fit.
    SettingsError
        If the radius is negative or not finite.
    """
    _check(probabilities, plane, radius)
    refined = np.empty(probabilities.shape, np.float32)
    for probability, result in zip(probabilities, refined, strict=True):
        result[:] = run(refine_steps(probability, plane, radius))
    return refined


def refine_steps(probability: np.ndarray, plane: np.ndarray, radius: float) -> Work[np.ndarray]:
    """`refine_edges` for one map (H, W), as a generator that yields `Progress`.

    A large plane is worked on in bands of rows, so that little memory is needed beside the
    result.
    """
    _check(probability[np.newaxis], plane, radius)
    if radius < _SMALLEST_RADIUS:
        return probability
    grid = _Grid.of(radius)
    direction = _direction(probability, plane)
    refined = np.empty(probability.shape, np.float32)
    for band, around in _bands(probability.shape, grid):
        guide = _unit(plane[around]) @ direction
        values = _refine_band(probability[around], guide, grid)
        refined[band] = values[band.start - around.start : band.stop - around.start]
        yield Progress("following edges", band.stop, len(refined))
    return refined


@dataclass(frozen=True)
class _Grid:
    """Cells of `step` × `step` pixels, and the radius of a window in cells."""

    step: int
    radius: int

    @classmethod
    def of(cls, radius: float) -> _Grid:
        step = max(1, round(radius / _GRID_RADIUS))
        return cls(step, max(1, round(radius / step)))

    @property
    def reach(self) -> int:
        """Pixels beyond which nothing has an influence."""
        filters = 6 * self.radius + 1
        return self.step * (filters + 1)


def _direction(probability: np.ndarray, plane: np.ndarray) -> np.ndarray:
    """Fisher's discriminant between class and rest, float32 (3,), absolute values adding to 1."""
    every = max(1, round((probability.size / _DIRECTION_PIXELS) ** 0.5))
    colours = _unit(plane[::every, ::every]).reshape(-1, 3).astype(np.float64)
    weight = probability[::every, ::every].reshape(-1, 1).astype(np.float64)
    grey = np.full(3, 1 / 3, np.float32)
    if not 0 < weight.sum() < weight.size:
        return grey
    inside, outside = (np.average(colours, 0, w[:, 0]) for w in (weight, 1 - weight))
    from_inside, from_outside = colours - inside, colours - outside
    scatter = (from_inside * weight).T @ from_inside + (
        from_outside * (1 - weight)
    ).T @ from_outside
    scatter = scatter / len(colours) + _VARIANCE * np.eye(3)
    direction = np.linalg.solve(scatter, inside - outside)
    length = np.abs(direction).sum()
    return (direction / length).astype(np.float32) if length > 0 else grey


def _bands(shape: tuple[int, ...], grid: _Grid) -> Iterator[tuple[slice, slice]]:
    """Bands of rows on the grid, each with the rows around it that have an influence."""
    height, width = shape
    rows = max(_BAND_PIXELS // width, grid.reach) // grid.step * grid.step
    for start in range(0, height, rows):
        stop = min(start + rows, height)
        around = slice(max(start - grid.reach, 0), min(stop + grid.reach, height))
        yield slice(start, stop), around


def _refine_band(probability: np.ndarray, guide: np.ndarray, grid: _Grid) -> np.ndarray:
    coarse = _Windows(_shrunk(guide, grid.step), grid.radius)
    wide = _Windows(coarse.guide, 2 * grid.radius)
    followed = coarse.follow(_shrunk(probability, grid.step))
    slope, offset = coarse.lines(wide.weigh(followed))
    slope, offset = (_enlarged(part, grid.step, guide.shape) for part in (slope, offset))
    slope *= guide
    slope += offset
    return np.clip(slope, 0, 1, out=slope)


class _Windows:
    """Statistics of a guide in square windows.

    Parameters
    ----------
    guide : numpy.ndarray, shape (h, w), float32
    radius : int
        In cells.
    """

    def __init__(self, guide: np.ndarray, radius: int) -> None:
        self.guide = guide
        self._side = 2 * radius + 1
        self._mean = self._average(guide)
        self._square = self._average(guide * guide)

    def lines(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Slope and offset of the line that leads from guide to values, averaged over windows."""
        mean = self._average(values)
        covariance = self._average(values * self.guide) - mean * self._mean
        slope = covariance / (self._variance() + _VARIANCE)
        offset = mean - slope * self._mean
        return self._average(slope), self._average(offset)

    def follow(self, values: np.ndarray) -> np.ndarray:
        """The guided filter."""
        slope, offset = self.lines(values)
        return np.clip(slope * self.guide + offset, 0, 1)

    def weigh(self, probability: np.ndarray) -> np.ndarray:
        """The probability after what the guide tells beside the means of class and rest."""
        share = self._average(probability)
        inside = self._average(probability * self.guide)
        outside = self._mean - inside
        inside = (inside + _FEW * self._mean) / (share + _FEW)
        outside = (outside + _FEW * self._mean) / (1 - share + _FEW)
        spread = self._square - share * inside**2 - (1 - share) * outside**2
        evidence = (inside - outside) * (self.guide - (inside + outside) / 2)
        evidence /= np.maximum(spread, 0) + _VARIANCE
        kept = np.clip(probability, _CERTAIN, 1 - _CERTAIN)
        odds = (1 - kept) / kept
        evidence = np.clip(evidence, -_MOST_EVIDENCE, _MOST_EVIDENCE)
        return 1 / (1 + odds * np.exp(-_EVIDENCE_WEIGHT * evidence))

    def _variance(self) -> np.ndarray:
        return np.maximum(self._square - self._mean**2, 0)

    def _average(self, values: np.ndarray) -> np.ndarray:
        return ndi.uniform_filter(values, self._side, mode="nearest")


def _shrunk(values: np.ndarray, step: int) -> np.ndarray:
    """Means of the cells; cells that stick out repeat the last pixel."""
    if step == 1:
        return values.astype(np.float32)
    height, width = values.shape
    padded = np.pad(values, ((0, -height % step), (0, -width % step)), mode="edge")
    starts = [padded[row::step, col::step] for row in range(step) for col in range(step)]
    return np.asarray(np.mean(starts, axis=0, dtype=np.float32))


def _enlarged(values: np.ndarray, step: int, shape: tuple[int, ...]) -> np.ndarray:
    """Interpolate linearly between the centres of cells; inverse of `_shrunk`."""
    if step == 1:
        return values
    for axis in (1, 0):
        place = np.clip((np.arange(shape[axis]) + 0.5) / step - 0.5, 0, values.shape[axis] - 1)
        low = place.astype(np.intp)
        high = np.minimum(low + 1, values.shape[axis] - 1)
        share = (place - low).astype(np.float32)
        share = share if axis else share[:, np.newaxis]
        first = values.take(low, axis)
        values = first + share * (values.take(high, axis) - first)
    return values


def _unit(plane: np.ndarray) -> np.ndarray:
    """Intensities in [0, 1] as float32."""
    if plane.dtype == np.uint8:
        return plane * np.float32(1 / 255)
    return plane.astype(np.float32, copy=False)


def _check(probabilities: np.ndarray, plane: np.ndarray, radius: float) -> None:
    if probabilities.ndim != 3 or plane.shape != (*probabilities.shape[1:], 3):
        raise ImageError(
            f"Probabilities of shape {probabilities.shape} and a plane of shape {plane.shape} do "
            "not fit: give probabilities (C, H, W) and the plane (H, W, 3) they belong to."
        )
    if not 0 <= radius < np.inf:
        raise SettingsError(f"The radius of edges is {radius:g}: choose 0 or more pixels.")
