"""What an edit of pixels means for the rows of the table of objects. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from napari_vlseg.object_rows import DERIVED, UID, RowChange
from napari_vlseg.object_table import ObjectTable
from napari_vlseg.pixel_changes import PixelChange

_NOT_PROPOSED = frozenset(
    (
        UID,
        "label",
        "status",
        "source",
        "created_by",
        "created_at",
        "modified_by",
        "modified_at",
        "n_edits",
        "edit_seconds",
        "comment",
        *DERIVED,
    )
)
"""Columns of an object that stay when it is proposed anew."""


@dataclass(frozen=True)
class Stamp:
    """Who does something, when, and how long it took.

    Attributes
    ----------
    by : str
        Opaque id, may be empty.
    at : str
        UTC in ISO 8601.
    seconds : float
    """

    by: str = ""
    at: str = ""
    seconds: float = 0.0

    def shared(self, n_objects: int) -> Stamp:
        """For each of several objects that the time was given to together."""
        return Stamp(self.by, self.at, round(self.seconds / max(n_objects, 1), 3))


def changed(table: ObjectTable, uid: str, stamp: Stamp, **cells: Any) -> RowChange:
    """What a person's edit of an object changes, counted and dated."""
    return table.changed(
        uid,
        **cells,
        n_edits=table.get(uid, "n_edits") + 1,
        edit_seconds=table.get(uid, "edit_seconds") + stamp.seconds,
        modified_by=stamp.by,
        modified_at=stamp.at,
    )


def drawn(
    table: ObjectTable, pixels: PixelChange, class_name: str, stamp: Stamp
) -> tuple[RowChange, ...]:
    """Rows after a person drew: changed objects are edited, new ones get rows, gone ones go.

    Parameters
    ----------
    table : ObjectTable
    pixels : PixelChange
    class_name : str
        Of new objects.
    stamp : Stamp
        Its time goes to the object that was drawn, or to those that lost pixels alike.
    """
    gained = pixels.gained().keys()
    takers = gained or pixels.lost().keys()
    rest, share = Stamp(stamp.by, stamp.at), stamp.shared(len(takers))
    changes = []
    for label, growth in sorted(pixels.area_change().items()):
        uid, mine = _owner(table, label), share if label in takers else rest
        if uid is None:
            changes.append(_new(table, label, class_name, mine))
        elif table.get(uid, "area") + growth <= 0:
            changes.append(table.removed(uid))
        else:
            changes.append(changed(table, uid, mine, **_edited(table, uid)))
    return tuple(changes)


@dataclass(frozen=True)
class Said:
    """What an object is committed with.

    Attributes
    ----------
    class_name, prompt, model : str
    score : float
    status : {"accepted", "edited"}
        Of a new object.
    """

    class_name: str
    prompt: str
    model: str
    score: float
    status: str


def committed(
    table: ObjectTable, pixels: PixelChange | None, label: int, said: Said, stamp: Stamp
) -> tuple[RowChange, ...]:
    """Rows after a person committed an outline to an object; others only lose pixels by it.

    Parameters
    ----------
    table : ObjectTable
    pixels : PixelChange
    label : int
        The object's.
    said : Said
    stamp : Stamp
    """
    rest = Stamp(stamp.by, stamp.at)
    changes: list[RowChange] = []
    for one, growth in sorted(_growth(pixels).items()):
        uid = _owner(table, one)
        if uid is None:
            changes.append(_clicked(table, one, said, stamp))
        elif table.get(uid, "area") + growth <= 0:
            changes.append(table.removed(uid))
        elif one == label:
            changes.append(changed(table, uid, stamp, **_corrected(table, uid, said)))
        else:
            changes.append(changed(table, uid, rest))
    return tuple(changes)


def highest_label(table: ObjectTable) -> int:
    """No object, rejected ones included, has a greater label."""
    return max((0, *table.column("label")))


def found(table: ObjectTable, pixels: PixelChange, class_name: str = "") -> Iterator[RowChange]:
    """Rows of labels that a layer brings along: proposed by somebody, touched by nobody here."""
    for label in sorted(pixels.gained()):
        if table.uid_of(label) is None:
            yield table.added(
                label=label, **{"class": class_name}, status="proposed", source="manual"
            )


def composed(
    table: ObjectTable, pixels: PixelChange | None, rows: pd.DataFrame, stamp: Stamp
) -> tuple[RowChange, ...]:
    """Rows after the plugin composed proposals: an object keeps its row while it has its id.

    Parameters
    ----------
    table : ObjectTable
    pixels : PixelChange or None
    rows : pandas.DataFrame
        Of the plugin's objects that are on the plane now.
    stamp : Stamp
    """
    records: list[dict[str, Any]] = [
        {str(name): cell for name, cell in row.items()} for row in rows.to_dict("records")
    ]
    new = {str(row[UID]): row for row in records}
    return (*_gone(table, pixels, new), *_proposed(table, new, stamp))


def _gone(
    table: ObjectTable, pixels: PixelChange | None, new: Mapping[str, Any]
) -> Iterator[RowChange]:
    for label, growth in _growth(pixels).items():
        uid = table.uid_of(label)
        if uid is not None and uid not in new and table.get(uid, "area") + growth <= 0:
            yield table.removed(uid)


def _proposed(
    table: ObjectTable, rows: Mapping[str, Mapping[str, Any]], stamp: Stamp
) -> Iterator[RowChange]:
    created = {"created_by": stamp.by, "created_at": stamp.at}
    for uid, row in rows.items():
        if uid not in table:
            yield table.added(**{**row, **created})
            continue
        cells = {name: cell for name, cell in row.items() if name not in _NOT_PROPOSED}
        change = table.changed(uid, **cells)
        if change.new:
            yield change


def _growth(pixels: PixelChange | None) -> dict[int, int]:
    return {} if pixels is None else pixels.area_change()


def _clicked(table: ObjectTable, label: int, said: Said, stamp: Stamp) -> RowChange:
    return table.added(
        label=label,
        **{"class": said.class_name},
        score=said.score,
        prompt=said.prompt,
        model=said.model,
        status=said.status,
        source="semi-auto",
        created_by=stamp.by,
        created_at=stamp.at,
        edit_seconds=stamp.seconds,
    )


def _corrected(table: ObjectTable, uid: str, said: Said) -> dict[str, str]:
    """Cells of an object that clicks changed: what it came from is still told."""
    prompt, models = str(table.get(uid, "prompt")), str(table.get(uid, "model")).split(" + ")
    return {
        "status": "edited",
        "source": "semi-auto",
        "prompt": "; ".join(part for part in (prompt, said.prompt) if part),
        "model": " + ".join(dict.fromkeys(part for part in (*models, said.model) if part)),
    }


def _edited(table: ObjectTable, uid: str) -> dict[str, str]:
    is_auto = table.get(uid, "source") == "auto"
    return {"status": "edited"} | ({"source": "semi-auto"} if is_auto else {})


def _owner(table: ObjectTable, label: int) -> str | None:
    """The object of a label; who draws with the label of a rejected one brings it back."""
    uid = table.uid_of(label)
    if uid is None and label in (labels := table.column("label")):
        return table.uids[list(labels).index(label)]
    return uid


def _new(table: ObjectTable, label: int, class_name: str, stamp: Stamp) -> RowChange:
    return table.added(
        label=label,
        **{"class": class_name},
        status="edited",
        source="manual",
        created_by=stamp.by,
        created_at=stamp.at,
        modified_by=stamp.by,
        modified_at=stamp.at,
        n_edits=1,
        edit_seconds=stamp.seconds,
    )


def labels_of(table: ObjectTable, uids: Iterable[str]) -> dict[int, str]:
    """Labels of objects that have pixels, and their ids."""
    return {int(table.get(uid, "label")): uid for uid in uids if table.get(uid, "area") > 0}
