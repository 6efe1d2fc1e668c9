"""Contrast: pixel values of any number type to [0, 1]."""

from __future__ import annotations

import numpy as np

from napari_vlseg.errors import ImageError, SettingsError

AUTO_PERCENTILES = (1.0, 99.8)
"""Dark and bright end of the automatic contrast; the bundled model was trained with them."""

_MIN_INTEGER_RANGE = 8
_MIN_FLOAT_RANGE = 1e-6


def normalise(pixels: np.ndarray, contrast: tuple[float, float] | None = None) -> np.ndarray:
    """Map a contrast range to [0, 1] and clip.

    Parameters
    ----------
    pixels : numpy.ndarray
        bool, integer or float, of any shape.
    contrast : tuple of float, optional
        Values that become 0 and 1; see `automatic_contrast` where it is None.

    Returns
    -------
    numpy.ndarray, float32 in [0, 1]
        0 where a pixel is NaN or infinite.

    Raises
    ------
    ImageError
        If no pixel is a finite number and `contrast` is None.
    """
    finite = None if pixels.dtype.kind in "biu" else np.isfinite(pixels)
    if contrast is None and finite is not None and not finite.any():
        raise ImageError("No pixel of this plane is a finite number: choose another plane.")
    low, high = contrast or automatic_contrast(pixels if finite is None else pixels[finite])
    span = max(high - low, float(np.finfo(np.float32).tiny))
    # Up to 16 bits are exact in float32; of wider values a large offset would be rounded away.
    values = pixels.astype("float32" if pixels.dtype.itemsize <= 2 else "float64")
    if finite is not None:
        values[~finite] = low
    with np.errstate(over="ignore"):
        values = np.clip((values - low) / span, 0, 1).astype(np.float32, copy=False)
    if finite is not None:
        values[~finite] = 0
    return values


def automatic_contrast(pixels: np.ndarray) -> tuple[float, float]:
    """Percentiles 1 and 99.8 of finite pixels, never so close that noise fills the range.

    Returns
    -------
    tuple of float
        At least 8 counts apart for integers; for floats a millionth of their size.
        (0, 1) for bool.
    """
    if pixels.dtype.kind == "b":
        return 0.0, 1.0
    is_integer = pixels.dtype.kind in "iu"
    values = pixels if is_integer else pixels.astype(np.float64)
    low, high = (float(value) for value in np.percentile(values, AUTO_PERCENTILES))
    least = _MIN_INTEGER_RANGE if is_integer else _MIN_FLOAT_RANGE * max(abs(low), abs(high))
    return low, max(high, low + least)


def drop_alpha(pixels: np.ndarray) -> np.ndarray:
    """RGB of an RGB or RGBA image (..., 3 or 4), laid over black as a viewer does."""
    colors = pixels[..., :3]
    if pixels.shape[-1] == 3:
        return colors
    opaque = np.iinfo(pixels.dtype).max if pixels.dtype.kind in "iu" else 1
    alpha = np.clip(pixels[..., 3:], 0, opaque).astype(np.float32) / opaque
    return colors if (alpha == 1).all() else colors * alpha


def check_contrast(contrast: tuple[float, float] | None) -> None:
    """Raise SettingsError where contrast limits are not finite and in order."""
    if contrast is not None and not -np.inf < contrast[0] <= contrast[1] < np.inf:
        raise SettingsError(
            f"The contrast limits {contrast} are not in order: give a dark and a brighter value."
        )
