"""The Train tab in a real window, with the bundled model on real nuclei."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import Qt, QTimer

from napari_vlseg.models.clipseg import ClipSegSegmenter
from napari_vlseg.models.registry import load
from napari_vlseg.ui.garbage import leave_out_what_there_is
from tests.gui.driving import ALT, SHIFT, drag, press_key, press_segment, type_phrase, wait_idle
from tests.gui.learning import QUICK, nuclei

pytestmark = [pytest.mark.gui, pytest.mark.timeout(600)]

LEFT = Qt.MouseButton.LeftButton
PATIENCE_MS = 120_000
STALL_S = 0.1


@pytest.fixture(scope="module")
def model() -> ClipSegSegmenter:
    return load("vlseg-mini", device="cpu", precision="float32")


@pytest.fixture
def proposed(
    make_widget: Callable[..., Any],
    model: ClipSegSegmenter,
    qtbot: Any,
    tmp_path: Path,
    monkeypatch: Any,
) -> Any:
    """The widget after nuclei were found; work without a project is kept in a folder."""
    monkeypatch.setenv("NAPARI_VLSEG_UNSAVED", str(tmp_path / "unsaved"))
    widget = make_widget(model)
    widget.controller.training.set_settings(QUICK)
    widget.controller.viewer.add_image(nuclei(), name="nuclei")
    type_phrase(qtbot, widget, "nuclei")
    press_segment(qtbot, widget)
    return widget


@pytest.fixture
def corrected(proposed: Any, qtbot: Any) -> Any:
    """After that, nine of them were accepted or rejected with keys in the Review tab."""
    proposed.window().activateWindow()
    proposed.tabs.setCurrentWidget(proposed.review)
    qtbot.waitUntil(lambda: proposed.review.table.objects.rowCount() >= 9, timeout=20_000)
    qtbot.waitUntil(proposed.window().isActiveWindow, timeout=20_000)
    press_key(qtbot, proposed, Qt.Key.Key_J)
    qtbot.waitUntil(lambda: bool(proposed.controller.review.tour.current), timeout=5000)
    for key in 8 * [Qt.Key.Key_A] + [Qt.Key.Key_R]:
        press_key(qtbot, proposed, key)
    table = proposed.controller.editing.table(proposed.controller.labels)
    assert table.column("status").count("accepted") == 8
    proposed.tabs.setCurrentWidget(proposed.train)
    return proposed


def wait_trained(qtbot: Any, widget: Any) -> None:
    lanes = ("train", "shelf", "bank", "lessons")
    qtbot.waitUntil(lambda: not any(map(widget.runner.busy, lanes)), timeout=PATIENCE_MS)
    wait_idle(qtbot, widget)


def press_train(qtbot: Any, widget: Any) -> None:
    qtbot.mouseClick(widget.train.train, LEFT)
    wait_trained(qtbot, widget)


def probabilities(widget: Any) -> np.ndarray:
    return widget.controller.record.proposals.probabilities.copy()


def shelf_rows(widget: Any) -> list[str]:
    rows = widget.train.shelf.list
    return [rows.item(n).text() for n in range(rows.count())]


def test_from_corrections_to_better_proposals_and_back(corrected: Any, qtbot: Any) -> None:
    view, controller = corrected.train, corrected.controller
    layer = controller.labels
    controller.viewer.layers.selection.active = layer
    layer.mode, layer.brush_size, layer.selected_label = "paint", 7, 200
    drag(qtbot, corrected, layer, [(70, 80), (75, 84), (80, 88)])
    painted = np.array(layer.data) == 200
    assert painted.any()
    qtbot.waitUntil(
        lambda: "9 nuclei, 1 rejected in 1 image" in view.lessons.text(), timeout=20_000
    )
    said = [probabilities(corrected)]

    seen: list[int] = []
    controller.training.changed.connect(lambda: seen.append(len(view.plot.curve)))
    press_train(qtbot, corrected)
    assert {1, 2} <= set(seen), "the plot moved with each epoch"
    assert view.plot.isVisible()
    assert view.result.table.item(0, 0).text() == "nuclei"
    before, after = (float(view.result.table.item(0, column).text()) for column in (2, 4))
    assert 0 < before <= 1
    assert 0 < after <= 1
    shown = [label.pixmap() for label in view.result.pictures.shown]
    assert view.result.pictures.isVisible()
    assert all(not pixmap.isNull() for pixmap in shown)
    assert view.line.text().startswith("learned from 9 objects: Dice ")
    assert "vlseg-mini + 001" in corrected.status._facts.text()
    said.append(probabilities(corrected))
    assert not np.array_equal(*said)
    np.testing.assert_array_equal(np.array(controller.labels.data) == 200, painted)

    press_train(qtbot, corrected)
    assert [row[:3] for row in shelf_rows(corrected)] == ["002", "001", "bas"]
    assert not view.result.table.isColumnHidden(3), "what was in use is measured too"
    qtbot.mouseClick(view.shelf.roll_back, LEFT)
    wait_trained(qtbot, corrected)
    np.testing.assert_array_equal(probabilities(corrected), said[1])
    qtbot.mouseClick(view.shelf.base, LEFT)
    wait_trained(qtbot, corrected)
    np.testing.assert_array_equal(probabilities(corrected), said[0])
    assert not view.shelf.roll_back.isEnabled()
    view.shelf.list.setCurrentRow(1)
    qtbot.mouseClick(view.shelf.activate, LEFT)
    wait_trained(qtbot, corrected)
    np.testing.assert_array_equal(probabilities(corrected), said[1])
    press_key(qtbot, corrected, Qt.Key.Key_U, ALT | SHIFT)
    wait_trained(qtbot, corrected)
    np.testing.assert_array_equal(probabilities(corrected), said[0])
    assert corrected.minimumSizeHint().width() <= 320
    assert view.brought.widget().minimumSizeHint().width() <= 300


def test_a_stop_keeps_what_was_learned_so_far(corrected: Any, qtbot: Any) -> None:
    desk, view = corrected.controller.training, corrected.train
    desk.set_settings(replace(QUICK, epochs=200, patience=200))
    assert not view.stop.isEnabled()
    qtbot.mouseClick(view.train, LEFT)
    assert not view.train.isEnabled()
    assert view.bar.isVisible()
    qtbot.waitUntil(lambda: len(desk.curve) >= 1, timeout=PATIENCE_MS)
    qtbot.mouseClick(view.stop, LEFT)
    wait_trained(qtbot, corrected)
    assert len(desk.curve) < 100
    assert desk.content.active == 1
    assert view.train.isEnabled()
    assert not view.bar.isVisible()


def test_what_goes_wrong_is_told_once(proposed: Any, qtbot: Any, monkeypatch: Any) -> None:
    told: list[str] = []
    proposed.controller.message.connect(lambda text, severity: told.append(text))
    proposed.tabs.setCurrentWidget(proposed.train)
    assert "accept or correct some objects first" in proposed.train.lessons.text()
    press_train(qtbot, proposed)
    assert len(told) == 1
    assert "nothing to learn from yet" in told[0]

    def burst(*args: Any, **options: Any) -> Any:
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr("napari_vlseg.ui.training.jobs.finetune", burst)
    uids = list(proposed.controller.editing.table(proposed.controller.labels))
    proposed.controller.editing.accept(uids[:2])
    press_train(qtbot, proposed)
    assert len(told) == 2
    assert "ZeroDivisionError" in told[1]
    assert proposed.train.train.isEnabled()
    assert not proposed.train.shelf.isVisible()


def test_it_learns_by_the_way_and_is_switched_off(proposed: Any, qtbot: Any) -> None:
    controller, view = proposed.controller, proposed.train
    proposed.tabs.setCurrentWidget(view)
    assert not view.live.isChecked(), "off by default"
    qtbot.mouseClick(view.live, LEFT, pos=view.live.rect().center() / 8)
    assert controller.training.live.is_on
    view.every.setValue(6)
    uids = list(controller.editing.table(controller.labels))
    controller.editing.accept(uids[:5])
    qtbot.wait(50)
    assert not proposed.runner.busy("train")
    accepted = [controller.editing.table(controller.labels).get(uid, "label") for uid in uids[:5]]
    held = np.isin(controller.labels.data, accepted)
    controller.editing.reject(uids[5:6])
    assert proposed.runner.busy("train")
    wait_trained(qtbot, proposed)
    assert "learned from 5 objects" in view.line.text()
    np.testing.assert_array_equal(np.isin(controller.labels.data, accepted), held)
    press_key(qtbot, proposed, Qt.Key.Key_Y, ALT | SHIFT)
    assert not view.live.isChecked()


def test_the_window_goes_on_while_it_trains(corrected: Any, qtbot: Any) -> None:
    """Beats come in time while it trains; benchmarks/train_in_window.py tells of the worst."""
    wait_trained(qtbot, corrected)
    leave_out_what_there_is()  # as where the registry loads the model
    desk = corrected.controller.training
    desk.set_settings(replace(QUICK, steps=4, batch=10))
    with beating() as stalls:
        qtbot.mouseClick(corrected.train.train, LEFT)
        qtbot.waitUntil(lambda: bool(desk.curve) and not desk.busy, timeout=PATIENCE_MS)
    assert len(stalls) > 50
    assert np.quantile(stalls, 0.95) < STALL_S


@contextmanager
def beating() -> Iterator[list[float]]:
    """Seconds between beats of a 5 ms timer, less what the window waited for a processor."""
    found: list[float] = []
    last = [time.perf_counter(), waited()]

    def beat() -> None:
        now, wait = time.perf_counter(), waited()
        found.append(now - last[0] - (wait - last[1]))
        last[:] = now, wait

    timer = QTimer()
    timer.setTimerType(Qt.TimerType.PreciseTimer)
    timer.timeout.connect(beat)
    timer.start(5)
    try:
        yield found
    finally:
        timer.stop()


def waited() -> float:
    """Seconds that the thread of the window was ready and had no processor, on Linux."""
    path = Path(f"/proc/self/task/{threading.get_native_id()}/schedstat")
    return int(path.read_text().split()[1]) / 1e9 if path.exists() else 0.0
