"""One row of the prompt table: a class, its phrases and references, and its threshold."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from qtpy.QtCore import QSize, Qt, QTimer, Signal
from qtpy.QtGui import QColor, QIcon, QImage, QPixmap
from qtpy.QtWidgets import (
    QCheckBox,
    QColorDialog,
    QFrame,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QMenu,
    QToolButton,
    QWidget,
)
from superqt import QLabeledDoubleSlider

from napari_vlseg.prompts import ClassPrompt, ReferencePrompt
from napari_vlseg.ui.prompt_editor import format_phrases
from napari_vlseg.ui.views.icons import icon, swatch
from napari_vlseg.ui.views.parts import clear, column, hint, row, tool

_PREVIEW_MS = 25
_SETTLE_MS = 180
_THUMBNAIL = 28


class ClassRow(QFrame):
    """Shows one class and reports every edit."""

    name_edited = Signal(str)
    phrases_edited = Signal(str)
    color_edited = Signal(str)
    visible_edited = Signal(bool)
    mix_edited = Signal(float)
    threshold_moved = Signal(float)
    threshold_edited = Signal(object)
    reference_removed = Signal(int)
    reference_menu_wanted = Signal(object)
    heatmap_wanted = Signal()
    moved = Signal(int)
    removed = Signal()
    focused = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setFrameShape(QFrame.Shape.StyledPanel)
        self.swatch = QToolButton()
        self.swatch.setAutoRaise(True)
        self.swatch.setFixedSize(22, 22)
        self.swatch.setIconSize(QSize(14, 14))
        self.swatch.setToolTip("Colour of the class")
        self.swatch.clicked.connect(self._choose_color)
        self.name = QLineEdit()
        self.name.setFixedWidth(88)
        self.name.setToolTip("Name of the class, as it is exported")
        self.name.editingFinished.connect(lambda: self.name_edited.emit(self.name.text()))
        self.phrases = QLineEdit()
        self.phrases.setPlaceholderText("what to find, e.g. nuclei")
        self.phrases.setToolTip(
            "Phrases that mean the same, separated by commas; one that starts with − is what it "
            "is not:\nnuclei, cell nuclei; −debris"
        )
        self.phrases.editingFinished.connect(lambda: self.phrases_edited.emit(self.phrases.text()))
        self.eye = tool("eye", "Show and segment this class (Alt+Shift+V)")
        self.eye.setCheckable(True)
        self.eye.clicked.connect(self.visible_edited.emit)
        self.more = tool("dots", "Move or remove this class")
        self.more.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.more.setMenu(self._menu())
        self._references = QHBoxLayout()
        self._references.setSpacing(2)
        self.add_reference = tool(
            "plus", "Show the class a region: the selected shapes or a label (Alt+Shift+R)"
        )
        self.add_reference.clicked.connect(
            lambda: self.reference_menu_wanted.emit(self.add_reference)
        )
        self.mix = _slider("How much references count against text; needs both")
        self._mix_timer = _timer(self, _SETTLE_MS, lambda: self.mix_edited.emit(self.mix.value()))
        self.mix.valueChanged.connect(lambda _: self._mix_timer.start())
        self._build_threshold()
        self.warning = hint()
        self.warning.setStyleSheet("color: #e8a33d")
        self._lay_out()

    def _build_threshold(self) -> None:
        self.threshold = _slider(
            "Probability from which a pixel belongs to the class; the labels follow the slider "
            "(Alt+Shift+, and Alt+Shift+.)"
        )
        self.threshold.valueChanged.connect(self._on_threshold)
        self.automatic = QCheckBox("auto")
        self.automatic.setToolTip("Use the threshold that the model was made for")
        self.automatic.clicked.connect(self._on_automatic)
        self.heat = tool("heat", "Show the probabilities as a heatmap (Alt+Shift+H)")
        self.heat.clicked.connect(self.heatmap_wanted.emit)
        self._preview_timer = _timer(
            self, _PREVIEW_MS, lambda: self.threshold_moved.emit(self.threshold.value())
        )
        self._settle_timer = _timer(self, _SETTLE_MS, self._on_settled)

    def _lay_out(self) -> None:
        layout = column(self, margin=3, spacing=2)
        layout.addLayout(row(self.swatch, self.phrases, self.eye, self.more))
        references = QWidget()
        references.setLayout(self._references)
        self._references.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(
            row(QLabel("name"), self.name, QLabel("refs"), references, self.add_reference, 1)
        )
        self._mix_row = QWidget()
        self._mix_row.setLayout(row(QLabel("text"), self.mix, QLabel("reference")))
        layout.addWidget(self._mix_row)
        layout.addLayout(row(QLabel("threshold"), self.threshold, self.automatic, self.heat))
        layout.addWidget(self.warning)

    def show_class(self, shown: ClassPrompt, automatic_threshold: float, warning: str) -> None:
        """Show a class; nothing is reported meanwhile."""
        blocked = (self.name, self.phrases, self.mix, self.threshold, self.automatic, self.eye)
        before = [widget.blockSignals(True) for widget in blocked]
        self.swatch.setIcon(swatch(shown.color))
        _set_text(self.name, shown.name)
        _set_text(self.phrases, format_phrases(shown))
        self.eye.setChecked(shown.visible)
        self.eye.setIcon(icon("eye" if shown.visible else "eye_off"))
        self.mix.setValue(shown.mix)
        both = bool(shown.phrases and shown.references)
        self._mix_row.setEnabled(both)
        self._mix_row.setVisible(bool(shown.references))
        if not self._settle_timer.isActive():
            value = automatic_threshold if shown.threshold is None else shown.threshold
            self.threshold.setValue(value)
            self.automatic.setChecked(shown.threshold is None)
        self.warning.setText(warning)
        self.warning.setVisible(bool(warning))
        self._show_references(shown.references)
        for widget, state in zip(blocked, before, strict=True):
            widget.blockSignals(state)

    def nudge_threshold(self, step: float) -> None:
        """Move the threshold by a step, as the keys do."""
        self.threshold.setValue(min(max(self.threshold.value() + step, 0), 1))

    def _show_references(self, references: tuple[ReferencePrompt, ...]) -> None:
        clear(self._references)
        for number, reference in enumerate(references):
            button = QToolButton()
            button.setIcon(_thumbnail(reference))
            button.setIconSize(QSize(_THUMBNAIL, _THUMBNAIL))
            button.setFixedSize(_THUMBNAIL + 4, _THUMBNAIL + 4)
            button.setToolTip(f"{reference.source}\nClick to remove this reference")
            button.clicked.connect(partial(self._remove_reference, number))
            self._references.addWidget(button)

    def _remove_reference(self, number: int, *_: object) -> None:
        self.reference_removed.emit(number)

    def _on_threshold(self, value: float) -> None:
        self.automatic.setChecked(False)
        if not self._preview_timer.isActive():
            self._preview_timer.start()
        self._settle_timer.start()

    def _on_settled(self) -> None:
        self._preview_timer.stop()
        if not self.automatic.isChecked():
            self.threshold_edited.emit(round(self.threshold.value(), 3))

    def _on_automatic(self, automatic: bool) -> None:
        self._settle_timer.stop()
        self.threshold_edited.emit(None if automatic else round(self.threshold.value(), 3))

    def _choose_color(self) -> None:
        chosen = QColorDialog.getColor(parent=self)
        if chosen.isValid():
            self.color_edited.emit(QColor(chosen).name())

    def _menu(self) -> QMenu:
        menu = QMenu(self)
        menu.addAction("Move up\tAlt+Shift+PgUp", lambda: self.moved.emit(-1))
        menu.addAction("Move down\tAlt+Shift+PgDown", lambda: self.moved.emit(1))
        menu.addSeparator()
        menu.addAction("Remove this class\tAlt+Shift+Del", self.removed.emit)
        return menu


def _slider(tip: str) -> QLabeledDoubleSlider:
    slider = QLabeledDoubleSlider(Qt.Orientation.Horizontal)
    slider.setRange(0, 1)
    slider.setSingleStep(0.01)
    slider.setPageStep(0.1)
    slider.setDecimals(2)
    slider.setToolTip(tip)
    slider.setMinimumWidth(90)
    return slider


def _timer(parent: QWidget, milliseconds: int, timeout: Callable[[], object]) -> QTimer:
    timer = QTimer(parent)
    timer.setSingleShot(True)
    timer.setInterval(milliseconds)
    timer.timeout.connect(timeout)
    return timer


def _set_text(edit: QLineEdit, text: str) -> None:
    """Show a text without moving the cursor of somebody who types."""
    if edit.text() != text and not (edit.hasFocus() and edit.isModified()):
        edit.setText(text)
        edit.setCursorPosition(0)


def _thumbnail(reference: ReferencePrompt) -> QIcon:
    """The region at full brightness, its surroundings dimmed."""
    brightest = max(int(reference.image[reference.mask].max(initial=0)), 1)
    bright = np.clip(reference.image * (255 / brightest), 0, 255)
    dimmed = np.where(reference.mask[..., None], bright, bright / 3)
    pixels = np.ascontiguousarray(dimmed.astype(np.uint8))
    height, width = pixels.shape[:2]
    image = QImage(pixels.tobytes(), width, height, 3 * width, QImage.Format.Format_RGB888)
    return QIcon(QPixmap.fromImage(image.copy()))
