"""Layers that the plugin creates and writes: labels and heatmaps beside an image layer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from math import prod
from typing import Any

import numpy as np
import pandas as pd
import zarr
from napari.layers import Image, Labels
from napari.utils.colormaps import DirectLabelColormap, label_colormap

from napari_vlseg.errors import ImageError
from napari_vlseg.images import ImageView
from napari_vlseg.proposals import Proposals
from napari_vlseg.ui.geometry import Key, geometry, linear
from napari_vlseg.ui.volumes import copy_planes, is_unwritten, make_volume

METADATA_KEY = "napari-vlseg"
LARGE_BYTES = 256 << 20
"""Labels of more bytes are kept on the disk, and never read as a whole."""

_NAPARIS_OWN = (
    "_slicing_state",
    "_slice",
    "_get_update_slices",
    "_align_data_to_view",
    "_accumulate_updated_slice",
    "_partial_labels_refresh",
)

_FEW = 100_000  # pixels that are shown one by one faster than the whole plane
_N_COLORS = 49  # as in a new labels layer of napari


def warm_up() -> None:
    """Have napari compile what labels need, once, before a first result arrives."""
    Labels(np.zeros((2, 2), np.int32))


def add_labels(viewer: Any, image: Image, view: ImageView, data: Any | None = None) -> Labels:
    """Add a labels layer for an image, right above it: empty, or with labels of a project.

    Parameters
    ----------
    viewer : napari.components.ViewerModel
    image : napari.layers.Image
    view : ImageView
    data : array of integers, optional
        In the shape that `napari_vlseg.ui.geometry.geometry` says, or a NumPy array in the
        shape without channels. Labels that are large begin in an array on the disk.
    """
    place = geometry(image, view)
    if data is None:
        data = empty_labels(place.shape)
    elif data.shape != place.shape:
        data = _reshaped(data, place.shape)
    layer = Labels(
        data,
        name=f"{image.name} — vlseg",
        opacity=0.5,
        metadata={METADATA_KEY: {"image": image.name}},
        **place.placement,
    )
    return insert_above(viewer, image, layer)


def show_heatmap(
    viewer: Any, image: Image, view: ImageView, key: Key, values: np.ndarray, class_name: str
) -> Image:
    """Show probabilities (H, W) of a class on their plane, as a layer that is made once."""
    name = f"{image.name} — {class_name} probability"
    place = geometry(image, view)
    data = values.reshape([n if k is None else 1 for k, n in zip(key, place.shape, strict=True)])
    offset = np.array([k or 0 for k in key], float)
    placement = dict(place.placement)
    placement["translate"] = placement["translate"] + linear(placement) @ offset
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
        metadata={METADATA_KEY: {"heatmap": class_name, "image": image.name}},
        **placement,
    )
    return insert_above(viewer, image, layer)


def is_heatmap(layer: Any) -> bool:
    """Whether a layer is one that `show_heatmap` made."""
    return "heatmap" in layer.metadata.get(METADATA_KEY, {})


def heatmaps_of(viewer: Any, image: Image) -> list[Image]:
    """The heatmaps of an image."""
    return [
        layer
        for layer in viewer.layers
        if is_heatmap(layer) and layer.metadata[METADATA_KEY].get("image") == image.name
    ]


def class_of(heatmap: Image) -> str:
    """The class whose probabilities a heatmap shows."""
    return str(heatmap.metadata[METADATA_KEY]["heatmap"])


def layers_of(viewer: Any, image: Image, labels: Labels | None) -> list[Any]:
    """The layers that come and go with an image: itself, its labels and its heatmaps."""
    return [*heatmaps_of(viewer, image), *([] if labels is None else [labels]), image]


def _reshaped(data: Any, shape: tuple[int, ...]) -> Any:
    """The same labels with an axis of length 1 more."""
    if isinstance(data, np.ndarray):
        return data.reshape(shape)
    copy = make_volume(shape, data.dtype)
    copy_planes(data, copy)
    return copy


def empty_labels(shape: Sequence[int]) -> Any:
    """An array of labels that holds none: NumPy's, or one on the disk where it is large."""
    if prod(shape) * np.dtype(np.int32).itemsize <= LARGE_BYTES:
        return np.zeros(shape, np.int32)
    return make_volume(shape)


def is_large(layer: Labels) -> bool:
    """Whether the labels of a layer are not to be read as a whole."""
    data = layer.data
    n_bytes = prod(data.shape) * np.dtype(data.dtype).itemsize
    return n_bytes > LARGE_BYTES or not isinstance(data, np.ndarray)


def is_blank(layer: Labels) -> bool:
    """Whether it is certain, without reading it, that a layer holds no labels."""
    return isinstance(layer.data, zarr.Array) and is_unwritten(layer.data)


def read_plane(layer: Labels, key: Key) -> np.ndarray:
    """The labels of a plane (H, W): a view where the layer holds a NumPy array."""
    return np.asarray(layer.data[_slices(key)])


def write_pixels(layer: Labels, flat: np.ndarray, values: np.ndarray) -> None:
    """Write pixels and show them.

    Parameters
    ----------
    layer : napari.layers.Labels
    flat : numpy.ndarray, shape (n,), int64
        Ascending indices into the whole array in row-major order.
    values : numpy.ndarray, shape (n,), integer

    Raises
    ------
    ImageError
        If the layer holds an array that can't be written. It is as it was.
    """
    _make_room(layer, int(values.max(initial=0)))
    data = layer.data
    with _told_if_not_writable(layer):
        if isinstance(data, np.ndarray) and flat.size <= _FEW:
            # It shows the few pixels alone, where a refresh draws the whole plane.
            layer.data_setitem(np.unravel_index(flat, data.shape), values)
            return
        if isinstance(data, np.ndarray) and data.flags.c_contiguous:
            data.reshape(-1)[flat] = values
        else:
            _write_boxes(data, flat, values)
    layer.refresh(extent=False)


def narrow(layer: Labels, dtype: np.dtype) -> None:
    """Hold the labels in another type, without a change of any."""
    if layer.data.dtype == dtype:
        return
    if isinstance(layer.data, zarr.Array):
        volume = make_volume(layer.data.shape, dtype)
        copy_planes(layer.data, volume)
        layer.data = volume
    else:
        layer.data = np.asarray(layer.data).astype(dtype)


def overwrite_plane(
    layer: Labels, key: Key, labels: np.ndarray, highest: int, *, thumbnail: bool = True
) -> None:
    """Show labels up to `highest` on a plane.

    Raises
    ------
    ImageError
        If the layer holds an array that can't be written.
    """
    _make_room(layer, highest)
    with _told_if_not_writable(layer):
        layer.data[_slices(key)] = labels.astype(layer.data.dtype, copy=False)
    layer.refresh(extent=False, thumbnail=thumbnail)


def overwrite_part(layer: Labels, key: Key, rows: slice, cols: slice, labels: np.ndarray) -> None:
    """Show labels on a part of a plane, without drawing all of it anew.

    Raises
    ------
    ImageError
        If the layer holds an array that can't be written.
    """
    _make_room(layer, int(labels.max(initial=0)))
    parts = iter((rows, cols))
    where = tuple(next(parts) if position is None else position for position in key)
    with _told_if_not_writable(layer):
        layer.data[where] = labels.astype(layer.data.dtype, copy=False)
    box = tuple(p if isinstance(p, slice) else slice(p, p + 1) for p in where)
    if not _show_box(layer, box):
        layer.refresh(extent=False)


def _show_box(layer: Labels, box: tuple[slice, ...]) -> bool:
    """Have napari show a box of its array alone; False where this release can't.

    It is what napari does itself when somebody paints, and has no public name.
    """
    if not all(hasattr(layer, name) for name in _NAPARIS_OWN) or layer.contour > 0:
        return False
    if not layer._slicing_state.loaded or layer._slice.empty:
        return True  # what is still being read has it
    found = layer._get_update_slices(box)
    if found is None:
        return True  # another plane is in view
    region, shown = (tuple(parts) for parts in found)
    pixels = np.asarray(layer.data[box])[region]
    pixels, _ = layer._align_data_to_view(pixels, np.ones(pixels.shape, bool))
    image = layer._slice.image
    image.raw[shown] = pixels
    image.view[shown] = layer.colormap._data_to_texture(pixels)
    layer._accumulate_updated_slice(box)
    layer._partial_labels_refresh()
    return True


def set_objects(layer: Labels, objects: pd.DataFrame) -> None:
    """Mirror a table of objects to the layer's features, found by label value."""
    layer.features = objects.rename(columns={"label": "index"}).reset_index(drop=True)


def get_objects(layer: Labels) -> pd.DataFrame | None:
    """The table that `set_objects` wrote, or None where the features are something else."""
    features = layer.features
    if not {"index", "object_uid", "status"} <= set(features.columns):
        return None
    return features.rename(columns={"index": "label"})


def color(layer: Labels, proposals: Proposals | None, semantic: bool) -> None:
    """Give each class of a semantic result the colour of its row, and instances any colour."""
    is_direct = isinstance(layer.colormap, DirectLabelColormap)
    if not semantic or proposals is None:
        if is_direct:
            layer.colormap = label_colormap(_N_COLORS)
        return
    colors = {row.name: row.color for row in proposals.prompts.rows}
    table: dict[int | None, str] = {None: "gray", 0: "transparent"}
    for number, name in enumerate(proposals.classes, start=1):
        table[number] = colors.get(name, "white")
    layer.colormap = DirectLabelColormap(color_dict=table)


def insert_above(viewer: Any, image: Image, layer: Any) -> Any:
    """Insert a layer above an image and leave the selection as the person had it."""
    selected = set(viewer.layers.selection)
    place = viewer.layers.index(image) + 1 if image in viewer.layers else len(viewer.layers)
    viewer.layers.insert(place, layer)
    viewer.layers.selection = selected
    return layer


def type_for(layer: Labels, highest: int) -> np.dtype:
    """The type of a layer's labels once it holds a number."""
    present = np.dtype(layer.data.dtype)
    return np.dtype(np.int32) if highest > np.iinfo(present).max else present


def _make_room(layer: Labels, highest: int) -> None:
    narrow(layer, type_for(layer, highest))


def _write_boxes(data: Any, flat: np.ndarray, values: np.ndarray) -> None:
    """Write pixels, plane by plane, by the box around them: every kind of array takes slices."""
    height, width = data.shape[-2:]
    size = height * width
    for number in range(int(flat[0]) // size, int(flat[-1]) // size + 1):
        start, stop = np.searchsorted(flat, (number * size, (number + 1) * size))
        if start == stop:
            continue
        index = tuple(map(int, np.unravel_index(number, data.shape[:-2]))) if data.ndim > 2 else ()
        rows, cols = np.divmod(flat[start:stop] - number * size, width)
        top, left = int(rows[0]), int(cols.min())
        box = (*index, slice(top, int(rows[-1]) + 1), slice(left, int(cols.max()) + 1))
        region = np.array(data[box])
        region[rows - top, cols - left] = values[start:stop]
        data[box] = region


def _slices(key: Key) -> tuple[Any, ...]:
    """Index of a whole plane in a labels array."""
    return tuple(slice(None) if position is None else position for position in key)


@contextmanager
def _told_if_not_writable(layer: Labels) -> Iterator[None]:
    try:
        yield
    except (TypeError, ValueError, NotImplementedError) as error:
        raise ImageError(
            f"The labels layer “{layer.name}” can't be written: choose a new layer under Details."
        ) from error
