"""Which objects are listed, and in which order. Pure NumPy.

The order is made when a person asks for it and stays as it is while they work: an object that
was just accepted keeps its row, although the list is one of proposals or sorted by what changed.
`Listing.moved` says how many rows would be elsewhere, until `arrange` is called again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np

from napari_vlseg.ui.review.columns import NUMBERS, STATUSES, Columns

MANY = 20
"""From so many new objects on, the list is arranged anew: they come from a model or a file."""

SORTS: Mapping[tuple[str, bool], str] = MappingProxyType(
    {
        ("uncertainty", True): "uncertain first",
        ("uncertainty", False): "certain first",
        ("score", False): "low scores first",
        ("score", True): "high scores first",
        ("area", False): "small ones first",
        ("area", True): "large ones first",
        ("class", False): "by class",
        ("status", False): "by status",
        ("label", False): "by number",
        ("given", False): "as given",
    }
)
"""Column and whether it descends → what people call it."""


@dataclass(frozen=True)
class Query:
    """What a person wants to see.

    Attributes
    ----------
    sort : str
        A column of `SORTS`.
    descending : bool
    statuses : frozenset of str
    classes : frozenset of str or None
        None is all.
    text : str
        Every word of it has to occur in class, comment, uid or number.
    only : mapping of str to str or None
        Objects that somebody gave, with the reason for each; None is all.
    """

    sort: str = "uncertainty"
    descending: bool = True
    statuses: frozenset[str] = frozenset(STATUSES) - {"rejected"}
    classes: frozenset[str] | None = None
    text: str = ""
    only: Mapping[str, str] | None = field(default=None, hash=False)


@dataclass(frozen=True)
class Change:
    """What became of the list.

    Attributes
    ----------
    positions : tuple of int
        Places in the list whose cells may differ.
    reset : bool
        Whether rows came, went or moved.
    """

    positions: tuple[int, ...] = ()
    reset: bool = False


class Listing:
    """Rows of `Columns` in an order.

    Parameters
    ----------
    columns : Columns
    query : Query
    """

    def __init__(self, columns: Columns, query: Query | None = None) -> None:
        self.columns = columns
        self.query = query or Query()
        self.order = np.zeros(0, np.int64)
        self._where = np.zeros(0, np.int64)
        self._moved: set[int] = set()
        self.arrange()

    def __len__(self) -> int:
        return len(self.order)

    @property
    def moved(self) -> int:
        """How many rows would be elsewhere, or gone, if the list were arranged now."""
        return len(self._moved)

    def arrange(self, query: Query | None = None) -> None:
        """Filter and sort anew."""
        self.query = query or self.query
        every = np.arange(len(self.columns))
        kept = every[self._matches(every)]
        numbers = self.columns.numbers
        # What is as good comes with the lowest score first, then by number.
        tie = (numbers["label"][kept], numbers["score"][kept])
        self._set_order(kept[np.lexsort((*tie, self._keys(kept)))])
        self._moved.clear()

    def update(self, uids: Iterable[str]) -> Change:
        """Take over what became of some objects; the others keep their places."""
        uids = list(uids)
        known = np.array([self.columns.rows[u] for u in uids if u in self.columns.rows], np.int64)
        keys = self._keys(known)
        changed, came, went = self.columns.update(uids)
        if len(came) > MANY or len(went) > MANY:
            self.arrange()
            return Change(reset=True)
        rows = np.array(changed + came, np.int64)
        matching = self._matches(rows)
        listed = np.zeros(len(self.columns), bool)
        listed[self.order] = True
        before = np.full(len(self.columns), np.nan)
        before[known] = keys
        stays = matching & _same(self._keys(rows), before[rows])
        self._moved.update(rows[listed[rows] & ~stays].tolist())
        appended = rows[matching & ~listed[rows]]
        if not appended.size and not listed[went].any():
            return Change(tuple(self._where[[row for row in changed if listed[row]]].tolist()))
        self._set_order(np.concatenate([self.order[~np.isin(self.order, went)], appended]))
        self._moved.update(appended.tolist())
        self._moved.difference_update(went)
        return Change(reset=True)

    def uid(self, position: int) -> str:
        """The object at a place of the list."""
        return self.columns.uids[int(self.order[position])]

    def position(self, uid: str) -> int:
        """The place of an object in the list; −1 where it is not listed."""
        row = self.columns.rows.get(uid, -1)
        return -1 if row < 0 or row >= len(self._where) else int(self._where[row])

    def next_waiting(self, position: int) -> int:
        """The next place that holds a proposal, from the top again after the end; −1 for none."""
        waiting = np.flatnonzero(self.columns.is_one_of("status", ["proposed"], self.order))
        if not waiting.size:
            return -1
        after = int(np.searchsorted(waiting, position, side="right"))
        return int(waiting[after % waiting.size])

    def _set_order(self, order: np.ndarray) -> None:
        self.order = order
        self._where = np.full(len(self.columns), -1, np.int64)
        self._where[order] = np.arange(len(order))

    def _matches(self, rows: np.ndarray) -> np.ndarray:
        """Which of some rows suit the query."""
        columns, query = self.columns, self.query
        kept = columns.alive[rows]
        if query.only is not None:
            only = query.only
            kept &= np.array([columns.uids[row] in only for row in rows.tolist()], bool)
        else:
            kept &= columns.is_one_of("status", query.statuses, rows)
        if query.classes is not None:
            kept &= columns.is_one_of("class", query.classes, rows)
        for word in query.text.casefold().split():
            named = [name for name in columns.names["class"] if word in name.casefold()]
            hay = columns.haystack()
            found = np.array([word in hay[row] for row in rows.tolist()], bool)
            kept &= found | columns.is_one_of("class", named, rows)
        return kept

    def _keys(self, rows: np.ndarray) -> np.ndarray:
        """What some rows are sorted by: smaller comes first, NaN last."""
        columns, query = self.columns, self.query
        if query.sort in NUMBERS:
            values = columns.numbers[query.sort][rows]
        elif query.sort == "given":
            places = {uid: float(number) for number, uid in enumerate(query.only or ())}
            values = np.array([places.get(columns.uids[row], np.nan) for row in rows.tolist()])
        else:
            values = columns.ranks(query.sort)[rows].astype(np.float64)
        return -values if query.descending else values


def _same(some: np.ndarray, others: np.ndarray) -> np.ndarray:
    return (some == others) | (np.isnan(some) & np.isnan(others))
