"""What a person does, in terms of clicks and keys."""

from __future__ import annotations

from typing import Any

import numpy as np
from qtpy.QtCore import QEvent, QPoint, QPointF, Qt
from qtpy.QtGui import QMouseEvent
from qtpy.QtWidgets import QApplication

NO_KEY = Qt.KeyboardModifier.NoModifier
ALT = Qt.KeyboardModifier.AltModifier
SHIFT = Qt.KeyboardModifier.ShiftModifier


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
    lanes = (
        "model",
        "planes",
        "settle",
        "files",
        "keep",
        "worklist",
        "reference",
        "clicks",
        "through",
    )
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


def canvas_of(widget: Any) -> Any:
    """What the mouse and keys of a person go to."""
    return widget.controller.viewer.window._qt_viewer.canvas.native


def on_canvas(widget: Any, layer: Any, place: Any) -> QPoint:
    """Where on the canvas a place in a layer's data is shown."""
    viewer = widget.controller.viewer
    world = np.asarray(layer.data_to_world(place))[-len(viewer.dims.displayed) :]
    view = viewer.window._qt_viewer.canvas.view
    x, y = view.scene.transform.map([*world[::-1]])[:2]
    return QPoint(round(x), round(y))


def take_tool(qtbot: Any, widget: Any, name: str) -> None:
    """Press the button of a click tool, with the whole image in view."""
    widget.window().activateWindow()
    widget.controller.viewer.reset_view()
    qtbot.mouseClick(widget.click_box.tools[name], Qt.MouseButton.LeftButton)
    qtbot.wait(20)
    wait_idle(qtbot, widget)


def click_at(
    qtbot: Any,
    widget: Any,
    layer: Any,
    place: Any,
    modifier: Any = NO_KEY,
    button: Any = Qt.MouseButton.LeftButton,
) -> None:
    """Click on a place in a layer's data, and wait for the answer."""
    qtbot.mouseClick(canvas_of(widget), button, modifier, on_canvas(widget, layer, place))
    wait_idle(qtbot, widget)


def drag(qtbot: Any, widget: Any, layer: Any, path: Any, modifier: Any = NO_KEY) -> None:
    """Drag along places in a layer's data with the left button, and wait for the answer."""
    canvas, left = canvas_of(widget), Qt.MouseButton.LeftButton
    points = [on_canvas(widget, layer, place) for place in path]
    qtbot.mousePress(canvas, left, modifier, points[0])
    for point in points[1:]:
        qtbot.wait(15)  # vispy leaves out moves that follow sooner
        move_pressed(canvas, point, modifier)
    qtbot.mouseRelease(canvas, left, modifier, points[-1])
    wait_idle(qtbot, widget)


def move_pressed(canvas: Any, point: QPoint, modifier: Any = NO_KEY) -> None:
    """Move the mouse with its left button down."""
    event = QMouseEvent(
        QEvent.Type.MouseMove,
        QPointF(point),
        QPointF(canvas.mapToGlobal(point)),
        Qt.MouseButton.NoButton,
        Qt.MouseButton.LeftButton,
        modifier,
    )
    QApplication.sendEvent(canvas, event)


def press_key(qtbot: Any, widget: Any, key: Any, modifier: Any = NO_KEY) -> None:
    """Press a key on the canvas, and wait until nothing runs."""
    canvas = canvas_of(widget)
    canvas.setFocus()
    qtbot.keyClick(canvas, key, modifier)
    wait_idle(qtbot, widget)
