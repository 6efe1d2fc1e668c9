"""The bundled model in a real window: what a person meets first."""

from __future__ import annotations

import subprocess
import sys

import pytest

from napari_vlseg.models.registry import DEFAULT_MODEL, specs

PRESENT = any(spec.name == DEFAULT_MODEL and spec.is_present() for spec in specs())

SESSION = """
import time
from qtpy.QtWidgets import QApplication
from napari_vlseg.ui.app import make_window
from napari_vlseg.ui.opening import add_sample

viewer, widget = make_window()
add_sample(viewer, "fluorescence")
for _ in range(50):  # the canvas is drawn before torch is imported
    QApplication.processEvents()
    time.sleep(0.01)
widget.controller.prompts.set_phrases(0, "nuclei")
widget.segment()
while widget.runner.busy("model"):
    QApplication.processEvents()
    time.sleep(0.01)
print(widget.controller.activity)
assert widget.controller.n_objects > 5
viewer.close()
QApplication.processEvents()
"""


@pytest.mark.gui
@pytest.mark.timeout(300)
@pytest.mark.skipif(not PRESENT, reason="the bundled model is not in this checkout")
def test_first_segmentation_in_a_fresh_process() -> None:
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", "-c", SESSION],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[:3000]
    assert done.stdout.startswith("found ")
