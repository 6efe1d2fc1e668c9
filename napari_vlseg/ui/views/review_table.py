"""The list of objects: thumbnails and numbers, made for the rows in view alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from qtpy.QtCore import QItemSelection, QItemSelectionModel, QSize, Qt, QTimer, Signal
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTableView

from napari_vlseg.ui.review.columns import Table
from napari_vlseg.ui.review.listing import Listing
from napari_vlseg.ui.views.review_delegate import ROW_HEIGHT, ReviewDelegate
from napari_vlseg.ui.views.review_model import (
    AREA,
    NAME,
    PICTURE,
    SCORE,
    SORTED_BY,
    STATUS,
    UNCERTAINTY,
    ReviewModel,
)

_WIDTHS = {PICTURE: ROW_HEIGHT, STATUS: 24, SCORE: 40, UNCERTAINTY: 50, AREA: 42}
_LOOK_MS = 30  # after the last step of scrolling
_SIDE = 44


class ReviewTable(QTableView):
    """Shows a list, and reports what a person chooses and which rows are in view."""

    chosen = Signal(list, str, bool)
    """Objects that are selected, the one among them that is current, and whether it was clicked."""
    seen = Signal(list)
    """Objects whose rows are in view."""
    sort_wanted = Signal(str)

    def __init__(
        self, tip: Callable[[str], str], picture: Callable[[str], np.ndarray | None]
    ) -> None:
        super().__init__()
        self.objects = ReviewModel(tip)
        self._delegate = ReviewDelegate(picture)
        self._is_showing = False
        self._look = QTimer(self)
        self._look.setSingleShot(True)
        self._look.setInterval(_LOOK_MS)
        self._look.timeout.connect(self._report_seen)
        self.setModel(self.objects)
        self.setItemDelegate(self._delegate)
        self._set_up()
        self._set_up_heads()

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """A few rows are enough to begin with; the layout gives what is left."""
        return QSize(280, 4 * ROW_HEIGHT)

    def show_list(self, listing: Listing | None, table: Table | None) -> None:
        """Show a list, or the same one after rows came, went or moved; it does not scroll."""
        bar = self.verticalScrollBar()
        place = 0 if bar is None or listing is not self.objects.listing else bar.value()
        self._is_showing = True
        self.objects.show(listing, table)
        self._is_showing = False
        if bar is not None:
            bar.setValue(place)
        if listing is not None:
            self._mark_sorted(listing)
        self._look.start()

    def show_cells(self, positions: Sequence[int]) -> None:
        """Rows look different."""
        self.objects.show_cells(positions)
        self._look.start()

    def show_pictures(self) -> None:
        """Thumbnails have come."""
        view = self.viewport()
        if view is not None:
            view.update()
        self._look.start()

    def show_chosen(self, positions: Sequence[int], current: int) -> None:
        """Mark rows, and scroll to the current one where it is not in view."""
        selection = self.selectionModel()
        if selection is None:
            return
        self._is_showing = True
        wanted = QItemSelection()
        last = self.objects.columnCount() - 1
        for position in positions:
            wanted.select(self.objects.index(position, 0), self.objects.index(position, last))
        flags = QItemSelectionModel.SelectionFlag
        selection.select(wanted, flags.ClearAndSelect)
        selection.setCurrentIndex(self.objects.index(current, NAME), flags.NoUpdate)
        self._is_showing = False
        if current >= 0:
            # The row that comes next is in view too.
            for row in (min(current + 1, self.objects.rowCount() - 1), current):
                self.scrollTo(self.objects.index(row, NAME))

    def resizeEvent(self, event: object) -> None:  # noqa: N802 - Qt's name
        """Other rows are in view now."""
        super().resizeEvent(event)  # type: ignore[arg-type]
        self._look.start()

    def _set_up(self) -> None:
        self.setToolTip("The objects of the image; J goes to the next one")
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setCornerButtonEnabled(False)
        self.setTabKeyNavigation(False)
        bar, selection = self.verticalScrollBar(), self.selectionModel()
        if bar is not None:
            bar.valueChanged.connect(lambda _: self._look.start())
            bar.setSingleStep(ROW_HEIGHT // 2)
        if selection is not None:
            selection.selectionChanged.connect(lambda *_: self._report_chosen(False))
        self.clicked.connect(lambda _: self._report_chosen(True))

    def _set_up_heads(self) -> None:
        rows, heads = self.verticalHeader(), self.horizontalHeader()
        if rows is None or heads is None:
            return
        rows.hide()
        rows.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        rows.setDefaultSectionSize(ROW_HEIGHT)
        heads.setMinimumSectionSize(20)
        heads.setHighlightSections(False)
        for column, width in _WIDTHS.items():
            heads.setSectionResizeMode(column, QHeaderView.ResizeMode.Fixed)
            self.setColumnWidth(column, width)
        heads.setSectionResizeMode(NAME, QHeaderView.ResizeMode.Stretch)
        heads.setSectionsClickable(True)
        heads.sectionClicked.connect(self._on_head)

    def _on_head(self, column: int) -> None:
        if column in SORTED_BY:
            self.sort_wanted.emit(SORTED_BY[column])

    def _mark_sorted(self, listing: Listing) -> None:
        """Print the head of the column in bold that the list is sorted by."""
        self.objects.set_sorted_by(listing.query.sort)

    def _report_chosen(self, clicked: bool) -> None:
        selection = self.selectionModel()
        if self._is_showing or selection is None:
            return
        rows = sorted(index.row() for index in selection.selectedRows())
        if rows:
            current = self.currentIndex().row()
            current = current if current in rows else rows[0]
            uids = [self.objects.uid(row) for row in rows]
            self.chosen.emit(uids, self.objects.uid(current), clicked)

    def _report_seen(self) -> None:
        view, listing = self.viewport(), self.objects.listing
        if view is None or listing is None or not len(listing) or not self.isVisible():
            return
        first = max(self.rowAt(0), 0)
        last = self.rowAt(view.height() - 1)
        last = len(listing) - 1 if last < 0 else last
        # The row after the last is the one that comes next.
        rows = range(first, min(last + 2, len(listing)))
        self.seen.emit([self.objects.uid(row) for row in rows])
