"""Whether the files of a project are as napari-vlseg wrote them.

Three witnesses are asked: the list of writes (``events.jsonl``) has the hash of every file, each
line of a journal of edits has a checksum and a number, and the saved labels must be what the
journal gives when it is replayed from its beginning.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

import numpy as np

from napari_vlseg.corrections.entry import ImageEntry
from napari_vlseg.corrections.image_edits import EDITING_NAME
from napari_vlseg.corrections.journal import EVENTS_NAME, LOCK_NAME, Journal
from napari_vlseg.corrections.labels import LABELS_NAME, OBJECTS_NAME, PREVIOUS_NAME, LabelsFile
from napari_vlseg.corrections.ledger import Ledger
from napari_vlseg.corrections.pending import PENDING_NAME
from napari_vlseg.corrections.replay import replay_onto
from napari_vlseg.corrections.segments import (
    ACTIVE_NAME,
    closed_numbers,
    closed_path,
    compressed_path,
    read_closed,
)
from napari_vlseg.corrections.store import Project
from napari_vlseg.corrections.stored_edits import read_stored
from napari_vlseg.errors import ProjectError
from napari_vlseg.events import Notice, Progress, Work
from napari_vlseg.files import TEMPORARY_PREFIX, file_sha256
from napari_vlseg.object_table import ObjectTable

_OUTSIDE = "was changed outside napari-vlseg"
_UNRECORDED = {LOCK_NAME, PENDING_NAME, EDITING_NAME, EVENTS_NAME, ACTIVE_NAME, PREVIOUS_NAME}


@dataclass(frozen=True)
class Finding:
    """Something that is not as it was written.

    Attributes
    ----------
    path : str
        In the project, with ``/``.
    what : str
        What is wrong with it, to be read after the path.
    """

    path: str
    what: str

    def __str__(self) -> str:
        return f"{self.path} {self.what}"


def verify(project: Project) -> Work[tuple[Finding, ...]]:
    """Look through all files of a project; nothing is written.

    Parameters
    ----------
    project : Project

    Yields
    ------
    Progress, Notice
        Stage “verifying”, one for the files and one for each image; a notice for each finding.

    Returns
    -------
    tuple of Finding
        Empty where all is as it was written. A line that a crash cut short is no finding: it
        is set aside when the image is opened for editing.

    Raises
    ------
    ProjectError
        If the list of writes can't be read.
    """
    total, found = len(project.images) + 1, []
    checks = [_files(project), *(_image(project, entry) for entry in project.images)]
    for done, check in enumerate(checks):
        yield Progress("verifying", done, total)
        for finding in check:
            found.append(finding)
            yield Notice(f"{finding}.")
    yield Progress("verifying", total, total)
    return tuple(found)


def _files(project: Project) -> Iterator[Finding]:
    """Compare every file with its hash in the list of writes."""
    recorded: dict[str, str] = {}
    former: dict[str, set[str]] = {}
    for event in (*project.events(), *Journal(project.folder).announced()):
        recorded[event["file"]] = event["sha256"]
        former.setdefault(event["file"], set()).add(event["sha256"])
    there = {path.relative_to(project.folder).as_posix(): path for path in _all(project.folder)}
    for name, sha256 in recorded.items():
        path = there.get(name)
        if path is None:
            yield Finding(name, "is missing")
        elif file_sha256(path) != sha256 and path.name != LABELS_NAME:  # the journal proves those
            yield Finding(name, _OUTSIDE)
    for name, path in there.items():
        if path.name == PREVIOUS_NAME:
            of = former.get(path.with_name(OBJECTS_NAME).relative_to(project.folder).as_posix(), ())
            if file_sha256(path) not in of:
                yield Finding(name, _OUTSIDE)
        elif name not in recorded and not _is_unrecorded(path):
            yield Finding(name, "was not written by napari-vlseg")


def _all(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        hidden = any(part.startswith(TEMPORARY_PREFIX) for part in path.relative_to(folder).parts)
        if path.is_file() and not hidden:
            yield path


def _is_unrecorded(path: Path) -> bool:
    """Whether a file of this name changes too often, or too seldom, for the list of writes."""
    if path.name in _UNRECORDED or path.suffix == ".torn":
        return True
    plain = {closed_path(path.parent, number) for number in closed_numbers(path.parent)}
    return path in plain


def _image(project: Project, entry: ImageEntry) -> Iterator[Finding]:
    """Replay the journal of an image and compare it with its saved labels."""
    folder = entry.folder.relative_to(project.folder).as_posix()
    saved_file = LabelsFile(entry.folder, Journal(project.folder))
    try:
        saved = saved_file.read()
    except ProjectError as failure:
        yield Finding(f"{folder}/{LABELS_NAME}", f"can't be used: {failure}")
        saved = None
    yield from _segments(entry.folder, folder)
    try:
        stored = read_stored(entry.folder)
        if stored is None:
            return
        if stored.rest and not stored.is_torn:
            number = stored.active.last + 1
            yield Finding(f"{folder}/{ACTIVE_NAME}", f"is damaged from edit {number} on")
            return
        ledger = stored.ledger()
        number = saved.number if saved is not None and saved.number >= 0 else min(1, ledger.last)
        labels = _replayed(ledger, number)
    except ProjectError as failure:
        yield Finding(f"{folder}/{ACTIVE_NAME}", f"can't be replayed: {failure}")
        return
    if saved is not None and number > ledger.last:
        yield Finding(f"{folder}/{ACTIVE_NAME}", "ends before the labels that were saved")
    elif saved is not None and not np.array_equal(labels, saved.labels):
        yield Finding(f"{folder}/{LABELS_NAME}", "is not what the journal of edits gives")


def _segments(folder: Path, name: str) -> Iterator[Finding]:
    """Look whether the closed segments are sound and follow one another."""
    after = 0
    for place, number in enumerate(closed_numbers(folder), start=1):
        path = closed_path(folder, number)
        if not path.exists():
            path = compressed_path(folder, number)
        try:
            segment = read_closed(folder, number)
        except ProjectError:
            yield Finding(f"{name}/{path.name}", "is damaged")
            return
        if number != place or segment.header.after != after:
            yield Finding(f"{name}/{path.name}", "does not follow on the one before it")
        after = segment.last


def _replayed(ledger: Ledger, number: int) -> np.ndarray:
    """Labels after an edit; all edits are made."""
    labels, table = np.zeros(ledger.shape, ledger.dtype), ObjectTable()
    first = takewhile(lambda edit: edit.number <= number, ledger.edits())
    labels = replay_onto(labels, table, first, ledger.edit)
    then = labels.copy()
    replay_onto(labels, table, ledger.edits(number), ledger.edit)
    return then
