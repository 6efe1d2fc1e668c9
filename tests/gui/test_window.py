"""The real widget in a real napari window, driven by clicks and keys."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import Qt

from tests.gui.driving import (
    drag_threshold,
    n_labels,
    press_key,
    press_segment,
    type_phrase,
    wait_for_look,
    wait_idle,
)
from tests.gui.fakes import blobs

pytestmark = pytest.mark.gui


def test_without_an_image_it_says_what_to_do(make_widget: Any, qtbot: Any) -> None:
    widget = make_widget()
    assert widget.image._empty.isVisible()
    type_phrase(qtbot, widget, "nuclei")
    press_segment(qtbot, widget)
    assert "open an image or a sample" in widget.controller.activity


def test_type_and_segment(segmented: Any) -> None:
    layer = segmented.controller.labels
    assert n_labels(layer) == 4
    assert list(layer.features["index"]) == [1, 2, 3, 4]
    assert set(layer.features["class"]) == {"nuclei"}
    assert "4 objects" in segmented.status._facts.text()


def test_ctrl_enter_segments_what_is_typed_and_not_finished(widget: Any, qtbot: Any) -> None:
    window = widget.window()
    window.activateWindow()
    field = widget.table.rows[0].phrases
    field.setFocus()
    qtbot.keyClicks(field, "nuclei")
    qtbot.keyClick(field, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: widget.controller.labels is not None, timeout=10_000)
    wait_idle(qtbot, widget)
    assert n_labels(widget.controller.labels) == 4


def test_an_empty_prompt_is_one_sentence(widget: Any, qtbot: Any) -> None:
    press_segment(qtbot, widget)
    assert widget.controller.activity.startswith("The prompt is empty")
    assert widget.controller.labels is None


def test_threshold_moves_labels_without_the_model(segmented: Any, qtbot: Any) -> None:
    layer, model = (
        segmented.controller.labels,
        segmented.controller.models.peek(segmented.controller.settings),
    )
    before, encoded = int((layer.data > 0).sum()), model.tiles_encoded
    drag_threshold(qtbot, segmented, 0.3)
    assert (layer.data > 0).sum() > before
    assert n_labels(layer) == 4
    assert set(layer.features["threshold"]) == {0.3}
    assert model.tiles_encoded == encoded


def test_preview_follows_the_slider_and_leaves_no_undo_step(segmented: Any, qtbot: Any) -> None:
    layer, row = segmented.controller.labels, segmented.table.rows[0]
    ledger = segmented.controller.editing.ledger(layer)
    before, steps = int((layer.data > 0).sum()), ledger.last
    row.threshold.setValue(0.3)
    qtbot.waitUntil(lambda: (layer.data > 0).sum() > before, timeout=1000)
    assert ledger.last == steps
    drag_threshold(qtbot, segmented, 0.3)
    assert ledger.last == steps + 1


def test_a_correction_survives_the_threshold(segmented: Any, qtbot: Any) -> None:
    layer = segmented.controller.labels
    layer.selected_label = 9
    layer.brush_size = 6
    layer.paint((48, 48), 9)
    layer.fill((26, 26), 0)
    wait_for_look(qtbot, segmented)
    drawn = layer.data == 9
    drag_threshold(qtbot, segmented, 0.3)
    np.testing.assert_array_equal(layer.data == 9, drawn)
    assert not layer.data[20:32, 20:32].any(), "the erased object came back"
    status = dict(zip(layer.features["index"], layer.features["status"], strict=True))
    assert status[9] == "edited"
    assert list(status.values()).count("proposed") == 3


def test_undo_takes_back_one_whole_write(segmented: Any, qtbot: Any) -> None:
    layer = segmented.controller.labels
    first = layer.data.copy()
    drag_threshold(qtbot, segmented, 0.3)
    segmented.controller.viewer.layers.selection.active = layer
    undo = Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier
    press_key(qtbot, segmented, *undo)
    np.testing.assert_array_equal(layer.data, first)
    assert set(layer.features["threshold"]) == {0.5}
    assert set(layer.features["status"]) == {"proposed"}
    press_key(qtbot, segmented, *undo)
    assert not layer.data.any()
    redo = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier
    press_key(qtbot, segmented, Qt.Key.Key_Z, redo)
    np.testing.assert_array_equal(layer.data, first)


def test_painting_with_the_mouse_on_the_canvas(segmented: Any, qtbot: Any) -> None:
    viewer, layer = segmented.controller.viewer, segmented.controller.labels
    viewer.layers.selection.active = layer
    layer.mode, layer.selected_label, layer.brush_size = "paint", 7, 5
    viewer.reset_view()
    qtbot.wait(50)
    canvas = viewer.window._qt_viewer.canvas.native
    qtbot.mouseClick(canvas, Qt.MouseButton.LeftButton, pos=canvas.rect().center())
    qtbot.waitUntil(lambda: (layer.data == 7).any(), timeout=3000)
    qtbot.waitUntil(lambda: "edited" in set(layer.features["status"]), timeout=3000)
    assert segmented.controller.n_objects == 5


def test_save_export_and_reopen(
    segmented: Any, make_widget: Any, qtbot: Any, tmp_path: Path
) -> None:
    controller = segmented.controller
    layer = controller.labels
    layer.paint((48, 48), 9)
    wait_for_look(qtbot, segmented)
    assert "not saved" in segmented.status._facts.text()
    segmented.project.create_wanted.emit(str(tmp_path / "project"))
    wait_idle(qtbot, segmented)
    assert "not saved" not in segmented.status._facts.text()
    segmented.tabs.setCurrentWidget(segmented.project)
    segmented.project.format.setCurrentText("coco")
    segmented.project.out.setText(str(tmp_path / "export"))
    qtbot.mouseClick(segmented.project.export, Qt.MouseButton.LeftButton)
    wait_idle(qtbot, segmented)
    assert "exported" in controller.activity
    documents = [json.loads(path.read_text()) for path in (tmp_path / "export").rglob("*.json")]
    assert any(len(d.get("annotations", ())) == 5 for d in documents)

    segmented.shut_down()
    again = make_widget()
    again.project.open_wanted.emit(str(tmp_path / "project"))
    wait_idle(qtbot, again)
    restored = again.controller.labels
    np.testing.assert_array_equal(restored.data, layer.data)
    assert list(restored.features["status"]) == list(layer.features["status"])
    assert again.controller.prompts.table == controller.prompts.table
    np.testing.assert_array_equal(again.controller.images.layer.data, blobs())
    drag_threshold(qtbot, again, 0.3)
    assert (restored.data == 9).sum() == (layer.data == 9).sum()
    assert n_labels(restored) == 5


def test_a_reference_from_a_drawn_shape(segmented: Any, qtbot: Any) -> None:
    viewer = segmented.controller.viewer
    viewer.add_shapes([[[16, 16], [16, 36], [36, 36], [36, 16]]], shape_type="rectangle")
    segmented.controller.references.from_selection(0)
    wait_idle(qtbot, segmented)
    (reference,) = segmented.controller.prompts.table.rows[0].references
    assert reference.mask.sum() == pytest.approx(400, rel=0.15)
    row = segmented.table.rows[0]
    assert row.mix.isEnabled()
    assert row._references.count() == 1


def test_unknown_words_are_said_under_the_row(segmented: Any, qtbot: Any) -> None:
    type_phrase(qtbot, segmented, "red triangle")
    warning = segmented.table.rows[0].warning
    assert warning.isVisible()
    assert "triangle" in warning.text()


def test_heatmap_lies_on_the_image(segmented: Any, qtbot: Any) -> None:
    qtbot.mouseClick(segmented.table.rows[0].heat, Qt.MouseButton.LeftButton)
    layers = segmented.controller.viewer.layers
    heatmap = layers["squares — nuclei probability"]
    assert heatmap.data.shape == blobs().shape
    assert segmented.controller.images.layer.name == "squares"
