"""Data sets written from a project, beside the window."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from napari_vlseg.events import Event, Notice, Progress
from napari_vlseg.ui.runner import Handlers
from napari_vlseg.workflow.export import export_project

if TYPE_CHECKING:
    from napari_vlseg.ui.controller import Controller

FILE_LANE = "files"


class Exporting:
    """Writes one data set at a time.

    Parameters
    ----------
    controller : Controller
    changed : callable
        Called when it begins and ends.
    """

    def __init__(self, controller: Controller, changed: Callable[[], object]) -> None:
        self._controller = controller
        self._changed = changed

    @property
    def busy(self) -> bool:
        """Whether a data set is being written."""
        return self._controller.runner.busy(FILE_LANE)

    def start(self, project: Path, format_name: str, out: Path, overwrite: bool) -> None:
        """Write a data set from what a project holds."""
        if self.busy:
            self._controller.say("still busy with files: wait a moment")
            return
        work = export_project(project, format_name, out, overwrite=overwrite)
        handlers = Handlers(
            self._on_event,
            lambda paths: self._on_done(paths, out),
            self._on_failed,
            lambda: self._on_failed("the export was stopped"),
        )
        self._controller.runner.start(FILE_LANE, work, handlers)
        self._changed()

    def _on_event(self, event: Event) -> None:
        if isinstance(event, Notice):
            self._controller.tell(event.message, "warning")
        elif isinstance(event, Progress):
            self._controller.say(f"{event.stage} …")

    def _on_done(self, paths: tuple[Path, ...], out: Path) -> None:
        self._controller.say(f"exported {len(paths)} file{'s'[: len(paths) != 1]} to {out}")
        self._changed()

    def _on_failed(self, text: str) -> None:
        self._controller.tell(text, "error")
        self._changed()
