"""How small squares of an image look: colour, fine structure and edges, without a network."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage as ndi
from skimage.color import rgb2lab

CELL = 4
"""Side of a square, in pixels."""

_SCALES = (1.0, 2.0, 4.0)
_BAND_WEIGHT = 4.0
_EDGE_WEIGHT = 2.0
_NEIGHBOURS = 3


def looks_of(plane: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Describe each square of a plane.

    Parameters
    ----------
    plane : ndarray of float32, shape (H, W, 3)
        RGB in [0, 1].

    Returns
    -------
    ndarray of float32, shape (ceil(H / CELL), ceil(W / CELL), 13)
        Means over the square and its neighbours of: CIELAB colour divided by 100, absolute
        differences of three successive Gaussian scales per channel, gradient of lightness.

    Notes
    -----
    Statistics of a filter bank, as in Leung & Malik 2001 and Varma & Zisserman 2005, with
    filters that have no direction: the same thing looks alike however it is turned.
    """
    colour = np.asarray(rgb2lab(plane), np.float32) / 100
    parts, coarser = [colour], colour
    for sigma in _SCALES:
        smooth = ndi.gaussian_filter(colour, (sigma, sigma, 0), truncate=3.0)
        parts.append(_BAND_WEIGHT * np.abs(coarser - smooth))
        coarser = smooth
    slopes = [ndi.gaussian_filter(colour[..., 0], 1.0, order=order) for order in ((0, 1), (1, 0))]
    parts.append(_EDGE_WEIGHT * np.hypot(*slopes)[..., np.newaxis])
    cells = cell_means(np.concatenate(parts, axis=-1))
    return ndi.uniform_filter(cells, (_NEIGHBOURS, _NEIGHBOURS, 0), mode="nearest")


def cell_means(values: npt.NDArray[np.floating]) -> npt.NDArray[np.float32]:
    """Mean over each square of values of shape (H, W, c); the last ones repeat the border."""
    missing = [-extent % CELL for extent in values.shape[:2]]
    padded = np.pad(values, [(0, missing[0]), (0, missing[1]), (0, 0)], mode="edge")
    rows, cols = padded.shape[0] // CELL, padded.shape[1] // CELL
    squares = padded.reshape(rows, CELL, cols, CELL, -1)
    return np.asarray(squares.mean((1, 3)), np.float32)
