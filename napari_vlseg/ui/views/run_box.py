"""Segment, what it works on, Cancel, who draws the outlines, and how far it is."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QCheckBox, QLineEdit, QProgressBar, QSizePolicy, QWidget

from napari_vlseg.ui.progress import ProgressState
from napari_vlseg.ui.views.parts import column, narrow_combo, push, row

_STEPS = 1000


class RunBox(QWidget):
    """Two buttons, choices and a bar."""

    segment_wanted = Signal()
    cancel_wanted = Signal()
    outline_toggled = Signal(bool)
    scope_chosen = Signal(str)
    planes_typed = Signal(str)
    apply_wanted = Signal()
    region_wanted = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.segment = push(
            "Segment   Ctrl+Enter",
            "Find the classes of the table (Ctrl+Enter)",
            self.segment_wanted.emit,
        )
        self.cancel = push("Cancel", "Stop within one tile (Alt+Shift+X)", self.cancel_wanted.emit)
        self.segment.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.scope = narrow_combo(
            "What Segment works on (Alt+Shift+Down for the next). What is in view comes first; "
            "each plane is one edit that Ctrl+Z takes back"
        )
        self.scope.activated.connect(
            lambda position: self.scope_chosen.emit(self.scope.itemData(position))
        )
        self.planes = QLineEdit()
        self.planes.setPlaceholderText("5-20")
        self.planes.setToolTip("Planes, counted from 1: 5-20, or 1, 4, 8-10")
        self.planes.setAccessibleName("Planes to segment")
        self.planes.editingFinished.connect(lambda: self.planes_typed.emit(self.planes.text()))
        self.apply = push(
            "",
            "Planes out of view follow the thresholds and the clean-up too; no model runs "
            "(Alt+Shift+End)",
            self.apply_wanted.emit,
        )
        self.region = push("", "", self.region_wanted.emit)
        self._scope_row = QWidget()
        self._scope_row.setLayout(row(self.scope, self.planes))
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
        layout.addWidget(self.region)
        layout.addWidget(self.apply)
        layout.addWidget(self._scope_row)
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

    def show_scope(self, items: Sequence[tuple[str, str]], kind: str, planes: str) -> None:
        """Show what may be segmented; of a small plane there is nothing to choose.

        Parameters
        ----------
        items : sequence of (str, str)
            Kinds and their names.
        kind : str
            The one in use.
        planes : str
            Of a range.
        """
        shown = [
            (self.scope.itemData(n), self.scope.itemText(n)) for n in range(self.scope.count())
        ]
        if shown != list(items):
            self.scope.clear()
            for data, text in items:
                self.scope.addItem(text, data)
        self.scope.setCurrentIndex(self.scope.findData(kind))
        self.planes.setVisible(kind == "range")
        if not self.planes.hasFocus():
            self.planes.setText(planes)
        self._scope_row.setVisible(len(items) > 1)

    def show_region(self, is_huge: bool, is_region: bool) -> None:
        """Offer what can be done with planes that are too large to be edited as a whole."""
        self.region.setVisible(is_huge or is_region)
        if is_region:
            self.region.setText("Put the region back")
            self.region.setToolTip(
                "Write the labels of this region into the plane that it is of (Alt+Shift+Home)"
            )
        else:
            self.region.setText("Edit this region")
            self.region.setToolTip(
                "The plane is too large to be edited as a whole: what is in view becomes an image "
                "of its own, over its place (Alt+Shift+Home)"
            )

    def show_outdated(self, n_planes: int) -> None:
        """Show that labels of planes have other thresholds than the table."""
        planes = f"{n_planes} other plane{'s'[: n_planes != 1]}"
        self.apply.setText(f"Apply thresholds to {planes}")
        self.apply.setVisible(n_planes > 0)

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
