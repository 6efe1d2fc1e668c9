"""The status line: what is going on, and what there is."""

from __future__ import annotations

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QSizePolicy, QWidget
from superqt import QElidingLabel

from napari_vlseg.ui.views.parts import column, row, tool


class StatusLine(QWidget):
    """Two lines at the bottom, and the key to all keys."""

    keys_wanted = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._activity = _line()
        self._facts = _line()
        self.help = tool("help", "All keys (Alt+Shift+/)", self.keys_wanted.emit)
        texts = QWidget()
        lines = column(texts, margin=0, spacing=2)
        lines.setContentsMargins(0, 0, 0, 4)
        lines.addWidget(self._activity)
        lines.addWidget(self._facts)
        self.setLayout(row(texts, self.help))

    def show_activity(self, text: str) -> None:
        """Show what is going on."""
        self._activity.setText(text)
        self._activity.setToolTip(text)

    def show_facts(self, text: str) -> None:
        """Show model, device, objects and whether they are saved."""
        self._facts.setText(text)
        self._facts.setToolTip(text)


def _line() -> QElidingLabel:
    label = QElidingLabel()
    label.setElideMode(Qt.TextElideMode.ElideRight)
    label.setMinimumWidth(40)
    # Its least height is too low for the tails of letters.
    label.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
    return label
