"""``proposals.json``: one record per object of the label images beside it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from scipy import ndimage as ndi

from napari_vlseg.errors import ExportError
from napari_vlseg.files import atomic_path, reading
from napari_vlseg.proposals import OUTLINE_COLUMNS, Proposals

RECORDS_NAME = "proposals.json"
RECORD_KEYS = (
    "image",
    "labels",
    "object_uid",
    "label",
    "class",
    "score",
    "uncertainty",
    "area",
    "bbox",
    "prompt",
    "model",
    "threshold",
)
"""Keys of a record. ``image``: path as it was given; ``labels``: path of the label image in the
folder; ``bbox``: ``[row0, col0, row1, col1]`` in pixels, the end excluded; the rest as in
`napari_vlseg.proposals.OBJECT_COLUMNS`. Where a click model drew the outlines the keys of
`napari_vlseg.proposals.OUTLINE_COLUMNS` follow."""


def object_records(image: str, labels_name: str, proposals: Proposals) -> list[dict[str, Any]]:
    """The records of one image, in the order of its labels.

    Parameters
    ----------
    image : str
        Path of the image.
    labels_name : str
        Path of its label file in the folder of results.
    proposals : Proposals

    Returns
    -------
    list of dict
        Plain Python values under `RECORD_KEYS`.
    """
    boxes = ndi.find_objects(proposals.labels)
    records = []
    for row in proposals.objects.to_dict("records"):
        rows, cols = boxes[int(row["label"]) - 1]
        record = {
            **row,
            "image": image,
            "labels": labels_name,
            "bbox": [rows.start, cols.start, rows.stop, cols.stop],
        }
        further = [key for key in OUTLINE_COLUMNS if key in row]
        records.append({key: plain(record[key]) for key in (*RECORD_KEYS, *further)})
    return records


def read_records(folder: Path) -> list[dict[str, Any]]:
    """Records of an earlier run into a folder; none where there was no run.

    Raises
    ------
    ExportError
        If the file is there but does not hold records.
    """
    path = folder / RECORDS_NAME
    if not path.exists():
        return []
    with reading(path, ExportError):
        text = path.read_bytes().decode("utf-8", errors="replace")
    try:
        records = json.loads(text)
        if not all("labels" in record and "object_uid" in record for record in records):
            raise ValueError("a record lacks a key")
    except (ValueError, TypeError) as error:
        raise ExportError(
            f"“{path}” exists and does not hold records of segmented objects, so it is not "
            "overwritten: choose another folder."
        ) from error
    return records


def write_records(folder: Path, records: Iterable[dict[str, Any]]) -> None:
    """Write the records of all label images of a folder, one line each.

    Parameters
    ----------
    folder : pathlib.Path
    records : iterable of dict
        From `object_records`; they are not held in memory.

    Raises
    ------
    ExportError
        If the file can't be written.
    """
    with (
        atomic_path(folder / RECORDS_NAME, error=ExportError) as temporary,
        temporary.open("w", encoding="utf-8", newline="\n") as stream,
    ):
        before = "[\n"
        for record in records:
            stream.write(before + json.dumps(record, ensure_ascii=False))
            before = ",\n"
        stream.write("[]\n" if before == "[\n" else "\n]\n")


def plain(value: Any) -> Any:
    """NumPy scalars as the Python numbers that JSON knows; None where there is no number."""
    number = value.item() if hasattr(value, "item") else value
    return None if number != number else number
