"""Small windows: model settings, channels and keys."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from magicgui.widgets import CheckBox, ComboBox, Container, FloatSpinBox, LineEdit
from qtpy.QtCore import QSize, Signal
from qtpy.QtGui import QColor
from qtpy.QtWidgets import (
    QCheckBox,
    QColorDialog,
    QComboBox,
    QFormLayout,
    QGridLayout,
    QLabel,
    QLineEdit,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from napari_vlseg.images import Channel, ImageView
from napari_vlseg.ui.jobs import ModelSettings
from napari_vlseg.ui.views.icons import swatch
from napari_vlseg.ui.views.parts import Popup, clear, hint

DEVICES = ("auto", "cpu", "cuda", "mps")
CLUSTER = "cluster"
PRECISIONS = ("auto", "float32", "bfloat16", "float16")
_MOST_ROWS = 35
"""Keys in a column: as many as fit on a small screen."""
EDGES = (("auto", None), ("on", True), ("off", False))


class SettingsPopup(Popup):
    """Device, precision, working scale, edges and offline mode."""

    edited = Signal(object)

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._shown = ModelSettings()
        self.form = Container(
            widgets=[
                ComboBox(
                    name="device",
                    choices=(*DEVICES, CLUSTER),
                    tooltip="Where the model runs; auto takes a GPU where there is one",
                ),
                LineEdit(
                    name="scheduler",
                    tooltip="Address of a dask scheduler, tcp://host:8786, or the file that it "
                    "wrote (scheduler.json)",
                ),
                ComboBox(
                    name="precision",
                    choices=PRECISIONS,
                    tooltip="Number format; auto takes half precision where it is faster",
                ),
                FloatSpinBox(
                    name="working_scale",
                    max=64,
                    step=0.25,
                    tooltip="Image pixels per model pixel: smaller sees finer detail and takes "
                    "longer",
                ),
                ComboBox(
                    name="edges",
                    label="follow edges",
                    choices=EDGES,
                    tooltip="Draw objects to the edges of the image; auto is the model's own "
                    "choice",
                ),
                CheckBox(
                    name="offline",
                    text="never use the network",
                    tooltip="Models that are not on this computer are not downloaded",
                ),
            ]
        )
        self.form.working_scale.native.setSpecialValueText("auto")
        self.form.changed.connect(self._report)
        QVBoxLayout(self).addWidget(self.form.native)

    def show_settings(self, shown: ModelSettings) -> None:
        """Show settings; nothing is reported."""
        self._shown = shown
        with self.form.changed.blocked():
            is_here = shown.device in DEVICES
            self.form.device.value = shown.device if is_here else CLUSTER
            if not is_here:
                self.form.scheduler.value = shown.device
            self._allow_scheduler()
            self.form.precision.value = shown.precision
            self.form.working_scale.value = shown.working_scale or 0
            self.form.edges.value = shown.edges
            self.form.offline.value = bool(shown.offline)

    def _allow_scheduler(self) -> None:
        self.form.scheduler.enabled = self.form.device.value == CLUSTER

    def _report(self) -> None:
        self._allow_scheduler()
        device = self.form.device.value
        if device == CLUSTER:
            device = self.form.scheduler.value.strip() or self._shown.device
        self._shown = replace(
            self._shown,
            device=device,
            precision=self.form.precision.value,
            working_scale=self.form.working_scale.value or None,
            edges=self.form.edges.value,
            offline=True if self.form.offline.value else None,
        )
        self.edited.emit(self._shown)


class ChannelsPopup(Popup):
    """Which axis holds channels, their colours, and the contrast."""

    axes_named = Signal(str)
    axis_chosen = Signal(object)
    edited = Signal(object)

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._shown = ImageView()
        self._limits: tuple[float, float] | None = None
        self.axes = QLineEdit()
        self.axes.setPlaceholderText("for example ZCYX")
        self.axes.setToolTip(
            "What each axis of the array is, where napari does not know: Y rows, X columns, "
            "Z depth, T time, C channels, S red, green, blue, or any other letter"
        )
        self.axes.returnPressed.connect(lambda: self.axes_named.emit(self.axes.text()))
        self.axis = QComboBox()
        self.axis.setToolTip("The axis that holds channels; the others are planes")
        self.axis.activated.connect(lambda *_: self.axis_chosen.emit(self.axis.currentData()))
        self.contrast = QComboBox()
        self.contrast.addItems(["automatic (percentiles)", "contrast limits of the layer"])
        self.contrast.setToolTip("Which values are black and white to the model")
        self.contrast.activated.connect(lambda *_: self._report_contrast())
        form = QFormLayout()
        form.addRow("Axes", self.axes)
        form.addRow("Channels", self.axis)
        form.addRow("Contrast", self.contrast)
        self._grid = QGridLayout()
        layout = QVBoxLayout(self)
        layout.addLayout(form)
        layout.addLayout(self._grid)
        layout.addWidget(hint("The model sees the channels that are on, added up in colour."))

    def show_view(
        self,
        shown: ImageView,
        shape: Sequence[int],
        limits: tuple[float, float] | None,
        axes: str = "",
    ) -> None:
        """Show how an image of a shape is looked at, and what its axes are called."""
        self._shown, self._limits = shown, limits
        self.axes.setText(axes)
        self.axis.clear()
        self.axis.addItem("RGB" if shown.rgb else "none", None)
        if not shown.rgb and len(shape) > 2:
            for axis, length in enumerate(shape):
                self.axis.addItem(f"axis {axis} ({length})", axis)
        self.axis.setCurrentIndex(max(self.axis.findData(shown.channel_axis), 0))
        self.contrast.setCurrentIndex(0 if shown.contrast is None else 1)
        count = 0 if shown.channel_axis is None else shape[shown.channel_axis]
        self._show_channels(count)

    def _show_channels(self, count: int) -> None:
        clear(self._grid)
        on = {channel.index: channel for channel in self._shown.channels}
        for index in range(count):
            channel = on.get(index, Channel(index))
            box = QCheckBox(f"channel {index + 1}")
            box.setToolTip("Whether the model sees this channel")
            box.setChecked(index in on)
            box.clicked.connect(lambda checked, c=channel: self._report_channel(c, checked))
            color = QToolButton()
            color.setIcon(swatch(channel.color))
            color.setIconSize(QSize(14, 14))
            color.setToolTip("Colour of this channel")
            color.clicked.connect(lambda *_, c=channel: self._choose_color(c))
            self._grid.addWidget(box, index, 0)
            self._grid.addWidget(color, index, 1)
            self._grid.addWidget(self._contrast_of(channel, index in on), index, 2)

    def _contrast_of(self, channel: Channel, on: bool) -> QComboBox:
        """What is black and what has the full colour in one channel."""
        choices: list[tuple[str, tuple[float, float] | None]] = [("contrast as above", None)]
        choices += [("limits of the layer now", self._limits)] if self._limits else []
        if channel.contrast is not None and channel.contrast != self._limits:
            low, high = channel.contrast
            choices.append((f"{low:g} to {high:g}", channel.contrast))
        combo = QComboBox()
        combo.setEnabled(on)
        combo.setToolTip(
            "Values of this channel that are black and full colour to the model: show the channel "
            "in napari, set the contrast limits of the layer, and take them here"
        )
        for text, limits in choices:
            combo.addItem(text, limits)
        values = [limits for _, limits in choices]
        combo.setCurrentIndex(values.index(channel.contrast) if channel.contrast in values else 0)
        combo.activated.connect(
            lambda place, c=channel: self._report_channel(
                replace(c, contrast=choices[place][1]), True
            )
        )
        return combo

    def _choose_color(self, channel: Channel) -> None:
        chosen = QColorDialog.getColor(QColor(channel.color), self)
        if chosen.isValid():
            self._report_channel(replace(channel, color=chosen.name()), True)

    def _report_channel(self, channel: Channel, on: bool) -> None:
        others = [c for c in self._shown.channels if c.index != channel.index]
        channels = sorted([*others, *([channel] if on else [])], key=lambda c: c.index)
        self._shown = replace(self._shown, channels=tuple(channels))
        self.edited.emit(self._shown)

    def _report_contrast(self) -> None:
        limits = self._limits if self.contrast.currentIndex() == 1 else None
        self._shown = replace(self._shown, contrast=limits)
        self.edited.emit(self._shown)


class KeysPopup(Popup):
    """Every key and what it does, in columns as high as the longest group."""

    def __init__(
        self, parent: QWidget, groups: Sequence[tuple[str, Sequence[tuple[str, str]]]]
    ) -> None:
        super().__init__(parent)
        grid = QGridLayout(self)
        grid.setVerticalSpacing(1)
        parts = [part for title, keys in groups for part in _in_parts(title, keys)]
        longest = max(len(keys) for _, keys in parts)
        left, top = 0, 0
        for title, keys in parts:
            if top and top + len(keys) > longest:
                left, top = left + 3, 0
            grid.addWidget(QLabel(f"<b>{title}</b>"), top, left, 1, 2)
            for number, (key, text) in enumerate(keys, start=top + 1):
                grid.addWidget(QLabel(f"<b>{key}</b>"), number, left)
                grid.addWidget(QLabel(text), number, left + 1)
            top += len(keys) + 1
            grid.setColumnMinimumWidth(left + 2, 16)


def _in_parts(
    title: str, keys: Sequence[tuple[str, str]]
) -> list[tuple[str, Sequence[tuple[str, str]]]]:
    """A group that is too long for a screen as several."""
    starts = range(0, len(keys), _MOST_ROWS)
    return [
        (title if start == 0 else f"{title}, too", keys[start : start + _MOST_ROWS])
        for start in starts
    ]
