"""Stacks in the real window: keys and mouse while a run goes on, and large labels under a brush."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from qtpy.QtCore import Qt

from tests.gui.driving import (
    ALT,
    SHIFT,
    canvas_of,
    click_at,
    drag,
    on_canvas,
    press_key,
    type_phrase,
    wait_idle,
)
from tests.gui.editing.scenes import check
from tests.gui.fakes import BrightnessModel, blobs
from tests.gui.large import take_all_for_large

pytestmark = pytest.mark.gui

N_PLANES = 6
CONTROL = Qt.KeyboardModifier.ControlModifier


@pytest.fixture(autouse=True)
def _folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NAPARI_VLSEG_RUNS", str(tmp_path / "runs"))


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    made = threading.Event()
    yield made
    made.set()


def stack() -> np.ndarray:
    return np.stack([np.roll(blobs(), 3 * n, axis=0) for n in range(N_PLANES)])


def choose(qtbot: Any, widget: Any, kind: str) -> None:
    """Choose a scope in its list with the keyboard."""
    combo = widget.run.scope
    combo.setFocus()
    qtbot.keyClick(combo, Qt.Key.Key_Home)
    for _ in range(combo.findData(kind)):
        qtbot.keyClick(combo, Qt.Key.Key_Down)
    widget.run.scope.activated.emit(combo.currentIndex())


@pytest.fixture
def opened(make_widget: Callable[..., Any], qtbot: Any) -> Any:
    widget = make_widget()
    widget.controller.viewer.add_image(stack(), name="stack")
    widget.controller.viewer.dims.set_current_step(0, 0)
    type_phrase(qtbot, widget, "nuclei")
    return widget


def test_only_what_makes_sense_can_be_chosen(opened: Any, qtbot: Any) -> None:
    run = opened.run
    assert [run.scope.itemText(n) for n in range(run.scope.count())] == [
        "This plane",
        "Planes …",
        f"All {N_PLANES} planes",
    ]
    assert not run.planes.isVisible()
    opened.controller.viewer.add_image(blobs(), name="one")
    assert not run.scope.isVisible()
    opened.controller.images.choose(opened.controller.viewer.layers["stack"])
    assert run.scope.isVisible()
    choose(qtbot, opened, "range")
    assert run.planes.isVisible()


def test_a_range_is_typed_and_segmented_with_enter_and_a_key(opened: Any, qtbot: Any) -> None:
    choose(qtbot, opened, "range")
    field = opened.run.planes
    qtbot.mouseClick(field, Qt.MouseButton.LeftButton)
    field.setFocus()
    field.clear()
    qtbot.keyClicks(field, "2-3")
    qtbot.keyClick(field, Qt.Key.Key_Return)
    qtbot.keyClick(opened, Qt.Key.Key_Return, CONTROL)
    wait_idle(qtbot, opened)
    held = np.asarray(opened.controller.labels.data)
    assert [bool(plane.any()) for plane in held] == [False, True, True, False, False, False]


def test_a_stack_is_cancelled_at_once_and_goes_on(
    make_widget: Callable[..., Any], qtbot: Any
) -> None:
    widget = make_widget(BrightnessModel(seconds_per_tile=0.02))
    controller = widget.controller
    controller.viewer.add_image(stack(), name="stack")
    controller.viewer.dims.set_current_step(0, 0)
    type_phrase(qtbot, widget, "nuclei")
    choose(qtbot, widget, "stack")
    qtbot.mouseClick(widget.run.segment, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(
        lambda: controller.labels is not None and bool(controller.labels.data[1].any()),
        timeout=20_000,
    )
    assert f"of {N_PLANES} planes" in widget.run.bar.format()
    started = time.monotonic()
    qtbot.mouseClick(widget.run.cancel, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: not controller.segmenter.busy, timeout=5000)
    assert time.monotonic() - started < 0.5
    qtbot.waitUntil(lambda: not widget.runner.busy("planes"), timeout=5000)
    assert "Segment goes on from there" in controller.activity
    kept = np.array(controller.labels.data)
    assert kept[:2].any(axis=(1, 2)).all()
    assert not kept[-1].any()
    qtbot.mouseClick(widget.run.segment, Qt.MouseButton.LeftButton)
    wait_idle(qtbot, widget)
    whole = np.asarray(controller.labels.data)
    np.testing.assert_array_equal(whole[:2], kept[:2])
    assert whole.any(axis=(1, 2)).all()
    check(controller)


def test_who_paints_while_planes_arrive_loses_nothing(
    make_widget: Callable[..., Any], qtbot: Any
) -> None:
    widget = make_widget(BrightnessModel(seconds_per_tile=0.005))
    controller = widget.controller
    controller.viewer.add_image(stack(), name="stack")
    controller.viewer.dims.set_current_step(0, 0)
    type_phrase(qtbot, widget, "nuclei")
    choose(qtbot, widget, "stack")
    qtbot.mouseClick(widget.run.segment, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: controller.labels is not None, timeout=10_000)
    layer = controller.labels
    for plane in range(N_PLANES):
        layer.paint((plane, 10, 100), 900 + plane)
        qtbot.wait(30)
    wait_idle(qtbot, widget)
    held = np.asarray(layer.data)
    assert all(held[plane, 10, 100] == 900 + plane for plane in range(N_PLANES))
    assert (held > 0).sum(axis=(1, 2)).min() > 200
    check(controller)


def test_leafing_through_a_stack_does_not_wait_for_the_run(
    make_widget: Callable[..., Any], qtbot: Any, gate: threading.Event
) -> None:
    widget = make_widget(BrightnessModel(gate=gate))
    viewer = widget.controller.viewer
    viewer.add_image(stack(), name="stack")
    type_phrase(qtbot, widget, "nuclei")
    choose(qtbot, widget, "stack")
    qtbot.mouseClick(widget.run.segment, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: widget.controller.segmenter.busy, timeout=5000)
    for plane in range(N_PLANES):
        viewer.dims.set_current_step(0, plane)
        qtbot.wait(5)
    assert widget.controller.segmenter.busy
    gate.set()
    wait_idle(qtbot, widget)
    assert np.asarray(widget.controller.labels.data).any(axis=(1, 2)).all()


def test_a_changed_prompt_ends_the_run_and_keeps_planes(
    make_widget: Callable[..., Any], qtbot: Any
) -> None:
    widget = make_widget(BrightnessModel(seconds_per_tile=0.02))
    controller = widget.controller
    controller.viewer.add_image(stack(), name="stack")
    controller.viewer.dims.set_current_step(0, 0)
    type_phrase(qtbot, widget, "nuclei")
    choose(qtbot, widget, "stack")
    qtbot.mouseClick(widget.run.segment, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: controller.labels is not None, timeout=20_000)
    type_phrase(qtbot, widget, "cells")
    wait_idle(qtbot, widget)
    assert "the prompt changed" in controller.activity
    assert controller.labels.data[0].any()
    assert not controller.labels.data[-1].any()


def test_thresholds_are_applied_to_other_planes_by_a_button(opened: Any, qtbot: Any) -> None:
    controller, run = opened.controller, opened.run
    choose(qtbot, opened, "stack")
    qtbot.mouseClick(run.segment, Qt.MouseButton.LeftButton)
    wait_idle(qtbot, opened)
    assert not run.apply.isVisible()
    controller.prompts.edit(0, visible=False)
    wait_idle(qtbot, opened)
    assert not controller.labels.data[0].any()
    assert controller.labels.data[1].any()
    assert run.apply.text() == f"Apply thresholds to {N_PLANES - 1} other planes"
    qtbot.mouseClick(run.apply, Qt.MouseButton.LeftButton)
    wait_idle(qtbot, opened)
    assert not np.asarray(controller.labels.data).any()
    assert not run.apply.isVisible()
    check(controller)


def test_brush_fill_and_eraser_on_labels_on_the_disk(
    make_widget: Callable[..., Any],
    qtbot: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    take_all_for_large(monkeypatch, tmp_path / "working")
    widget = make_widget()
    controller, viewer = widget.controller, widget.controller.viewer
    viewer.add_image(stack(), name="stack")
    viewer.dims.set_current_step(0, 2)
    type_phrase(qtbot, widget, "nuclei")
    qtbot.mouseClick(widget.run.segment, Qt.MouseButton.LeftButton)
    wait_idle(qtbot, widget)
    layer = controller.labels
    assert isinstance(layer.data, zarr.Array)
    first = np.asarray(layer.data)
    viewer.reset_view()
    viewer.layers.selection.active = layer
    layer.mode, layer.brush_size, layer.selected_label = "paint", 7, 50
    drag(qtbot, widget, layer, [(2, 5, col) for col in range(10, 60, 5)])
    painted = np.asarray(layer.data)
    assert (painted[2] == 50).sum() > 200
    np.testing.assert_array_equal(layer._slice.image.raw, painted[2])
    layer.mode, layer.selected_label = "fill", 60
    click_at(qtbot, widget, layer, tuple(np.argwhere(first == 1)[20]))
    assert (np.asarray(layer.data)[first == 1] == 60).all()
    layer.mode = "erase"
    drag(qtbot, widget, layer, [(2, 5, 20), (2, 5, 30)])
    assert layer.data[2, 5, 25] == 0
    ops = [edit.op for edit in controller.editing.ledger(layer).edits()]
    assert ops == ["propose", "paint", "fill", "erase"]
    check(controller)
    for _ in range(3):
        press_key(qtbot, widget, Qt.Key.Key_Z, CONTROL)
    np.testing.assert_array_equal(layer.data, first)
    np.testing.assert_array_equal(layer._slice.image.raw, first[2])
    check(controller)
    assert on_canvas(widget, layer, (2, 0, 0)) is not None
    assert canvas_of(widget).isVisible()


def test_the_scope_is_remembered(opened: Any, qtbot: Any, make_widget: Callable[..., Any]) -> None:
    choose(qtbot, opened, "stack")
    again = make_widget()
    again.controller.viewer.add_image(stack(), name="stack")
    assert again.run.scope.currentData() == "stack"


def test_a_key_goes_through_the_scopes(opened: Any, qtbot: Any) -> None:
    seen = []
    for _ in range(3):
        opened.actions_of_keys["next_scope"]()
        seen.append(opened.run.scope.currentData())
    assert seen == ["range", "stack", "plane"]
    press_key(qtbot, opened, Qt.Key.Key_Down, ALT | SHIFT)
    assert opened.run.scope.currentData() == "range"


def test_what_the_canvas_shows_of_a_large_plane_is_segmented(
    make_widget: Callable[..., Any], qtbot: Any
) -> None:
    widget = make_widget()
    controller, viewer = widget.controller, widget.controller.viewer
    image = viewer.add_image(np.tile(blobs(), (30, 20)), name="wide", scale=(0.5, 0.5))
    type_phrase(qtbot, widget, "nuclei")
    camera = getattr(viewer, "scene", viewer).camera  # before napari 0.9 the viewer has it
    camera.center, camera.zoom = (0, 150, 200), 4
    qtbot.wait(50)
    rows, cols = controller.scope.window(image)
    height, width = canvas_of(widget).height(), canvas_of(widget).width()
    assert abs((rows.start + rows.stop) / 2 - 300) < 10
    assert abs((cols.start + cols.stop) / 2 - 400) < 10
    assert abs((rows.stop - rows.start) - height / 2) < 10
    assert abs((cols.stop - cols.start) - width / 2) < 10
    choose(qtbot, widget, "view")
    qtbot.keyClick(widget, Qt.Key.Key_Return, CONTROL)
    wait_idle(qtbot, widget)
    held = np.asarray(controller.labels.data)
    assert held[rows, cols].any()
    assert not held[-500:].any()
    assert [layer.name for layer in viewer.layers] == ["wide", "wide — vlseg"]
