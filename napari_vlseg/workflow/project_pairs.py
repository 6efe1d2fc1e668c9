"""Projects on the same images: which image of one is which of the other, and its objects."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from napari_vlseg.corrections.documents import damage_told, read_document
from napari_vlseg.corrections.store import PROJECT_NAME, ImageEntry, Project
from napari_vlseg.errors import ProjectError
from napari_vlseg.events import Notice, Work
from napari_vlseg.exporters import DEFAULT_CLASS
from napari_vlseg.proposals import completed


@dataclass(frozen=True, eq=False)
class Annotation:
    """What one project says about an image.

    Attributes
    ----------
    labels : numpy.ndarray, integer
        Of the image's shape without channels; rejected objects are background.
    objects : pandas.DataFrame
        Rows of the objects that are there, by label, with all columns of `OBJECT_COLUMNS`. An
        object that the project has no row for gets one.
    """

    labels: np.ndarray
    objects: pd.DataFrame

    def class_of(self, label: int) -> str:
        """Class of an object."""
        return self._classes[label] or DEFAULT_CLASS

    def uid_of(self, label: int) -> str:
        """Id of an object; empty where the project has none for it."""
        return self._uids[label]

    def row_of(self, label: int) -> dict[str, Any]:
        """All cells of an object."""
        return self._rows[label]

    @cached_property
    def _rows(self) -> dict[int, dict[str, Any]]:
        rows = self.objects.to_dict("records")
        named = ({str(name): cell for name, cell in row.items()} for row in rows)
        return dict(zip(self.objects.index.tolist(), named, strict=True))

    @cached_property
    def _classes(self) -> dict[int, str]:
        return self._by_label("class")

    @cached_property
    def _uids(self) -> dict[int, str]:
        return self._by_label("object_uid")

    def _by_label(self, column: str) -> dict[int, str]:
        cells = map(str, self.objects[column].tolist())
        return dict(zip(self.objects.index.tolist(), cells, strict=True))


def open_all(folders: Sequence[Path | str]) -> list[Project]:
    """Open projects to be compared.

    Raises
    ------
    ProjectError
        If there are fewer than two, one is named twice, or one can't be opened.
    """
    if len(folders) < 2:
        raise ProjectError("There is only one project: name two or more on the same images.")
    places = [Path(folder).resolve() for folder in folders]
    for place in places:
        if places.count(place) > 1:
            raise ProjectError(f"The project “{place}” is named twice: name each once.")
    return [Project.open(folder) for folder in folders]


def shared_images(projects: Sequence[Project]) -> Work[list[list[ImageEntry | None]]]:
    """Images with labels by their pixels, one row for each that two projects or more have.

    Images are the same if their pixels are; where one project has several with equal pixels
    they are told apart by the order of their names.

    Yields
    ------
    Notice
        For images that only one project has labels of.

    Returns
    -------
    list of list of ImageEntry or None
        A row for each image, an entry for each project, in the order of the first project.

    Raises
    ------
    ProjectError
        If no image is shared.
    """
    rows: dict[tuple[str, int], list[ImageEntry | None]] = {}
    for place, project in enumerate(projects):
        for key, entry in _keyed([entry for entry in project.images if entry.has_labels]):
            rows.setdefault(key, [None] * len(projects))[place] = entry
    shared = [row for row in rows.values() if sum(entry is not None for entry in row) > 1]
    for row in rows.values():
        present = [entry for entry in row if entry is not None]
        if len(present) == 1:
            folder = present[0].folder.parents[1]
            yield Notice(f"Left out: only “{folder}” has labels of “{present[0].name}”.")
    if not shared:
        raise ProjectError(
            "The projects share no image that has labels in both: images are the same if their "
            "pixels are."
        )
    return shared


def read_annotation(entry: ImageEntry) -> Annotation:
    """Labels and objects of an image as they are now.

    Raises
    ------
    ProjectError
        If they are damaged.
    """
    labels, table = entry.load_labels()
    objects = completed(table)
    rejected = objects.loc[objects["status"] == "rejected", "label"]
    if np.isin(labels, rejected).any():
        labels = np.where(np.isin(labels, rejected), labels.dtype.type(0), labels)
    present = np.unique(labels[labels != 0]).astype(np.int64)
    rows = objects[objects["label"].isin(present)].drop_duplicates("label")
    missing = np.setdiff1d(present, rows["label"].to_numpy(np.int64))
    if missing.size:
        rows = completed(pd.concat([rows, pd.DataFrame({"label": missing})]))
    return Annotation(labels, rows.set_index("label", drop=False).sort_index())


def project_uid(project: Project) -> str:
    """Opaque id of a project."""
    path = project.folder / PROJECT_NAME
    document = read_document(path, "project")
    with damage_told(path):
        return str(document["project_uid"])


def _keyed(entries: Sequence[ImageEntry]) -> Iterator[tuple[tuple[str, int], ImageEntry]]:
    """Images with their hash and their number among those of the same hash."""
    count: Counter[str] = Counter()
    numbers = {}
    for entry in sorted(entries, key=lambda entry: entry.name):
        numbers[entry.id] = count[entry.pixels_sha256]
        count[entry.pixels_sha256] += 1
    for entry in entries:
        yield (entry.pixels_sha256, numbers[entry.id]), entry
