"""From logits of any resolution to pixels of the plane, at the cost of the object alone."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from napari_vlseg.object_prompts import MaskLogits

Mask = npt.NDArray[np.bool_]

_SURELY_OUTSIDE = -8.0
_BLOCK = 64


def mask_crop(logits: MaskLogits, shape: tuple[int, int]) -> tuple[int, int, Mask]:
    """The smallest rectangle of the plane that holds the mask.

    Logits are interpolated bilinearly, and smoothed where they are finer than the plane, as
    ``torch.nn.functional.interpolate`` does with ``antialias``; the mask is where they are
    positive.

    Parameters
    ----------
    logits : MaskLogits
    shape : tuple of int
        (H, W) of the plane.

    Returns
    -------
    top, left : int
        Corner of the rectangle, in pixels of the plane.
    mask : numpy.ndarray, shape (rows, cols), bool
        Empty where the mask is.
    """
    positive = logits.values > 0
    rows = _reached(np.flatnonzero(positive.any(1)), len(positive), logits.window[::2], shape[0])
    cols = _reached(
        np.flatnonzero(positive.any(0)), positive.shape[1], logits.window[1::2], shape[1]
    )
    if not rows or not cols:
        return 0, 0, np.zeros((0, 0), bool)
    found = _interpolated(logits, rows, cols) > 0
    return _trimmed(found, logits.window[0] + rows.start, logits.window[1] + cols.start)


def logits_within(logits: MaskLogits, window: tuple[int, int, int, int]) -> npt.NDArray[np.float32]:
    """Logits of the pixels of a rectangle of the plane, interpolated as in `mask_crop`.

    Parameters
    ----------
    logits : MaskLogits
    window : tuple of int
        (top, left, height, width) of the rectangle, in image pixels.

    Returns
    -------
    numpy.ndarray, shape (height, width), float32
        -8, surely not the object, where `logits` do not reach.
    """
    values = np.full(window[2:], _SURELY_OUTSIDE, np.float32)
    rows, cols = (_shared(logits.window[axis::2], window[axis::2]) for axis in (0, 1))
    if rows and cols:
        top, left = (logits.window[axis] - window[axis] for axis in (0, 1))
        inside = np.s_[top + rows.start : top + rows.stop, left + cols.start : left + cols.stop]
        values[inside] = _interpolated(logits, rows, cols)
    return values


def full_mask(crop: tuple[int, int, Mask], shape: tuple[int, int]) -> Mask:
    """A plane, bool (H, W), with what `mask_crop` found."""
    top, left, found = crop
    mask = np.zeros(shape, bool)
    mask[top : top + found.shape[0], left : left + found.shape[1]] = found
    return mask


def _reached(taps: npt.NDArray[np.intp], count: int, place: tuple[int, int], extent: int) -> range:
    """Pixels of a window, inside the plane, that positive values can make positive."""
    if not len(taps):
        return range(0)
    start, length = place
    scale = count / length
    support = max(1.0, scale)
    first = math.floor((taps[0] + 0.5 - support) / scale - 0.5)
    last = math.ceil((taps[-1] + 0.5 + support) / scale - 0.5)
    return range(max(first, 0, -start), min(last + 1, length, extent - start))


def _shared(covered: tuple[int, ...], asked: tuple[int, ...]) -> range:
    """Pixels of a covered extent (start, length) that lie in another, from its own start."""
    first = max(asked[0] - covered[0], 0)
    return range(first, max(min(asked[0] + asked[1] - covered[0], covered[1]), first))


def _interpolated(logits: MaskLogits, rows: range, cols: range) -> npt.NDArray[np.float32]:
    """Logits of some pixels of their own window."""
    (height, width), (_, _, tall, wide) = logits.values.shape, logits.window
    needed = logits.values[_taps(height, tall, rows), _taps(width, wide, cols)]
    columns = _along_rows(needed.T, width, wide, cols)
    return _along_rows(columns.T, height, tall, rows)


def _along_rows(
    values: npt.NDArray[np.float32], count: int, length: int, pixels: range
) -> npt.NDArray[np.float32]:
    """Some of the `length` pixels that interpolate `count` rows of values.

    `values` are the rows that these pixels need. Each pixel needs few of them, so that blocks of
    pixels are made of narrow bands.
    """
    first = _taps(count, length, pixels).start
    found = np.empty((len(pixels), values.shape[1]), np.float32)
    for start in range(0, len(pixels), _BLOCK):
        some = pixels[start : start + _BLOCK]
        taps = _taps(count, length, some)
        band = values[taps.start - first : taps.stop - first]
        np.matmul(_weights(count, length, some), band, out=found[start : start + len(some)])
    return found


def _taps(count: int, length: int, pixels: range) -> slice:
    """Which of `count` values make some of `length` pixels."""
    scale = count / length
    support = max(1.0, scale)
    first, last = ((pixel + 0.5) * scale for pixel in (pixels.start, pixels.stop - 1))
    return slice(max(0, math.floor(first - support)), min(count, math.ceil(last + support)))


def _weights(count: int, length: int, pixels: range) -> npt.NDArray[np.float32]:
    """Share of each value of `_taps` in each pixel, shape (pixels, values)."""
    scale = count / length
    centres = (np.arange(pixels.start, pixels.stop) + 0.5) * scale
    taps = _taps(count, length, pixels)
    away = np.abs(np.arange(taps.start, taps.stop) + 0.5 - centres[:, None])
    weights = np.maximum(1 - away / max(1.0, scale), 0)
    return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)


def _trimmed(found: Mask, top: int, left: int) -> tuple[int, int, Mask]:
    rows, cols = np.flatnonzero(found.any(1)), np.flatnonzero(found.any(0))
    if not len(rows):
        return 0, 0, np.zeros((0, 0), bool)
    tight = found[rows[0] : rows[-1] + 1, cols[0] : cols[-1] + 1]
    return top + int(rows[0]), left + int(cols[0]), np.ascontiguousarray(tight)
