"""What napari opens through the plugin: pyramids and OME-Zarr, lazily, with what they say."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from napari_vlseg.errors import ImageError
from napari_vlseg.images import SourceImage, label_names, read_image
from napari_vlseg.lazy_arrays import ArrangedArray
from napari_vlseg.ome_zarr import is_zarr
from napari_vlseg.tiff_files import READ_AT_ONCE
from napari_vlseg.ui.opening import layer_of

LayerData = tuple[Any, dict[str, Any], str]


def get_reader(path: str | Sequence[str]) -> Callable[[Any], list[LayerData]] | None:
    """The reader, for one file or folder; several are left to napari, which stacks them."""
    return read_layers if isinstance(path, str) else None


def read_layers(path: str) -> list[LayerData]:
    """An image, and the labels that an OME-Zarr image has, hidden.

    Raises
    ------
    ImageError
        If it can't be read.
    """
    image = read_image(path)
    data, options = layer_of(image)
    layers: list[LayerData] = [(data, options, "image")]
    if is_zarr(Path(path)):
        for name in label_names(path):
            labels = read_image(Path(path) / "labels" / name)
            layers.append(_labels_layer(labels, image, name))
    return layers


def _labels_layer(labels: SourceImage, image: SourceImage, name: str) -> LayerData:
    """Labels over their image: an axis that they lack has length 1 and spans all of it."""
    if labels.data.dtype.kind not in "biu":
        raise ImageError(
            f"The labels “{name}” are no whole numbers: open their folder as an image."
        )
    axes = image.axes[: len(image.placement.scale)]
    order = [labels.axes.index(axis) if axis in labels.axes else None for axis in axes]
    first = next(i for i, axis in enumerate(order) if axis is not None)
    order = order[first:]  # napari aligns axes from the back
    levels: list[Any] = [ArrangedArray(level, order) for level in labels.levels]
    small = levels[0].nbytes <= READ_AT_ONCE
    scale, translate = [], []
    for axis, own in enumerate(order, start=first):
        length = image.data.shape[axis]
        step, begin = image.placement.scale[axis], image.placement.translate[axis]
        scale.append(step * length if own is None else labels.placement.scale[own])
        middle = begin + step * (length - 1) / 2
        translate.append(middle if own is None else labels.placement.translate[own])
    of_image = layer_of(image)[1]
    options = {
        "name": f"{image.name} — {name}",
        "scale": scale,
        "translate": translate,
        "units": of_image["units"][first:],
        "axis_labels": of_image["axis_labels"][first:],
        "multiscale": not small and len(levels) > 1,
        "visible": False,
    }
    data = levels if options["multiscale"] else levels[0]
    return np.asarray(levels[0]) if small else data, options, "labels"
