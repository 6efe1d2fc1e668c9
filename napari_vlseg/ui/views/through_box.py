"""Objects through the planes of a stack: follow, follow again, link, and where they stopped."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QLabel,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QProgressBar,
    QSizePolicy,
    QWidget,
)

from napari_vlseg.ui.progress import ProgressState
from napari_vlseg.ui.views.parts import column, narrow_combo, push, row
from napari_vlseg.workflow.propagate.records import Stop

_DIRECTIONS = (("both", "both ways"), ("forward", "forward"), ("backward", "backward"))
_WHICH = (("one", "this one"), ("all", "all here"))
_CHARACTERS = 5
_STEPS = 1000
_LIST_HEIGHT = 76


class ThroughBox(QWidget):
    """Choices, four buttons, a bar and a list of stops; shown for stacks alone."""

    propagate_wanted = Signal()
    stop_wanted = Signal()
    again_wanted = Signal()
    link_wanted = Signal()
    tracks_wanted = Signal()
    direction_chosen = Signal(str)
    which_chosen = Signal(str)
    planes_typed = Signal(str)
    axis_chosen = Signal(int)
    stop_chosen = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.which = narrow_combo(
            "What is followed: the object that is outlined or whose label is selected, or all "
            "objects of this plane"
        )
        for name, text in _WHICH:
            self.which.addItem(text, name)
        self.which.activated.connect(lambda n: self.which_chosen.emit(self.which.itemData(n)))
        self.direction = narrow_combo("Where objects are followed to from the plane in view")
        for name, text in _DIRECTIONS:
            self.direction.addItem(text, name)
        self.direction.activated.connect(
            lambda n: self.direction_chosen.emit(self.direction.itemData(n))
        )
        self.axis = narrow_combo("Which axis of planes is followed; the others stay where they are")
        self.axis.activated.connect(self.axis_chosen.emit)
        self.planes = QLineEdit()
        self.planes.setPlaceholderText("all planes")
        self.planes.setMinimumWidth(48)
        self.planes.setToolTip("Planes to follow objects through, counted from 1: 5-20; empty: all")
        self.planes.setAccessibleName("Planes to follow objects through")
        self.planes.editingFinished.connect(lambda: self.planes_typed.emit(self.planes.text()))
        self.propagate = push(
            "Propagate",
            "Follow what was chosen through the stack with the click model; what you drew stays. "
            "Press again to stop (Alt+Shift+F2)",
            self._on_propagate,
        )
        self.again = push(
            "Again",
            "Re-propagate: follow objects that you corrected again, where it depends on the "
            "correction (Alt+Shift+F3)",
            self.again_wanted.emit,
        )
        self.link = push(
            "Link",
            "Join objects of neighbouring planes that overlap into 3D objects, as one edit "
            "(Alt+Shift+F4)",
            self.link_wanted.emit,
        )
        self.tracks = push(
            "Tracks",
            "Show the way of each object through the planes as a Tracks layer (Alt+Shift+F6)",
            self.tracks_wanted.emit,
        )
        self.bar = QProgressBar()
        self.bar.setRange(0, _STEPS)
        self.bar.setTextVisible(True)
        self.stops = QListWidget()
        self.stops.setToolTip("Where objects were not followed any further, and why; click to go")
        self.stops.setAccessibleName("Where objects stopped")
        self.stops.setMaximumHeight(_LIST_HEIGHT)
        self.stops.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.stops.itemClicked.connect(self._on_stop)
        self.stops.itemActivated.connect(self._on_stop)
        for combo in (self.which, self.direction, self.axis):
            combo.setMinimumContentsLength(_CHARACTERS)
        self._busy = False
        self._shown: tuple[Stop, ...] = ()
        self._lay_out()

    def show_state(
        self,
        *,
        lengths: Sequence[int],
        axis: int,
        direction: str,
        which: str,
        busy: bool,
        n_corrected: int,
    ) -> None:
        """Show what is chosen, and what can be done now."""
        self.setVisible(bool(lengths))
        self._busy = busy
        self.axis.setVisible(len(lengths) > 1)
        items = [f"axis {n + 1} ({length})" for n, length in enumerate(lengths)]
        if items != [self.axis.itemText(n) for n in range(self.axis.count())]:
            self.axis.clear()
            self.axis.addItems(items)
        self.axis.setCurrentIndex(axis)
        self.direction.setCurrentIndex(self.direction.findData(direction))
        self.which.setCurrentIndex(self.which.findData(which))
        self.propagate.setText("Stop" if busy else "Propagate")
        self.again.setText(f"Again ({n_corrected})" if n_corrected else "Again")
        self.again.setEnabled(bool(n_corrected) and not busy)
        self.link.setEnabled(not busy)
        self.tracks.setEnabled(not busy)
        if not busy:
            self.bar.hide()

    def show_progress(self, state: ProgressState) -> None:
        """Show how far it is."""
        self.bar.setVisible(self._busy)
        self.bar.setRange(0, 0 if state.fraction is None else _STEPS)
        if state.fraction is not None:
            self.bar.setValue(round(_STEPS * state.fraction))
        self.bar.setFormat(state.text)

    def show_stops(self, stops: Sequence[Stop]) -> None:
        """List where objects stopped; planes are counted from 1."""
        if tuple(stops) != self._shown:
            self._shown = tuple(stops)
            self.stops.clear()
            for stop in stops:
                text = f"object {stop.number}, plane {stop.plane + 1}: {stop.reason}"
                item = QListWidgetItem(text)
                item.setData(Qt.ItemDataRole.UserRole, stop)
                item.setToolTip(text)
                self.stops.addItem(item)
        self.stops.setVisible(bool(self._shown))

    def _on_propagate(self) -> None:
        (self.stop_wanted if self._busy else self.propagate_wanted).emit()

    def _on_stop(self, item: QListWidgetItem) -> None:
        self.stop_chosen.emit(item.data(Qt.ItemDataRole.UserRole))

    def _lay_out(self) -> None:
        self.propagate.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        for button in (self.propagate, self.again, self.link, self.tracks):
            # The keys of the canvas go on working after a click on a button.
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            button.setMinimumWidth(0)
        layout = column(self, margin=0)
        layout.addLayout(row(QLabel("Follow"), self.which, self.direction))
        layout.addLayout(row(QLabel("through"), self.planes, self.axis))
        layout.addLayout(row(self.propagate, self.again, self.link, self.tracks))
        layout.addWidget(self.bar)
        layout.addWidget(self.stops)
        self.bar.hide()
        self.stops.hide()
        self.hide()
