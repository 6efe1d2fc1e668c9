"""Pixels that a project holds, or finds in the file it refers to."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import tifffile

from napari_vlseg.corrections.documents import damage_told
from napari_vlseg.corrections.records import ImageRecord
from napari_vlseg.errors import ImageError, ProjectError
from napari_vlseg.files import reading
from napari_vlseg.images import ImageView, SourceImage, read_image


def write_pixels(path: Path, pixels: np.ndarray, axes: str) -> None:
    """Write an array of any shape as a compressed TIFF, RGB(A) if its last axis is S."""
    # TIFF has no type for bool; the record restores it.
    values = pixels.astype(np.uint8) if pixels.dtype == bool else np.asarray(pixels)
    is_rgb = axes.endswith("S") and values.dtype.kind == "u"
    tifffile.imwrite(
        path, values, compression="zlib", photometric="rgb" if is_rgb else "minisblack"
    )


def read_pixels(path: Path, record: ImageRecord) -> SourceImage:
    """Read what `write_pixels` wrote, in the shape and type of the record.

    Raises
    ------
    ProjectError
        If the file is missing or damaged.
    """
    with reading(path), damage_told(path):
        data = tifffile.imread(path).reshape(record.shape).astype(record.dtype)
    channel_axis = record.axes.index("C") if "C" in record.axes else None
    view = ImageView(rgb=record.axes.endswith("S"), channel_axis=channel_axis)
    return SourceImage(data, record.name, view, record.pixel_size, record.unit, path)


def read_source(record: ImageRecord, root: Path) -> SourceImage:
    """Read the file that a record refers to: relative to the project, or where it was.

    Raises
    ------
    ProjectError
        If it is at neither place, or can't be read.
    """
    places = [
        *([root / record.relative_path] if record.relative_path else []),
        *([Path(record.absolute_path)] if record.absolute_path else []),
    ]
    path = next((place for place in places if place.exists()), None)
    if path is None:
        tried = " or ".join(f"“{place}”" for place in dict.fromkeys(places))
        raise ProjectError(
            f"The image “{record.name}” is not at {tried}: put the file back, "
            "or move it with its project."
        )
    try:
        return read_image(path)
    except ImageError as failure:
        raise ProjectError(str(failure)) from failure
