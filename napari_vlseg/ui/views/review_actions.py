"""Buttons for the object in review; each says its key."""

from __future__ import annotations

from functools import partial

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QComboBox, QLineEdit, QPushButton, QSizePolicy, QToolButton, QWidget
from superqt import QElidingLabel

from napari_vlseg.ui.views.icons import icon
from napari_vlseg.ui.views.parts import column, narrow_combo, push, row, tool

_DECISIONS = (
    ("review_accept", "Accept", "check", "#46c46e", "Accept the object and go on (A)"),
    ("review_reject", "Reject", "cross", "#f06a5f", "Reject it and go on; it stays listed (R)"),
    ("review_flag", "Flag", "flag", "#f0a030", "Flag it to come back to it, and go on (Q)"),
)
_TOOLS = (
    ("review_previous", "up", "The object before (K)"),
    ("review_next", "down", "The next object (J)"),
    ("review_fly", "eye", "Show it in the middle of the canvas (H)"),
    ("review_clicks", "point", "Correct its outline by clicks (O)"),
    ("review_brush", "brush", "Correct it with the brush (D)"),
    ("review_merge", "merge", "Make one object of the selected rows (U)"),
    ("review_split", "split", "Split it in two (S)"),
    ("review_delete", "trash", "Delete it for good (Del)"),
    ("review_restore", "restore", "Bring a rejected object back (W)"),
    ("review_undo", "undo", "Undo (Ctrl+Z)"),
    ("review_redo", "redo", "Redo (Ctrl+Shift+Z)"),
)
_ANY_TIME = ("review_previous", "review_next", "review_undo", "review_redo")


class ReviewActions(QWidget):
    """What is known about the object in review, and what can be done with it."""

    action_wanted = Signal(str)
    class_chosen = Signal(str)
    commented = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.line = QElidingLabel()
        self.line.setElideMode(Qt.TextElideMode.ElideRight)
        self.line.setMinimumWidth(40)
        self.decisions: dict[str, QPushButton] = {}
        for name, title, sign, color, tip in _DECISIONS:
            button = push(title, tip, partial(self.action_wanted.emit, name))
            button.setIcon(icon(sign, color))
            button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
            self.decisions[name] = button
        self.tools: dict[str, QToolButton] = {
            name: tool(sign, tip, partial(self.action_wanted.emit, name))
            for name, sign, tip in _TOOLS
        }
        self.class_: QComboBox = narrow_combo("The class of the selected objects")
        self.class_.activated.connect(lambda _: self.class_chosen.emit(self.class_.currentText()))
        self.comment = QLineEdit()
        self.comment.setPlaceholderText("comment")
        self.comment.setToolTip("A comment on the object; it is saved and exported with it (T)")
        self.comment.editingFinished.connect(self._report_comment)
        self._said = ""
        self._lay_out()

    def _lay_out(self) -> None:
        for button in (*self.decisions.values(), *self.tools.values()):
            # Keys go on working where they worked before a click on a button.
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        layout = column(self, margin=0)
        layout.addWidget(self.line)
        layout.addLayout(row(*self.decisions.values()))
        buttons = row(*self.tools.values(), 1)
        buttons.setSpacing(1)
        layout.addLayout(buttons)
        layout.addLayout(row(self.class_, self.comment))

    def show_object(self, line: str, tip: str, class_name: str, comment: str) -> None:
        """Show the object in review; an empty line is none."""
        self.line.setText(line or "press J, or choose a row")
        self.line.setToolTip(tip)
        for widget in (*self.decisions.values(), self.class_, self.comment):
            widget.setEnabled(bool(line))
        for name, button in self.tools.items():
            button.setEnabled(bool(line) or name in _ANY_TIME)
        self.class_.setCurrentText(class_name)
        if comment != self._said or not self.comment.hasFocus():
            self._said = comment
            self.comment.setText(comment)

    def show_classes(self, names: tuple[str, ...]) -> None:
        """Offer the classes of the prompt table and of the list."""
        if names != tuple(self.class_.itemText(i) for i in range(self.class_.count())):
            current = self.class_.currentText()
            self.class_.clear()
            self.class_.addItems(list(names))
            self.class_.setCurrentText(current)

    def _report_comment(self) -> None:
        if self.comment.text() != self._said:
            self._said = self.comment.text()
            self.commented.emit(self._said)
