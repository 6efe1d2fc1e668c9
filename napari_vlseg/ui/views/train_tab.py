"""The Train tab: what there is to learn from, learning it, and what that brought."""

from __future__ import annotations

from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QHideEvent, QShowEvent
from qtpy.QtWidgets import (
    QCheckBox,
    QFrame,
    QProgressBar,
    QScrollArea,
    QSizePolicy,
    QSpinBox,
    QWidget,
)

from napari_vlseg.ui.progress import ProgressState
from napari_vlseg.ui.training.lessons import Lessons
from napari_vlseg.ui.views.parts import Fold, column, hint, push, row
from napari_vlseg.ui.views.shelf_box import ShelfBox
from napari_vlseg.ui.views.train_plot import TrainPlot
from napari_vlseg.ui.views.train_result import TrainResult
from napari_vlseg.ui.views.train_settings import TrainSettings

_STEPS = 1000
_NOTHING = (
    "There is nothing to learn from yet: accept or correct some objects first.\n\n"
    "Press Segment in the Prompt tab, then go through the objects in the Review tab: A accepts, "
    "R rejects, D corrects with the brush. Ten objects are a good beginning."
)


class TrainTab(QWidget):
    """Composes the views of training."""

    train_wanted = Signal()
    stop_wanted = Signal()
    live_toggled = Signal(bool)
    live_every_chosen = Signal(int)
    thresholds_wanted = Signal()
    seen_changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._is_busy = False
        self.lessons = hint()
        self.lessons.setToolTip(
            "Objects that you accepted, corrected or drew; rejected ones teach what is background"
        )
        self.train = push(
            "Train   Alt+Shift+T",
            "Teach the model everything that was corrected in this project (Alt+Shift+T)",
            self.train_wanted.emit,
        )
        self.train.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.stop = push(
            "Stop", "End now: the best epoch so far is kept (Alt+Shift+Q)", self.stop_wanted.emit
        )
        self.bar = QProgressBar()
        self.bar.setToolTip("What is done, and how long the rest will take")
        self.line = hint()
        self.line.setToolTip("What happened last")
        self.settings = TrainSettings()
        self.fold = Fold(
            "Settings", "How a training is done; the defaults suit most", self.settings
        )
        self.thresholds = push(
            "Thresholds from my masks",
            "Set each class to the threshold that suits the objects you corrected best "
            "(Alt+Shift+Z)",
            self.thresholds_wanted.emit,
        )
        self.found = hint()
        self.found.setToolTip("Threshold, its Dice with a 90 % interval, and what that rests on")
        self.plot = TrainPlot()
        self.result = TrainResult()
        self.shelf = ShelfBox()
        self._lay_out(self._live_row())
        self.show_lessons(Lessons())
        self.show_busy(False)
        self.show_line("")
        self.show_thresholds(False, "")

    def show_lessons(self, lessons: Lessons) -> None:
        """Show what there is to learn from, or how to get there."""
        if not lessons.total and not lessons.rejected:
            self.lessons.setText(_NOTHING)
            return
        images = f"{lessons.n_images} image{'s'[: lessons.n_images != 1]}"
        parts = [f"{n} {name}" for name, n in lessons.objects.items()]
        if lessons.rejected:
            parts.append(f"{lessons.rejected} rejected")
        self.lessons.setText(f"Corrected: {', '.join(parts)} in {images}")

    def show_busy(self, busy: bool) -> None:
        """Show whether a training runs."""
        self.train.setEnabled(not busy)
        self.stop.setEnabled(busy)
        self.bar.setVisible(busy)
        if busy != self._is_busy:
            self.bar.setRange(0, _STEPS)
            self.bar.setValue(0)
            self.bar.setFormat("")
        self._is_busy = busy

    def show_progress(self, state: ProgressState) -> None:
        """Show how far a training is."""
        self.bar.setFormat(state.text)
        if state.fraction is None:
            self.bar.setRange(0, 0)
        else:
            self.bar.setRange(0, _STEPS)
            self.bar.setValue(round(state.fraction * _STEPS))

    def show_line(self, text: str) -> None:
        """Show what happened last."""
        self.line.setText(text)
        self.line.setVisible(bool(text))

    def show_thresholds(self, busy: bool, text: str) -> None:
        """Show which thresholds were found, or that they are being looked for."""
        self.thresholds.setEnabled(not busy)
        self.found.setText(text)
        self.found.setVisible(bool(text))

    def show_live(self, on: bool, every: int) -> None:
        """Show whether the model learns while the person works; nothing is reported."""
        for widget in (self.live, self.every):
            widget.blockSignals(True)
        self.live.setChecked(on)
        self.every.setValue(every)
        self.every.setEnabled(on)
        for widget in (self.live, self.every):
            widget.blockSignals(False)

    def showEvent(self, event: QShowEvent | None) -> None:  # noqa: N802 - Qt's name
        """Report that the tab is in sight."""
        super().showEvent(event)
        self.seen_changed.emit()

    def hideEvent(self, event: QHideEvent | None) -> None:  # noqa: N802 - Qt's name
        """Report that the tab is not in sight."""
        super().hideEvent(event)
        self.seen_changed.emit()

    def _live_row(self) -> QWidget:
        tip = (
            "Learn in the background after so many objects that you decided about, and when an "
            "image is done (Alt+Shift+Y). It waits while you do; what you touched stays as it is"
        )
        self.live = QCheckBox("Learn as I go")
        self.live.setToolTip(tip)
        self.live.toggled.connect(self.live_toggled.emit)
        self.every = QSpinBox()
        self.every.setRange(1, 999)
        self.every.setToolTip(tip)
        self.every.setKeyboardTracking(False)
        self.every.setPrefix("every ")
        self.every.setSuffix(" objects")
        self.every.valueChanged.connect(self.live_every_chosen.emit)
        live = QWidget()
        live.setLayout(row(self.live, self.every, 1))
        return live

    def _lay_out(self, live: QWidget) -> None:
        inside = QWidget()
        parts = column(inside, margin=0)
        parts.addWidget(self.plot)
        parts.addWidget(self.result)
        parts.addWidget(self.shelf, 1)
        parts.addStretch(0)
        self.brought = QScrollArea()
        self.brought.setWidget(inside)
        self.brought.setWidgetResizable(True)
        self.brought.setFrameShape(QFrame.Shape.NoFrame)
        self.brought.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        layout = column(self)
        layout.addWidget(self.lessons)
        layout.addLayout(row(self.train, self.stop))
        layout.addWidget(self.bar)
        layout.addWidget(self.line)
        layout.addWidget(self.fold)
        layout.addWidget(live)
        layout.addWidget(self.thresholds)
        layout.addWidget(self.found)
        layout.addWidget(self.brought, 1)
