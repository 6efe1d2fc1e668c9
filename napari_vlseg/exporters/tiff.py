"""Pairs of image and mask TIFF files: ``images/<name>.tif`` and ``masks/<name>.tif``.

``classes.csv`` tells the class of each label, and what else is known of it. The pairs are read by
Cellpose, StarDist and most training scripts.
"""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from napari_vlseg.errors import ExportError
from napari_vlseg.exporters.base import FACTS, ExportItem, Fact, UniqueNames
from napari_vlseg.ome import write_labels, write_ome

IMAGES_NAME = "images"
MASKS_NAME = "masks"
CLASSES_NAME = "classes.csv"
CLASSES_HEADER = ("name", "label", "class", *FACTS)


class TiffWriter:
    """Writes OME-TIFF pairs.

    Parameters
    ----------
    folder : Path
        Empty.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._name = UniqueNames()
        self._classes: list[tuple[Fact, ...]] = []
        for name in (IMAGES_NAME, MASKS_NAME):
            (folder / name).mkdir()

    def add(self, item: ExportItem) -> None:
        """Write one pair.

        Raises
        ------
        ExportError
            If the image or the labels hold values that TIFF has no type for.
        """
        name = self._name(item.name)
        try:
            write_plane(self._folder / IMAGES_NAME / f"{name}.tif", item)
            write_labels(
                self._folder / MASKS_NAME / f"{name}.tif",
                item.labels,
                name=item.name,
                pixel_size=item.pixel_size,
                unit=item.unit,
            )
        except ValueError as failure:
            raise ExportError(
                f"“{item.name}” can't be exported: {failure}; convert it to 8, 16 or 32 bits."
            ) from failure
        labels = np.unique(item.labels[item.labels != 0]).tolist()
        for label in labels:
            facts = item.facts_of(label)
            cells = (facts.get(fact, "") for fact in FACTS)
            self._classes.append((name, label, item.class_of(label), *cells))

    def finish(self) -> None:
        """Write the table of classes."""
        with (self._folder / CLASSES_NAME).open("w", encoding="utf-8", newline="") as stream:
            writer = csv.writer(stream)
            writer.writerow(CLASSES_HEADER)
            writer.writerows(self._classes)


def write_plane(path: Path, item: ExportItem) -> None:
    """Write the image of an item as OME-TIFF, channels first unless it is RGB(A).

    Raises
    ------
    ValueError
        If its type is unknown to OME and no known one holds its values.
    """
    pixels, axes = _as_ome_type(item.image), "YX"
    if pixels.ndim == 3 and pixels.shape[-1] in (3, 4) and pixels.dtype.kind == "u":
        axes = "YXS"
    elif pixels.ndim == 3:
        pixels, axes = np.moveaxis(pixels, -1, 0), "CYX"
    write_ome(path, pixels, axes, name=item.name, pixel_size=item.pixel_size, unit=item.unit)


def _as_ome_type(pixels: np.ndarray) -> np.ndarray:
    """The same values in a type that OME-TIFF knows."""
    kind, size = pixels.dtype.kind, pixels.dtype.itemsize
    if kind == "b":
        return pixels.astype(np.uint8)
    if kind == "f":
        return pixels.astype(np.float32) if size == 2 else pixels
    if kind in "iu" and size < 8:
        return pixels
    if kind in "iu":
        for dtype in (np.uint32, np.int32):
            narrow = pixels.astype(dtype)
            if np.array_equal(narrow, pixels):
                return narrow
    raise ValueError(f"it holds values of type {pixels.dtype}")
