"""Images and samples brought into the viewer with what their files say about them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from napari.components import ViewerModel
from napari.layers import Image

from napari_vlseg.images import ImageView, SourceImage, fixed_contrast, read_image
from napari_vlseg.ome_units import long_unit
from napari_vlseg.samples import load_sample
from napari_vlseg.ui.layers import METADATA_KEY
from napari_vlseg.ui.thinned import shown_levels


def add_source(viewer: ViewerModel, source: SourceImage) -> Image:
    """Add an image that was read from a file: how it is looked at, where it lies, where it is.

    An image with coarser levels becomes a multiscale layer, and so does a large one without
    them, of which every few rows and columns are shown from afar. napari keeps of its own readers
    alone where a layer came from, so that this is in the metadata.
    """
    data, options = layer_of(source)
    return viewer.add_image(data, **options)


def layer_of(source: SourceImage) -> tuple[Any, dict[str, Any]]:
    """Data and keyword arguments of an image layer."""
    place, rgb = source.placement, source.view.rgb
    levels = shown_levels(source.levels, source.view)
    path = None if source.path is None else str(source.path)
    options: dict[str, Any] = {
        "name": source.name,
        "rgb": rgb,
        "multiscale": len(levels) > 1,
        "scale": place.scale,
        "translate": place.translate,
        # napari knows the names of units that OME-Zarr does; it refuses others.
        "units": tuple(long_unit(unit) or "pixel" for unit in place.units),
        "axis_labels": tuple(source.axes[: len(place.scale)]),
        "metadata": {METADATA_KEY: {"path": path, "view": source.view}},
    }
    if not rgb and not isinstance(source.data, np.ndarray):
        # napari would read whole planes of the full resolution to find limits.
        options["contrast_limits"] = _limits(source)
    return source.data if len(levels) == 1 else list(levels), options


def _limits(source: SourceImage) -> tuple[float, float]:
    """What is shown as black and as white, channels taken together, from a sample."""
    low, high = fixed_contrast(source.data, levels=source.levels).contrast or (0.0, 1.0)
    return low, high if high > low else low + 1


def add_image_again(
    viewer: ViewerModel,
    source: SourceImage,
    name: str,
    scale: Sequence[float] | None,
    translate: Sequence[float] | None,
) -> Image:
    """Add an image as it was shown before; without a scale, as its file says."""
    layer = add_source(viewer, source)
    layer.name = name
    if scale is not None:
        layer.scale = scale
    if translate is not None:
        layer.translate = translate
    return layer


def fitting_view(
    source: SourceImage, wanted: ImageView | None, labels_shape: Sequence[int] | None
) -> ImageView:
    """How an image is looked at, such that labels that are there fit on it.

    Parameters
    ----------
    source : SourceImage
    wanted : ImageView or None
        How the person looked at the image before it.
    labels_shape : sequence of int or None
        Of the labels without channels; None where there are none.
    """
    own = source.view
    views = [carried_view(wanted, source.data, own), own] if wanted is not None else [own]
    views += [replace(own, channel_axis=axis, channels=()) for axis in (None, *_axes(source))]
    fitting = (view for view in views if _fits(source, view, labels_shape))
    return next(fitting, own)


def carried_view(view: ImageView, data: Any, own: ImageView) -> ImageView:
    """How an image is looked at after another: alike where it fits, else as its file says."""
    axis, n_axes = view.channel_axis, data.ndim - own.rgb
    if view.rgb != own.rgb or own.channel_axis not in (None, axis):
        return own
    if axis is None:
        return replace(own, contrast=view.contrast)
    fits = -n_axes <= axis < n_axes and n_axes > 2
    return view if fits and all(c.index < data.shape[axis] for c in view.channels) else own


def path_of(layer: Image) -> Path | None:
    """The file that an image layer was opened from, by napari or by the widget."""
    path = layer.source.path or layer.metadata.get(METADATA_KEY, {}).get("path")
    return None if path is None else Path(path)


def open_images(viewer: ViewerModel, paths: Iterable[Path]) -> list[Image]:
    """Read image files and add them.

    Raises
    ------
    ImageError
        If one can't be read; those before it are there.
    """
    return [add_source(viewer, read_image(path)) for path in paths]


def add_sample(viewer: ViewerModel, name: str) -> Image:
    """Add one of the sample images."""
    image, _ = load_sample(name)
    return viewer.add_image(image, name=name, rgb=image.ndim == 3)


def _axes(source: SourceImage) -> range:
    return range(source.data.ndim - source.view.rgb)


def _fits(source: SourceImage, view: ImageView, labels_shape: Sequence[int] | None) -> bool:
    if labels_shape is None:
        return True
    axes = _axes(source)
    channel = None if view.channel_axis is None else view.channel_axis % len(axes)
    shape = tuple(source.data.shape[axis] for axis in axes if axis != channel)
    return shape == tuple(labels_shape)
