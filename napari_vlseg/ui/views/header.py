"""Which image and which model: the top of the dock widget."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QComboBox, QFileDialog, QLabel, QMenu, QWidget

from napari_vlseg.models.registry import ModelSpec
from napari_vlseg.ui.views.parts import column, hint, narrow_combo, push, row, tool

_FOLDER = "folder"


class ImageHeader(QWidget):
    """The image in use and its plane; says what to do where there is none."""

    chosen = Signal(object)
    channels_wanted = Signal()
    open_wanted = Signal()
    sample_wanted = Signal(str)

    def __init__(self, samples: Sequence[str]) -> None:
        super().__init__()
        self._combo = narrow_combo("The image to segment; it follows the selected layer")
        self._combo.activated.connect(self._on_activated)
        self.channels = tool(
            "channels", "Channels, colours and contrast of the image", self.channels_wanted.emit
        )
        self._scope = hint()
        self._scope.setToolTip("The plane in view, and its size")
        self._samples = push("Sample", "Open a sample image of nuclei")
        menu = QMenu(self._samples)
        for name in samples:
            menu.addAction(name.replace("_", " "), partial(self.sample_wanted.emit, name))
        self._samples.setMenu(menu)
        self._empty = QWidget()
        empty = column(self._empty, margin=0)
        empty.addWidget(hint("Open an image or a sample to begin."))
        empty.addLayout(
            row(
                push("Open image…", "Choose an image file", self.open_wanted.emit),
                self._samples,
                1,
            )
        )
        label = QLabel("Image")
        label.setFixedWidth(50)
        layout = column(self, margin=0)
        layout.addLayout(row(label, self._combo, self.channels))
        layout.addWidget(self._scope)
        layout.addWidget(self._empty)
        self._layers: list[Any] = []

    def show_layers(self, layers: Sequence[Any], current: Any, scope: str) -> None:
        """List the images, and mark the one in use."""
        names = [layer.name for layer in layers]
        shown = [self._combo.itemText(i) for i in range(self._combo.count())]
        self._layers = list(layers)
        if names != shown:
            self._combo.clear()
            self._combo.addItems(names)
        self._combo.setCurrentIndex(self._layers.index(current) if current in layers else -1)
        self._combo.setEnabled(bool(layers))
        self.channels.setEnabled(current is not None)
        self._scope.setText(scope)
        self._scope.setVisible(bool(scope))
        self._empty.setVisible(not layers)

    def _on_activated(self, position: int) -> None:
        if 0 <= position < len(self._layers):
            self.chosen.emit(self._layers[position])


class ModelHeader(QWidget):
    """The model in use, with what it costs and under which licence."""

    chosen = Signal(str)
    settings_wanted = Signal()

    def __init__(self, specs: Sequence[ModelSpec]) -> None:
        super().__init__()
        self._combo = narrow_combo("The model that proposes labels")
        for number, spec in enumerate(specs):
            self._combo.addItem(model_title(spec), spec.name)
            self._combo.setItemData(number, model_tip(spec), Qt.ItemDataRole.ToolTipRole)
        self._combo.addItem("choose folder…", _FOLDER)
        self._combo.setItemData(
            len(specs), "A folder with a CLIPSeg model", Qt.ItemDataRole.ToolTipRole
        )
        self._combo.activated.connect(self._on_activated)
        self.settings = tool(
            "gear", "Device, precision, working scale, offline", self.settings_wanted.emit
        )
        label = QLabel("Model")
        label.setFixedWidth(50)
        self.setLayout(row(label, self._combo, self.settings))

    def show_model(self, name: str) -> None:
        """Mark the model in use; a folder gets an item of its own."""
        mark_model(self._combo, name)

    def _on_activated(self, position: int) -> None:
        name = str(self._combo.itemData(position))
        if name == _FOLDER:
            name = QFileDialog.getExistingDirectory(self, "Folder of a CLIPSeg model")
        self.chosen.emit(name)


def mark_model(combo: QComboBox, name: str) -> None:
    """Mark a model in a list; a path gets an item of its own before the last, which chooses one."""
    position = combo.findData(name)
    if position < 0:
        position = combo.count() - 1
        combo.insertItem(position, Path(name).name, name)
        combo.setItemData(position, name, Qt.ItemDataRole.ToolTipRole)
    combo.setCurrentIndex(position)
    combo.setToolTip(str(combo.itemData(position, Qt.ItemDataRole.ToolTipRole)))


def model_title(spec: ModelSpec) -> str:
    """Name of a model, and what choosing it costs."""
    if spec.source == "bundled":
        return f"{spec.name} (bundled)"
    return spec.name if spec.is_present() else f"{spec.name} (download, {spec.size_mb:.0f} MB)"


def model_tip(spec: ModelSpec) -> str:
    """Prompts, licence and size of a model."""
    where = "on this computer" if spec.is_present() else "downloaded at the first use"
    return (
        f"{spec.title}\nprompts: {', '.join(spec.prompts)} · licence: {spec.licence}\n"
        f"{spec.size_mb:.0f} MB, {where}"
    )
