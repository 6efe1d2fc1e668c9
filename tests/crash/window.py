"""The window that is killed: somebody paints in it, saves, and goes from image to image.

``python -m tests.crash.window PROJECT SEED``; what it says is told in `tests.crash.worker`. Strokes
are made with a real mouse on a real screen; one counts once the button is up.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np

from napari_vlseg.ui.native import import_triton_apart
from tests.crash.worker import about, say


class Person:
    """Works in a window with the mouse and with keys."""

    def __init__(self, widget: Any, seed: int) -> None:
        self.widget, self.controller = widget, widget.controller
        self.rng = np.random.default_rng(seed)

    def work(self) -> None:
        """One visit to an image: find objects where there are none, paint, decide, move on."""
        with about("switching images"):
            self.controller.desk.next_image()
            if not self.idle_on_labels():
                self.controller.desk.worklist.go(0)
                self.idle_on_labels()
        layer = self.controller.labels
        if layer is None:
            with about("proposing"):
                self.controller.segmenter.start()
                self.wait(lambda: not self.widget.runner.busy("model"))
                self.wait(self.is_kept)
            layer = self.controller.labels
        self.controller.viewer.layers.selection.active = layer
        self.controller.viewer.reset_view()
        layer.mode = "paint"
        for _ in range(int(self.rng.integers(3, 12))):
            with about("painting"):
                self.stroke(layer)
            if self.rng.random() < 0.3:
                with about("reviewing"):
                    self.decide(layer)
        if self.rng.random() < 0.5:
            with about("saving"):
                self.controller.desk.save()
                self.wait(lambda: not self.controller.desk.keeper.queue.busy)

    def stroke(self, layer: Any) -> None:
        """Press, move and release the left button."""
        from qtpy.QtCore import Qt
        from qtpy.QtTest import QTest

        from tests.gui.driving import canvas_of, move_pressed, on_canvas

        canvas, left = canvas_of(self.widget), Qt.MouseButton.LeftButton
        layer.brush_size = int(self.rng.integers(2, 16))
        layer.selected_label = int(self.rng.integers(0, 9))
        height, width = layer.data.shape[-2:]
        start = self.rng.integers((8, 8), (height - 8, width - 8))
        places = np.clip(start + np.cumsum(self.rng.integers(-6, 7, (4, 2)), axis=0), 0, 95)
        points = [on_canvas(self.widget, layer, tuple(map(int, place))) for place in places]
        before = self.ledger(layer).last
        QTest.mousePress(canvas, left, pos=points[0])
        for point in points[1:]:
            QTest.qWait(15)  # vispy leaves out moves that follow sooner
            move_pressed(canvas, point)
        QTest.mouseRelease(canvas, left, pos=points[-1])
        if self.ledger(layer).last > before:
            self.tell(layer)
        QTest.qWait(10)

    def decide(self, layer: Any) -> None:
        """An action on objects, or a step back or forth."""
        editing = self.controller.editing
        table = editing.table(layer)
        uids = [u for u in table if table.get(u, "area")][:2]
        before = self.ledger(layer).last
        ways: list[Callable[[], object]] = [
            editing.undo,
            editing.redo,
            lambda: editing.accept(uids[:1]),
            lambda: editing.reject(uids[:1]),
            lambda: editing.merge(uids),
            lambda: editing.split(uids[0]),
        ]
        if len(uids) == 2:
            ways[int(self.rng.integers(len(ways)))]()
        if self.ledger(layer).last > before:
            self.tell(layer)

    def tell(self, layer: Any) -> None:
        """Say that an edit is complete, as the person sees it."""
        image = self.controller.results.image_of(layer)
        entry = self.controller.desk.entry(image)
        number = self.ledger(layer).last
        say(f"done {number} {crc32(np.ascontiguousarray(layer.data).tobytes())} edit {entry.id}")

    def ledger(self, layer: Any) -> Any:
        return self.controller.editing.ledger(layer)

    def is_kept(self) -> bool:
        """Whether the journal of the labels in view has its place in the project."""
        return self.controller.desk.keeper.home(self.controller.labels) is not None

    def idle_on_labels(self) -> bool:
        """Wait until the image is there."""
        desk = self.controller.desk
        self.wait(lambda: not desk.worklist.busy and not desk.keeper.queue.busy)
        return self.controller.labels is not None

    def wait(self, done: Callable[[], bool]) -> None:
        from qtpy.QtTest import QTest

        while not done():
            QTest.qWait(10)


def main() -> None:
    """Work for ever."""
    import_triton_apart()
    import napari
    from qtpy.QtTest import QTest

    from napari_vlseg.ui.dock_widget import VlsegWidget
    from tests.gui.fakes import BrightnessModel, Loader
    from tests.gui.painting import PaintingModel

    threading.excepthook = lambda failure: say(f"failed {failure.exc_value!r}")
    viewer = napari.Viewer()
    widget = VlsegWidget(viewer, Loader(BrightnessModel()), Loader(PaintingModel()))
    viewer.window.add_dock_widget(widget, name="VLSeg", add_vertical_stretch=False)
    widget.controller.prompts.set_phrases(0, "nuclei")
    person = Person(widget, int(sys.argv[2]))
    widget.controller.message.connect(lambda text, severity: say(f"told {severity} {text}"))
    widget.controller.desk.open(Path(sys.argv[1]))
    person.idle_on_labels()
    QTest.qWait(50)
    person.work()
    say("open")
    while True:
        person.work()


if __name__ == "__main__":
    main()
