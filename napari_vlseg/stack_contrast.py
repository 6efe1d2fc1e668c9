"""Contrast of a whole image or stack, from a sample of its pixels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from math import prod
from typing import Any

import numpy as np

from napari_vlseg.contrast import automatic_contrast, drop_alpha
from napari_vlseg.errors import ImageError
from napari_vlseg.planes import (
    ImageView,
    PlaneAxes,
    as_array,
    leading_axes,
    plane_axes,
    read_part,
    shown_channels,
)

EXACT_PIXELS = 2**23
"""Up to so many pixels of a channel, all planes together, every one is counted."""

_LEAST_PIXELS = 2**18
_SIDE = 512  # of a window: a few chunks of most files
_WINDOWS = 64  # 64 × 512 × 512: 16.8 million pixels are read of each channel at most
_LEAST_PLANES, _MOST_PLANES = 16, 256  # of a stack; many only where planes are small
_THINNING = 2  # of the rows and columns of a window every second one is counted
# Fractional parts of the golden ratio and of √2, √3, √5 and √7: multiples of such numbers fill
# an interval evenly, so that no two axes of a stack are walked in step.
_SPREAD = (0.6180339887, 0.4142135624, 0.7320508076, 0.2360679775, 0.6457513111)
# Inverses of the plastic number and of its square: the sequence R₂.
_PLASTIC = np.array([0.7548776662466927, 0.5698402909980532])


def fixed_contrast(
    data: Any, view: ImageView | None = None, levels: Sequence[Any] = ()
) -> ImageView:
    """The view with its open contrasts filled in, for the whole image or stack.

    A plane, or a part of one, that is looked at with the result has the same brightness
    whatever is around it. Up to 8.4 million pixels of a channel (`EXACT_PIXELS`) are all
    counted, so that a single plane looks as with automatic contrast. Of a larger image at
    most 64 windows of 512 × 512 pixels are read per channel, spread over the plane and over
    16 planes of a stack (up to 256 small ones), and a quarter of their pixels is counted.
    The same image gives the same contrast each time.

    Parameters
    ----------
    data : array-like
        See `napari_vlseg.images.extract_plane`.
    view : ImageView, optional
        A grayscale image where it is None. Contrasts that it has are kept.
    levels : sequence of array-like
        The image at several resolutions, the full one first. Of a large image the finest one
        of up to `EXACT_PIXELS` is read in place of it.

    Returns
    -------
    ImageView
        With `contrast`, or with `contrast` of each of its channels, which are named.

    Raises
    ------
    ImageError
        As `extract_plane`, or if no pixel of the sample is a finite number.
    """
    view = view or ImageView()
    data = as_array(data)
    axes = plane_axes(data, view)
    if axes.channel is None:
        return replace(view, contrast=view.contrast or _sampled_contrast(data, levels, axes, view))
    channels = [
        replace(channel, contrast=channel.contrast or view.contrast)
        for channel in shown_channels(view, int(data.shape[axes.channel]))
    ]
    return replace(
        view,
        channels=tuple(
            replace(c, contrast=c.contrast or _sampled_contrast(data, levels, axes, view, c.index))
            for c in channels
        ),
    )


def lasting_view(data: Any, view: ImageView | None = None, levels: Sequence[Any] = ()) -> ImageView:
    """How any plane of an image is looked at: a stack has one contrast, a lone plane its own.

    Parameters
    ----------
    data, view, levels
        See `fixed_contrast`.

    Returns
    -------
    ImageView
        The view itself where there is only one plane.

    Raises
    ------
    ImageError
        As `fixed_contrast`.
    """
    view, data = view or ImageView(), as_array(data)
    if all(int(data.shape[axis]) == 1 for axis in leading_axes(data, view)):
        return view
    return fixed_contrast(data, view, levels)


def _sampled_contrast(
    data: Any, levels: Sequence[Any], axes: PlaneAxes, view: ImageView, channel: int | None = None
) -> tuple[float, float]:
    data = _useful_level(data, levels, axes)
    small = _count(data.shape, axes) <= EXACT_PIXELS
    everything: list[int | slice] = [slice(None)] * len(data.shape)
    parts = []
    for window in [everything] if small else _windows(data.shape, axes):
        if axes.channel is not None and channel is not None:
            window[axes.channel] = channel
        pixels = read_part(data, window)
        if not small:
            pixels = pixels[::_THINNING, ::_THINNING]
        pixels = drop_alpha(pixels) if view.rgb else pixels
        parts.append(pixels.ravel() if pixels.dtype.kind in "biu" else pixels[np.isfinite(pixels)])
    sample = np.concatenate(parts)
    if sample.size == 0:
        raise ImageError(
            "No pixel of a sample of this image is a finite number: set the contrast by hand."
        )
    return automatic_contrast(sample)


def _useful_level(data: Any, levels: Sequence[Any], axes: PlaneAxes) -> Any:
    """The level to sample: small enough to be read whole where there is one."""
    sizes = [(_count(level.shape, axes), level) for level in (data, *levels)]
    enough = [(size, level) for size, level in sizes if size > EXACT_PIXELS]
    fitting = [(size, level) for size, level in sizes if size <= EXACT_PIXELS]
    if not enough:
        return data
    # A thumbnail has lost too much: windows of the next finer level show more.
    if fitting and max(fitting, key=_size)[0] >= _LEAST_PIXELS:
        return max(fitting, key=_size)[1]
    return min(enough, key=_size)[1]


def _size(sized: tuple[int, Any]) -> int:
    return sized[0]


def _count(shape: Sequence[int], axes: PlaneAxes) -> int:
    """Pixels of one channel of all planes."""
    return prod(int(shape[axis]) for axis in (*axes.leading, axes.rows, axes.cols))


def _windows(shape: Sequence[int], axes: PlaneAxes) -> Iterator[list[int | slice]]:
    """Parts of a large array to read: a few windows of a few planes."""
    n_rows, n_cols = int(shape[axes.rows]), int(shape[axes.cols])
    most = min(max(EXACT_PIXELS // (n_rows * n_cols), _LEAST_PLANES), _MOST_PLANES)
    planes = _some_planes([int(shape[axis]) for axis in axes.leading], most)
    count = max(_WINDOWS // len(planes), 1)
    for number, plane in enumerate(planes):
        for rows, cols in spread_windows((n_rows, n_cols), _SIDE, count, number * count):
            window: list[int | slice] = [slice(None)] * len(shape)
            for axis, position in zip(axes.leading, plane, strict=True):
                window[axis] = position
            window[axes.rows], window[axes.cols] = rows, cols
            yield window


def _some_planes(lengths: Sequence[int], most: int) -> list[tuple[int, ...]]:
    """Some planes, spread over every axis of a stack and not in step on two of them."""
    if prod(lengths) <= most:
        return list(np.ndindex(*lengths))
    middles = (np.arange(most) + 0.5) / most
    longest = int(np.argmax(lengths))
    steps = iter(_SPREAD)
    positions = [
        (middles if axis == longest else middles * most * next(steps) % 1) * length
        for axis, length in enumerate(lengths)
    ]
    return sorted({tuple(int(p) for p in place) for place in zip(*positions, strict=True)})


def spread_windows(
    shape: tuple[int, int], side: int, count: int, first: int = 0
) -> list[tuple[slice, slice]]:
    """Windows spread over a plane: all of it where that takes no more than `count`.

    They lie at multiples of `side`, in as many rows and columns as there are windows, so that
    what stands in a few columns of a slide is not passed over: the sequence R₂ (Roberts, "The
    Unreasonable Effectiveness of Quasirandom Sequences", 2018).

    Parameters
    ----------
    shape : tuple of int
        (H, W) of the plane.
    side : int
        Of the windows, in pixels.
    count : int
        Windows at most; some may fall on one place.
    first : int
        Where in the sequence to begin, so that planes are looked at in different places.

    Returns
    -------
    list of tuple of slice
        Rows and columns.
    """
    most = tuple(-(-extent // side) for extent in shape)
    if prod(most) <= count:
        places = set(np.ndindex(*most))
    else:
        steps = np.arange(first + 1, first + count + 1)[:, np.newaxis] * _PLASTIC
        found = (steps % 1 * most).astype(int)
        places = {(int(row), int(col)) for row, col in found}
    return [
        (
            slice(row * side, min((row + 1) * side, shape[0])),
            slice(col * side, min((col + 1) * side, shape[1])),
        )
        for row, col in sorted(places)
    ]
