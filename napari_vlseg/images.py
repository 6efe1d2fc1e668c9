"""Images: read from files, looked at as planes. The face of `planes`, `stack_contrast`,
`source_image`, `image_files`, `pixel_hashes`, `ome_zarr` and `levels`."""

from __future__ import annotations

from napari_vlseg.image_files import read_image, read_mask
from napari_vlseg.levels import level_for
from napari_vlseg.ome_zarr import label_names
from napari_vlseg.pixel_hashes import has_hash, pixels_sha256
from napari_vlseg.planes import (
    Channel,
    ImageView,
    default_channels,
    extract_plane,
    extract_window,
    leading_axes,
    plane_shape,
    with_channels,
)
from napari_vlseg.source_image import Placement, SourceImage, label_axes
from napari_vlseg.stack_contrast import fixed_contrast, lasting_view

__all__ = [
    "Channel",
    "ImageView",
    "Placement",
    "SourceImage",
    "default_channels",
    "extract_plane",
    "extract_window",
    "fixed_contrast",
    "has_hash",
    "label_axes",
    "label_names",
    "lasting_view",
    "leading_axes",
    "level_for",
    "pixels_sha256",
    "plane_shape",
    "read_image",
    "read_mask",
    "with_channels",
]
