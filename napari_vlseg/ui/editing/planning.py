"""What an action on objects would change: pixels, rows, and the sentence that tells of it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from napari_vlseg.corrections.edits import Edit
from napari_vlseg.errors import PromptError
from napari_vlseg.object_table import ObjectTable, RowChange
from napari_vlseg.pixel_changes import PixelChange
from napari_vlseg.ui.editing.book import LayerBook
from napari_vlseg.ui.editing.rows import Stamp, changed
from napari_vlseg.ui.editing.spread import Index
from napari_vlseg.workflow.splitting import split_object

_MOSTLY = 0.5


@dataclass(frozen=True, eq=False)
class Plan:
    """An edit that is not made yet, and what is said once it is."""

    op: str
    said: str
    pixels: PixelChange | None = None
    rows: tuple[RowChange, ...] = ()
    plane: Index | None = None
    cause: Mapping[str, Any] = field(default_factory=dict)

    def edit(self, in_view: Index, cause: Mapping[str, Any] | None = None) -> Edit:
        """The edit, on its own plane or else on the one that it is about."""
        plane = in_view if self.plane is None else self.plane
        return Edit(self.op, self.pixels, self.rows, plane, {**self.cause, **(cause or {})})


def accept(book: LayerBook, uids: Sequence[str], stamp: Stamp) -> Plan:
    """See `ObjectActions.accept`."""
    table, chosen = book.table, _present(book.table, uids)
    rows = [
        changed(table, uid, stamp, status="accepted")
        for uid in chosen
        if table.get(uid, "status") != "accepted"
    ]
    _require(rows, "accepted already")
    return Plan("accept", f"accepted {counted(len(rows))}", rows=tuple(rows))


def flag(book: LayerBook, uids: Sequence[str], stamp: Stamp) -> Plan:
    """See `ObjectActions.flag`. What an object was before is told by the journal."""
    table, chosen = book.table, _present(book.table, uids)
    if all(table.get(uid, "status") == "flagged" for uid in chosen):
        before = {uid: _decision(book, uid, "flagged")[1] for uid in chosen}
        rows = [changed(table, uid, stamp, status=before[uid]) for uid in chosen]
        return Plan("flag", f"no flag on {counted(len(rows))} any more", rows=tuple(rows))
    rows = [
        changed(table, uid, stamp, status="flagged")
        for uid in chosen
        if table.get(uid, "status") != "flagged"
    ]
    return Plan("flag", f"flagged {counted(len(rows))}", rows=tuple(rows))


def reject(book: LayerBook, uids: Sequence[str], stamp: Stamp) -> Plan:
    """See `ObjectActions.reject`."""
    table, chosen = book.table, _present(book.table, uids)
    rows = tuple(changed(table, uid, stamp, status="rejected") for uid in chosen)
    pixels = book.pixels_of(_labels(table, chosen), 0)
    return Plan("reject", f"rejected {counted(len(rows))}", pixels, rows)


def delete(book: LayerBook, uids: Sequence[str], stamp: Stamp) -> Plan:
    """See `ObjectActions.delete`."""
    table, chosen = book.table, _known(book.table, uids)
    present = [uid for uid in chosen if table.get(uid, "status") != "rejected"]
    pixels = book.pixels_of(_labels(table, present), 0)
    rows = tuple(table.removed(uid) for uid in chosen)
    return Plan("delete", f"deleted {counted(len(rows))}", pixels, rows)


def restore(book: LayerBook, uids: Sequence[str], stamp: Stamp) -> Plan:
    """See `ObjectActions.restore`."""
    table = book.table
    wanted = [uid for uid in _known(table, uids) if table.get(uid, "status") == "rejected"]
    _require(wanted, "there: only rejected ones can be brought back")
    flat, new, rows = [], [], []
    for uid in wanted:
        number, status = _decision(book, uid, "rejected")
        label = table.get(uid, "label")
        place = _places(book.ledger.edit(number).pixels, label)
        free = place[book.values(place) == 0]
        if free.size and free.size >= _MOSTLY * place.size:
            flat.append(free)
            new.append(np.full(free.size, label, np.int64))
            rows.append(changed(table, uid, stamp, status=status))
    if not rows:
        raise PromptError("The place is taken by other objects: move or delete them, then restore.")
    places = np.concatenate(flat)
    pixels = PixelChange.at(places, np.zeros_like(places), np.concatenate(new))
    left = len(wanted) - len(rows)
    kept = f"; the place of {counted(left)} is taken" if left else ""
    return Plan("restore", f"restored {counted(len(rows))}{kept}", pixels, tuple(rows))


def merge(book: LayerBook, uids: Sequence[str], stamp: Stamp) -> Plan:
    """See `ObjectActions.merge`."""
    table, chosen = book.table, _present(book.table, uids)
    if len(chosen) < 2:
        raise PromptError("Merging takes two objects or more: select another one.")
    into = max(chosen, key=lambda uid: table.get(uid, "area"))
    others = [uid for uid in chosen if uid != into]
    whole = Stamp(stamp.by, stamp.at, stamp.seconds * len(chosen))
    label = table.get(into, "label")
    pixels = book.pixels_of(_labels(table, others), label)
    rows = (
        changed(table, into, whole, status="edited", source=_touched_source(table, into)),
        *(table.removed(uid) for uid in others),
    )
    said = f"merged {counted(len(chosen))} into object {label}"
    return Plan("merge", said, pixels, rows, cause={"merged_into": into, "merged": others})


def split(book: LayerBook, uid: str, stamp: Stamp) -> Plan:
    """See `ObjectActions.split`. The largest piece keeps label and row."""
    table = book.table
    _present(table, [uid])
    label = table.get(uid, "label")
    whole = book.pixels_of([label], 0)
    planes = [] if whole is None else whole.planes(book.shape)
    if len(planes) != 1:
        raise PromptError(
            f"Object {label} lies on {len(planes)} planes: split it with the brush, plane by plane."
        )
    record = book.record(planes[0])
    pieces = split_object(record.current == label)
    n_pieces = int(pieces.max())
    first = max(table.column("label")) + 1
    numbers = np.array([0, label, *range(first, first + n_pieces - 1)], np.int64)
    after = np.where(pieces > 0, numbers[pieces], record.current)
    pixels = PixelChange.between(record.current, after, book.shape, planes[0])
    rows = [changed(table, uid, stamp, status="edited", source=_touched_source(table, uid))]
    origin = table.row(uid)
    for number in numbers[2:].tolist():
        rows.append(_piece(table, origin, number, stamp))
    said = f"split object {label} into {n_pieces}"
    cause = {"split_of": uid}
    return Plan("split", said, pixels, tuple(rows), planes[0], cause)


def set_class(book: LayerBook, uids: Sequence[str], name: str, stamp: Stamp) -> Plan:
    """See `ObjectActions.set_class`."""
    table, chosen = book.table, _known(book.table, uids)
    rows = [
        changed(table, uid, stamp, **{"class": name}, **_no_longer_proposed(table, uid))
        for uid in chosen
        if table.get(uid, "class") != name
    ]
    _require(rows, f"of class {name} already")
    return Plan("class", f"{counted(len(rows))} now of class {name}", rows=tuple(rows))


def comment(book: LayerBook, uid: str, text: str, stamp: Stamp) -> Plan:
    """See `ObjectActions.comment`."""
    table = book.table
    _known(table, [uid])
    if table.get(uid, "comment") == text:
        raise PromptError("The comment says that already.")
    row = table.changed(uid, comment=text, modified_by=stamp.by, modified_at=stamp.at)
    said = f"comment on object {table.get(uid, 'label')} {'kept' if text else 'taken away'}"
    return Plan("comment", said, rows=(row,))


def counted(n: int) -> str:
    """“1 object”, “2 objects”."""
    return f"{n:,} object{'' if n == 1 else 's'}"


def _known(table: ObjectTable, uids: Iterable[str]) -> list[str]:
    chosen = [uid for uid in dict.fromkeys(uids) if uid in table]
    if not chosen:
        raise PromptError("There is no such object any more: choose one in the list.")
    return chosen


def _present(table: ObjectTable, uids: Iterable[str]) -> list[str]:
    chosen = [uid for uid in _known(table, uids) if table.get(uid, "status") != "rejected"]
    if not chosen:
        raise PromptError("Rejected objects have no pixels: restore them first.")
    return chosen


def _require(rows: Sequence[Any], fact: str) -> None:
    if not rows:
        raise PromptError(f"The objects are {fact}.")


def _labels(table: ObjectTable, uids: Iterable[str]) -> list[int]:
    return [table.get(uid, "label") for uid in uids]


def _touched_source(table: ObjectTable, uid: str) -> str:
    source = str(table.get(uid, "source"))
    return "semi-auto" if source == "auto" else source


def _no_longer_proposed(table: ObjectTable, uid: str) -> dict[str, str]:
    """A person decided about it, so that no proposal may replace it."""
    return {"status": "edited"} if table.get(uid, "status") == "proposed" else {}


def _piece(table: ObjectTable, origin: Mapping[str, Any], label: int, stamp: Stamp) -> RowChange:
    cells = {name: cell for name, cell in origin.items() if name != "object_uid"}
    made = {"label": label, "status": "edited", "source": "semi-auto", "n_edits": 1}
    made |= {"created_by": stamp.by, "created_at": stamp.at, "edit_seconds": 0.0, "comment": ""}
    made |= {"modified_by": stamp.by, "modified_at": stamp.at}
    return table.added(**{**cells, **made})


def _places(pixels: PixelChange | None, label: int) -> np.ndarray:
    """Flat indices of the pixels that a change took from a label."""
    if pixels is None:
        return np.empty(0, np.int64)
    return pixels.indices()[np.repeat(pixels.old == label, pixels.lengths)]


def _decision(book: LayerBook, uid: str, status: str) -> tuple[int, str]:
    """Number of the edit that gave an object its status, and the status before."""
    found = book.past.decisions.get((uid, status))
    if found is None:
        raise PromptError("The journal of this image is still being read: try again in a moment.")
    return found
