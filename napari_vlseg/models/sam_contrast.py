"""Local contrast of a tile: what a person does with the contrast slider before clicking."""

from __future__ import annotations

import numpy as np

_PERCENTILES = (1.0, 99.8)
_LEAST_RANGE = 0.04
_EVERY = 2


def stretch_tile(tile: np.ndarray) -> np.ndarray:
    """Map the dark and the bright end of a tile to 0 and 1.

    One range holds for all channels, so hues stay; it is never narrower than 4 % of the full
    range, so that empty background does not become noise.

    Parameters
    ----------
    tile : numpy.ndarray, shape (h, w, 3), float32 in [0, 1]

    Returns
    -------
    numpy.ndarray, shape (h, w, 3), float32 in [0, 1]
    """
    low, high = (float(v) for v in np.percentile(tile[::_EVERY, ::_EVERY], _PERCENTILES))
    spare = max(0.0, _LEAST_RANGE - (high - low))
    low, high = low - spare / 2, high + spare / 2
    return np.clip((tile - np.float32(low)) / np.float32(high - low), 0, 1)
