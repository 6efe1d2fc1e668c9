"""Tools to outline single objects, and what becomes of the outline."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QFileDialog, QLabel, QToolButton, QWidget

from napari_vlseg.models.registry import ModelSpec
from napari_vlseg.prompts import ClassPrompt
from napari_vlseg.ui.views.header import mark_model, model_tip
from napari_vlseg.ui.views.icons import swatch
from napari_vlseg.ui.views.parts import column, narrow_combo, push, row, tool
from napari_vlseg.workflow.outlines import Step, Tool

TOOLS: dict[Tool, str] = {
    "point": "Click an object; Alt or right button for what it is not (Alt+Shift+P)",
    "box": "Drag a box around an object (Alt+Shift+B)",
    "scribble": "Draw over an object; with Alt over what it is not (Alt+Shift+W)",
    "lasso": "Draw around an object; with Alt around what it is not (Alt+Shift+L)",
}

_IN_HAND = "#3f6fb5"
_FILE = "file"

# action, icon, tooltip, whether it needs an object in progress
_ACTIONS = (
    ("click_add", "plus", "Add the outline to the object below it (A)", True),
    ("click_subtract", "minus", "Take the outline away from the object below it (S)", True),
    ("click_replace", "swap", "Let the object below become the outline (R)", True),
    ("click_next", "next", "Next candidate (Tab)", True),
    (
        "click_undo",
        "undo",
        "Take the last click back; without one, the last commit (Ctrl+Z)",
        False,
    ),
    ("click_redo", "redo", "Do it again (Ctrl+Shift+Z)", False),
    ("click_drop", "cross", "Drop the outline; without one, put the tool down (Esc)", False),
    ("refine", "pencil", "Take up the selected object and correct it (Alt+Shift+F)", False),
    ("find_alike", "alike", "Find all objects like this one (Alt+Shift+A)", False),
)


class ClickBox(QWidget):
    """Four tools; with one in hand, the class and what to do with the outline."""

    tool_chosen = Signal(str)
    model_chosen = Signal(str)
    class_chosen = Signal(int)
    action_wanted = Signal(str)

    def __init__(self, specs: Sequence[ModelSpec]) -> None:
        super().__init__()
        self.tools: dict[str, QToolButton] = {
            name: self._tool(name, tip) for name, tip in TOOLS.items()
        }
        self.model = narrow_combo("The model that outlines what you click")
        for number, spec in enumerate(specs):
            # The list is narrow: the tooltip has what choosing a model costs.
            self.model.addItem(spec.name, spec.name)
            self.model.setItemData(number, model_tip(spec), Qt.ItemDataRole.ToolTipRole)
        self.model.addItem("choose file…", _FILE)
        self.model.setItemData(
            len(specs),
            "An adapter that fine-tuning wrote, or a .pth file of SAM",
            Qt.ItemDataRole.ToolTipRole,
        )
        self.model.activated.connect(self._on_model)
        self.class_ = narrow_combo("The class that a new object gets (G for the next one)")
        self.class_.activated.connect(self.class_chosen.emit)
        self.commit = push(
            "Commit   C",
            "Put the outline on the labels: a new object, or in place of the one taken up (C)",
            partial(self.action_wanted.emit, "click_commit"),
        )
        self.buttons = {
            name: tool(icon, tip, partial(self.action_wanted.emit, name))
            for name, icon, tip, _ in _ACTIONS
        }
        self.candidate = QLabel()
        self.candidate.setToolTip("Which candidate this is, and the overlap that the model expects")
        self._classes: list[tuple[str, str]] = []
        self._lay_out()

    def _on_model(self, position: int) -> None:
        name = str(self.model.itemData(position))
        if name == _FILE:
            kinds = "Click models (*.safetensors *.pth)"
            name, _ = QFileDialog.getOpenFileName(self, "File of a click model", "", kinds)
        self.model_chosen.emit(name)

    def _tool(self, name: str, tip: str) -> QToolButton:
        button = tool(name, tip, partial(self.tool_chosen.emit, name))
        button.setCheckable(True)
        button.setStyleSheet(
            f"QToolButton:checked {{ background: {_IN_HAND}; border-radius: 3px }}"
        )
        return button

    def _lay_out(self) -> None:
        for button in (*self.tools.values(), self.commit, *self.buttons.values()):
            # The keys of the canvas go on working after a click on a button.
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        layout = column(self, margin=0)
        layout.addLayout(row(QLabel("Click"), *self.tools.values(), self.model))
        self._more = QWidget()
        more = column(self._more, margin=0)
        more.addLayout(row(QLabel("into"), self.class_, self.commit))
        more.addLayout(row(*self.buttons.values(), 1, self.candidate))
        layout.addWidget(self._more)

    def show_state(
        self, tool_in_hand: str | None, model: str, in_progress: bool, step: Step | None
    ) -> None:
        """Show which tool is in hand, and what can be done now."""
        for name, button in self.tools.items():
            button.setChecked(name == tool_in_hand)
        mark_model(self.model, model)
        self._more.setVisible(tool_in_hand is not None)
        self.commit.setEnabled(in_progress)
        for name, _, _, needs_one in _ACTIONS:
            self.buttons[name].setEnabled(in_progress or not needs_one)
        self.buttons["click_next"].setEnabled(step is not None and len(step.candidates) > 1)
        self.candidate.setText("" if step is None else _candidate(step))

    def show_classes(self, rows: Sequence[ClassPrompt], current: int) -> None:
        """List the classes of the prompt table, and mark the one that objects get."""
        shown = [(row.name, row.color) for row in rows]
        if shown != self._classes:
            self._classes = shown
            self.class_.clear()
            for name, color in shown:
                self.class_.addItem(swatch(color), name)
        self.class_.setCurrentIndex(current)


def _candidate(step: Step) -> str:
    if not step.candidates:
        return ""
    place = f"{step.chosen + 1}/{len(step.candidates)}" if len(step.candidates) > 1 else ""
    score = step.candidates[step.chosen].score
    return " · ".join(part for part in (place, "" if np.isnan(score) else f"{score:.2f}") if part)
