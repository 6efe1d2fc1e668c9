"""The list of objects as Qt asks for it: cell by cell, of the rows in view alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from qtpy.QtCore import QAbstractTableModel, QModelIndex, Qt
from qtpy.QtGui import QFont

from napari_vlseg.ui.review.columns import Table
from napari_vlseg.ui.review.listing import Listing
from napari_vlseg.ui.review.wording import fraction, pixels

PICTURE, NAME, STATUS, SCORE, UNCERTAINTY, AREA = range(6)
SORTED_BY = {
    NAME: "class",
    STATUS: "status",
    SCORE: "score",
    UNCERTAINTY: "uncertainty",
    AREA: "area",
}
_HEADS = ("", "Class", "✓", "Score", "Unsure", "Area")
_TIPS = (
    "The object, outlined in its colour",
    "Class and number, or its comment",
    "Status: what became of the proposal",
    "Mean probability of the class on the object",
    "How unsure the model is about the object, from 0 to 1",
    "Pixels; the tooltip of a row has the physical size",
)
_RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
UID_ROLE = Qt.ItemDataRole.UserRole
NOTE_ROLE = Qt.ItemDataRole.UserRole + 1
STATUS_ROLE = Qt.ItemDataRole.UserRole + 2


class ReviewModel(QAbstractTableModel):
    """Cells of a `Listing`.

    Parameters
    ----------
    tip : callable
        Gives the tooltip of an object.
    """

    def __init__(self, tip: Callable[[str], str]) -> None:
        super().__init__()
        self._tip = tip
        self._listing: Listing | None = None
        self._table: Table | None = None
        self._sorted_by = ""

    @property
    def listing(self) -> Listing | None:
        """What is shown."""
        return self._listing

    def show(self, listing: Listing | None, table: Table | None) -> None:
        """Show a list, or the same one in another order."""
        self.beginResetModel()
        self._listing, self._table = listing, table
        self.endResetModel()

    def show_cells(self, positions: Sequence[int]) -> None:
        """Say that rows look different."""
        if not positions:
            return
        first, last = min(positions), max(positions)
        self.dataChanged.emit(self.index(first, 0), self.index(last, len(_HEADS) - 1))

    def set_sorted_by(self, column: str) -> None:
        """Print the head of a column in bold."""
        if column != self._sorted_by:
            self._sorted_by = column
            self.headerDataChanged.emit(Qt.Orientation.Horizontal, 0, len(_HEADS) - 1)

    def uid(self, position: int) -> str:
        """The object of a row."""
        return "" if self._listing is None else self._listing.uid(position)

    def rowCount(self, parent: QModelIndex | None = None) -> int:  # noqa: N802 - Qt's name
        """Objects in the list."""
        inside = parent is not None and parent.isValid()
        return 0 if self._listing is None or inside else len(self._listing)

    def columnCount(self, parent: QModelIndex | None = None) -> int:  # noqa: N802 - Qt's name
        """Columns of the list."""
        return len(_HEADS)

    def headerData(  # noqa: N802 - Qt's name
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        """Title of a column, and what it means."""
        if orientation != Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return _HEADS[section]
        if role == Qt.ItemDataRole.FontRole and SORTED_BY.get(section) == self._sorted_by:
            font = QFont()
            font.setBold(True)
            return font
        return _TIPS[section] if role == Qt.ItemDataRole.ToolTipRole else None

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """What a cell shows."""
        listing, table = self._listing, self._table
        if listing is None or table is None or not index.isValid():
            return None
        row = int(listing.order[index.row()])
        uid = listing.columns.uids[row]
        if role == Qt.ItemDataRole.DisplayRole:
            return self._text(listing, row, index.column())
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _RIGHT if index.column() >= SCORE else None
        if role == Qt.ItemDataRole.ToolTipRole:
            return self._tip(uid)
        if role == STATUS_ROLE:
            return listing.columns.text("status", row)
        if role == NOTE_ROLE:
            return _note(listing, table, uid, row)
        return uid if role == UID_ROLE else None

    def _text(self, listing: Listing, row: int, column: int) -> str:
        columns = listing.columns
        if column == NAME:
            return columns.text("class", row) or "no class"
        if column in (SCORE, UNCERTAINTY):
            return fraction(float(columns.numbers[SORTED_BY[column]][row]))
        return pixels(float(columns.numbers["area"][row])) if column == AREA else ""


def _note(listing: Listing, table: Table, uid: str, row: int) -> str:
    """The second line of a row: why it was given, its comment, or its number and source."""
    if listing.query.only is not None and listing.query.only.get(uid):
        return listing.query.only[uid]
    comment = str(table.get(uid, "comment") or "")
    return comment or f"#{int(listing.columns.numbers['label'][row])} · {table.get(uid, 'source')}"
