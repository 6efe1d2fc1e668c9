"""Segment, Cancel, who draws the outlines, and how far it is."""

from __future__ import annotations

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QCheckBox, QProgressBar, QSizePolicy, QWidget

from napari_vlseg.ui.progress import ProgressState
from napari_vlseg.ui.views.parts import column, push, row

_STEPS = 1000


class RunBox(QWidget):
    """Two buttons, a choice and a bar."""

    segment_wanted = Signal()
    cancel_wanted = Signal()
    outline_toggled = Signal(bool)

    def __init__(self) -> None:
        super().__init__()
        self.segment = push(
            "Segment   Ctrl+Enter",
            "Find the classes of the table on the plane in view (Ctrl+Enter)",
            self.segment_wanted.emit,
        )
        self.cancel = push("Cancel", "Stop within one tile (Alt+Shift+X)", self.cancel_wanted.emit)
        self.segment.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.outline = QCheckBox()
        self.outline.setToolTip(
            "Outline each object that is found with the click model (chosen beside the click "
            "tools), and tell apart objects that touch; takes longer"
        )
        self.outline.toggled.connect(self.outline_toggled.emit)
        self.bar = QProgressBar()
        self.bar.setToolTip("What is done, and how long the rest will take")
        self.bar.setTextVisible(True)
        layout = column(self, margin=0)
        layout.addLayout(row(self.segment, self.cancel))
        layout.addWidget(self.outline)
        layout.addWidget(self.bar)
        self.show_busy(False)

    def show_busy(self, busy: bool) -> None:
        """Show whether something runs."""
        self.segment.setEnabled(not busy)
        self.cancel.setEnabled(busy)
        self.bar.setRange(0, _STEPS)
        self.bar.setValue(0)
        self.bar.setFormat("")

    def show_outline(self, click_model: str, chosen: bool) -> None:
        """Show which model would outline objects, and whether it does."""
        self.outline.setText(f"Outline with {click_model}")
        self.outline.setChecked(chosen)

    def show_progress(self, state: ProgressState) -> None:
        """Show how far it is."""
        self.bar.setFormat(state.text)
        if state.fraction is None:
            self.bar.setRange(0, 0)
        else:
            self.bar.setRange(0, _STEPS)
            self.bar.setValue(round(state.fraction * _STEPS))
