"""The Review tab: the objects of the image, one after the other."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from qtpy.QtCore import Signal
from qtpy.QtGui import QHideEvent, QShowEvent
from qtpy.QtWidgets import QStackedWidget, QWidget

from napari_vlseg.ui.views.parts import column, hint, push
from napari_vlseg.ui.views.review_actions import ReviewActions
from napari_vlseg.ui.views.review_bulk import ReviewBulk
from napari_vlseg.ui.views.review_filter import ReviewFilter, ReviewProgress
from napari_vlseg.ui.views.review_table import ReviewTable

_NO_LABELS = (
    "There are no objects to review yet.\n\n"
    "Type what to find in the Prompt tab and press Segment. Each object then has a row here, the "
    "most uncertain first.\n\n"
    "J  goes to the next one and shows it\n"
    "A  accepts, R  rejects, Q  flags it, and goes on\n"
    "O  corrects it by clicks, D  with the brush\n"
    "Ctrl+Z  takes it back"
)
_NO_ROWS = "No object suits the filter."


class ReviewTab(QWidget):
    """Composes the views of the review."""

    show_all_wanted = Signal()
    seen_changed = Signal()
    """The tab came into sight or went out of it, with its window perhaps."""

    def __init__(
        self, tip: Callable[[str], str], picture: Callable[[str], np.ndarray | None]
    ) -> None:
        super().__init__()
        self.progress = ReviewProgress()
        self.filter = ReviewFilter()
        self.table = ReviewTable(tip, picture)
        self.actions_ = ReviewActions()
        self.bulk = ReviewBulk()
        self.nothing = QWidget()
        nothing = column(self.nothing)
        nothing.addWidget(hint(_NO_LABELS))
        nothing.addStretch(1)
        no_rows = QWidget()
        inside = column(no_rows)
        inside.addWidget(hint(_NO_ROWS))
        self.all = push("Show all", "Forget the filter", self.show_all_wanted.emit)
        inside.addWidget(self.all)
        inside.addStretch(1)
        self._rows = QStackedWidget()
        self._rows.addWidget(self.table)
        self._rows.addWidget(no_rows)
        self._work = QWidget()
        work = column(self._work, margin=0)
        work.addWidget(self.progress)
        work.addWidget(self.filter)
        work.addWidget(self._rows, 1)
        work.addWidget(self.actions_)
        work.addWidget(self.bulk)
        layout = column(self)
        layout.addWidget(self._work, 1)
        layout.addWidget(self.nothing, 1)
        self.show_state(0, 0)

    def showEvent(self, event: QShowEvent | None) -> None:  # noqa: N802 - Qt's name
        """Report that the tab is in sight."""
        super().showEvent(event)
        self.seen_changed.emit()

    def hideEvent(self, event: QHideEvent | None) -> None:  # noqa: N802 - Qt's name
        """Report that the tab is not in sight."""
        super().hideEvent(event)
        self.seen_changed.emit()

    def show_state(self, total: int, listed: int) -> None:
        """Show the list, or what to do where there is none."""
        self._work.setVisible(total > 0)
        self.nothing.setVisible(total == 0)
        self._rows.setCurrentIndex(0 if listed else 1)
