"""Stalls of a real napari window while full-size CLIPSeg rd64 runs in the worker thread.

A timer of 5 ms beats in the window's event loop; the time between two beats is how long
nothing could be clicked or drawn. Starts a virtual screen where there is none.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
from full_size import build_network, build_segmenter
from harness import Result, options, report

from napari_vlseg.events import Work
from napari_vlseg.models.base import DenseSegmenter
from napari_vlseg.proposals import ModelInfo, PostProcess, Proposals, empty_objects
from napari_vlseg.ui.composing import compose
from napari_vlseg.ui.jobs import ModelSettings
from napari_vlseg.workflow.propose import rethreshold

if TYPE_CHECKING:
    from napari_vlseg.ui.dock_widget import VlsegWidget

BEAT_MS = 5
LIMIT_MS = 100.0
DRAWING_LIMIT_MS = 500.0
"""Where napari draws new labels: a virtual screen draws in software, on the same cores."""
AT_REST = "window at rest"
RUNNING = ("while the model runs, first time", "while the model runs, second time")
_IMAGE_SIDE = 1024
_LARGE_SIDE = 2048


class Heartbeat:
    """Notes the seconds between the beats of a timer in the event loop."""

    def __init__(self) -> None:
        from qtpy.QtCore import Qt, QTimer

        self._timer = QTimer()
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.setInterval(BEAT_MS)
        self._timer.timeout.connect(self._on_beat)
        self._last = 0.0
        self._gaps: list[float] = []
        self._apart: list[float] | None = None

    @contextmanager
    def listening(self) -> Iterator[list[float]]:
        """Collect gaps, in seconds, while the block runs."""
        self._gaps, self._last = [], time.perf_counter()
        self._timer.start()
        try:
            yield self._gaps
        finally:
            self._on_beat()
            self._timer.stop()

    def next_gap_into(self, gaps: list[float]) -> None:
        """Keep the gap that is open now apart from the others."""
        self._apart = gaps

    def _on_beat(self) -> None:
        now = time.perf_counter()
        (self._gaps if self._apart is None else self._apart).append(now - self._last)
        self._last, self._apart = now, None


def main() -> bool:
    """Measure, report, and say whether every goal was reached."""
    arguments = options(__doc__, repeats=1)
    import napari

    from napari_vlseg.ui.dock_widget import VlsegWidget

    segmenter = build_segmenter(build_network())
    viewer = napari.Viewer()
    widget = VlsegWidget(viewer, _loader(segmenter))
    viewer.window.add_dock_widget(widget, name="VLSeg", add_vertical_stretch=False)
    beat = Heartbeat()
    gaps: dict[str, list[float]] = {}
    image = np.random.default_rng(0).random((_IMAGE_SIDE, _IMAGE_SIDE), np.float32)
    viewer.add_image(image, name="noise")
    _pump(1.0)
    with beat.listening() as gaps[AT_REST]:
        _pump(2.0)
    landing: list[float] = []
    widget.controller.busy_changed.connect(
        lambda busy: None if busy else beat.next_gap_into(landing)
    )
    for name, number, word in zip(RUNNING, ("first", "second"), ("nucleus", "cell"), strict=True):
        widget.controller.prompts.set_phrases(0, word)
        with beat.listening() as gaps[name]:
            widget.segment()
            _pump_until(lambda: not widget.runner.busy("model"))
        gaps[f"when the {number} result is drawn"] = landing.copy()
        landing.clear()
        viewer.layers["noise"].data = image[::-1].copy()
    _show_discs(widget)
    with beat.listening() as gaps["while a threshold moves over 2048²"]:
        _drag(widget)
    viewer.close()
    results = []
    for name, found in gaps.items():
        limit = LIMIT_MS if name in (AT_REST, *RUNNING) else DRAWING_LIMIT_MS
        results.append(Result(f"worst stall {name}", 1e3 * max(found), limit, "ms", "less"))
    for name in RUNNING:
        usual = 1e3 * float(np.quantile(gaps[name], 0.99))
        results.append(Result(f"99 % of stalls {name}", usual, LIMIT_MS, "ms", "less"))
    return report("gui_stalls", results, gaps, arguments.out)


def _loader(segmenter: DenseSegmenter) -> Callable[[ModelSettings], Work[DenseSegmenter]]:
    def load(settings: ModelSettings) -> Work[DenseSegmenter]:
        yield from ()
        return segmenter

    return load


def _show_discs(widget: VlsegWidget) -> None:
    """A result of several hundred objects on a large image, as if a model had given it."""
    controller = widget.controller
    rows, cols = np.mgrid[:_LARGE_SIDE, :_LARGE_SIDE].astype(np.float32)
    waves = np.cos(rows / 14) * np.cos(cols / 14)
    proposals = Proposals(
        np.zeros(waves.shape, np.int32),
        np.clip(waves, 0, 1)[None].astype(np.float32),
        ("nucleus",),
        empty_objects(),
        (0.5,),
        PostProcess(),
        controller.prompts.table,
        ModelInfo("discs"),
    )
    image = controller.viewer.add_image(waves, name="discs")
    place = controller.place(image)
    draft = controller.results.draft(image, place.key, waves.shape)
    controller.results.write(place, draft, compose(draft, rethreshold(proposals)))
    _pump(1.0)


def _drag(widget: VlsegWidget) -> None:
    """Move the slider as a hand does, 30 steps a second, and let go."""
    slider = widget.table.rows[0].threshold
    for value in np.linspace(0.5, 0.2, 30):
        slider.setValue(float(value))
        _pump(1 / 30)
    _pump(0.3)
    _pump_until(lambda: not widget.runner.busy("settle"))
    _pump(0.3)


def _pump(seconds: float) -> None:
    """Let the event loop run for a while."""
    from qtpy.QtCore import QEventLoop, QTimer

    loop = QEventLoop()
    QTimer.singleShot(round(seconds * 1000), loop.quit)
    loop.exec()


def _pump_until(done: Callable[[], bool]) -> None:
    while not done():
        _pump(0.05)


def _with_a_screen() -> int | None:
    """Run again on a virtual screen where there is none; None where there is one."""
    names = ("DISPLAY", "WAYLAND_DISPLAY")
    if sys.platform in ("darwin", "win32") or any(os.environ.get(name) for name in names):
        return None
    if shutil.which("xvfb-run") is None:
        print("There is no screen: apt-get install xvfb.", file=sys.stderr)
        return 2
    command = ["xvfb-run", "-a", "-s", "-screen 0 1400x900x24", sys.executable, *sys.argv]
    return subprocess.run(command, check=False).returncode


if __name__ == "__main__":
    status = _with_a_screen()
    sys.exit(not main() if status is None else status)
