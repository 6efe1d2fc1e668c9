"""How probabilities become labels, and where the labels go."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import (
    QButtonGroup,
    QCheckBox,
    QDoubleSpinBox,
    QFormLayout,
    QLabel,
    QRadioButton,
    QSpinBox,
    QWidget,
)

from napari_vlseg.prompts import TEMPLATES, PromptTable
from napari_vlseg.proposals import PostProcess
from napari_vlseg.ui.views.parts import Fold, column, narrow_combo, row
from napari_vlseg.visual_prompts import VisualPromptSettings

_POLICIES = {
    "ask": "ask me",
    "keep": "keep them",
    "replace": "replace, except mine",
    "add": "add what is free",
}


class ResultBox(QWidget):
    """Instances or classes, clean-up, and what becomes of labels that are there already."""

    edited = Signal(object)
    policy_chosen = Signal(str)
    target_chosen = Signal(object)
    templates_chosen = Signal(str)
    visual_chosen = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self._shown = PostProcess()
        self._targets: list[Any] = []
        self.instances = QRadioButton("instances")
        self.instances.setToolTip("One label for each object (Alt+Shift+I)")
        self.classes = QRadioButton("classes")
        self.classes.setToolTip("One label for each class, in the colours of the table")
        group = QButtonGroup(self)
        group.addButton(self.instances)
        group.addButton(self.classes)
        self.instances.setChecked(True)
        group.buttonClicked.connect(lambda *_: self._report())
        self.details = Fold("Details", "Clean-up, and what is written where", self._details())
        layout = column(self, margin=0)
        layout.addLayout(row(QLabel("Result"), self.instances, self.classes, 1))
        layout.addWidget(self.details)

    def show_postprocess(self, shown: PostProcess) -> None:
        """Show settings; nothing is reported."""
        self._shown = shown
        (self.classes if shown.mode == "semantic" else self.instances).setChecked(True)
        for widget in (self.min_size, self.smoothing):
            widget.blockSignals(True)
        self.min_size.setValue(shown.min_size)
        self.smoothing.setValue(shown.smoothing)
        for widget in (self.min_size, self.smoothing):
            widget.blockSignals(False)
        self.fill_holes.setChecked(shown.fill_holes)
        self.split.setCurrentIndex(self.split.findData(shown.split))
        self.split.setEnabled(shown.mode != "semantic")

    def show_targets(self, layers: Sequence[Any], current: Any) -> None:
        """List the labels layers that results fit on."""
        self._targets = [None, *layers]
        self.target.clear()
        self.target.addItems(["a new layer", *(layer.name for layer in layers)])
        self.target.setCurrentIndex(self._targets.index(current) if current in layers else 0)

    def show_policy(self, policy: str) -> None:
        """Show what becomes of labels that are there; nothing is reported."""
        self.policy.setCurrentIndex(self.policy.findData(policy))

    def show_prompt_settings(self, table: PromptTable) -> None:
        """Show what a table says of templates and references; nothing is reported."""
        names = [name for name, templates in TEMPLATES.items() if templates == table.templates]
        self.templates.setCurrentIndex(self.templates.findText(names[0]) if names else -1)
        visual = table.visual
        shown = (visual.context, visual.background, visual.blur_sigma)
        for box, value in zip((self.context, self.background, self.blur), shown, strict=True):
            blocked = box.blockSignals(True)
            box.setValue(value)
            box.blockSignals(blocked)

    def _report_visual(self) -> None:
        self.visual_chosen.emit(
            VisualPromptSettings(self.context.value(), self.background.value(), self.blur.value())
        )

    def _details(self) -> QWidget:
        self.min_size = QSpinBox()
        self.min_size.setRange(0, 1_000_000)
        self.min_size.setSuffix(" px")
        self.min_size.setToolTip("Objects of fewer pixels are dropped")
        self.min_size.valueChanged.connect(lambda *_: self._report())
        self.smoothing = QDoubleSpinBox()
        self.smoothing.setRange(0, 50)
        self.smoothing.setSingleStep(0.5)
        self.smoothing.setDecimals(1)
        self.smoothing.setSuffix(" px")
        self.smoothing.setToolTip("Gaussian smoothing of the probabilities; 0 is none")
        self.smoothing.valueChanged.connect(lambda *_: self._report())
        self.fill_holes = QCheckBox("fill holes")
        self.fill_holes.setToolTip("Fill holes inside of objects")
        self.fill_holes.clicked.connect(lambda *_: self._report())
        self.split = narrow_combo("How touching objects are told apart")
        self.split.addItem("by shape (watershed)", "watershed")
        self.split.addItem("only where separate", "components")
        self.split.activated.connect(lambda *_: self._report())
        self.policy = narrow_combo(
            "What becomes of labels that are on the layer already; objects that you drew or "
            "changed are never altered"
        )
        for name, title in _POLICIES.items():
            self.policy.addItem(title, name)
        self.policy.activated.connect(lambda *_: self.policy_chosen.emit(self.policy.currentData()))
        self.target = narrow_combo("The labels layer that results are written to")
        self.target.addItem("a new layer")
        self.target.activated.connect(lambda i: self.target_chosen.emit(self._targets[i]))
        self.templates = narrow_combo("Sentences around each phrase, averaged")
        self.templates.addItems(list(TEMPLATES))
        self.templates.activated.connect(
            lambda *_: self.templates_chosen.emit(self.templates.currentText())
        )
        self.context = self._reference_box("Margin kept around it, as a share of its size", 1)
        self.background = self._reference_box("Brightness of its surroundings, as a share", 1)
        self.blur = self._reference_box("Blur of its surroundings, in pixels", 50)
        return self._form()

    def _reference_box(self, tip: str, largest: float) -> QDoubleSpinBox:
        box = QDoubleSpinBox()
        box.setRange(0, largest)
        box.setSingleStep(0.05 if largest == 1 else 0.5)
        box.setToolTip(f"How a reference region is shown to the model. {tip}")
        box.valueChanged.connect(lambda *_: self._report_visual())
        return box

    def _form(self) -> QWidget:
        content = QWidget()
        form = QFormLayout(content)
        form.setContentsMargins(8, 0, 0, 0)
        form.setVerticalSpacing(3)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.addRow("smallest", self.min_size)
        form.addRow("split", self.split)
        form.addRow("smoothing", self.smoothing)
        form.addRow("", self.fill_holes)
        form.addRow("write to", self.target)
        form.addRow("labels there", self.policy)
        form.addRow("templates", self.templates)
        form.addRow("ref. margin", self.context)
        form.addRow("ref. dimming", self.background)
        form.addRow("ref. blur", self.blur)
        return content

    def _report(self) -> None:
        self.split.setEnabled(self.instances.isChecked())
        self._shown = replace(
            self._shown,
            mode="instances" if self.instances.isChecked() else "semantic",
            min_size=self.min_size.value(),
            smoothing=self.smoothing.value(),
            fill_holes=self.fill_holes.isChecked(),
            split=str(self.split.currentData()),
        )
        self.edited.emit(self._shown)
