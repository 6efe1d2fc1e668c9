"""The part of the controller that goes from image to image."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from napari.layers import Labels
from psygnal import Signal

from napari_vlseg.corrections.store import ImageEntry, Project
from napari_vlseg.corrections.worklist import STATUSES, Status, WorkItem, Worklist
from napari_vlseg.ui.project_job import OpenedImage, open_image_job
from napari_vlseg.ui.queue import WorkQueue
from napari_vlseg.ui.worklist.ahead import EncodeAhead
from napari_vlseg.ui.worklist.jobs import add_files_job, count_new_job, note_job
from napari_vlseg.workflow.worklist import file_of

if TYPE_CHECKING:
    from napari_vlseg.ui.controller import Controller
    from napari_vlseg.ui.project_desk import ProjectDesk

LIST_LANE = "worklist"

_UNFINISHED: tuple[Status, ...] = ("new", "in progress")


class WorklistDesk:
    """Shows one image of a project after another, and notes how far each is.

    Parameters
    ----------
    controller : Controller
    desk : ProjectDesk
        Shows an image, and puts one away.

    Attributes
    ----------
    worklist : Worklist or None
    position : int or None
        Of the image that is shown.
    wanted : {"new", "in progress", "done", "skipped"} or None
        Status of the images that are listed and stepped through; None is all.
    n_new_files : int
        Files that appeared in the folder.
    """

    changed = Signal()

    def __init__(self, controller: Controller, desk: ProjectDesk) -> None:
        self._controller = controller
        self._desk = desk
        self._project: Project | None = None
        self._queue = WorkQueue(controller.runner, LIST_LANE, self._on_failed)
        self._changes: dict[str, dict[str, Any]] = {}
        self._goal: int | None = None
        self._opening: int | None = None
        self.worklist: Worklist | None = None
        self.position: int | None = None
        self.wanted: Status | None = None
        self.n_new_files = 0
        self.ahead = EncodeAhead(controller)
        controller.busy_changed.connect(lambda _: self.ahead.look())
        controller.images.changed.connect(self.follow)
        desk.keeper.changed.connect(self.follow)

    # ---- what views may ask

    @property
    def items(self) -> tuple[WorkItem, ...]:
        """All images of the list."""
        return () if self.worklist is None else self.worklist.items

    @property
    def counts(self) -> dict[Status, int]:
        """How many images have each status."""
        return dict.fromkeys(STATUSES, 0) if self.worklist is None else self.worklist.counts()

    @property
    def entries(self) -> tuple[ImageEntry, ...]:
        """The images that were shown once, in the project."""
        return () if self._project is None else self._project.images

    @property
    def busy(self) -> bool:
        """Whether an image is on its way, or the list is being written."""
        return self._opening is not None or self._queue.busy

    # ---- what a person may do

    def go(self, position: int) -> None:
        """Show an image in place of the one that is shown."""
        if not 0 <= position < len(self.items):
            return
        self._goal = position
        if self._opening is None and position != self.position:
            self._open(position)

    def next_image(self) -> None:
        """Show the next image of those that are listed."""
        self._step(1, STATUSES if self.wanted is None else (self.wanted,))

    def previous_image(self) -> None:
        """Show the image before it of those that are listed."""
        self._step(-1, STATUSES if self.wanted is None else (self.wanted,))

    def mark(self, status: Status) -> None:
        """Say how far the image that is shown is."""
        if self.position is not None:
            self._note(self.position, status=status)

    def finish(self, status: Status = "done") -> None:
        """Mark the image, and show the next that is neither done nor skipped."""
        if self.position is None or self.worklist is None:
            return
        self.mark(status)
        place = self.worklist.step(self.position, 1, _UNFINISHED)
        if place is None:
            place = self.worklist.step(-1, 1, _UNFINISHED)
        if place is None or place == self.position:
            self._controller.say("that was the last: all images are done or skipped")
        else:
            self.go(place)

    def list_only(self, wanted: Status | None) -> None:
        """List, and step through, images of one status; None is all."""
        self.wanted = wanted
        self.changed.emit()

    def add_new_files(self) -> None:
        """Add the files that appeared in the folder."""
        worklist, project = self.worklist, self._desk.project
        if worklist is not None and project is not None:
            self._queue.add(add_files_job(project, worklist), self._on_list, self._on_failed)

    # ---- what the project desk does

    def take(self, project: Project, worklist: Worklist, opened: OpenedImage | None = None) -> None:
        """Go through another list; its current image may be open already."""
        self.ahead.stop()
        self.position = self.wanted = self._goal = None
        self.n_new_files = 0
        self._changes.clear()
        self._project, self.worklist = project, worklist
        if opened is not None:
            self._arrive(worklist.current, opened)
        self.count_new_files()
        self.follow()

    def count_new_files(self) -> None:
        """Look for files that appeared in the folder."""
        if self.worklist is not None:
            self._queue.add(count_new_job(self.worklist), self._on_counted, self._on_failed)

    def follow(self) -> None:
        """See which image of the list is in use, among them those added by other ways."""
        image = self._controller.images.layer
        entry = None if image is None else self._desk.entry(image)
        if self.worklist is None or entry is None or entry not in self.entries:
            return
        place = next((p for p, item in enumerate(self.items) if item.image == entry.id), None)
        if place is None:
            images = {known.id: file_of(known) for known in self.entries}
            self.worklist = self.worklist.with_images(images)
            place = next(p for p, item in enumerate(self.items) if item.image == entry.id)
        if place != self.position and self._opening is None:
            self.position = self._goal = place
            self._note(place, image=entry.id)

    def begin(self, labels: Labels) -> None:
        """Note that somebody changed something on the image that is shown."""
        place = self.position
        if place is None or self.items[place].status != "new":
            return
        image = self._controller.results.image_of(labels)
        entry = None if image is None else self._desk.entry(image)
        if entry is not None and entry.id == self.items[place].image:
            self._note(place, status="in progress")

    def retry(self) -> None:
        """Try again to write what could not be written."""
        if self._changes and not self._queue.busy:
            self._write()

    def close(self) -> None:
        """Write what is not written yet, on this thread."""
        self._queue.finish()

    # ---- inside

    def _step(self, by: int, wanted: tuple[Status, ...]) -> None:
        start = self._goal if self._opening is not None else self.position
        if self.worklist is None:
            return
        place = self.worklist.step(-1 if start is None else start, by, wanted)
        if place is None:
            self._controller.say("there is no image further on in the list")
        else:
            self.go(place)

    def _open(self, position: int) -> None:
        project, worklist = self._project, self.worklist
        if project is None or worklist is None:
            return
        layer = self._desk.layer_of(worklist.items[position].image)
        if layer is not None:
            self._controller.images.choose(layer)
            return
        self._opening = position
        self._controller.say(f"opening {worklist.items[position].name} …")
        self._desk.keeper.queue.add(
            open_image_job(project, worklist, position),
            lambda opened: self._on_opened(worklist, position, opened),
            self._on_not_opened,
        )
        self.changed.emit()

    def _on_opened(self, worklist: Worklist, position: int, opened: OpenedImage) -> None:
        self._opening = None
        if self.worklist is None or self.worklist.root != worklist.root:
            self._desk.release(opened)
        elif self._goal is not None and self._goal != position:
            self._desk.release(opened)
            self._open(self._goal)
        else:
            self._swap(position, opened)
        self.changed.emit()

    def _swap(self, position: int, opened: OpenedImage) -> None:
        """Show an image in place of the one before; where that can't be written, it stays."""
        if not self._desk.put_away():
            self._goal = self.position
            self._desk.release(opened)
            return
        self._desk.shown.show(opened, is_unsaved=self._desk.project is None)
        self._arrive(position, opened)

    def _on_not_opened(self, text: str) -> None:
        self._opening, self._goal = None, self.position
        self._controller.tell(text, "error")
        self.changed.emit()

    def _arrive(self, position: int, opened: OpenedImage) -> None:
        self.position = self._goal = position
        self._note(position, image=opened.entry.id)
        assert self.worklist is not None
        self.ahead.plan(self.worklist, self.worklist.step(position, 1, _UNFINISHED))

    def _note(self, position: int, **fields: Any) -> None:
        """Change an image of the list, here at once and on the disk soon."""
        assert self.worklist is not None
        self.worklist = replace(
            self.worklist.with_item(position, **fields), current=self.position or 0
        )
        key = self.worklist.items[position].key
        self._changes[key] = {**self._changes.get(key, {}), **fields}
        self._write()
        self.changed.emit()

    def _write(self) -> None:
        project, worklist, position = self._project, self.worklist, self.position
        if project is None or worklist is None:
            return
        changes = dict(self._changes)
        self._queue.add(
            note_job(project, worklist, changes, position),
            lambda found: self._on_noted(changes, found),
            self._on_failed,
        )

    def _on_noted(self, written: dict[str, dict[str, Any]], found: Worklist | None) -> None:
        for key, fields in written.items():
            if self._changes.get(key) == fields:
                del self._changes[key]
        if found is not None and not self._changes:
            self._on_list(found)

    def _on_list(self, found: Worklist) -> None:
        """Take over a list from the disk, which may hold more, and in other places."""
        if self.worklist is None or found.root != self.worklist.root:
            return
        here = None if self.position is None else found.find(self.items[self.position].key)
        if self.position is None or here is not None:
            self.worklist, self.position = found, here
            self._goal = here if self._opening is None else self._goal
            self.n_new_files = 0
        self.changed.emit()

    def _on_counted(self, n_files: int) -> None:
        self.n_new_files = n_files
        self.changed.emit()

    def _on_failed(self, text: str) -> None:
        """What could not be noted is noted with the next change; edits tell of the same trouble."""
        self._controller.say(text)
