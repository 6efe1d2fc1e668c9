"""Which objects are listed, in which order, and how far the review is."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import Qt, QTimer, Signal
from qtpy.QtWidgets import QLineEdit, QProgressBar, QWidget
from superqt import QElidingLabel

from napari_vlseg.ui.review.columns import STATUSES
from napari_vlseg.ui.review.listing import SORTS, Query
from napari_vlseg.ui.views.parts import column, hint, narrow_combo, push, row, tool

_TYPING_MS = 200
_COUNTED = (
    "Reviewed: objects of this image that are accepted, edited or rejected.\n"
    "Images: those of the project that are done."
)
_STEPS = 1000
_ALL = frozenset(STATUSES)
_SHOWN = {
    "all but rejected": _ALL - {"rejected"},
    "to review": frozenset({"proposed", "flagged"}),
    **{status: frozenset({status}) for status in STATUSES},
    "all": _ALL,
}


class ReviewProgress(QWidget):
    """A thin bar and a line, and what else to review."""

    list_wanted = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.bar = QProgressBar()
        self.bar.setRange(0, _STEPS)
        self.bar.setTextVisible(False)
        self.bar.setFixedHeight(6)
        self.bar.setToolTip(_COUNTED)
        self.text = QElidingLabel()
        self.text.setElideMode(Qt.TextElideMode.ElideRight)
        self.text.setMinimumWidth(40)
        self.open_list = tool(
            "open_list",
            "Review what annotators disagree on: open the list that napari-vlseg compare wrote",
            self.list_wanted.emit,
        )
        layout = column(self, margin=0, spacing=2)
        self.open_list.setFixedHeight(self.text.sizeHint().height())
        layout.addLayout(row(self.text, self.open_list))
        layout.addWidget(self.bar)

    def show_progress(self, text: str, fraction: float) -> None:
        """Show how far it is."""
        self.text.setText(text)
        self.text.setToolTip(f"{text}\n{_COUNTED}")
        self.bar.setValue(round(fraction * _STEPS))


class ReviewFilter(QWidget):
    """Status, class, words and order; each change is reported as a part of a `Query`."""

    asked = Signal(dict)
    arrange_wanted = Signal()
    show_all_wanted = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.status = narrow_combo("Which objects are listed, by what became of them")
        self.status.addItems(list(_SHOWN))
        self.status.activated.connect(
            lambda _: self.asked.emit({"statuses": _SHOWN[self.status.currentText()]})
        )
        self.class_ = narrow_combo("Which objects are listed, by class")
        self.class_.activated.connect(self._report_class)
        self.sort = narrow_combo("Which objects come first; or click the head of a column")
        for (name, descending), title in SORTS.items():
            self.sort.addItem(title, (name, descending))
        self.sort.activated.connect(self._report_sort)
        self.search = QLineEdit()
        self.search.setPlaceholderText("search")
        self.search.setClearButtonEnabled(True)
        self.search.setToolTip("Words of class, comment or id, or a number as #12")
        self._typing = QTimer(self)
        self._typing.setSingleShot(True)
        self._typing.setInterval(_TYPING_MS)
        self._typing.timeout.connect(lambda: self.asked.emit({"text": self.search.text()}))
        self.search.textEdited.connect(lambda _: self._typing.start())
        self.arrange = tool("back", "Sort and filter anew", self.arrange_wanted.emit)
        self._given_text = hint()
        self._given = QWidget()
        self._given.setLayout(
            row(
                self._given_text,
                push("Show all", "List all objects of the image again", self.show_all_wanted.emit),
            )
        )
        self._classes: tuple[str, ...] = ()
        layout = column(self, margin=0)
        layout.addWidget(self._given)
        layout.addLayout(row(self.status, self.class_))
        order = row(self.sort, self.search, self.arrange)
        order.setStretch(0, 3)
        order.setStretch(1, 2)
        layout.addLayout(order)

    def show_query(self, query: Query, classes: Sequence[str], moved: int) -> None:
        """Show what is listed, and how many rows would be elsewhere."""
        titles = {statuses: title for title, statuses in _SHOWN.items()}
        self.status.setCurrentText(titles.get(query.statuses, "all"))
        if tuple(classes) != self._classes:
            self._classes = tuple(classes)
            self.class_.clear()
            self.class_.addItems(["all classes", *(name or "no class" for name in classes)])
        only = None if query.classes is None else next(iter(query.classes))
        self.class_.setCurrentIndex(1 + self._classes.index(only) if only in self._classes else 0)
        self.sort.setCurrentIndex(list(SORTS).index((query.sort, query.descending)))
        if not self._typing.isActive() and self.search.text() != query.text:
            self.search.setText(query.text)
        self._given.setVisible(query.only is not None)
        given = 0 if query.only is None else len(query.only)
        self._given_text.setText(f"{given} given object{'s'[: given != 1]}")
        self.status.setEnabled(query.only is None)
        self.arrange.setEnabled(moved > 0)
        rows = f"{moved} row{'s'[: moved != 1]}"
        self.arrange.setToolTip(
            f"Sort and filter anew: {rows} changed since. The list stays as it is while you review"
        )

    def _report_class(self, position: int) -> None:
        chosen = None if position == 0 else frozenset({self._classes[position - 1]})
        self.asked.emit({"classes": chosen})

    def _report_sort(self, position: int) -> None:
        name, descending = self.sort.itemData(position)
        self.asked.emit({"sort": name, "descending": descending})
