"""Layers that the plugin creates and writes: labels and heatmaps beside an image layer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from napari.layers import Image, Labels
from napari.utils.colormaps import DirectLabelColormap
from napari.utils.transforms import Affine

from napari_vlseg.errors import ImageError
from napari_vlseg.images import ImageView, leading_axes
from napari_vlseg.proposals import Proposals

METADATA_KEY = "napari-vlseg"
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
    return "".join(letters[axis] if axis in letters else next(plane) for axis in range(np.ndim(data)))


def pixel_size_of(layer: Image, view: ImageView) -> tuple[tuple[float, float] | None, str]:
    """Physical size (row, col) of a pixel and its unit; None where the layer has no scale."""
    rows, cols = plane_axes(layer, view)
    size = float(layer.scale[rows]), float(layer.scale[cols])
    unit = str(layer.units[-1]) if hasattr(layer, "units") else "pixel"
    if unit == "pixel":
        return (None if size == (1.0, 1.0) else size), ""
    return size, unit


def without_channels(labels: Labels, image: Image, view: ImageView) -> np.ndarray:
    """The labels array without an axis that stands for channels."""
    array = np.asarray(labels.data)
    if view.channel_axis is None or array.ndim < np.ndim(image_array(image)):
        return array
    return array.squeeze(view.channel_axis)


def add_labels(
    viewer: Any, image: Image, view: ImageView, data: np.ndarray | None = None
) -> Labels:
    """Add a labels layer for an image, right above it: empty, or with labels of a project."""
    place = geometry(image, view)
    layer = Labels(
        np.zeros(place.shape, np.int32) if data is None else data.reshape(place.shape),
        name=f"{image.name} — vlseg",
        opacity=0.5,
        metadata={METADATA_KEY: {"image": image.name}},
        **place.placement,
    )
    return _insert_above(viewer, image, layer)


def show_heatmap(
    viewer: Any, image: Image, view: ImageView, key: Key, values: np.ndarray, class_name: str
) -> Image:
    """Show probabilities (H, W) of a class on their plane, as a layer that is made once."""
    name = f"{image.name} — {class_name} probability"
    place = geometry(image, view)
    data = values.reshape([n if k is None else 1 for k, n in zip(key, place.shape, strict=True)])
    offset = np.array([k or 0 for k in key], float)
    placement = dict(place.placement)
    placement["translate"] = placement["translate"] + _linear(placement) @ offset
    if name in viewer.layers and isinstance(viewer.layers[name], Image):
        layer = viewer.layers[name]
        layer.data = data
        layer.translate = placement["translate"]
        return layer
    layer = Image(
        data,
        name=name,
        colormap="magma",
        blending="additive",
        opacity=0.7,
        contrast_limits=(0, 1),
        metadata={METADATA_KEY: {"heatmap": class_name}},
        **placement,
    )
    return _insert_above(viewer, image, layer)


def is_heatmap(layer: Any) -> bool:
    """Whether a layer is one that `show_heatmap` made."""
    return "heatmap" in layer.metadata.get(METADATA_KEY, {})


def read_plane(layer: Labels, key: Key) -> np.ndarray:
    """The labels of a plane (H, W): a view where the layer holds a NumPy array."""
    return np.asarray(layer.data[_slices(key)])


def write_plane(
    layer: Labels, key: Key, labels: np.ndarray, before: np.ndarray | None = None
) -> None:
    """Write a plane so that one undo takes it back.

    Parameters
    ----------
    layer : napari.layers.Labels
    key
        See `plane_key`.
    labels : numpy.ndarray, shape (H, W)
    before : numpy.ndarray, shape (H, W), optional
        What undo should bring back; the present content when omitted.

    Raises
    ------
    ImageError
        If the layer holds an array that can't be written.
    """
    _make_room(layer, int(labels.max(initial=0)))
    present = read_plane(layer, key)
    before = present if before is None else before
    box = _changed_box(before, labels, present)
    if box is None:
        return
    new = labels[box].astype(layer.data.dtype, copy=True)
    where = _slices(key, box)
    with layer.block_history():
        # The public `data_setitem` lists every pixel by its indices, which takes 0.2 s for a
        # plane of 2048²; a history entry may hold slices as well, which takes a tenth.
        layer._save_history((where, np.array(before[box], copy=True), new))
        _assign(layer, where, new)
    layer.refresh()


def overwrite_plane(layer: Labels, key: Key, labels: np.ndarray) -> None:
    """Show labels on a plane without a step of undo; the caller puts back what was there."""
    _make_room(layer, int(labels.max(initial=0)))
    _assign(layer, _slices(key), labels.astype(layer.data.dtype, copy=False))
    layer.refresh(extent=False, thumbnail=False)


def set_objects(layer: Labels, objects: pd.DataFrame) -> None:
    """Mirror a table of objects to the layer's features, found by label value."""
    layer.features = objects.rename(columns={"label": "index"}).reset_index(drop=True)


def get_objects(layer: Labels) -> pd.DataFrame | None:
    """The table that `set_objects` wrote, or None where the features are something else."""
    features = layer.features
    if not {"index", "object_uid", "status"} <= set(features.columns):
        return None
    return features.rename(columns={"index": "label"})


def color_by_class(layer: Labels, proposals: Proposals) -> None:
    """Give each class of a semantic result the colour of its row."""
    colors = {row.name: row.color for row in proposals.prompts.rows}
    table: dict[int | None, str] = {None: "transparent", 0: "transparent"}
    for number, name in enumerate(proposals.classes, start=1):
        table[number] = colors.get(name, "white")
    layer.colormap = DirectLabelColormap(color_dict=table)


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
    linear = Affine(
        scale=placement["scale"], rotate=placement["rotate"], shear=placement["shear"]
    ).linear_matrix[1:, 1:]
    rest = Affine(linear_matrix=linear)
    return {
        "scale": rest.scale,
        "rotate": rest.rotate,
        "shear": rest.shear,
        "translate": placement["translate"][1:],
        "affine": placement["affine"][1:, 1:],
        **{name: placement[name][1:] for name in ("units", "axis_labels") if name in placement},
    }


def _linear(placement: dict[str, Any]) -> np.ndarray:
    return Affine(
        scale=placement["scale"], rotate=placement["rotate"], shear=placement["shear"]
    ).linear_matrix


def _moved(layer: Image, axis: int, steps: float) -> np.ndarray:
    """Shift in the layer's own world that corresponds to steps along a data axis."""
    offset = np.zeros(layer.ndim)
    offset[axis] = steps
    return _linear(_placement(layer)) @ offset


def _insert_above(viewer: Any, image: Image, layer: Any) -> Any:
    """Insert a layer above an image and leave the selection as the person had it."""
    selected = set(viewer.layers.selection)
    place = viewer.layers.index(image) + 1 if image in viewer.layers else len(viewer.layers)
    viewer.layers.insert(place, layer)
    viewer.layers.selection = selected
    return layer


def _make_room(layer: Labels, highest: int) -> None:
    if highest > np.iinfo(layer.data.dtype).max:
        layer.data = np.asarray(layer.data).astype(np.int32)


def _changed_box(
    before: np.ndarray, labels: np.ndarray, present: np.ndarray
) -> tuple[slice, slice] | None:
    changed = (labels != before) | (labels != present)
    rows, cols = np.flatnonzero(changed.any(1)), np.flatnonzero(changed.any(0))
    if not rows.size:
        return None
    return slice(rows[0], rows[-1] + 1), slice(cols[0], cols[-1] + 1)


def _slices(
    key: Key, box: tuple[slice, slice] = (slice(None), slice(None))
) -> tuple[int | slice, ...]:
    """Index into a labels array, narrowed to a box on the plane."""
    sides = iter(box)
    return tuple(next(sides) if position is None else position for position in key)


def _assign(layer: Labels, where: tuple[int | slice, ...], values: np.ndarray) -> None:
    try:
        layer.data[where] = values
    except (TypeError, ValueError, NotImplementedError) as error:
        raise ImageError(
            f"The labels layer “{layer.name}” can't be written: choose a new layer under Details."
        ) from error
