"""Images and samples brought into the viewer with what their files say about them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from napari.components import ViewerModel
from napari.layers import Image

from napari_vlseg.images import SourceImage, read_image
from napari_vlseg.samples import load_sample


def add_source(viewer: ViewerModel, source: SourceImage) -> Image:
    """Add an image that was read from a file: its RGB, its channels in front, its pixel size."""
    n_axes = source.data.ndim - int(source.view.rgb)
    scale = [1.0] * n_axes
    if source.pixel_size is not None:
        axes = [axis for axis in range(n_axes) if axis != source.view.channel_axis][-2:]
        for axis, size in zip(axes, source.pixel_size, strict=True):
            scale[axis] = size
    layer = viewer.add_image(source.data, name=source.name, rgb=source.view.rgb, scale=scale)
    if source.unit and source.pixel_size is not None:
        layer.units = tuple(source.unit if value != 1 else "pixel" for value in scale)
    return layer


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
