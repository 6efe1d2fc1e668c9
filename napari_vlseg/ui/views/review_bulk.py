"""Accept all proposals above a score, with a preview of how many."""

from __future__ import annotations

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QDoubleSpinBox, QSizePolicy, QSlider, QWidget

from napari_vlseg.ui.review.bulk import SIGNS, Choice
from napari_vlseg.ui.views.parts import Fold, column, hint, narrow_combo, push, row

_STEPS = 100
_FIRST = {"score": (0.8, 0.3), "uncertainty": (0.2, 0.7)}
_OTHER = {"≥": "<", "≤": ">"}


class ReviewBulk(QWidget):
    """Two bounds and two buttons that say what they would do."""

    moved = Signal(str, float, float)
    """Column, bound of what is accepted, bound of what is rejected."""
    accept_wanted = Signal()
    reject_wanted = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.column = narrow_combo("What proposals are judged by")
        self.column.addItems(list(SIGNS))
        self.column.activated.connect(self._on_column)
        self.good = _spin("Proposals on this side of the bound are accepted")
        self.poor = _spin("Proposals on this side of the bound are rejected")
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setRange(0, _STEPS)
        self.slider.setToolTip("The bound of what is accepted; the button says how many that are")
        self.slider.valueChanged.connect(lambda value: self.good.setValue(value / _STEPS))
        self.accept = push(
            "", "Accept them all, as one edit that Ctrl+Z takes back", self.accept_wanted.emit
        )
        self.reject = push(
            "", "Reject them all, as one edit that Ctrl+Z takes back", self.reject_wanted.emit
        )
        self._unknown = hint()
        inside = QWidget()
        layout = column(inside, margin=0)
        layout.addLayout(row(self.column, self.slider))
        for spin, button in ((self.good, self.accept), (self.poor, self.reject)):
            button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
            layout.addLayout(row(spin, button))
        layout.addWidget(self._unknown)
        self.fold = Fold("Many at once", "Accept or reject by score or uncertainty", inside)
        column(self, margin=0).addWidget(self.fold)
        for spin in (self.good, self.poor):
            spin.valueChanged.connect(self._report)
        self._on_column()

    def show_choice(self, choice: Choice) -> None:
        """Say what the buttons would do."""
        good, poor = self.good.text(), self.poor.text()
        self.accept.setText(f"Accept {len(choice.good)} of {choice.waiting}  {good}")
        self.accept.setEnabled(len(choice.good) > 0)
        self.reject.setText(f"Reject {len(choice.poor)} of {choice.waiting}  {poor}")
        self.reject.setEnabled(len(choice.poor) > 0)
        self._unknown.setVisible(choice.unknown > 0)
        self._unknown.setText(f"{choice.unknown} have no {self.column.currentText()}")

    def _on_column(self, *_: object) -> None:
        name = self.column.currentText()
        self.good.setPrefix(f"{SIGNS[name]} ")
        self.poor.setPrefix(f"{_OTHER[SIGNS[name]]} ")
        for spin, value in zip((self.good, self.poor), _FIRST[name], strict=True):
            spin.setValue(value)
        self._report()

    def _report(self, *_: object) -> None:
        self.slider.blockSignals(True)
        self.slider.setValue(round(self.good.value() * _STEPS))
        self.slider.blockSignals(False)
        self.moved.emit(self.column.currentText(), self.good.value(), self.poor.value())


def _spin(tip: str) -> QDoubleSpinBox:
    spin = QDoubleSpinBox()
    spin.setRange(0, 1)
    spin.setSingleStep(0.01)
    spin.setDecimals(2)
    spin.setToolTip(tip)
    return spin
