"""Clicks in a real window with the bundled models, by mouse and keys."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from napari_vlseg.models.registry import DEFAULT_CLICK_MODEL, DEFAULT_MODEL, discover

PRESENT = {spec.name for spec in discover()[0] if spec.is_present()}

SESSION = """
import time
import numpy as np
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication
from napari_vlseg.samples import load_sample
from napari_vlseg.ui.app import make_window
from napari_vlseg.ui.opening import add_sample
from tests.gui.driving import ALT, NO_KEY, SHIFT, canvas_of, on_canvas

CONTROL = Qt.KeyboardModifier.ControlModifier
LANES = ("model", "settle", "reference", "clicks")


def pump(seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        QApplication.processEvents()
        time.sleep(0.002)


def settle():
    pump(0.05)
    while any(map(widget.runner.busy, LANES)):
        pump(0.01)
    pump(0.3)  # edits are noticed


def click(place, modifier=NO_KEY):
    left = Qt.MouseButton.LeftButton
    QTest.mouseClick(canvas, left, modifier, on_canvas(widget, image, place))
    settle()


def key(name, modifier=NO_KEY):
    QTest.keyClick(canvas, getattr(Qt.Key, "Key_" + name), modifier)
    settle()


def overlap(mask, truth):
    return (mask & truth).sum() / (mask | truth).sum()


viewer, widget = make_window()
viewer.window.resize(1200, 850)
image = add_sample(viewer, "fluorescence")
pixels, truth = load_sample("fluorescence")
pump(0.5)
viewer.window._qt_window.activateWindow()
viewer.reset_view()
pump(0.2)
canvas, clicks, controller = canvas_of(widget), widget.controller.clicks, widget.controller
controller.prompts.set_phrases(0, "nuclei")
numbers, areas = np.unique(truth[truth > 0], return_counts=True)
first, second = numbers[np.argsort(areas)[[-3, -4]]]


def middle(number):
    return tuple(np.round(np.argwhere(truth == number).mean(0)).astype(int))


QTest.mouseClick(widget.click_box.tools["point"], Qt.MouseButton.LeftButton)
settle()
click(middle(first))
one_click = clicks.session.outline
assert overlap(one_click.on_plane(truth.shape), truth == first) > 0.6, controller.activity
assert len(clicks.session.step.candidates) == 3
key("Tab")
assert clicks.session.step.chosen == 1
key("Backtab", SHIFT)
assert clicks.session.step.chosen == 0
corner = np.argwhere(truth == first).min(0) - 6
click(corner, ALT)
assert clicks.session.describe() == "1 click +, 1 click \\u2212"
assert not clicks.session.outline.on_plane(truth.shape)[tuple(corner)]
key("Z", CONTROL)
assert clicks.session.outline is one_click
key("C")
labels = controller.labels
assert (labels.data > 0).sum() == one_click.mask.sum()
(row,) = controller.results.objects(labels).to_dict("records")
assert (row["class"], row["source"]) == ("nuclei", "semi-auto")
assert row["model"].startswith("sam-mini@")
key("Z", CONTROL)
assert not labels.data.any()
key("Z", CONTROL | SHIFT)
assert labels.data.any()

widget.segment()
settle()
found = int(labels.data[middle(second)])
assert found and controller.n_objects > 5, controller.activity
click(middle(second), SHIFT)
assert clicks.target == found
click(middle(second))
key("C")
row = controller.results.objects(labels).set_index("label").loc[found]
assert (row["status"], row["source"]) == ("edited", "semi-auto")
assert row["model"].startswith("vlseg-mini@") and "+ sam-mini@" in row["model"]

key("F")
(reference,) = controller.prompts.table.rows[0].references
assert reference.mask.any()
assert "found" in controller.activity, controller.activity
print("done")
viewer.close()
QApplication.processEvents()
"""


@pytest.mark.gui
@pytest.mark.timeout(600)
@pytest.mark.skipif(
    not {DEFAULT_MODEL, DEFAULT_CLICK_MODEL} <= PRESENT,
    reason="a bundled model is not in this checkout",
)
def test_a_session_of_clicks() -> None:
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", "-c", SESSION],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[2],
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.endswith("done\n")
