"""Stalls of a real napari window while full-size CLIPSeg rd64 runs in the worker thread.

A timer of 5 ms beats in the window's event loop; the time between two beats is how long
nothing could be clicked or drawn. Starts a virtual screen where there is none.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from full_size import build_network, build_segmenter
from harness import Result, options, report
from window import Heartbeat, pump, pump_until, with_a_screen

from napari_vlseg.events import Work
from napari_vlseg.models.base import DenseSegmenter
from napari_vlseg.proposals import ModelInfo, PostProcess, Proposals, empty_objects
from napari_vlseg.ui.composing import compose
from napari_vlseg.ui.jobs import ModelSettings
from napari_vlseg.workflow.propose import rethreshold

if TYPE_CHECKING:
    from napari_vlseg.ui.dock_widget import VlsegWidget

LIMIT_MS = 100.0
DRAWING_LIMIT_MS = 500.0
"""Where napari draws new labels: a virtual screen draws in software, on the same cores."""
AT_REST = "window at rest"
RUNNING = ("while the model runs, first time", "while the model runs, second time")
_IMAGE_SIDE = 1024
_LARGE_SIDE = 2048


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
    pump(1.0)
    with beat.listening() as gaps[AT_REST]:
        pump(2.0)
    landing: list[float] = []
    widget.controller.busy_changed.connect(
        lambda busy: None if busy else beat.next_gap_into(landing)
    )
    for name, number, word in zip(RUNNING, ("first", "second"), ("nucleus", "cell"), strict=True):
        widget.controller.prompts.set_phrases(0, word)
        with beat.listening() as gaps[name]:
            widget.segment()
            pump_until(lambda: not widget.runner.busy("model"))
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
    pump(1.0)


def _drag(widget: VlsegWidget) -> None:
    """Move the slider as a hand does, 30 steps a second, and let go."""
    slider = widget.table.rows[0].threshold
    for value in np.linspace(0.5, 0.2, 30):
        slider.setValue(float(value))
        pump(1 / 30)
    pump(0.3)
    pump_until(lambda: not widget.runner.busy("settle"))
    pump(0.3)


if __name__ == "__main__":
    status = with_a_screen()
    sys.exit(not main() if status is None else status)
