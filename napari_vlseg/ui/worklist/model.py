"""The images of a project behind a Qt list: as fast with ten thousand as with ten."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from qtpy.QtCore import QAbstractListModel, QModelIndex, QObject, Qt
from qtpy.QtGui import QFont, QIcon

from napari_vlseg.corrections.worklist import Status, WorkItem
from napari_vlseg.ui.views.icons import icon

MARKS: dict[Status, str] = {
    "new": "ring",
    "in progress": "half",
    "done": "check",
    "skipped": "skipped",
}
"""Icon of each status."""

_NOWHERE = QModelIndex()


class WorklistModel(QAbstractListModel):
    """Rows are the images of the chosen status; positions are those of the whole list."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._items: tuple[WorkItem, ...] = ()
        self._rows: Sequence[int] = ()
        self._wanted: Status | None = None
        self._current: int | None = None
        self._icons: dict[Status, QIcon] = {}
        self._bold = QFont()
        self._bold.setBold(True)

    def show(self, items: tuple[WorkItem, ...], current: int | None, wanted: Status | None) -> None:
        """Show a list; only what differs from the one before is drawn anew."""
        changed = self._changed_row(items) if wanted == self._wanted else None
        before, self._current = self._current, current
        if changed is None:
            self.beginResetModel()
            self._items, self._wanted = items, wanted
            self._rows = (
                range(len(items))
                if wanted is None
                else [place for place, item in enumerate(items) if item.status == wanted]
            )
            self.endResetModel()
            return
        self._items = items
        for row in {*changed, self.row_of(before), self.row_of(current)}:
            if row is not None:
                self.dataChanged.emit(self.index(row), self.index(row))

    def position(self, index: QModelIndex) -> int:
        """Position in the whole list of a row."""
        return self._rows[index.row()]

    def row_of(self, position: int | None) -> int | None:
        """Row of an image, or None where it is not shown."""
        if position is None or position >= len(self._items):
            return None
        if self._wanted is None:
            return position
        return next((row for row, place in enumerate(self._rows) if place == position), None)

    def rowCount(self, parent: QModelIndex = _NOWHERE) -> int:  # noqa: N802 - Qt's name
        """How many images have the chosen status."""
        return 0 if parent.isValid() else len(self._rows)

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Name, mark, tooltip and font of a row."""
        if not index.isValid():
            return None
        position = self.position(index)
        item = self._items[position]
        if role == Qt.ItemDataRole.DisplayRole:
            return item.name
        if role == Qt.ItemDataRole.DecorationRole:
            if item.status not in self._icons:
                self._icons[item.status] = icon(MARKS[item.status])
            return self._icons[item.status]
        if role == Qt.ItemDataRole.ToolTipRole:
            return f"{item.name}: {item.status}"
        if role == Qt.ItemDataRole.FontRole and position == self._current:
            return self._bold
        return None

    def _changed_row(self, items: tuple[WorkItem, ...]) -> set[int] | None:
        """Rows whose images changed, where the list is the same otherwise; None where not."""
        if len(items) != len(self._items):
            return None
        pairs = enumerate(zip(items, self._items, strict=True))
        changed = [place for place, (new, old) in pairs if new is not old and new != old]
        if len(changed) > 1:
            return None
        moved = [place for place in changed if items[place].status != self._items[place].status]
        return None if self._wanted is not None and moved else set(changed)
