"""The corrected labels of one image and the table of their objects: two files, one state.

``objects.json`` names the hash of the ``labels.tif`` it belongs to and is written first;
the former table waits in ``objects.previous.json``. Whichever instant a crash picks, one of
the two tables belongs to the labels on the disk.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import tifffile

from napari_vlseg.corrections.documents import damage_told, read_document, write_document
from napari_vlseg.corrections.journal import Journal
from napari_vlseg.corrections.records import ImageRecord
from napari_vlseg.corrections.tables import decode_table, encode_table
from napari_vlseg.errors import ConflictError, ProjectError
from napari_vlseg.files import atomic_path, file_sha256, writing
from napari_vlseg.ome import write_labels

KIND = "objects"
LABELS_NAME = "labels.tif"
OBJECTS_NAME = "objects.json"
PREVIOUS_NAME = "objects.previous.json"


class LabelsFile:
    """Corrected labels of one image; knows which version it last read or wrote.

    Parameters
    ----------
    folder : Path
        The image's folder in the project.
    journal : Journal
    """

    def __init__(self, folder: Path, journal: Journal) -> None:
        self._path = folder / LABELS_NAME
        self._objects = folder / OBJECTS_NAME
        self._previous = folder / PREVIOUS_NAME
        self._journal = journal
        self._known: str | None = None

    @property
    def exists(self) -> bool:
        """Whether corrected labels were saved."""
        return self._path.exists()

    def save(
        self, record: ImageRecord, labels: np.ndarray, objects: pd.DataFrame, force: bool
    ) -> None:
        """Write labels and table; see `ImageEntry.save_labels`."""
        _check(record, labels)
        table = encode_table(objects)
        with self._journal.locked(self._path.parent):
            current = file_sha256(self._path) if self.exists else None
            if current != self._known:
                self._refuse_or_keep(record, current, force)
            with atomic_path(self._path) as temporary:
                write_labels(
                    temporary,
                    labels,
                    name=record.name,
                    pixel_size=record.pixel_size,
                    unit=record.unit,
                )
                written = file_sha256(temporary)
                self._keep_table_of(current)
                pixels = {
                    "file": LABELS_NAME,
                    "sha256": written,
                    "shape": list(labels.shape),
                    "dtype": labels.dtype.name,
                }
                write_document(self._objects, KIND, {"labels": pixels, **table})
            self._known = written
            self._journal.record("save_objects", self._objects, image=record.id)
            self._journal.record("save_labels", self._path, written, image=record.id)

    def load(self) -> tuple[np.ndarray, pd.DataFrame]:
        """Read labels and table; see `ImageEntry.load_labels`."""
        current = file_sha256(self._path)
        document, path = self._table_of(current)
        with damage_told(path):
            objects = decode_table(document)
            shape, dtype = document["labels"]["shape"], np.dtype(document["labels"]["dtype"])
            labels = tifffile.imread(self._path).reshape(shape).astype(dtype)
        self._known = current
        return labels, objects

    def _table_of(self, current: str) -> tuple[dict[str, Any], Path]:
        for path in (self._objects, self._previous):
            if path.exists():
                document = read_document(path, KIND)
                with damage_told(path):
                    if document["labels"]["sha256"] == current:
                        return document, path
        if not self._objects.exists():
            raise ProjectError(f"“{self._objects}” is missing: put it back from a backup.")
        raise ProjectError(
            f"“{self._path}” was changed outside napari-vlseg: put the original back, or open "
            "it as a labels layer and save it to the project again."
        )

    def _keep_table_of(self, current: str | None) -> None:
        """Before a new table is written, keep the one of the labels on the disk."""
        if current is None or not self._objects.exists():
            return
        try:
            belongs = read_document(self._objects, KIND)["labels"]["sha256"] == current
        except (ProjectError, KeyError, TypeError):
            keep_copy(self._objects)
            return
        if belongs:
            with writing(self._previous):
                self._objects.replace(self._previous)

    def _refuse_or_keep(self, record: ImageRecord, current: str | None, force: bool) -> None:
        if current is None:
            return  # The file was deleted: writing it again loses nothing.
        if not force:
            past = "changed" if self._known else "saved"
            raise ConflictError(
                f"The labels of “{record.name}” were {past} by another program or window: open "
                "them again, or save by force, which keeps the other version as a backup."
            )
        for path in (keep_copy(self._path), *self._keep_tables()):
            self._journal.record("keep_backup", path, image=record.id)

    def _keep_tables(self) -> list[Path]:
        return [keep_copy(path) for path in (self._objects, self._previous) if path.exists()]


def keep_copy(path: Path) -> Path:
    """Copy ``labels.tif`` to the first free ``labels.<n>.bak.tif``."""
    number = 1
    while (copy := path.with_name(f"{path.stem}.{number}.bak{path.suffix}")).exists():
        number += 1
    with atomic_path(copy) as temporary:
        shutil.copyfile(path, temporary)
    return copy


def _check(record: ImageRecord, labels: np.ndarray) -> None:
    if labels.ndim < 2 or labels.size == 0 or labels.dtype.kind not in "iub":
        raise ProjectError(
            f"An array of shape {labels.shape} and type {labels.dtype} can't be saved as labels: "
            "give integers with at least one row and one column."
        )
    sides = iter(record.shape)
    if not all(side in sides for side in labels.shape):
        raise ProjectError(
            f"The labels have shape {labels.shape} but the image “{record.name}” has shape "
            f"{record.shape}: save them to the image they were drawn on."
        )
    limits = (int(labels.min()), int(labels.max()))
    top = np.iinfo(np.int32 if limits[0] < 0 else np.uint32)
    if limits[0] < top.min or limits[1] > top.max:
        raise ProjectError(
            f"The labels reach from {limits[0]} to {limits[1]}, more than 32 bits hold: "
            "number the objects from 1."
        )
