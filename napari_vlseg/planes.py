"""Planes: any array that a viewer can hold, looked at as (H, W, 3) in [0, 1].

The array may be lazy (dask, zarr): only the pixels of the plane are read.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np

from napari_vlseg.contrast import check_contrast, drop_alpha, normalise
from napari_vlseg.errors import ImageError, SettingsError

MAX_DIMENSIONS = 8
_CHANNEL_COLORS = ("#00ffff", "#ff00ff", "#ffff00", "#0000ff", "#00ff00", "#ff0000")


@dataclass(frozen=True)
class Channel:
    """One channel of a multichannel image and how it is shown.

    Attributes
    ----------
    index : int
        Position on the channel axis.
    color : str
        ``#rrggbb`` of its brightest pixels.
    contrast : tuple of float, optional
        Values shown as black and as `color`; None takes `ImageView.contrast`.
    """

    index: int
    color: str = "#ffffff"
    contrast: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        if not re.fullmatch(r"#[0-9a-fA-F]{6}", self.color):
            raise SettingsError(
                f"The channel colour “{self.color}” is not of the form #rrggbb: "
                "write for example #00ff00."
            )
        check_contrast(self.contrast)


@dataclass(frozen=True)
class ImageView:
    """How an array is looked at.

    Attributes
    ----------
    rgb : bool
        Whether the last axis holds red, green, blue and perhaps alpha.
    channel_axis : int, optional
        Axis of the channels; negative numbers count from the end.
    channels : tuple of Channel
        The channels shown, added up in their colours. Empty with a channel axis: all of them,
        see `default_channels`.
    contrast : tuple of float, optional
        Values shown as black and as white. None takes the percentiles 1 and 99.8 of the finite
        values of the plane, all of red, green and blue together, each channel alone.
    plane : tuple of int, optional
        The two axes of a plane, where they are not the last two that are neither RGB nor
        channels. The one that comes first in the array holds the rows.
    """

    rgb: bool = False
    channel_axis: int | None = None
    channels: tuple[Channel, ...] = ()
    contrast: tuple[float, float] | None = None
    plane: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        check_contrast(self.contrast)


@dataclass(frozen=True)
class PlaneAxes:
    """Roles of the axes of an array, each a number from 0."""

    leading: tuple[int, ...]
    rows: int
    cols: int
    channel: int | None


def default_channels(count: int) -> tuple[Channel, ...]:
    """Every channel in a colour of its own; a single one in white."""
    if count == 1:
        return (Channel(0),)
    return tuple(Channel(i, _CHANNEL_COLORS[i % len(_CHANNEL_COLORS)]) for i in range(count))


def with_channels(view: ImageView, channels: Sequence[Channel], data: Any) -> ImageView:
    """The view with channels that were chosen for other images, where this one has them all."""
    if not channels or view.channel_axis is None:
        return view
    count = data.shape[view.channel_axis]
    fits = all(0 <= channel.index < count for channel in channels)
    return replace(view, channels=tuple(channels)) if fits else view


def plane_shape(data: Any, view: ImageView | None = None) -> tuple[int, int]:
    """(H, W) of the planes of an array; errors as for `extract_plane`."""
    data = as_array(data)
    axes = plane_axes(data, view or ImageView())
    return int(data.shape[axes.rows]), int(data.shape[axes.cols])


def leading_axes(data: Any, view: ImageView | None = None) -> tuple[int, ...]:
    """Axes that are neither rows, columns, channels nor RGB; errors as for `extract_plane`."""
    return plane_axes(as_array(data), view or ImageView()).leading


def extract_plane(
    data: Any, index: Sequence[int] = (), view: ImageView | None = None
) -> np.ndarray:
    """Look at one plane of an array.

    Parameters
    ----------
    data : array-like
        bool, integer or float, of 2 to 8 dimensions: rows and columns are the last two axes
        that are neither RGB nor channels, or those that the view names. Of a lazy array only
        the plane is read.
    index : sequence of int
        Position on each leading axis, in pixels from 0.
    view : ImageView, optional
        A grayscale image with automatic contrast where it is None.

    Returns
    -------
    numpy.ndarray, shape (H, W, 3), float32 in [0, 1]
        NaN and infinite pixels are black, and so is an image of one constant value.

    Raises
    ------
    ImageError
        If the array has no pixels, too few or too many axes, another dtype, no finite pixel, or
        does not fit the view or the index.
    """
    view = view or ImageView()
    data = as_array(data)
    axes = plane_axes(data, view)
    return _look(data, window_of(data, axes, index), axes, view)


def extract_window(
    data: Any,
    index: Sequence[int],
    rows: slice,
    cols: slice,
    view: ImageView | None = None,
) -> np.ndarray:
    """Look at a part of one plane of an array; nothing else of it is read.

    Parameters
    ----------
    data, index, view
        See `extract_plane`. Contrast that the view leaves open is that of the window alone:
        parts of one image look alike with a view of `napari_vlseg.images.fixed_contrast`.
    rows, cols : slice
        Part of the plane, in pixels from 0, without a step.

    Returns
    -------
    numpy.ndarray, shape (h, w, 3), float32 in [0, 1]

    Raises
    ------
    ImageError
        As `extract_plane`, or if the window reaches out of the plane or holds no pixel.

    Examples
    --------
    >>> view = ImageView(contrast=(0, 11))
    >>> extract_window(np.arange(12).reshape(3, 4), (), slice(1, 3), slice(0, 2), view).shape
    (2, 2, 3)
    """
    view = view or ImageView()
    data = as_array(data)
    axes = plane_axes(data, view)
    window = window_of(data, axes, index)
    for axis, part in ((axes.rows, rows), (axes.cols, cols)):
        window[axis] = _part(part, int(data.shape[axis]))
    return _look(data, window, axes, view)


def _look(data: Any, window: list[int | slice], axes: PlaneAxes, view: ImageView) -> np.ndarray:
    """Read a window whose channel axis is still whole, and show it in colours."""
    if axes.channel is not None:
        return _add_channels(data, window, axes, view)
    pixels = read_part(data, window)
    if view.rgb:
        return normalise(drop_alpha(pixels), view.contrast)
    return normalise(pixels, view.contrast)[..., np.newaxis].repeat(3, axis=2)


def _part(part: slice, length: int) -> slice:
    start = 0 if part.start is None else int(part.start)
    stop = length if part.stop is None else int(part.stop)
    if part.step not in (None, 1) or not 0 <= start < stop <= length:
        raise ImageError(
            f"There are no pixels {start} to {stop} on an axis of {length} pixels: choose a part "
            "that lies within the image."
        )
    return slice(start, stop)


def as_array(data: Any) -> Any:
    """Leave arrays, lazy ones too, as they are; make one of lists and tensors."""
    try:
        np.dtype(data.dtype)
        data.shape  # noqa: B018 - raises where there is none
    except (AttributeError, TypeError):
        try:
            return np.asarray(data)
        except (TypeError, ValueError, RuntimeError) as error:
            raise ImageError("This is not an image: give an array of pixels.") from error
    return data


def plane_axes(data: Any, view: ImageView) -> PlaneAxes:
    """Which axes are rows, columns, channels and others; errors as for `extract_plane`."""
    ndim = len(data.shape)
    _check_array(data, ndim)
    if view.rgb and view.channel_axis is not None:
        raise ImageError("An RGB image has no further channel axis: choose one of the two.")
    if view.rgb and (ndim < 3 or data.shape[-1] not in (3, 4)):
        raise ImageError(
            f"An image of shape {tuple(data.shape)} is not RGB, whose last axis is 3 or 4 long: "
            "look at it as grayscale or choose its channel axis."
        )
    channel = view.channel_axis
    if channel is not None and not -ndim <= channel < ndim:
        raise ImageError(
            f"The channel axis {channel} does not exist in an image of shape {tuple(data.shape)}: "
            f"choose an axis from 0 to {ndim - 1}."
        )
    channel = None if channel is None else channel % ndim
    spatial = [axis for axis in range(ndim - view.rgb) if axis != channel]
    if len(spatial) < 2:
        raise ImageError(
            f"An image of shape {tuple(data.shape)} has no rows and columns beside its channels: "
            "choose another channel axis."
        )
    rows, cols = spatial[-2:] if view.plane is None else _plane_of(view.plane, spatial, data.shape)
    leading = tuple(axis for axis in spatial if axis not in (rows, cols))
    return PlaneAxes(leading, rows, cols, channel)


def _plane_of(
    plane: tuple[int, int], spatial: Sequence[int], shape: Sequence[int]
) -> tuple[int, int]:
    rows, cols = sorted(axis % len(shape) for axis in plane)
    if rows == cols or rows not in spatial or cols not in spatial:
        raise ImageError(
            f"The axes {plane[0]} and {plane[1]} are no plane of an image of shape "
            f"{tuple(shape)}: choose two of {', '.join(str(axis) for axis in spatial)}."
        )
    return rows, cols


def _check_array(data: Any, ndim: int) -> None:
    shape = tuple(data.shape)
    if not 2 <= ndim <= MAX_DIMENSIONS:
        raise ImageError(
            f"An array of shape {shape} has {ndim} dimensions: give an image of 2 to "
            f"{MAX_DIMENSIONS}."
        )
    if 0 in shape:
        raise ImageError(f"An image of shape {shape} has no pixels: choose another image.")
    if np.dtype(data.dtype).kind not in "biuf":
        raise ImageError(
            f"Pixels of type {data.dtype} can't be shown: convert the image to an integer or "
            "float type."
        )


def window_of(data: Any, axes: PlaneAxes, index: Sequence[int]) -> list[int | slice]:
    """Indices that pick the plane; the channel axis is still whole."""
    if len(index) != len(axes.leading):
        raise ImageError(
            f"An image of shape {tuple(data.shape)} has {len(axes.leading)} axes beside its plane "
            f"but {len(index)} positions are given: give one for each."
        )
    window: list[int | slice] = [slice(None)] * len(data.shape)
    for axis, position in zip(axes.leading, index, strict=True):
        if not 0 <= position < data.shape[axis]:
            raise ImageError(
                f"There is no plane {position} on axis {axis} of an image of shape "
                f"{tuple(data.shape)}: choose one from 0 to {data.shape[axis] - 1}."
            )
        window[axis] = int(position)
    return window


def read_part(data: Any, window: Sequence[int | slice]) -> np.ndarray:
    """Pixels of a part of any array."""
    return np.asarray(data[tuple(window)])


def _add_channels(
    data: Any, window: list[int | slice], axes: PlaneAxes, view: ImageView
) -> np.ndarray:
    """Sum of the shown channels in their colours, clipped to [0, 1]."""
    axis = cast(int, axes.channel)
    total = np.float32(0)
    for channel in shown_channels(view, int(data.shape[axis])):
        window[axis] = channel.index
        values = normalise(read_part(data, window), channel.contrast or view.contrast)
        total = total + values[..., np.newaxis] * _rgb(channel.color)
    return np.minimum(total, np.float32(1))


def shown_channels(view: ImageView, count: int) -> tuple[Channel, ...]:
    """The channels of a view, or all of an image.

    Raises
    ------
    ImageError
        If the image has no such channel.
    """
    for channel in view.channels:
        if not 0 <= channel.index < count:
            raise ImageError(
                f"There is no channel {channel.index} in an image of {count} channels: "
                f"choose one from 0 to {count - 1}."
            )
    return view.channels or default_channels(count)


def _rgb(color: str) -> np.ndarray:
    return np.frombuffer(bytes.fromhex(color[1:]), np.uint8).astype(np.float32) / 255
