"""How a training is done; the defaults suit most."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, get_args

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QDoubleSpinBox, QFormLayout, QSpinBox, QWidget

from napari_vlseg.training.finetune.settings import FinetuneSettings, Method
from napari_vlseg.ui.views.parts import narrow_combo

_METHODS = {
    "decoder": "the whole decoder",
    "film": "FiLM: less, forgets less",
    "lora": "LoRA: the encoder too, slow",
}


class TrainSettings(QWidget):
    """Method, epochs, learning rate, held-out share and seed."""

    edited = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self._shown = FinetuneSettings()
        self.method = narrow_combo("Which part of the model learns")
        for name in get_args(Method):
            self.method.addItem(_METHODS.get(name, name), name)
        self.epochs = _spin(
            QSpinBox(), 1, 200, "Epochs at most; it ends earlier if nothing gets better"
        )
        self.rate = _spin(
            QDoubleSpinBox(), 0, 0.1, "Learning rate at its peak; auto is the method's own"
        )
        self.rate.setDecimals(4)
        self.rate.setSingleStep(0.0005)
        self.rate.setSpecialValueText("auto")
        self.held_out = _spin(
            QSpinBox(), 0, 50, "Share of the objects that is only measured on; 0 measures on all"
        )
        self.held_out.setSuffix(" %")
        self.seed = _spin(QSpinBox(), 0, 9999, "Equal seeds give equal trainings")
        form = QFormLayout(self)
        form.setContentsMargins(8, 0, 0, 0)
        form.setVerticalSpacing(3)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.addRow("what learns", self.method)
        form.addRow("epochs", self.epochs)
        form.addRow("learning rate", self.rate)
        form.addRow("held out", self.held_out)
        form.addRow("seed", self.seed)
        self.show_settings(self._shown)
        self.method.activated.connect(self._report)
        for box in (self.epochs, self.rate, self.held_out, self.seed):
            box.valueChanged.connect(self._report)

    def show_settings(self, shown: FinetuneSettings) -> None:
        """Show settings; nothing is reported."""
        self._shown = shown
        self.method.setCurrentIndex(self.method.findData(shown.method))
        values: tuple[tuple[Any, Any], ...] = (
            (self.epochs, shown.epochs),
            (self.rate, shown.rate or 0.0),
            (self.held_out, round(100 * shown.held_out_share)),
            (self.seed, shown.seed),
        )
        for box, value in values:
            blocked = box.blockSignals(True)
            box.setValue(value)
            box.blockSignals(blocked)

    def _report(self, *_: object) -> None:
        self._shown = replace(
            self._shown,
            method=self.method.currentData(),
            epochs=self.epochs.value(),
            rate=self.rate.value() or None,
            held_out_share=self.held_out.value() / 100,
            seed=self.seed.value(),
        )
        self.edited.emit(self._shown)


def _spin(box: Any, low: float, high: float, tip: str) -> Any:
    box.setRange(low, high)
    box.setToolTip(tip)
    box.setKeyboardTracking(False)
    return box
