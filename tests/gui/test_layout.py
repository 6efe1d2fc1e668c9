"""The widget fits, explains itself, and can be used without a mouse."""

from __future__ import annotations

from typing import Any

import pytest
from qtpy.QtCore import Qt
from qtpy.QtGui import QKeySequence
from qtpy.QtWidgets import (
    QAbstractButton,
    QAbstractSlider,
    QAbstractSpinBox,
    QComboBox,
    QLineEdit,
    QScrollBar,
    QShortcut,
    QTabBar,
)

from napari_vlseg.ui.keys import CLICK_KEYS, EDIT_KEYS, KEYS, REVIEW_KEYS
from tests.gui.driving import type_phrase, wait_idle

pytestmark = pytest.mark.gui

WIDTH = 320
SCREEN = (1400, 768)


def test_it_fits_into_320_pixels(segmented: Any, qtbot: Any) -> None:
    controller = segmented.controller
    controller.prompts.add_row()
    controller.labels.selected_label = 1
    controller.references.from_label(0)
    wait_idle(qtbot, segmented)
    type_phrase(qtbot, segmented, "a red triangle in a very long phrase", row=1)
    segmented.result.details.toggle()
    assert segmented.minimumSizeHint().width() <= WIDTH
    for page in range(segmented.tabs.count()):
        segmented.tabs.setCurrentIndex(page)
        qtbot.wait(20)
        assert segmented.minimumSizeHint().width() <= WIDTH
    inside = segmented.table._scroll.widget()
    assert inside.minimumSizeHint().width() <= WIDTH - 20


def test_every_control_has_a_tooltip(segmented: Any) -> None:
    kinds = (QAbstractButton, QAbstractSlider, QAbstractSpinBox, QComboBox, QLineEdit)
    silent = [
        child
        for kind in kinds
        for child in segmented.findChildren(kind)
        if not isinstance(child, QScrollBar)
        and not isinstance(child.parent(), QTabBar | QAbstractSpinBox | QComboBox)
        and not child.toolTip()
        and not child.parent().toolTip()
    ]
    assert not silent, [f"{type(w).__name__} in {type(w.parent()).__name__}" for w in silent]


def test_every_action_has_a_key_in_the_widget_and_on_the_canvas(widget: Any) -> None:
    shortcuts = {s.key().toString() for s in widget.findChildren(QShortcut)}
    in_widget = {*(key.qt for key in KEYS), *(key for _, key, _ in REVIEW_KEYS)}
    assert shortcuts == {QKeySequence(key).toString() for key in in_widget}
    assert len(widget.controller.viewer.keymap) == len(KEYS) + len(EDIT_KEYS)
    plain = {key[0] for key in (*CLICK_KEYS, *REVIEW_KEYS)}
    assert {key.action for key in KEYS} | plain == set(widget.actions_of_keys)


def test_the_list_of_keys_fits_on_a_small_screen(widget: Any) -> None:
    widget.keys.adjustSize()
    assert widget.keys.width() <= SCREEN[0]
    assert widget.keys.height() <= SCREEN[1]


def test_keys_work_on_the_canvas(widget: Any, qtbot: Any) -> None:
    type_phrase(qtbot, widget, "nuclei")
    canvas = widget.controller.viewer.window._qt_viewer.canvas.native
    qtbot.keyClick(canvas, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: widget.controller.labels is not None, timeout=10_000)
    wait_idle(qtbot, widget)
    both = Qt.KeyboardModifier.AltModifier | Qt.KeyboardModifier.ShiftModifier
    qtbot.keyClick(canvas, Qt.Key.Key_N, both)
    assert len(widget.table.rows) == 2
    qtbot.keyClick(canvas, Qt.Key.Key_I, both)
    assert widget.result.classes.isChecked()


def test_rows_move_and_go(segmented: Any, qtbot: Any) -> None:
    prompts = segmented.controller.prompts
    prompts.add_row()
    type_phrase(qtbot, segmented, "cells", row=1)
    segmented.table.rows[1].moved.emit(-1)
    assert [row.name for row in prompts.table.rows] == ["cells", "nuclei"]
    assert segmented.table.rows[0].phrases.text() == "cells"
    segmented.table.rows[1].removed.emit()
    assert [row.name for row in prompts.table.rows] == ["cells"]
    assert len(segmented.table.rows) == 1


def test_two_classes_of_one_name_are_refused(segmented: Any, qtbot: Any) -> None:
    segmented.controller.prompts.add_row()
    field = segmented.table.rows[1].name
    field.setText("nuclei")
    field.editingFinished.emit()
    assert field.text() == "class 1"
    assert "Two classes are named" in segmented.controller.activity


def test_channels_of_a_multichannel_image(make_widget: Any, qtbot: Any) -> None:
    import numpy as np

    from tests.gui.fakes import blobs

    widget = make_widget()
    stack = np.stack([np.zeros_like(blobs()), blobs()])
    widget.controller.viewer.add_image(stack, name="two channels")
    qtbot.mouseClick(widget.image.channels, Qt.MouseButton.LeftButton)
    assert widget.channels.isVisible()
    widget.channels.axes.setText("cyx")
    qtbot.keyClick(widget.channels.axes, Qt.Key.Key_Return)
    assert widget.channels.axis.currentData() == 0
    assert widget.channels.axes.text() == "CYX"
    widget.channels.axis_chosen.emit(0)
    assert widget.image._scope.text() == "96 × 128 px"
    assert widget.channels._grid.count() == 6
    widget.controller.viewer.layers["two channels"].contrast_limits = (0, 120)
    widget.channels.hide()
    qtbot.mouseClick(widget.image.channels, Qt.MouseButton.LeftButton)
    limits = widget.channels._grid.itemAtPosition(1, 2).widget()
    limits.setCurrentIndex(1)
    limits.activated.emit(1)
    first, second = widget.controller.prompts.table.channels
    assert (first.contrast, second.contrast) == (None, (0, 120))
    again = widget.channels._grid.itemAtPosition(1, 2).widget()
    assert again.currentText() == "limits of the layer now"
    widget.channels.hide()
    type_phrase(qtbot, widget, "nuclei")
    widget.segment()
    wait_idle(qtbot, widget)
    assert widget.controller.labels.data.shape == (96, 128)
