"""The saved labels of one image and the table of their objects: two files, one state.

``objects.json`` names the hash of the ``labels.tif`` it belongs to, and the last edit they hold,
and is written first; the former table waits in ``objects.previous.json``. Whichever instant a
crash picks, one of the two tables belongs to the labels on the disk.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from napari_vlseg.corrections.documents import damage_told, encode_document, read_document
from napari_vlseg.corrections.journal import Journal
from napari_vlseg.corrections.large_arrays import read_tiff
from napari_vlseg.corrections.records import ImageRecord
from napari_vlseg.corrections.states import State
from napari_vlseg.corrections.tables import decode_table, encode_table
from napari_vlseg.errors import ProjectError
from napari_vlseg.files import atomic_path, atomic_write_bytes, file_sha256
from napari_vlseg.label_planes import LabelPlanes, limits_of
from napari_vlseg.ome import write_labels

KIND = "objects"
LABELS_NAME = "labels.tif"
OBJECTS_NAME = "objects.json"
PREVIOUS_NAME = "objects.previous.json"

FROM_JOURNAL = (
    "The labels shown are those of the journal of edits; a changed file is kept as "
    "labels.<n>.bak.tif at the next save."
)


class LabelsFile:
    """Labels of one image as they were saved last.

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

    @property
    def exists(self) -> bool:
        """Whether labels were saved."""
        return self._path.exists()

    def write(
        self,
        record: ImageRecord,
        labels: np.ndarray | LabelPlanes,
        objects: pd.DataFrame,
        number: int,
    ) -> None:
        """Write labels and table, both or neither.

        Labels that were put there from outside are kept as ``labels.<n>.bak.tif``.

        Parameters
        ----------
        record : ImageRecord
        labels : numpy.ndarray or LabelPlanes, integer or bool
        objects : pandas.DataFrame
        number : int
            Of the last edit that is in them.

        Raises
        ------
        ProjectError
            If the labels don't fit the image, or the project can't be written.
        """
        check_labels(record, labels)
        table = encode_table(objects)
        with self._journal.locked(self._path.parent), atomic_path(self._path) as temporary:
            write_labels(
                temporary,
                labels,
                name=record.name,
                pixel_size=record.pixel_size,
                unit=record.unit,
            )
            written = file_sha256(temporary)
            self._keep_former(record)
            pixels = {
                "file": LABELS_NAME,
                "sha256": written,
                "shape": list(labels.shape),
                "dtype": labels.dtype.name,
            }
            document = encode_document(KIND, {"labels": pixels, "edits": number, **table})
            self._journal.write("save_objects", self._objects, document, image=record.id)
            self._journal.announce("save_labels", self._path, written, image=record.id)

    def read(self) -> State | None:
        """What was saved last; None if nothing was. A table of version 1 has the number −1.

        Raises
        ------
        ProjectError
            If a file is missing or damaged, or was changed from outside.
        """
        if not self.exists:
            return None
        document, path = self._table_of(file_sha256(self._path))
        with damage_told(path):
            objects = decode_table(document)
            shape, dtype = document["labels"]["shape"], np.dtype(document["labels"]["dtype"])
            labels = read_tiff(self._path, shape, dtype)
            return State(labels, objects, int(document.get("edits", -1)))

    def number(self) -> tuple[int, tuple[str, ...]]:
        """Number of the last edit in what was saved, 0 if nothing was, and what is wrong."""
        if not self.exists:
            return 0, ()
        try:
            document, path = self._table_of(file_sha256(self._path))
            with damage_told(path):
                return int(document.get("edits", 0)), ()
        except ProjectError as failure:
            return 0, (f"{failure} {FROM_JOURNAL}",)

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

    def _keep_former(self, record: ImageRecord) -> None:
        """Before new files are written, keep the table of the labels, and what is not ours."""
        if not self.exists:
            return
        current = file_sha256(self._path)
        owner = next((p for p in (self._objects, self._previous) if _is_of(p, current)), None)
        if owner is None:
            copies = [self._path, *(p for p in (self._objects, self._previous) if p.exists())]
            for path in copies:
                keep_copy(path, self._journal, image=record.id)
        elif owner == self._objects:
            atomic_write_bytes(self._previous, self._objects.read_bytes())


def _is_of(table: Path, sha256: str) -> bool:
    """Whether a table belongs to the labels of a hash."""
    try:
        return bool(read_document(table, KIND)["labels"]["sha256"] == sha256)
    except (ProjectError, KeyError, TypeError):
        return False


def keep_copy(path: Path, journal: Journal, **details: Any) -> None:
    """Copy ``labels.tif`` to the first free ``labels.<n>.bak.tif``, and note that."""
    number = 1
    while (copy := path.with_name(f"{path.stem}.{number}.bak{path.suffix}")).exists():
        number += 1
    with atomic_path(copy) as temporary:
        shutil.copyfile(path, temporary)
        journal.announce("keep_backup", copy, file_sha256(temporary), **details)


def check_labels(record: ImageRecord, labels: np.ndarray | LabelPlanes) -> None:
    """Refuse labels that an image can't have.

    Raises
    ------
    ProjectError
        If shape, type or values are none of labels of this image.
    """
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
    limits = limits_of(labels)
    top = np.iinfo(np.int32 if limits[0] < 0 else np.uint32)
    if limits[0] < top.min or limits[1] > top.max:
        raise ProjectError(
            f"The labels reach from {limits[0]} to {limits[1]}, more than 32 bits hold: "
            "number the objects from 1."
        )
