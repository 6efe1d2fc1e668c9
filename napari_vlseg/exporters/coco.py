"""COCO instances: ``instances.json`` with compressed masks, and ``images/`` beside it.

Format: https://cocodataset.org/#format-data, section object detection. Masks are run
lengths in column order as pycocotools encodes them, ids start at 1. What else is known of an
object is in the annotation's ``attributes``, where other programs keep such things too.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from pycocotools import mask as coco_mask

from napari_vlseg._version import __version__
from napari_vlseg.errors import ExportError
from napari_vlseg.exporters.base import ExportItem, UniqueNames
from napari_vlseg.exporters.tiff import write_plane

IMAGES_NAME = "images"
INSTANCES_NAME = "instances.json"


class CocoWriter:
    """Writes COCO instances.

    Parameters
    ----------
    folder : Path
        Empty.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._name = UniqueNames()
        self._images: list[dict[str, Any]] = []
        self._annotations: list[dict[str, Any]] = []
        self._categories: dict[str, int] = {}
        (folder / IMAGES_NAME).mkdir()

    def add(self, item: ExportItem) -> None:
        """Write one image and note its objects.

        Raises
        ------
        ExportError
            If the image holds values that neither PNG nor TIFF has a type for.
        """
        name = self._write_image(item)
        height, width = item.labels.shape
        image_id = len(self._images) + 1
        self._images.append({"id": image_id, "file_name": name, "height": height, "width": width})
        for label, pixels in _objects(item.labels):
            annotation = {
                "id": len(self._annotations) + 1,
                "image_id": image_id,
                "category_id": self._category(item.class_of(label)),
                **_geometry(pixels, height, width),
                "iscrowd": 0,
            }
            facts = item.facts_of(label)
            self._annotations.append(annotation | ({"attributes": facts} if facts else {}))

    def finish(self) -> None:
        """Write the annotations."""
        document = {
            "info": {"description": f"Exported by napari-vlseg {__version__}", "version": "1.0"},
            "licenses": [],
            "images": self._images,
            "categories": [
                {"id": number, "name": name, "supercategory": ""}
                for name, number in self._categories.items()
            ],
            "annotations": self._annotations,
        }
        text = json.dumps(document, ensure_ascii=False)
        (self._folder / INSTANCES_NAME).write_text(text, encoding="utf-8")

    def _write_image(self, item: ExportItem) -> str:
        name = self._name(item.name)
        if _fits_png(item.image):
            Image.fromarray(item.image).save(self._folder / IMAGES_NAME / f"{name}.png")
            return f"{name}.png"
        try:
            write_plane(self._folder / IMAGES_NAME / f"{name}.tif", item)
        except ValueError as failure:
            raise ExportError(
                f"“{item.name}” can't be exported: {failure}; convert it to 8, 16 or 32 bits."
            ) from failure
        return f"{name}.tif"

    def _category(self, name: str) -> int:
        return self._categories.setdefault(name, len(self._categories) + 1)


def _fits_png(image: np.ndarray) -> bool:
    if image.ndim == 3:
        return image.dtype == np.uint8 and image.shape[-1] in (3, 4)
    return image.dtype in (np.uint8, np.uint16)


def _objects(labels: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """Each label with its pixels, as rising offsets in column order."""
    flat = labels.ravel(order="F")
    offsets = np.flatnonzero(flat)
    values = flat[offsets]
    order = np.argsort(values, kind="stable")
    numbers, starts = np.unique(values[order], return_index=True)
    # Split at every start, the first too, for an empty head: so no label gives no part.
    _, *parts = np.split(offsets[order], starts)
    yield from zip(numbers.tolist(), parts, strict=True)


def _geometry(pixels: np.ndarray, height: int, width: int) -> dict[str, Any]:
    """COCO's mask, box [x, y, width, height] and area of pixels given in column order."""
    cols, rows = np.divmod(pixels, height)
    left, top = int(cols.min()), int(rows.min())
    box = [left, top, int(cols.max()) - left + 1, int(rows.max()) - top + 1]
    lengths = _run_lengths(pixels, height * width)
    mask = coco_mask.frPyObjects({"counts": lengths, "size": [height, width]}, height, width)
    return {
        "segmentation": {"size": [height, width], "counts": mask["counts"].decode("ascii")},
        "bbox": box,
        "area": len(pixels),
    }


def _run_lengths(pixels: np.ndarray, size: int) -> list[int]:
    """Lengths of the runs of 0 and 1 in turn, the first of 0."""
    breaks = np.flatnonzero(np.diff(pixels) > 1)
    first = pixels[np.concatenate([[0], breaks + 1])]
    after = pixels[np.concatenate([breaks, [-1]])] + 1
    edges = np.column_stack([first, after]).ravel()
    return np.diff(edges, prepend=0, append=size).tolist()
