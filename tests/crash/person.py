"""A person who works at random: paints, fills, merges, splits, decides, takes back.

Pixels are changed by plain NumPy, not by what journals them, so that the two can be compared.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from scipy import ndimage

from napari_vlseg.corrections.edits import Edit
from napari_vlseg.corrections.ledger import Ledger
from napari_vlseg.corrections.replay import apply_edit
from napari_vlseg.object_table import ObjectTable, RowChange
from napari_vlseg.pixel_changes import PixelChange

RADIUS = 5
CLASSES = ("nuclei", "debris, “bright”", "µ-tubules")


class Person:
    """Works on labels of any number of planes.

    Parameters
    ----------
    rng : numpy.random.Generator
    labels : numpy.ndarray, int, shape (..., H, W)
        Changed in place.
    table : ObjectTable
        Changed in place.
    ledger : Ledger
    """

    def __init__(
        self, rng: np.random.Generator, labels: np.ndarray, table: ObjectTable, ledger: Ledger
    ) -> None:
        self.labels, self.table, self.ledger = labels, table, ledger
        self._rng = rng
        self._next = 1
        self._rejected: dict[str, np.ndarray] = {}
        ways: dict[Callable[[], Edit | None], int] = {
            self.paint: 30,
            self.erase: 12,
            self.fill: 5,
            self.polygon: 4,
            self.commit: 8,
            self.propose: 2,
            self.merge: 4,
            self.split: 4,
            self.delete: 2,
            self.relabel: 2,
            self.decide: 10,
            self.reject: 2,
            self.restore: 5,
            self.undo: 12,
        }
        self._ways, weights = list(ways), np.array(list(ways.values()), float)
        self._choices = np.cumsum(weights / weights.sum())

    def act(self) -> Edit:
        """Make one edit and journal it; what was made is given back as it was journalled."""
        while True:
            way = self._ways[int(np.searchsorted(self._choices, self._rng.random()))]
            # Who takes back much does some of it again, before anything else forbids it.
            again = self.ledger.can_redo and self._rng.random() < 0.3
            made = self.redo() if again else way()
            if made is not None:
                return made

    def undo(self) -> Edit | None:
        return self._step(self.ledger.undo())

    def redo(self) -> Edit | None:
        return self._step(self.ledger.redo())

    def paint(self) -> Edit | None:
        """A round brush, with a label that is there or a new one."""
        added: tuple[RowChange, ...] = ()
        live = self._live()
        if live and self._rng.random() < 0.6:
            value = int(self.table.get(self._pick(live), "label"))
        else:
            value, added = self._new("manual", "edited")
        return self._on_plane("paint", self._disc(), value, added)

    def erase(self) -> Edit | None:
        return self._on_plane("erase", self._disc(), 0)

    def fill(self) -> Edit | None:
        """All of one value that hangs together around a place."""
        plane, (row, col) = self._place()
        now = self.labels[plane]
        areas, _ = ndimage.label(now == now[row, col])
        value, added = self._new("manual", "edited")
        return self._on_plane("fill", (plane, areas == areas[row, col]), value, added)

    def polygon(self) -> Edit | None:
        value, added = self._new("manual", "edited")
        return self._on_plane("polygon", self._box(), value, added)

    def commit(self) -> Edit | None:
        """An object where nothing is yet."""
        plane, mask = self._box()
        value, added = self._new("semi-auto", "edited")
        free = mask & (self.labels[plane] == 0)
        return self._on_plane("commit", (plane, free), value, added)

    def propose(self) -> Edit | None:
        """Several objects of a model on several planes at once."""
        before, rows = self.labels.copy(), []
        for _ in range(4):
            plane, mask = self._box()
            value, added = self._new("auto", "proposed")
            free = mask & (self.labels[plane] == 0)
            self.labels[plane][free] = value
            rows += added if free.any() else ()
        return self._journal("propose", self._between(before), rows, ())

    def merge(self) -> Edit | None:
        live = self._live()
        if len(live) < 2:
            return None
        kept, gone = self._rng.choice(len(live), 2, replace=False)
        value, other = (int(self.table.get(live[k], "label")) for k in (kept, gone))
        before = self.labels.copy()
        self.labels[self.labels == other] = value
        rows = [self._touched(live[kept]), self.table.removed(live[gone])]
        cause = {"merged_into": live[kept]}
        return self._journal("merge", self._between(before), rows, (), cause)

    def split(self) -> Edit | None:
        """Every second pixel-wide column of an object becomes another one."""
        uid = self._one()
        if uid is None:
            return None
        before = self.labels.copy()
        value, added = self._new("manual", "edited")
        half = self.labels == self.table.get(uid, "label")
        half[..., 1::2] = False
        self.labels[half] = value
        return self._journal("split", self._between(before), [self._touched(uid), *added], ())

    def delete(self) -> Edit | None:
        return self._gone("delete", self.table.removed)

    def reject(self) -> Edit | None:
        """Its pixels go, its row stays."""

        def rejected(uid: str) -> RowChange:
            self._rejected[uid] = np.flatnonzero(self.labels == self.table.get(uid, "label"))
            return self.table.changed(uid, status="rejected")

        return self._gone("reject", rejected)

    def restore(self) -> Edit | None:
        """What was rejected comes back where the place is free."""
        uids = [u for u in self._rejected if self._status(u) == "rejected"]
        if not uids:
            return None
        uid = self._pick(uids)
        before, flat = self.labels.copy(), self._rejected[uid]
        self.labels.flat[flat[self.labels.flat[flat] == 0]] = self.table.get(uid, "label")
        rows = [self.table.changed(uid, status="edited")]
        return self._journal("restore", self._between(before), rows, ())

    def relabel(self) -> Edit | None:
        uid = self._one()
        if uid is None:
            return None
        before, value = self.labels.copy(), self._number()
        self.labels[self.labels == self.table.get(uid, "label")] = value
        rows = [self.table.changed(uid, label=value)]
        return self._journal("relabel", self._between(before), rows, ())

    def decide(self) -> Edit | None:
        """Accept, flag, name or comment several objects."""
        live = self._live()
        if not live:
            return None
        op = self._pick(("accept", "flag", "class", "comment"))
        cells = {
            "accept": {"status": "accepted"},
            "flag": {"status": "flagged"},
            "class": {"class": self._pick(CLASSES)},
            "comment": {"comment": f"“{self._next}”\nand more", "score": np.nan},
        }[op]
        chosen = {self._pick(live) for _ in range(3)}
        changes = [self.table.changed(uid, **cells) for uid in chosen]
        rows = [change for change in changes if change.new]
        return self._journal(op, None, rows, self._place()[0]) if rows else None

    def _gone(self, op: str, change: Callable[[str], RowChange]) -> Edit | None:
        uid = self._one()
        if uid is None:
            return None
        before, row = self.labels.copy(), change(uid)
        self.labels[self.labels == self.table.get(uid, "label")] = 0
        return self._journal(op, self._between(before), [row], ())

    def _on_plane(
        self,
        op: str,
        where: tuple[tuple[int, ...], np.ndarray],
        value: int,
        added: Sequence[RowChange] = (),
    ) -> Edit | None:
        plane, mask = where
        now = self.labels[plane]
        before = now.copy()
        now[mask] = value
        change = PixelChange.between(before, now, self.labels.shape, plane)
        if change is None:
            return None
        uids = [self.table.uid_of(label) for label in change.labels]
        rows = [*added, *(self._touched(uid) for uid in uids if uid is not None)]
        return self._journal(op, change, rows, plane)

    def _journal(
        self,
        op: str,
        pixels: PixelChange | None,
        rows: Sequence[RowChange],
        plane: tuple[int, ...],
        cause: dict[str, Any] | None = None,
    ) -> Edit | None:
        if pixels is None and not rows:
            return None
        rows = [*rows, *self._emptied(pixels, rows)]
        edit = self.ledger.append(Edit(op, pixels, tuple(rows), plane, cause or {}))
        self.table.apply_with(edit.pixels, edit.rows)
        return edit

    def _step(self, edit: Edit | None) -> Edit | None:
        if edit is not None:
            apply_edit(self.labels, self.table, edit)
        return edit

    def _emptied(self, pixels: PixelChange | None, rows: Sequence[RowChange]) -> list[RowChange]:
        """Objects left without a pixel go, unless the edit says what becomes of them."""
        if pixels is None:
            return []
        said = {row.uid for row in rows if row.old is None or _tells_of_pixels(row.new)}
        gains = pixels.area_change()
        uids = {label: self.table.uid_of(label) for label, gain in gains.items() if gain < 0}
        return [
            self.table.removed(uid)
            for label, uid in uids.items()
            if uid is not None
            and uid not in said
            and self.table.get(uid, "area") + gains[label] == 0
        ]

    def _between(self, before: np.ndarray) -> PixelChange | None:
        return PixelChange.between(before, self.labels)

    def _touched(self, uid: str) -> RowChange:
        return self.table.changed(uid, status="edited", n_edits=self.table.get(uid, "n_edits") + 1)

    def _new(self, source: str, status: str) -> tuple[int, tuple[RowChange, ...]]:
        value = self._number()
        cells = {"label": value, "class": self._pick(CLASSES), "source": source, "status": status}
        return value, (self.table.added(**cells),)

    def _number(self) -> int:
        # An undo may have brought back a label that was not there at the beginning.
        value = max([self._next, *(label + 1 for label in self.table.column("label"))])
        self._next = value + 1
        return value

    def _status(self, uid: str) -> str:
        return str(self.table.get(uid, "status")) if uid in self.table else ""

    def _live(self) -> list[str]:
        """Objects that have pixels."""
        columns = (self.table.column(name) for name in ("object_uid", "status", "area"))
        return [
            u for u, status, area in zip(*columns, strict=True) if status != "rejected" and area
        ]

    def _one(self) -> str | None:
        live = self._live()
        return self._pick(live) if live else None

    def _pick(self, things: Sequence[Any]) -> Any:
        return things[int(self._rng.integers(len(things)))]

    def _place(self) -> tuple[tuple[int, ...], tuple[int, int]]:
        *plane, row, col = (int(self._rng.integers(side)) for side in self.labels.shape)
        return tuple(plane), (row, col)

    def _disc(self) -> tuple[tuple[int, ...], np.ndarray]:
        plane, (row, col) = self._place()
        rows, cols = np.ogrid[: self.labels.shape[-2], : self.labels.shape[-1]]
        return plane, (rows - row) ** 2 + (cols - col) ** 2 <= self._rng.integers(RADIUS + 1) ** 2

    def _box(self) -> tuple[tuple[int, ...], np.ndarray]:
        plane, (row, col) = self._place()
        mask = np.zeros(self.labels.shape[-2:], bool)
        height, width = self._rng.integers(1, 2 * RADIUS, 2)
        mask[row : row + height, col : col + width] = True
        return plane, mask


def _tells_of_pixels(cells: Mapping[str, Any] | None) -> bool:
    """Whether a row that becomes this says itself where its pixels are."""
    return cells is None or "label" in cells or cells.get("status") == "rejected"
