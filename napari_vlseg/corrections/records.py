"""What a project knows about an image without opening it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

KIND = "image"
FILE_NAME = "image.json"
PIXELS_NAME = "pixels.tif"


@dataclass(frozen=True, eq=False)
class ImageRecord:
    """An image that a project refers to.

    Attributes
    ----------
    id : str
        Name of its folder in the project; never changes.
    name : str
        The person's name for it.
    pixels_sha256 : str
        `napari_vlseg.images.pixels_sha256` of the pixels.
    shape : tuple of int
    dtype : str
    axes : str
        One letter for each dimension (``TZCYXS``), empty if unknown.
    pixel_size : tuple of float or None
        (row, col) in `unit`.
    unit : str
    scale, translate : tuple of float or None
        Of the layer it was shown in, one value for each displayed dimension.
    relative_path, absolute_path : str or None
        The image file, seen from the project folder and from the root of the system.
    is_embedded : bool
        Whether the pixels are in the project.
    added : str
        Time in UTC, ISO 8601.
    """

    id: str
    name: str
    pixels_sha256: str
    shape: tuple[int, ...]
    dtype: str
    axes: str
    pixel_size: tuple[float, float] | None
    unit: str
    scale: tuple[float, ...] | None
    translate: tuple[float, ...] | None
    relative_path: str | None
    absolute_path: str | None
    is_embedded: bool
    added: str

    @property
    def labels_shape(self) -> tuple[int, ...]:
        """Shape of the labels: the axes of the image without channels and RGB samples."""
        if len(self.axes) != len(self.shape):
            return self.shape
        named = zip(self.shape, self.axes, strict=True)
        return tuple(side for side, letter in named if letter not in "CS")

    def to_dict(self) -> dict[str, Any]:
        """JSON form, as documented in docs/on-disk-format.md."""
        return {
            "id": self.id,
            "name": self.name,
            "added": self.added,
            "source": {"relative": self.relative_path, "absolute": self.absolute_path},
            "pixels": PIXELS_NAME if self.is_embedded else None,
            "pixels_sha256": self.pixels_sha256,
            "shape": list(self.shape),
            "dtype": self.dtype,
            "axes": self.axes,
            "pixel_size": _listed(self.pixel_size),
            "unit": self.unit,
            "scale": _listed(self.scale),
            "translate": _listed(self.translate),
        }


def record_from_dict(data: Mapping[str, Any]) -> dict[str, Any]:
    """Fields of an `ImageRecord` from `ImageRecord.to_dict`.

    Raises
    ------
    KeyError, TypeError, ValueError
        If the data are malformed.
    """
    return {
        "id": str(data["id"]),
        "name": str(data["name"]),
        "pixels_sha256": str(data["pixels_sha256"]),
        "shape": tuple(int(side) for side in data["shape"]),
        "dtype": str(data["dtype"]),
        "axes": str(data["axes"]),
        "pixel_size": pair(data["pixel_size"]),
        "unit": str(data["unit"]),
        "scale": floats(data["scale"]),
        "translate": floats(data["translate"]),
        "relative_path": data["source"]["relative"],
        "absolute_path": data["source"]["absolute"],
        "is_embedded": data["pixels"] is not None,
        "added": str(data["added"]),
    }


def seen_from(folder: Path, path: Path) -> str | None:
    """Path of a file relative to a folder with ``/``; None on another drive."""
    try:
        return Path(os.path.relpath(path.resolve(), folder.resolve())).as_posix()
    except ValueError:  # Windows: no way from one drive to another
        return None


def floats(values: Sequence[float] | None) -> tuple[float, ...] | None:
    """A tuple of floats, or None."""
    return None if values is None else tuple(float(value) for value in values)


def pair(values: Sequence[float] | None) -> tuple[float, float] | None:
    """A tuple of two floats, or None; ValueError for another number of them."""
    if values is None:
        return None
    row, col = values
    return float(row), float(col)


def _listed(values: Sequence[float] | None) -> list[float] | None:
    return None if values is None else list(values)
