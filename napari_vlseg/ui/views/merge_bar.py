"""A question that waits for its answer and holds nothing up."""

from __future__ import annotations

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QCheckBox, QLabel, QWidget

from napari_vlseg.ui.views.parts import column, push, row


class MergeBar(QWidget):
    """What becomes of objects that are there already; hidden while nothing is asked."""

    answered = Signal(str, bool)

    def __init__(self) -> None:
        super().__init__()
        self.question = QLabel()
        self.question.setWordWrap(True)
        self.keep = push(
            "Keep",
            "The objects that are there stay, the new ones take what is free",
            lambda: self._answer("keep"),
        )
        self.replace = push(
            "Replace",
            "The new objects take the place of those that are there; what you drew, changed or "
            "accepted stays",
            lambda: self._answer("replace"),
        )
        self.always = QCheckBox("remember")
        self.always.setToolTip(
            "Do so from now on without asking (to be changed under Details, “labels there”)"
        )
        layout = column(self, margin=0)
        layout.addWidget(self.question)
        layout.addLayout(row(self.keep, self.replace, self.always, 1))
        self.hide()

    def show_question(self, text: str) -> None:
        """Ask, or with an empty text ask no more."""
        self.question.setText(f"{text}:" if text else "")
        self.always.setChecked(False)
        self.setVisible(bool(text))

    def _answer(self, policy: str) -> None:
        self.answered.emit(policy, self.always.isChecked())
