"""What a person does, in terms of clicks and keys."""

from __future__ import annotations

from typing import Any

import numpy as np
from qtpy.QtCore import Qt


def type_phrase(qtbot: Any, widget: Any, text: str, row: int = 0) -> None:
    """Type into the phrase field of a row and finish with Enter."""
    field = widget.table.rows[row].phrases
    field.clear()
    qtbot.keyClicks(field, text)
    qtbot.keyClick(field, Qt.Key.Key_Return)


def press_segment(qtbot: Any, widget: Any) -> None:
    """Press Segment and wait until it is done."""
    qtbot.mouseClick(widget.run.segment, Qt.MouseButton.LeftButton)
    wait_idle(qtbot, widget)


def wait_idle(qtbot: Any, widget: Any) -> None:
    """Wait until nothing runs in any lane."""
    lanes = ("model", "settle", "files", "reference")
    qtbot.waitUntil(lambda: not any(map(widget.runner.busy, lanes)), timeout=20_000)


def drag_threshold(qtbot: Any, widget: Any, value: float, row: int = 0) -> None:
    """Move a threshold slider, and wait until the labels have settled."""
    widget.table.rows[row].threshold.setValue(value)
    expected = round(value, 3)
    qtbot.waitUntil(
        lambda: widget.controller.prompts.table.rows[row].threshold == expected, timeout=5000
    )
    wait_idle(qtbot, widget)


def wait_for_look(qtbot: Any, widget: Any) -> None:
    """Wait until the widget has taken notice of edits."""
    qtbot.waitUntil(lambda: not widget.look_timer.isActive(), timeout=5000)


def n_labels(layer: Any) -> int:
    """How many labels a layer holds."""
    return len(np.unique(layer.data)) - int((layer.data == 0).any())
