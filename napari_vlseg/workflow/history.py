"""What happened to the images of a project, counted; no pixel is decoded for it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from napari_vlseg.corrections.sealing import unplain, unsealed
from napari_vlseg.corrections.store import ImageEntry, Project
from napari_vlseg.errors import ProjectError
from napari_vlseg.events import Progress, Work
from napari_vlseg.proposals import completed
from napari_vlseg.workflow.journal_lines import read_journal

STATUSES = ("proposed", "accepted", "edited", "rejected", "flagged")
SOURCES = ("auto", "semi-auto", "manual")


@dataclass
class Person:
    """What one person did to an image.

    Attributes
    ----------
    edits : int
        Undoing and redoing among them.
    seconds : float
        At work on objects; 0 where seconds were not recorded.
    """

    edits: int = 0
    seconds: float = 0.0


@dataclass
class ImageHistory:
    """What happened to one image.

    Attributes
    ----------
    id, name : str
    objects : int
    statuses, sources : dict of str to int
        Objects by status and by source, those that occur.
    edits : dict of str to int
        Edits by kind, most frequent first.
    taken_back : int
        Edits that are undone now.
    people : dict of str to Person
        By opaque id; "" where none was recorded.
    first, last : str
        Times of the first and the last edit, empty if there is none.
    """

    id: str
    name: str
    objects: int = 0
    statuses: dict[str, int] = field(default_factory=dict)
    sources: dict[str, int] = field(default_factory=dict)
    edits: dict[str, int] = field(default_factory=dict)
    taken_back: int = 0
    people: dict[str, Person] = field(default_factory=dict)
    first: str = ""
    last: str = ""

    def to_dict(self) -> dict[str, Any]:
        """JSON form."""
        return asdict(self)


def project_history(folder: Path | str, image: str | None = None) -> Work[tuple[ImageHistory, ...]]:
    """Count objects and edits, image by image.

    Parameters
    ----------
    folder : Path or str
        The project.
    image : str, optional
        Id or name of the only image to look at.

    Yields
    ------
    Progress

    Raises
    ------
    ProjectError
        If the project or a journal can't be read, or there is no such image.
    """
    entries = chosen_images(Project.open(folder), image)
    histories = []
    for number, entry in enumerate(entries, start=1):
        histories.append(image_history(entry))
        yield Progress("reading", number, len(entries))
    return tuple(histories)


def chosen_images(project: Project, image: str | None) -> Sequence[ImageEntry]:
    """All images of a project, or the one of an id or name.

    Raises
    ------
    ProjectError
        If there is none, or several have the name.
    """
    if image is None:
        return project.images
    found = [entry for entry in project.images if entry.id == image]
    found = found or [entry for entry in project.images if entry.name == image]
    if len(found) == 1:
        return found
    ids = ", ".join(entry.id for entry in (found or project.images)[:5])
    how_many = "several images are called" if found else "there is no image"
    raise ProjectError(f"In “{project.folder}” {how_many} “{image}”: give an id, such as {ids}.")


def image_history(entry: ImageEntry) -> ImageHistory:
    """Count the objects and the edits of one image.

    Raises
    ------
    ProjectError
        If its journal can't be read.
    """
    history = ImageHistory(entry.id, entry.name)
    lines = read_journal(entry).lines
    if not lines:
        _count_saved(history, entry)
        return history
    tally = _Tally()
    for line in lines:
        tally.take(unsealed(line))
    tally.finish(history)
    return history


def _count_saved(history: ImageHistory, entry: ImageEntry) -> None:
    """Objects of an image that was saved by a version without a journal of edits."""
    if entry.has_labels:
        table = completed(entry.load_labels()[1])
        _count_objects(history, zip(table["status"], table["source"], strict=True))


def _count_objects(history: ImageHistory, objects: Iterable[tuple[str, str]]) -> None:
    known = list(objects)
    statuses = Counter(status for status, _ in known)
    sources = Counter(source for _, source in known)
    history.objects = len(known)
    history.statuses = {name: statuses[name] for name in STATUSES if statuses[name]}
    history.sources = {name: sources[name] for name in SOURCES if sources[name]}


class _Tally:
    """Adds up the records of a journal."""

    def __init__(self) -> None:
        self._rows: dict[str, dict[str, Any]] = {}
        self._changes: dict[int, list[tuple[str, Any, Any]]] = {}
        self._undone: set[int] = set()
        self._ops: Counter[str] = Counter()
        self._people: dict[str, Person] = {}
        self._times: list[str] = []

    def take(self, body: Mapping[str, Any]) -> None:
        """Take in one record, as JSON."""
        op, number, time = str(body["op"]), int(body["n"]), str(body["time"])
        person = self._people.setdefault(str(body.get("annotator", "")), Person())
        person.edits += 1
        self._ops[op] += 1
        self._times = [*self._times[:1], time]
        if op in ("undo", "redo"):
            about = int(body["of"])
            (self._undone.add if op == "undo" else self._undone.discard)(about)
            changes = self._changes.get(about, [])
            self._apply(
                [(uid, new, old) for uid, old, new in reversed(changes)]
                if op == "undo"
                else changes
            )
            return
        changes = [_counted_cells(row) for row in body.get("rows", ())]
        person.seconds += sum(_seconds(new) - _seconds(old) for _, old, new in changes if new)
        self._changes[number] = changes
        self._apply(changes)

    def finish(self, history: ImageHistory) -> None:
        """Write down what was counted."""
        objects = (
            (str(row.get("status", "")), str(row.get("source", ""))) for row in self._rows.values()
        )
        _count_objects(history, objects)
        history.edits = dict(self._ops.most_common())
        history.taken_back = len(self._undone)
        history.people = {
            uid: Person(person.edits, round(person.seconds, 2))
            for uid, person in self._people.items()
        }
        history.first, history.last = self._times[0], self._times[-1]

    def _apply(self, changes: Iterable[tuple[str, Any, Any]]) -> None:
        for uid, _, new in changes:
            if new is None:
                self._rows.pop(uid, None)
            else:
                self._rows.setdefault(uid, {}).update(new)


_CELLS = ("status", "source", "edit_seconds")


def _counted_cells(row: Mapping[str, Any]) -> tuple[str, Any, Any]:
    """The cells that are counted, before and after; None for a row that is not there."""
    old, new = row["old"], row["new"]
    return (
        str(row["uid"]),
        None if old is None else {name: old[name] for name in _CELLS if name in old},
        None if new is None else {name: new[name] for name in _CELLS if name in new},
    )


def _seconds(cells: Mapping[str, Any] | None) -> float:
    seconds = unplain((cells or {}).get("edit_seconds", 0.0))
    return float(seconds) if seconds == seconds else 0.0
