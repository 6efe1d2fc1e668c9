"""The images of a project: a list with marks, and the way from one to the next."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from qtpy.QtCore import QModelIndex, QSize, Signal
from qtpy.QtWidgets import QGroupBox, QLabel, QListView, QSizePolicy, QWidget

from napari_vlseg.corrections.worklist import STATUSES, Status, WorkItem
from napari_vlseg.ui.views.icons import icon
from napari_vlseg.ui.views.parts import column, hint, narrow_combo, push, row, tool
from napari_vlseg.ui.worklist.model import MARKS, WorklistModel

_MARK_TIPS: dict[Status, str] = {
    "new": "Mark the image as new",
    "in progress": "Mark the image as in progress",
    "done": "Mark the image as done",
    "skipped": "Mark the image as skipped",
}


class WorklistBox(QGroupBox):
    """All images of the project, by status."""

    chosen = Signal(int)
    filter_chosen = Signal(object)
    mark_wanted = Signal(str)
    add_wanted = Signal()

    def __init__(self) -> None:
        super().__init__("Images")
        self.model = WorklistModel(self)
        self.list = QListView()
        self.list.setModel(self.model)
        self.list.setUniformItemSizes(True)
        self.list.setIconSize(QSize(14, 14))
        self.list.setMinimumHeight(90)
        self.list.setToolTip("Double click an image to work on it")
        self.list.activated.connect(self._on_activated)
        self.filter = narrow_combo("Which images are listed, and stepped through")
        self.filter.addItem("all", None)
        for status in STATUSES:
            self.filter.addItem(icon(MARKS[status]), status, status)
        self.filter.activated.connect(
            lambda place: self.filter_chosen.emit(self.filter.itemData(place))
        )
        self.marks = {
            status: tool(MARKS[status], _MARK_TIPS[status], partial(self.mark_wanted.emit, status))
            for status in STATUSES
        }
        self._news = hint()
        self._add = push("Add", "Add the new files at the end of the list", self.add_wanted.emit)
        self._more = QWidget()
        self._more.setLayout(row(self._news, self._add))
        inside = column(self)
        inside.addLayout(row(self.filter, *self.marks.values()))
        inside.addWidget(self.list, 1)
        inside.addWidget(self._more)
        self.show_new_files(0)

    def show_items(
        self,
        items: tuple[WorkItem, ...],
        current: int | None,
        wanted: Status | None,
        counts: Mapping[Status, int],
    ) -> None:
        """Show the list, with the image that is worked on in view; nothing where it is empty."""
        self.setVisible(bool(items))
        self.model.show(items, current, wanted)
        self.filter.setItemText(0, f"all {len(items)}")
        for place, status in enumerate(STATUSES, start=1):
            self.filter.setItemText(place, f"{status} {counts[status]}")
        self.filter.setCurrentIndex(0 if wanted is None else 1 + STATUSES.index(wanted))
        for button in self.marks.values():
            button.setEnabled(current is not None)
        place_of_current = self.model.row_of(current)
        if place_of_current is not None:
            index = self.model.index(place_of_current)
            self.list.setCurrentIndex(index)
            self.list.scrollTo(index)

    def show_new_files(self, n_files: int) -> None:
        """Offer to add files that appeared in the folder."""
        self._more.setVisible(n_files > 0)
        self._news.setText(f"{n_files} new file{'s'[: n_files != 1]} in the folder")

    def _on_activated(self, index: QModelIndex) -> None:
        self.chosen.emit(self.model.position(index))


class Stepper(QWidget):
    """One line under the image: where one is in the list, and the way on."""

    previous_wanted = Signal()
    next_wanted = Signal()
    done_wanted = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.previous = tool(
            "previous_image", "Previous image (Alt+Shift+Left)", self.previous_wanted.emit
        )
        self.next = tool("next_image", "Next image (Alt+Shift+Right)", self.next_wanted.emit)
        self._where = QLabel()
        self._where.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.done = push(
            "Done and next",
            "Mark the image as done and go to the next that is not (Alt+Shift+Enter)",
            self.done_wanted.emit,
        )
        layout = row(self.previous, self._where, self.next, self.done)
        layout.setStretch(1, 1)
        self.setLayout(layout)
        self.hide()

    def show_place(
        self, current: int | None, items: tuple[WorkItem, ...], counts: Mapping[Status, int]
    ) -> None:
        """Show where one is; hidden where there are no images to step through."""
        self.setVisible(bool(items))
        finished = counts["done"] + counts["skipped"]
        number = "–" if current is None else str(current + 1)
        status = "" if current is None else f" · {items[current].status}"
        self._where.setText(f"{number} of {len(items)}{status}")
        self._where.setToolTip(f"{finished} of {len(items)} done or skipped")
        self.done.setEnabled(current is not None)
