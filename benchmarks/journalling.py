"""What journalling a stroke costs beside what napari itself takes to paint it.

Strokes of 20 movements of a real mouse in a real window, one pixel of the image on one of the
screen, on labels of 4096 × 4096 whose journal is a file in a project. Journalling is all that
follows napari's telling of the stroke; napari's own time is what `Labels.paint` takes for the same
strokes, drawing left out. Both are processor time of the main thread, which other programs don't
lengthen. Starts a virtual screen where there is none.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from harness import Result, empty_plane_in, options, report
from window import Heartbeat, pump, with_a_screen

from napari_vlseg.object_table import ObjectTable
from napari_vlseg.pixel_changes import PixelChange

if TYPE_CHECKING:
    from napari_vlseg.ui.dock_widget import VlsegWidget

SIDE = 4096
N_STROKES = 25
N_MOVES = 20
LIMIT_MS = 2.0
STALL_LIMIT_MS = 100.0
OBJECTS = (500, 50_000)
BRUSHES = (10, 100)


def main() -> bool:
    """Measure, report, and say whether every goal was reached."""
    arguments = options(__doc__, repeats=1)
    results: list[Result] = []
    seconds: dict[str, list[float]] = {}
    for n_objects in OBJECTS:
        with tempfile.TemporaryDirectory() as folder:
            _measure(Path(folder) / "project", n_objects, results, seconds)
    return report("journalling", results, seconds, arguments.out)


def _measure(
    folder: Path, n_objects: int, results: list[Result], seconds: dict[str, list[float]]
) -> None:
    """One window with labels of so many objects."""
    import napari

    from napari_vlseg.ui.dock_widget import VlsegWidget

    viewer = napari.Viewer()
    viewer.window.resize(1300, 850)
    widget = VlsegWidget(viewer)
    viewer.window.add_dock_widget(widget, name="VLSeg", add_vertical_stretch=False)
    layer = _labels_in_project(widget, folder, n_objects)
    pump(2.0)
    viewer.camera.zoom = 1
    pump(0.5)
    for brush in BRUSHES:
        name = f"{n_objects:,} objects, brush {brush}"
        layer.brush_size = brush
        journalling, painting, gaps = _strokes(widget, layer)
        seconds[f"{name}: journalling a stroke"] = journalling
        seconds[f"{name}: napari's painting of it"] = painting
        usual, worst = (1e3 * float(np.quantile(journalling, part)) for part in (0.5, 0.9))
        share = 100 * float(np.median(np.divide(journalling, painting)))
        stall = 1e3 * max(gaps)
        results += [
            Result(f"{name}: journalling, median", usual, LIMIT_MS, "ms", "less"),
            Result(f"{name}: journalling, 9 of 10", worst, LIMIT_MS, "ms", "less"),
            Result(f"{name}: share of napari's painting", share, 25, "%", "less"),
            Result(f"{name}: longest stall after a stroke", stall, STALL_LIMIT_MS, "ms", "less"),
        ]
    widget.controller.editing.ledger(layer).close()
    viewer.close()


def _labels_in_project(widget: VlsegWidget, folder: Path, n_objects: int) -> Any:
    """A labels layer with its journal in a project, as after opening one."""
    entry = empty_plane_in(folder, SIDE)
    labels = _squares(n_objects)
    table = ObjectTable()
    rows = [table.added(label=label) for label in range(1, n_objects + 1)]
    table.apply_with(PixelChange.between(np.zeros_like(labels), labels), rows)
    entry.save_labels(labels, table.to_frame())
    ledger = entry.open_ledger()
    labels, frame = entry.load_labels()
    controller = widget.controller
    image = controller.viewer.add_image(np.zeros((SIDE, SIDE), np.uint8), name="plane")
    layer = controller.viewer.add_labels(labels, name="labels")
    controller.results.adopt(image, layer, frame)
    controller.editing.attach(layer, ledger, ObjectTable.from_frame(frame))
    controller.viewer.layers.selection.active = layer
    layer.mode = "paint"
    return layer


def _strokes(widget: VlsegWidget, layer: Any) -> tuple[list[float], list[float], list[float]]:
    """Seconds of journalling and of painting for each stroke, and beats while it was quiet."""
    from qtpy.QtCore import QPoint, Qt
    from qtpy.QtTest import QTest

    from napari_vlseg.ui.editing.watching import Watcher

    canvas = widget.controller.viewer.window._qt_viewer.canvas.native
    spent = {"journalling": 0.0, "painting": 0.0}

    def timed(name: str, function: Any) -> Any:
        def call(*args: Any, **kwargs: Any) -> Any:
            start = time.thread_time()
            try:
                return function(*args, **kwargs)
            finally:
                spent[name] += time.thread_time() - start

        return call

    journal, paint = Watcher._on_paint, layer.paint
    watcher = widget.controller.editing._watcher
    layer.events.paint.disconnect(watcher._on_paint)
    handler = timed("journalling", lambda event: journal(watcher, event))
    layer.events.paint.connect(handler)
    object.__setattr__(layer, "paint", timed("painting", paint))
    rng, beat = np.random.default_rng(0), Heartbeat()
    journalling, painting, gaps = [], [], []
    for number in range(N_STROKES + 1):
        layer.selected_label = int(rng.integers(1, 500))
        spent.update(journalling=0.0, painting=0.0)
        steps = rng.integers(-12, 13, (N_MOVES, 2))
        path = rng.integers((150, 150), (600, 500)) + np.cumsum(steps, axis=0)
        points = [QPoint(int(x), int(y)) for x, y in path]
        QTest.mousePress(canvas, Qt.MouseButton.LeftButton, pos=points[0])
        for point in points[1:]:
            pump(0.012)  # vispy leaves out moves that follow sooner
            _move(canvas, point)
        QTest.mouseRelease(canvas, Qt.MouseButton.LeftButton, pos=points[-1])
        with beat.listening() as quiet:
            pump(0.25)
        if number:  # the first one warms up
            journalling.append(spent["journalling"])
            painting.append(spent["painting"])
            gaps += quiet
    layer.events.paint.disconnect(handler)
    layer.events.paint.connect(watcher._on_paint)
    del layer.__dict__["paint"]
    return journalling, painting, gaps


def _move(canvas: Any, point: Any) -> None:
    from qtpy.QtCore import QEvent, QPointF, Qt
    from qtpy.QtGui import QMouseEvent
    from qtpy.QtWidgets import QApplication

    place, globally = QPointF(point), QPointF(canvas.mapToGlobal(point))
    left, nothing = Qt.MouseButton.LeftButton, Qt.MouseButton.NoButton
    event = QMouseEvent(
        QEvent.Type.MouseMove, place, globally, nothing, left, Qt.KeyboardModifier.NoModifier
    )
    QApplication.sendEvent(canvas, event)


def _squares(n_objects: int) -> np.ndarray:
    """Labels of so many squares in a grid, int32 (SIDE, SIDE)."""
    per_side = int(np.ceil(np.sqrt(n_objects)))
    step = SIDE // per_side
    labels = np.zeros((SIDE, SIDE), np.int32)
    for label in range(1, n_objects + 1):
        row, col = divmod(label - 1, per_side)
        top, left = row * step, col * step
        labels[top : top + step * 3 // 4, left : left + step * 3 // 4] = label
    return labels


if __name__ == "__main__":
    status = with_a_screen()
    sys.exit(not main() if status is None else status)
