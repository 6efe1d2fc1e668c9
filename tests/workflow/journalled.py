"""A person at work without a window: every change of labels and rows is journalled."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from napari_vlseg.corrections.edits import Edit
from napari_vlseg.corrections.ledger import Ledger
from napari_vlseg.corrections.replay import apply_edit
from napari_vlseg.corrections.store import ImageEntry
from napari_vlseg.object_table import ObjectTable, RowChange
from napari_vlseg.pixel_changes import PixelChange


class Session:
    """Labels, objects and journal of one image."""

    def __init__(self, shape: tuple[int, ...] = (40, 40), annotator: str = "anna") -> None:
        self.labels = np.zeros(shape, np.int32)
        self.table = ObjectTable()
        self.ledger = Ledger(shape, annotator=annotator)

    def do(
        self,
        op: str,
        painted: Mapping[int, tuple[slice, ...]] | None = None,
        rows: tuple[RowChange, ...] = (),
        plane: tuple[int, ...] = (),
        **cause: Any,
    ) -> Edit:
        """Journal and apply an edit that gives regions the labels named."""
        after = self.labels.copy()
        for label, region in (painted or {}).items():
            after[region] = label
        pixels = PixelChange.between(self.labels, after)
        edit = self.ledger.append(Edit(op, pixels, rows, plane, cause))
        apply_edit(self.labels, self.table, edit)
        return edit

    def propose(self, painted: Mapping[int, tuple[slice, ...]], op: str = "propose") -> Edit:
        """What a model finds; an object that is there already keeps its row."""
        rows = tuple(
            self.table.added(
                object_uid=f"uid{label}", label=label, status="proposed", source="auto", score=0.83,
                prompt="nuclei", model="vlseg-mini@1", threshold=0.45, **{"class": "nuclei"},
            )
            for label in painted
            if label and f"uid{label}" not in self.table
        )  # fmt: skip
        return self.do(op, painted, rows, model="vlseg-mini@1", threshold=0.45)

    def paint(self, label: int, region: tuple[slice, ...], op: str = "paint", **cells: Any) -> Edit:
        """Paint with a label; 0 erases. The first object that is there pays."""
        uid = f"uid{label or int(self.labels[region].max())}"
        if uid not in self.table:
            row = self.table.added(object_uid=uid, label=label, source="manual", status="edited")
        else:
            n_edits = self.table.get(uid, "n_edits") + 1
            row = self.table.changed(uid, n_edits=n_edits, status="edited", **cells)
        return self.do(op, {label: region}, (row,))

    def undo(self) -> None:
        edit = self.ledger.undo()
        assert edit is not None
        apply_edit(self.labels, self.table, edit)

    def redo(self) -> None:
        edit = self.ledger.redo()
        assert edit is not None
        apply_edit(self.labels, self.table, edit)

    def save(self, entry: ImageEntry) -> None:
        """Leave labels, objects and journal in a project."""
        entry.bind_ledger(self.ledger)
        entry.checkpoint(self.labels, self.table.to_frame(), self.ledger.last)
        self.ledger.close()


def box(row: int, col: int, height: int, width: int) -> tuple[slice, slice]:
    return slice(row, row + height), slice(col, col + width)
