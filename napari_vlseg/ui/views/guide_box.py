"""What to look at next, and how good the rest is."""

from __future__ import annotations

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QGroupBox, QProgressBar

from napari_vlseg.ui.progress import ProgressState
from napari_vlseg.ui.views.parts import column, hint, narrow_combo, push, row

_STEPS = 1000
_ORDERS = (
    ("typical, then uncertain", None, "Typical images while fewer than three are done"),
    ("typical", "typical", "Images that stand for many others"),
    ("uncertain", "uncertain", "Images on which the model is least sure"),
    ("random", "random", "By chance: the honest comparison"),
)


class GuideBox(QGroupBox):
    """Two questions to the model about the images that are left, and the answer."""

    next_wanted = Signal(object)
    """Order; None is the model's choice."""
    quality_wanted = Signal()
    stop_wanted = Signal()

    def __init__(self) -> None:
        super().__init__("What next")
        self.order = narrow_combo("Which image is most worth looking at")
        for place, (title, order, tip) in enumerate(_ORDERS):
            self.order.addItem(title, order)
            self.order.setItemData(place, tip, Qt.ItemDataRole.ToolTipRole)
        self.next = push(
            "Go there",
            "Have the model look at the images that are left, and open the one that is most worth "
            "your time (Alt+Shift+G)",
            self.report_next,
        )
        self.quality = push(
            "How good is the rest?",
            "Estimate how many objects are right on the images that nobody has looked at, from "
            "those that are done (Alt+Shift+J)",
            self.quality_wanted.emit,
        )
        self.stop = push("Stop", "Ask no more", self.stop_wanted.emit)
        self.bar = QProgressBar()
        self.bar.setToolTip("How many images the model has looked at")
        self.text = hint()
        self.text.setToolTip("What the model says of the images that are left")
        layout = column(self)
        layout.addLayout(row(self.order, self.next))
        layout.addLayout(row(self.quality, self.stop, 1))
        layout.addWidget(self.bar)
        layout.addWidget(self.text)
        self.show_state(False, "")

    def report_next(self) -> None:
        """Report that the next image is wanted."""
        self.next_wanted.emit(self.order.currentData())

    def show_state(self, busy: bool, text: str) -> None:
        """Show whether the model is being asked, and what it said."""
        self.next.setEnabled(not busy)
        self.quality.setEnabled(not busy)
        self.stop.setEnabled(busy)
        self.bar.setVisible(busy)
        self.text.setText(text)
        self.text.setVisible(bool(text))

    def show_progress(self, state: ProgressState) -> None:
        """Show how far it is."""
        self.bar.setFormat(state.text)
        self.bar.setRange(0, 0 if state.fraction is None else _STEPS)
        self.bar.setValue(round((state.fraction or 0) * _STEPS))
