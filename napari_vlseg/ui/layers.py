"""Layers that the plugin creates and writes: labels and heatmaps beside an image layer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from napari.layers import Image, Labels
from napari.utils.colormaps import DirectLabelColormap, label_colormap

from napari_vlseg.errors import ImageError
from napari_vlseg.images import ImageView
from napari_vlseg.proposals import Proposals
from napari_vlseg.ui.geometry import Key, geometry, linear

METADATA_KEY = "napari-vlseg"
_FEW = 0.25  # of the pixels, up to which listing them takes less memory than the plane
_N_COLORS = 49  # as in a new labels layer of napari


def warm_up() -> None:
    """Have napari compile what labels need, once, before a first result arrives."""
    Labels(np.zeros((2, 2), np.int32))


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
    return _insert_above(viewer, image, layer)


def is_heatmap(layer: Any) -> bool:
    """Whether a layer is one that `show_heatmap` made."""
    return "heatmap" in layer.metadata.get(METADATA_KEY, {})


def layers_of(viewer: Any, image: Image, labels: Labels | None) -> list[Any]:
    """The layers that come and go with an image: itself, its labels and its heatmaps."""
    heatmaps = [
        layer
        for layer in viewer.layers
        if is_heatmap(layer) and layer.metadata[METADATA_KEY].get("image") == image.name
    ]
    return [*heatmaps, *([] if labels is None else [labels]), image]


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
    with layer.block_history():
        # The public `data_setitem` lists each pixel as two 64-bit numbers and takes 0.2 s for
        # a plane of 2048²; an entry of the history may hold slices or smaller numbers as well.
        for where, old, new in _history_entries(key, before, labels, layer.data.dtype):
            layer._save_history((where, old, new))
    _assign(layer, _slices(key), labels)
    layer.refresh(extent=False)


def overwrite_plane(layer: Labels, key: Key, labels: np.ndarray, highest: int) -> None:
    """Show labels up to `highest` without a step of undo; the caller puts back what was there."""
    _make_room(layer, highest)
    _assign(layer, _slices(key), labels)
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


def color(layer: Labels, proposals: Proposals) -> None:
    """Give each class of a semantic result the colour of its row, and instances any colour."""
    is_direct = isinstance(layer.colormap, DirectLabelColormap)
    if proposals.postprocess.mode != "semantic":
        if is_direct:
            layer.colormap = label_colormap(_N_COLORS)
        return
    colors = {row.name: row.color for row in proposals.prompts.rows}
    table: dict[int | None, str] = {None: "gray", 0: "transparent"}
    for number, name in enumerate(proposals.classes, start=1):
        table[number] = colors.get(name, "white")
    layer.colormap = DirectLabelColormap(color_dict=table)


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


def _history_entries(
    key: Key, before: np.ndarray, labels: np.ndarray, dtype: np.dtype
) -> Iterator[tuple[tuple[Any, ...], np.ndarray, np.ndarray]]:
    """Where the plane changes, from what and to what: none or one entry, of the smaller kind."""
    changed = labels != before
    n_changed = int(np.count_nonzero(changed))
    if not n_changed:
        return
    if n_changed < _FEW * changed.size:
        pixels = tuple(axis.astype(np.int32) for axis in np.nonzero(changed))
        yield _at(key, pixels), before[pixels], labels[pixels].astype(dtype)
    else:
        yield _slices(key), before.copy(), labels.astype(dtype)


def _slices(key: Key) -> tuple[Any, ...]:
    """Index of a whole plane in a labels array."""
    return _at(key, (slice(None), slice(None)))


def _at(key: Key, pixels: tuple[Any, ...]) -> tuple[Any, ...]:
    """Index of pixels of a plane in a labels array."""
    sides = iter(pixels)
    return tuple(next(sides) if position is None else position for position in key)


def _assign(layer: Labels, where: tuple[Any, ...], values: np.ndarray) -> None:
    try:
        layer.data[where] = values
    except (TypeError, ValueError, NotImplementedError) as error:
        raise ImageError(
            f"The labels layer “{layer.name}” can't be written: choose a new layer under Details."
        ) from error
