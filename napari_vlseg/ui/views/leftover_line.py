"""One line that offers unsaved work of an earlier session."""

from __future__ import annotations

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QWidget

from napari_vlseg.ui.views.parts import column, hint, push, row


class LeftoverLine(QWidget):
    """Hidden where there is none. Deleting takes two clicks."""

    restore_wanted = Signal()
    discard_wanted = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._text = hint()
        self.restore = push("Restore", "Open it again, as it was left", self.restore_wanted.emit)
        self.discard = push("Discard", "Delete it: click twice", self._on_discard)
        layout = column(self, margin=0)
        layout.addWidget(self._text)
        layout.addLayout(row(self.restore, self.discard, 1))
        self.show_leftover("")

    def show_leftover(self, text: str) -> None:
        """Say what there is; nothing hides the line."""
        self._sure = False
        self.discard.setText("Discard")
        self._text.setText(text)
        self.setVisible(bool(text))

    def _on_discard(self) -> None:
        if self._sure:
            self.discard_wanted.emit()
        else:
            self._sure = True
            self.discard.setText("Discard for good")
