"""The story of one object: every edit that changed it, in the order in which they happened."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from napari_vlseg.corrections.edits import Edit, decode_edit, read_head
from napari_vlseg.corrections.store import ImageEntry, Project
from napari_vlseg.errors import ProjectError
from napari_vlseg.events import Progress, Work
from napari_vlseg.object_table import RowChange
from napari_vlseg.proposals import completed
from napari_vlseg.workflow.history import chosen_images
from napari_vlseg.workflow.journal_lines import JournalLines, read_journal
from napari_vlseg.workflow.provenance import Originals, with_kept_proposals
from napari_vlseg.workflow.sentences import Happening, sentence

_UID = re.compile(rb'"uid":"([^"]*)"')
_OF = re.compile(rb'\{"n":\d+,"op":"(?:undo|redo)"')


@dataclass(frozen=True)
class Step:
    """One edit of the object.

    Attributes
    ----------
    number : int
        Of the edit in the journal of the image.
    time, annotator, op : str
    plane : tuple of int
        Leading position that the person looked at.
    gained, lost : int
        Pixels.
    seconds : float
        That the person gave the object with it.
    text : str
        What happened, in plain words.
    """

    number: int
    time: str
    annotator: str
    op: str
    plane: tuple[int, ...]
    gained: int
    lost: int
    seconds: float
    text: str


@dataclass(frozen=True)
class Story:
    """What happened to one object.

    Attributes
    ----------
    uid : str
    image, name : str
        Id and name of the image.
    is_there : bool
        Whether it has a row in the table now.
    row : dict
        Its cells now, or before it went.
    steps : tuple of Step
    """

    uid: str
    image: str
    name: str
    is_there: bool
    row: dict[str, Any]
    steps: tuple[Step, ...]

    def to_dict(self) -> dict[str, Any]:
        """JSON form; None where a number is not known."""
        row = {key: None if value != value else value for key, value in self.row.items()}
        return {**asdict(self), "row": row}


def object_story(folder: Path | str, uid: str, image: str | None = None) -> Work[Story]:
    """Tell what happened to one object.

    Lines of the journal that don't name the object are not decoded.

    Parameters
    ----------
    folder : Path or str
        The project.
    uid : str
        Id of the object, or its beginning if no other begins so.
    image : str, optional
        Id or name of its image; all are searched if not given.

    Yields
    ------
    Progress

    Raises
    ------
    ProjectError
        If there is no such object, or several.
    """
    entries = chosen_images(Project.open(folder), image)
    found: list[tuple[str, ImageEntry, JournalLines]] = []
    for number, entry in enumerate(entries, start=1):
        journal = read_journal(entry)
        found += [(full, entry, journal) for full in _matching(entry, journal.lines, uid)]
        yield Progress("searching", number, len(entries))
    found = [one for one in found if one[0] == uid] or found
    if not found:
        raise ProjectError(
            f"“{folder}” has no object “{uid}”: the object_uid column of the tables has the ids."
        )
    if len(found) > 1:
        some = ", ".join(full for full, *_ in found[:3])
        raise ProjectError(f"{len(found)} objects begin with “{uid}”, such as {some}: give more.")
    return _story(*found[0])


def _matching(entry: ImageEntry, lines: Sequence[bytes], uid: str) -> set[str]:
    needle = f'"uid":"{uid}'.encode()
    if lines:
        return {
            full.decode()
            for line in lines
            if needle in line
            for full in _UID.findall(line)
            if full.startswith(uid.encode())
        }
    if not entry.has_labels:
        return set()
    uids = completed(entry.load_labels()[1])["object_uid"]
    return {str(full) for full in uids if str(full).startswith(uid)}


def _story(uid: str, entry: ImageEntry, journal: JournalLines) -> Story:
    teller = _Teller(uid, prod(journal.shape))
    for record in _concerning(uid, journal.lines):
        teller.take(record, journal.resolved(record))
    is_there, row = teller.is_there, teller.finished_row()
    if not journal.lines:
        is_there, row = True, _saved_row(entry, uid)
    if is_there:
        row |= _from_kept_proposals(entry, row)
    return Story(uid, entry.id, entry.name, is_there, row, tuple(teller.steps))


def _saved_row(entry: ImageEntry, uid: str) -> dict[str, Any]:
    table = completed(entry.load_labels()[1]).set_index("object_uid", drop=False)
    return {str(name): cell for name, cell in table.loc[uid].to_dict().items()}


def _from_kept_proposals(entry: ImageEntry, row: Mapping[str, Any]) -> dict[str, Any]:
    table = completed(pd.DataFrame([row]))
    if row.get("proposal") and table["iou_proposal_final"].notna().all():
        return {}
    labels, _ = entry.load_labels()
    (found,) = with_kept_proposals(entry, labels, table).to_dict("records")
    return {name: found[name] for name in ("proposal", "iou_proposal_final")}


def _concerning(uid: str, lines: Sequence[bytes]) -> Iterator[Edit]:
    """Edits that name the object, and those that undo and redo them."""
    needle = f'"uid":"{uid}"'.encode()
    numbers: set[int] = set()
    for number, line in enumerate(lines, start=1):
        if needle in line:
            numbers.add(number)
            yield decode_edit(line)
        elif _OF.match(line) and read_head(line).of in numbers:
            yield decode_edit(line)


class _Teller:
    """Follows one object from edit to edit; `size` is the number of pixels of the labels."""

    def __init__(self, uid: str, size: int) -> None:
        self.uid = uid
        self.steps: list[Step] = []
        self.is_there = False
        self._row: dict[str, Any] = {"object_uid": uid}
        self._area = 0
        self._originals = Originals(size)

    def take(self, record: Edit, edit: Edit) -> None:
        """Take the next edit: as it is journalled, and what it does."""
        changes = [row for row in edit.rows if row.uid == self.uid]
        before = self._row.get("label")
        for change in changes:
            self._apply(change)
        gained, lost = self._pixels(edit, before)
        self._originals.follow(edit)
        old, new = (changes[0].old, changes[-1].new) if changes else ({}, {})
        happening = Happening(
            record.op, self.uid, old, new, self._row, record.cause, gained, lost,
            len(edit.rows) - len(changes), str(edit.cause.get("what", "")),
        )  # fmt: skip
        seconds = 0.0 if record.op in ("undo", "redo") else _seconds(new) - _seconds(old)
        self.steps.append(
            Step(
                record.number, record.time, record.annotator, record.op, record.plane,
                gained, lost, round(max(seconds, 0.0), 2), sentence(happening),
            )
        )  # fmt: skip

    def finished_row(self) -> dict[str, Any]:
        """The row with what follows from the pixels."""
        label = self._row.get("label")
        iou = None
        if label is not None:
            iou = self._originals.iou(int(label), self._originals.labels, self._area)
        derived = {"area": self._area, "iou_proposal_final": float("nan") if iou is None else iou}
        return self._row | derived

    def _apply(self, change: RowChange) -> None:
        self.is_there = change.new is not None
        self._row |= change.new or {}

    def _pixels(self, edit: Edit, before: Any) -> tuple[int, int]:
        if edit.pixels is None:
            return 0, 0
        after = self._row.get("label")
        gained = edit.pixels.gained().get(after, 0) if after else 0
        lost = edit.pixels.lost().get(before, 0) if before else 0
        self._area += gained - lost
        return gained, lost


def _seconds(cells: Mapping[str, Any] | None) -> float:
    seconds = float((cells or {}).get("edit_seconds", 0.0))
    return 0.0 if np.isnan(seconds) else seconds
