"""Images: read from files, looked at as planes. The face of `planes`, `stack_contrast` and
`image_files`."""

from __future__ import annotations

from napari_vlseg.image_files import SourceImage, pixels_sha256, read_image, read_mask
from napari_vlseg.planes import (
    Channel,
    ImageView,
    default_channels,
    extract_plane,
    extract_window,
    leading_axes,
    plane_shape,
)
from napari_vlseg.stack_contrast import fixed_contrast

__all__ = [
    "Channel",
    "ImageView",
    "SourceImage",
    "default_channels",
    "extract_plane",
    "extract_window",
    "fixed_contrast",
    "leading_axes",
    "pixels_sha256",
    "plane_shape",
    "read_image",
    "read_mask",
]
