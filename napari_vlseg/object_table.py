"""The table of objects while it is worked on: quick by id and by label, and changed by rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from napari_vlseg.errors import LedgerError
from napari_vlseg.object_rows import (
    UID,
    RowChange,
    plain_cells,
    same_cell,
    series_of,
    unknown_cells,
    without_derived,
)
from napari_vlseg.pixel_changes import PixelChange
from napari_vlseg.proposals import OBJECT_COLUMNS, completed, new_uid

_MOST_GONE = 4
"""Rows that are gone, for each that is there, whose place is kept for their return."""


class ObjectTable:
    """Objects as columns of Python values, see `napari_vlseg.proposals.OBJECT_COLUMNS`.

    Rows keep their order; one that goes and comes back is where it was.

    Attributes
    ----------
    version : int
        Grows with every change.
    """

    def __init__(self) -> None:
        self.version = 0
        self._columns: dict[str, list[Any]] = {name: [] for name in OBJECT_COLUMNS}
        self._dtypes: dict[str, Any] = {}
        self._places: dict[str, int] = {}  # of rows that are gone, too
        self._gone: set[str] = set()
        self._by_label: dict[int, str] = {}
        self._uids: tuple[int, Sequence[str]] = (0, ())

    @classmethod
    def from_frame(cls, frame: pd.DataFrame) -> ObjectTable:
        """A table of the rows of `frame`; what is missing is completed.

        Rows without an id, or with one that another row has, get a new one.
        """
        table, full = cls(), completed(frame)
        table._columns = {str(name): full[name].tolist() for name in full}
        table._dtypes = {str(name): full[name].dtype for name in full}
        uids = table._columns[UID]
        for place, uid in enumerate(uids):
            if not uid or uid in table._places:
                uids[place] = uid = new_uid()
            table._places[uid] = place
        table._by_label = dict(zip(table._columns["label"], uids, strict=True))
        return table

    def to_frame(self) -> pd.DataFrame:
        """The table as a frame, with the types of `napari_vlseg.proposals.empty_objects`."""
        frame = pd.DataFrame(
            {name: series_of(self.column(name), self._dtypes.get(name)) for name in self._columns}
        )
        return completed(frame)

    def copy(self) -> ObjectTable:
        """A table that changes by itself."""
        other = ObjectTable()
        other.version = self.version
        other._columns = {name: list(cells) for name, cells in self._columns.items()}
        other._dtypes = dict(self._dtypes)
        other._places, other._gone = dict(self._places), set(self._gone)
        other._by_label = dict(self._by_label)
        return other

    def become(self, other: ObjectTable) -> None:
        """Take over what another table holds, at once; the other is not to be used any more."""
        version = max(self.version, other.version) + 1
        self.__dict__.update(other.__dict__)
        self.version = version

    def __len__(self) -> int:
        return len(self._places) - len(self._gone)

    def __iter__(self) -> Iterator[str]:
        return iter(self.uids)

    def __contains__(self, uid: object) -> bool:
        return uid in self._places and uid not in self._gone

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns."""
        return tuple(self._columns)

    @property
    def uids(self) -> Sequence[str]:
        """Ids of the objects in order."""
        if self._uids[0] != self.version or not self._uids[1]:
            self._uids = (self.version, tuple(self.column(UID)))
        return self._uids[1]

    def column(self, name: str) -> Sequence[Any]:
        """Cells of a column in the order of `uids`; not to be changed."""
        cells = self._columns[name]
        if not self._gone:
            return cells
        return [cells[place] for uid, place in self._places.items() if uid not in self._gone]

    def row(self, uid: str) -> dict[str, Any]:
        """All cells of one object."""
        place = self._place(uid)
        return {name: cells[place] for name, cells in self._columns.items()}

    def get(self, uid: str, column: str) -> Any:
        """One cell."""
        return self._columns[column][self._place(uid)]

    def uid_of(self, label: int) -> str | None:
        """The object that has a label in the image; rejected ones have none any more."""
        uid = self._by_label.get(label)
        return None if uid is None or self.get(uid, "status") == "rejected" else uid

    def changed(self, uid: str, **cells: Any) -> RowChange:
        """What setting cells of an object would be; those that stay as they are are left out."""
        place = self._place(uid)
        old, new = {}, {}
        for name, value in plain_cells(cells).items():
            column = self._columns.get(name)
            before = None if column is None else column[place]
            if column is None or not same_cell(before, value):
                old[name], new[name] = before, value
        return RowChange(uid, old, new)

    def added(self, **cells: Any) -> RowChange:
        """What adding an object would be; cells that are not given are empty, the id is new."""
        uid = cells.pop(UID, "") or new_uid()
        return RowChange(str(uid), None, {**without_derived(unknown_cells()), **plain_cells(cells)})

    def removed(self, uid: str) -> RowChange:
        """What removing an object would be."""
        return RowChange(uid, without_derived(self.row(uid)), None)

    def apply(self, changes: Iterable[RowChange]) -> None:
        """Make changes of rows.

        Raises
        ------
        LedgerError
            If one is about an object that is not there, or adds one that is. The table
            stays as it was.
        """
        changes = tuple(changes)
        self._check(changes)
        for change in changes:
            if change.old is None:
                self._add(change.uid)
            self._set(change)
        if len(self._gone) > _MOST_GONE * (len(self) + 1):
            self._forget_gone()
        self.version += 1

    def count(self, pixels: Mapping[int, int], sign: int) -> None:
        """Add pixels to the areas of objects, or take them away.

        Parameters
        ----------
        pixels : mapping of label to number
            Labels without an object are passed over.
        sign : int
            1 or -1.
        """
        areas = self._columns["area"]
        for label, number in pixels.items():
            uid = self._by_label.get(label)
            if uid is not None:
                areas[self._places[uid]] += sign * number
        self.version += 1

    def apply_with(self, pixels: PixelChange | None, changes: Iterable[RowChange]) -> None:
        """Make changes of rows that go with a change of pixels, and keep the areas right.

        Raises
        ------
        LedgerError
            See `apply`.
        """
        changes = tuple(changes)
        self._check(changes)
        # Labels are looked up before the rows change for what is lost, after for what is
        # gained: an edit may give an object another label, or exchange two.
        if pixels is not None:
            self.count(pixels.lost(), -1)
        self.apply(changes)
        if pixels is not None:
            self.count(pixels.gained(), 1)

    def _place(self, uid: str) -> int:
        if uid not in self:
            raise LedgerError(f"There is no object {uid} in the table: open the image again.")
        return self._places[uid]

    def _check(self, changes: Sequence[RowChange]) -> None:
        there: dict[str, bool] = {}
        for change in changes:
            is_there = there.get(change.uid, change.uid in self)
            if is_there != (change.old is not None):
                fact = "is in the table already" if is_there else "is not in the table"
                raise LedgerError(
                    f"An edit does not fit the objects: {change.uid} {fact}. Open the image again."
                )
            there[change.uid] = change.new is not None

    def _add(self, uid: str) -> None:
        self._gone.discard(uid)
        place = self._places.setdefault(uid, len(self._places))
        defaults = unknown_cells()
        for name, cells in self._columns.items():
            cell = uid if name == UID else defaults.get(name)
            if place == len(cells):
                cells.append(cell)
            else:
                cells[place] = cell

    def _set(self, change: RowChange) -> None:
        place = self._places[change.uid]
        before = self._columns["label"][place]
        if change.new is None:
            self._gone.add(change.uid)
            self._forget(before, change.uid)
            return
        for name, value in change.new.items():
            cells = self._columns.get(name)
            if cells is None:
                cells = self._columns[name] = [None] * len(self._places)
            cells[place] = value
        after = self._columns["label"][place]
        if after != before:
            self._forget(before, change.uid)
        self._by_label[after] = change.uid

    def _forget_gone(self) -> None:
        kept = [place for uid, place in self._places.items() if uid not in self._gone]
        for cells in self._columns.values():
            cells[:] = [cells[place] for place in kept]
        self._places = {uid: place for place, uid in enumerate(self._columns[UID])}
        self._gone = set()

    def _forget(self, label: int, uid: str) -> None:
        if self._by_label.get(label) == uid:
            del self._by_label[label]
