"""Counting what there is to learn from: images in view at once, others beside the window."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari.layers import Labels

from napari_vlseg.events import Event
from napari_vlseg.ui.runner import Handlers
from napari_vlseg.ui.training.lessons import Lessons, Tally, tally_job

if TYPE_CHECKING:
    from napari_vlseg.ui.controller import Controller
    from napari_vlseg.ui.training.desk import TrainDesk

COUNT_LANE = "lessons"


class Counting:
    """Tallies of all images of the project that is in use.

    Parameters
    ----------
    controller : Controller
    desk : TrainDesk
    """

    def __init__(self, controller: Controller, desk: TrainDesk) -> None:
        self._controller = controller
        self._desk = desk
        self._folder: Path | None = None
        self._tallies: dict[str, Tally] = {}
        self._versions: dict[str, tuple[int, int]] = {}

    def lessons(self) -> Lessons:
        """What there is to learn from, as far as it is counted."""
        self._follow()
        self._count_open()
        items = self._controller.desk.worklist.items
        return Lessons.of(self._tallies, {item.image for item in items if item.status == "done"})

    def count(self) -> None:
        """Count images that are not open and were not counted yet, in the background."""
        self._follow()
        folder = self._folder
        if folder is None or self._controller.runner.busy(COUNT_LANE):
            return

        def done(found: dict[str, Tally]) -> None:
            if folder == self._folder:
                self._tallies = {**found, **self._tallies}
                self._desk.changed.emit()

        handlers = Handlers(_unheard, done, _unheard, _unheard)
        work = tally_job(folder, frozenset(self._tallies))
        self._controller.runner.start(COUNT_LANE, work, handlers)

    def _follow(self) -> None:
        folder = self._desk.folder
        if folder != self._folder:
            self._folder = folder
            self._tallies.clear()
            self._versions.clear()

    def _count_open(self) -> None:
        controller = self._controller
        for image in controller.images.layers:
            labels = controller.results.target(image)
            entry = controller.desk.keeper.entry(image)
            if labels is not None and entry is not None:
                self._count_layer(entry.id, labels)

    def _count_layer(self, image: str, labels: Labels) -> None:
        table = self._controller.editing.table(labels)
        version = (id(table), table.version)
        if self._versions.get(image) != version:
            names = ("class", "status", "source")
            self._tallies[image] = Tally.of(*(table.column(name) for name in names))
            self._versions[image] = version


def _unheard(event: Event | Any = None) -> None:
    """A count that is not there yet is asked for again when the tab is looked at."""
