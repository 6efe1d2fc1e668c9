"""The columns of a table of objects as arrays, so that thousands of rows sort at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Protocol

import numpy as np

STATUSES = ("proposed", "flagged", "edited", "accepted", "rejected")
"""In the order of the work: what waits comes first."""
REVIEWED = ("edited", "accepted", "rejected")
NUMBERS = ("score", "uncertainty", "area", "label")
TEXTS = ("class", "status")
_MANY = 2000


class Table(Protocol):
    """What is read of a table of objects; `napari_vlseg.object_table.ObjectTable` is one."""

    @property
    def uids(self) -> Sequence[str]:
        """All objects, in order."""
        ...

    def __contains__(self, uid: object) -> bool: ...

    def column(self, name: str) -> Sequence[Any]:
        """One cell of every object."""
        ...

    def get(self, uid: str, column: str) -> Any:
        """One cell."""
        ...


class Columns:
    """A copy of the columns that are sorted and filtered by, with a row for each object.

    A row keeps its position for good; that of an object that is gone is no longer alive.

    Attributes
    ----------
    uids : list of str
    alive : numpy.ndarray of bool
    numbers : dict of str to numpy.ndarray of float64
        `NUMBERS`; NaN where a cell is empty.
    codes : dict of str to numpy.ndarray of int64
        `TEXTS`, as positions in `names`.
    names : dict of str to list of str
    """

    def __init__(self, table: Table) -> None:
        self._table = table
        self.uids: list[str] = list(table.uids)
        self.rows = {uid: row for row, uid in enumerate(self.uids)}
        self.alive = np.ones(len(self.uids), bool)
        self.names: dict[str, list[str]] = {"class": [], "status": list(STATUSES)}
        self.numbers = {name: np.array(table.column(name), np.float64) for name in NUMBERS}
        self.codes = {name: self._coded(name, table.column(name)) for name in TEXTS}
        self._haystack: list[str] | None = None

    def __len__(self) -> int:
        return len(self.uids)

    def update(self, uids: Iterable[str]) -> tuple[list[int], list[int], list[int]]:
        """Read some objects anew.

        Returns
        -------
        tuple of list of int
            Rows whose cells may differ, rows that came and rows that went.
        """
        changed: list[int] = []
        came: list[int] = []
        went: list[int] = []
        new: list[str] = []
        for uid in dict.fromkeys(uids):
            row = self.rows.get(uid)
            is_there = uid in self._table
            if row is None:
                new.extend([uid] * is_there)
            elif is_there:
                (changed if self.alive[row] else came).append(row)
            elif self.alive[row]:
                went.append(row)
        self.alive[went], self.alive[came] = False, True
        came.extend(self._append(new))
        self._read(changed + came)
        return changed, came, went

    def haystack(self) -> list[str]:
        """What is searched in each row beside its class: id, number and comment, in small type."""
        if self._haystack is None:
            noted = zip(self._table.uids, self._table.column("comment"), strict=True)
            comments = {uid: str(comment).casefold() for uid, comment in noted if comment}
            labels = self.numbers["label"].astype(np.int64).tolist()
            self._haystack = [
                f"{uid}\n#{label}\n{comments.get(uid, '')}"
                for uid, label in zip(self.uids, labels, strict=True)
            ]
        return self._haystack

    def is_one_of(self, column: str, names: Iterable[str], rows: np.ndarray) -> np.ndarray:
        """Which of some rows have one of `names` in a column."""
        wanted = set(names)
        known = np.array([name in wanted for name in self.names[column]], bool)
        return known[self.codes[column][rows]]

    def ranks(self, column: str) -> np.ndarray:
        """Numbers that sort like the texts of a column; statuses in the order of the work."""
        names = self.names[column]
        if column == "status":
            return self.codes[column]
        order = sorted(range(len(names)), key=lambda code: names[code].casefold())
        rank = np.empty(len(names), np.int64)
        rank[order] = np.arange(len(names))
        return rank[self.codes[column]]

    def text(self, column: str, row: int) -> str:
        """The text of a row."""
        return self.names[column][int(self.codes[column][row])]

    def label(self, uid: str) -> int:
        """The number of an object."""
        return int(self.numbers["label"][self.rows[uid]])

    def _coded(self, column: str, texts: Sequence[str]) -> np.ndarray:
        names = self.names[column]
        names.extend(text for text in dict.fromkeys(texts) if text not in names)
        codes = {text: code for code, text in enumerate(names)}
        return np.array([codes[text] for text in texts], np.int64)

    def _read(self, rows: list[int]) -> None:
        if len(rows) > _MANY:  # a table answers for a whole column at once
            rows = [self.rows[uid] for uid in self._table.uids]
            cells = {name: self._table.column(name) for name in (*NUMBERS, *TEXTS)}
        else:
            cells = {
                name: [self._table.get(self.uids[row], name) for row in rows]
                for name in (*NUMBERS, *TEXTS)
            }
        for name in NUMBERS:
            self.numbers[name][rows] = cells[name]
        for name in TEXTS:
            self.codes[name][rows] = self._coded(name, cells[name])
        if len(rows) > _MANY:
            self._haystack = None
        elif self._haystack is not None:
            for row in rows:
                uid, label = self.uids[row], int(self.numbers["label"][row])
                comment = str(self._table.get(uid, "comment")).casefold()
                self._haystack[row] = f"{uid}\n#{label}\n{comment}"

    def _append(self, uids: list[str]) -> list[int]:
        first, n_new = len(self.uids), len(uids)
        if not n_new:
            return []
        self.uids.extend(uids)
        self.rows.update((uid, first + number) for number, uid in enumerate(uids))
        self.alive = np.concatenate([self.alive, np.ones(n_new, bool)])
        for name in NUMBERS:
            self.numbers[name] = np.concatenate([self.numbers[name], np.zeros(n_new)])
        for name in TEXTS:
            self.codes[name] = np.concatenate([self.codes[name], np.zeros(n_new, np.int64)])
        if self._haystack is not None:
            self._haystack.extend([""] * n_new)
        return list(range(first, first + n_new))
