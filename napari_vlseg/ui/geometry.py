"""Where the planes of an image layer lie, and where labels beside it have to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from napari.layers import Image, Labels
from napari.utils.transforms import Affine

from napari_vlseg.images import ImageView, leading_axes

_LEADING_LETTERS = "ZT"

Key = tuple[int | None, ...]
"""Where a plane lies in a labels array: a position on each axis, None for rows and columns."""


@dataclass(frozen=True)
class Geometry:
    """How a labels layer lies beside an image layer.

    Attributes
    ----------
    shape : tuple of int
        Shape of the labels array: the image's without channels and RGB.
    placement : dict
        Keyword arguments of a napari layer: scale, translate, rotate, shear, affine, units
        and axis labels.
    """

    shape: tuple[int, ...]
    placement: dict[str, Any]


def image_array(layer: Image) -> Any:
    """Data of an image layer; the finest level of a multiscale one."""
    return layer.data[0] if layer.multiscale else layer.data


def geometry(layer: Image, view: ImageView) -> Geometry:
    """Shape and placement of labels for an image layer.

    A channel axis in front is dropped. Anywhere else it stays with length 1, stretched over
    all channels, because napari aligns the axes of layers from the back.
    """
    shape = [int(n) for n in np.shape(image_array(layer))]
    if view.rgb:
        shape = shape[:-1]
    placement = _placement(layer)
    axis = view.channel_axis
    if axis is None:
        return Geometry(tuple(shape), placement)
    axis %= len(shape)
    if axis == 0:
        return Geometry(tuple(shape[1:]), _without_first_axis(placement))
    step, n_channels = layer.scale[axis], shape[axis]
    shape[axis] = 1
    placement["scale"][axis] = step * n_channels
    placement["translate"] = placement["translate"] + _moved(layer, axis, (n_channels - 1) / 2)
    return Geometry(tuple(shape), placement)


def plane_key(layer: Image, view: ImageView, index: Sequence[int]) -> Key:
    """Where the plane lies in the labels array of an image layer."""
    data = image_array(layer)
    positions = dict(zip(leading_axes(data, view), index, strict=True))
    n_axes = np.ndim(data) - int(view.rgb)
    channel = None if view.channel_axis is None else view.channel_axis % n_axes
    key: list[int | None] = []
    for axis in range(n_axes):
        if axis == channel:
            if axis:
                key.append(0)
        else:
            key.append(positions.get(axis))
    return tuple(key)


def plane_index(layer: Image, view: ImageView, key: Key) -> tuple[int, ...]:
    """The inverse of `plane_key`: position on each leading axis of the image."""
    data = image_array(layer)
    dropped = view.channel_axis is not None and view.channel_axis % np.ndim(data) == 0
    return tuple(key[axis - dropped] or 0 for axis in leading_axes(data, view))


def plane_axes(layer: Image, view: ImageView) -> tuple[int, int]:
    """Axes of rows and columns in the data of an image layer."""
    data = image_array(layer)
    n_axes = np.ndim(data) - int(view.rgb)
    others = {*leading_axes(data, view)}
    if view.channel_axis is not None:
        others.add(view.channel_axis % n_axes)
    rows, cols = (axis for axis in range(n_axes) if axis not in others)
    return rows, cols


def axes_of(layer: Image, view: ImageView) -> str:
    """One letter for each dimension of an image, empty where they are not known."""
    data = image_array(layer)
    leading = leading_axes(data, view)
    if len(leading) > len(_LEADING_LETTERS):
        return ""
    letters = dict(zip(reversed(leading), _LEADING_LETTERS, strict=False))
    if view.channel_axis is not None:
        letters[view.channel_axis % np.ndim(data)] = "C"
    if view.rgb:
        letters[np.ndim(data) - 1] = "S"
    plane = iter("YX")
    return "".join(
        letters[axis] if axis in letters else next(plane) for axis in range(np.ndim(data))
    )


def pixel_size_of(layer: Image, view: ImageView) -> tuple[tuple[float, float] | None, str]:
    """Physical size (row, col) of a pixel and its unit; None where the layer has no scale."""
    rows, cols = plane_axes(layer, view)
    size = float(layer.scale[rows]), float(layer.scale[cols])
    unit = str(layer.units[-1]) if hasattr(layer, "units") else "pixel"
    if unit == "pixel":
        return (None if size == (1.0, 1.0) else size), ""
    return size, unit


def shape_without_channels(layer: Image, view: ImageView) -> tuple[int, ...]:
    """Shape of the labels of an image without an axis that stands for channels."""
    shape = [int(n) for n in np.shape(image_array(layer))[: -1 if view.rgb else None]]
    if view.channel_axis is not None:
        del shape[view.channel_axis % len(shape)]
    return tuple(shape)


def without_channels(labels: Labels, image: Image, view: ImageView) -> np.ndarray:
    """The labels array without an axis that stands for channels."""
    array = np.asarray(labels.data)
    if view.channel_axis is None or array.ndim < np.ndim(image_array(image)):
        return array
    return array.squeeze(view.channel_axis)


def _placement(layer: Image) -> dict[str, Any]:
    names = ("scale", "translate", "rotate", "shear", "units", "axis_labels")
    found = {name: getattr(layer, name) for name in names if hasattr(layer, name)}
    placement = {
        name: value.copy() if isinstance(value, np.ndarray) else value
        for name, value in found.items()
    }
    placement["affine"] = layer.affine.affine_matrix.copy()
    return placement


def _without_first_axis(placement: dict[str, Any]) -> dict[str, Any]:
    shear = placement["shear"]
    n_axes = len(placement["scale"])
    return {
        "scale": placement["scale"][1:],
        "translate": placement["translate"][1:],
        "rotate": placement["rotate"][1:, 1:],
        # A vector lists the upper triangle row by row: the first row has n − 1 values.
        "shear": shear[n_axes - 1 :] if shear.ndim == 1 else shear[1:, 1:],
        "affine": placement["affine"][1:, 1:],
        **{name: placement[name][1:] for name in ("units", "axis_labels") if name in placement},
    }


def linear(placement: dict[str, Any]) -> np.ndarray:
    """Matrix from data steps to the layer's own world, without its affine."""
    return Affine(
        scale=placement["scale"], rotate=placement["rotate"], shear=placement["shear"]
    ).linear_matrix


def _moved(layer: Image, axis: int, steps: float) -> np.ndarray:
    """Shift in the layer's own world that corresponds to steps along a data axis."""
    offset = np.zeros(layer.ndim)
    offset[axis] = steps
    return linear(_placement(layer)) @ offset
