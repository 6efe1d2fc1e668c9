"""What a person may do while the model runs: nothing crashes, nothing lands in a wrong place."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import Qt

from tests.gui.driving import n_labels, press_segment, type_phrase, wait_for_look, wait_idle
from tests.gui.fakes import BrightnessModel, blobs

pytestmark = pytest.mark.gui


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    """The model waits after its first tile until this is set."""
    made = threading.Event()
    yield made
    made.set()


@pytest.fixture
def running(make_widget: Callable[..., Any], qtbot: Any, gate: threading.Event) -> Any:
    """The widget while the model encodes."""
    widget = make_widget(BrightnessModel(gate=gate))
    widget.controller.viewer.add_image(blobs(), name="squares")
    type_phrase(qtbot, widget, "nuclei")
    qtbot.mouseClick(widget.run.segment, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: "1 of 20 tiles" in widget.run.bar.format(), timeout=10_000)
    return widget


def test_progress_is_shown_and_segment_is_off(running: Any) -> None:
    assert not running.run.segment.isEnabled()
    assert running.run.cancel.isEnabled()
    assert running.run.bar.value() > 0


def test_cancel_stops_within_a_tile(make_widget: Callable[..., Any], qtbot: Any) -> None:
    widget = make_widget(BrightnessModel(seconds_per_tile=0.3))
    widget.controller.viewer.add_image(blobs(), name="squares")
    type_phrase(qtbot, widget, "nuclei")
    qtbot.mouseClick(widget.run.segment, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: "of 20 tiles" in widget.run.bar.format(), timeout=10_000)
    started = time.monotonic()
    qtbot.mouseClick(widget.run.cancel, Qt.MouseButton.LeftButton)
    wait_idle(qtbot, widget)
    assert time.monotonic() - started < 1.5
    assert widget.controller.activity == "cancelled"
    assert widget.run.segment.isEnabled()
    assert widget.controller.labels is None
    press_segment(qtbot, widget)
    assert n_labels(widget.controller.labels) == 4


def test_changing_the_prompt_drops_the_answer(
    running: Any, qtbot: Any, gate: threading.Event
) -> None:
    type_phrase(qtbot, running, "cells")
    gate.set()
    wait_idle(qtbot, running)
    assert running.controller.labels is None
    assert "the prompt changed" in running.controller.activity
    press_segment(qtbot, running)
    assert set(running.controller.labels.features["prompt"]) == {"cells"}


def test_changing_the_image_leaves_the_other_one_alone(
    running: Any, qtbot: Any, gate: threading.Event
) -> None:
    viewer = running.controller.viewer
    first = running.controller.images.layer
    other = viewer.add_image(np.zeros((40, 50)), name="other")
    assert running.controller.images.layer is other
    gate.set()
    wait_idle(qtbot, running)
    assert running.controller.results.target(other) is None
    assert n_labels(running.controller.results.target(first)) == 4


def test_deleting_the_image(running: Any, qtbot: Any, gate: threading.Event) -> None:
    viewer = running.controller.viewer
    viewer.layers.remove("squares")
    gate.set()
    wait_idle(qtbot, running)
    assert len(viewer.layers) == 0
    assert "the image was removed" in running.controller.activity
    assert running.image._empty.isVisible()


def test_deleting_the_labels_layer(segmented: Any, qtbot: Any) -> None:
    viewer = segmented.controller.viewer
    type_phrase(qtbot, segmented, "cells")
    qtbot.mouseClick(segmented.run.segment, Qt.MouseButton.LeftButton)
    viewer.layers.remove(segmented.controller.labels)
    wait_idle(qtbot, segmented)
    assert n_labels(segmented.controller.labels) == 4
    assert segmented.controller.labels in viewer.layers


def test_deleting_the_labels_layer_while_a_slider_moves(segmented: Any, qtbot: Any) -> None:
    segmented.table.rows[0].threshold.setValue(0.3)
    qtbot.wait(60)
    segmented.controller.viewer.layers.remove(segmented.controller.labels)
    qtbot.wait(400)
    wait_idle(qtbot, segmented)
    assert segmented.controller.labels is None


def test_painting_while_the_model_runs(segmented: Any, qtbot: Any) -> None:
    layer = segmented.controller.labels
    type_phrase(qtbot, segmented, "cells")
    qtbot.mouseClick(segmented.run.segment, Qt.MouseButton.LeftButton)
    layer.paint((48, 48), 9)
    drawn = layer.data == 9
    wait_idle(qtbot, segmented)
    wait_for_look(qtbot, segmented)
    np.testing.assert_array_equal(layer.data == 9, drawn)
    assert segmented.controller.n_objects == 5


@pytest.mark.parametrize("way", ["viewer", "dock"])
def test_closing(running: Any, qtbot: Any, gate: threading.Event, way: str) -> None:
    viewer, runner = running.controller.viewer, running.runner
    if way == "viewer":
        viewer.close()
    else:
        viewer.window.remove_dock_widget(running)
        assert not viewer.keymap, "the keys stayed on the viewer"
    qtbot.wait(20)
    gate.set()
    qtbot.wait(150)
    assert not runner._jobs if way == "dock" else True
    if way == "dock":
        assert [layer.name for layer in viewer.layers] == ["squares"]
