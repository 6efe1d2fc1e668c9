"""The part of the controller that opens, makes, saves and exports projects."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from napari.layers import Image, Labels
from psygnal import Signal

from napari_vlseg.corrections.entry import ImageEntry
from napari_vlseg.corrections.store import Project
from napari_vlseg.corrections.worklist import Status
from napari_vlseg.errors import ProjectError
from napari_vlseg.events import Work
from napari_vlseg.prompts import PromptTable
from napari_vlseg.ui.exporting import Exporting
from napari_vlseg.ui.keeping.jobs import adopt_job, prompts_job
from napari_vlseg.ui.keeping.keeper import Keeper
from napari_vlseg.ui.keeping.leftovers import Leftovers
from napari_vlseg.ui.project_job import (
    OpenedImage,
    OpenedProject,
    create_job,
    open_folder_job,
    open_job,
    release_job,
    restore_job,
)
from napari_vlseg.ui.recovery import Leftover, UnsavedWork
from napari_vlseg.ui.showing import Shown
from napari_vlseg.ui.worklist.desk import WorklistDesk
from napari_vlseg.workflow.worklist import default_project, worklist_of

if TYPE_CHECKING:
    from napari_vlseg.ui.controller import Controller


class ProjectDesk:
    """Knows the project in use, and what of the viewer belongs into it.

    Attributes
    ----------
    keeper : Keeper
        Sees that every edit is written.
    worklist : WorklistDesk
        The images of the project.
    leftovers : Leftovers
        Unsaved work of earlier sessions.
    """

    changed = Signal()

    def __init__(self, controller: Controller) -> None:
        self._controller = controller
        self.keeper = Keeper(controller, UnsavedWork())
        self.shown = Shown(controller, self.keeper)
        self.worklist = WorklistDesk(controller, self)
        self.exporting = Exporting(controller, self.changed.emit)
        keeper = self.keeper
        self.leftovers = Leftovers(keeper.unsaved, keeper.queue, self.restore, self._on_failed)
        self._prompts: PromptTable | None = None
        self.keeper.changed.connect(self.changed.emit)
        controller.editing.changed.connect(self._on_edit)

    # ---- what others may ask

    @property
    def project(self) -> Project | None:
        """The project in use."""
        return self.keeper.project

    @property
    def busy(self) -> bool:
        """Whether a data set is being exported."""
        return self.exporting.busy

    @property
    def state(self) -> str:
        """Whether what the viewer shows is saved, in a few words."""
        if self.keeper.trouble:
            return "⚠ NOT SAVED"
        if self.keeper.is_saved:
            return "saved"
        homes = [self.keeper.home(labels) for labels in self.keeper.layers]
        kept = any(home is not None and home.is_unsaved for home in homes)
        return "not saved, kept" if kept else "not saved"

    def entry(self, image: Image) -> ImageEntry | None:
        """The entry of an image in the project."""
        return self.keeper.entry(image)

    # ---- what a person may do

    def create(self, folder: Path) -> None:
        """Make a project in a new or empty folder, and move what there is into it."""
        self.keeper.queue.add(create_job(folder), self._on_created, self._on_failed)

    def open(self, folder: Path) -> None:
        """Open a project and show its prompts, and the image where it stopped."""
        self._open(folder, open_job(folder))

    def restore(self, leftover: Leftover) -> None:
        """Go on with work of an earlier session that has no project."""
        self._open(leftover.folder, restore_job(self.keeper.unsaved, leftover))

    def open_folder(self, images: Sequence[Path], out: Path | None = None) -> None:
        """Go through a folder of images, or through files: begin, or go on where it stopped.

        Parameters
        ----------
        images : sequence of Path
        out : Path, optional
            Folder of the project; beside the first folder of images where it is omitted.
        """
        out = out or default_project(images[0])
        self._open(out, open_folder_job(images, out))

    def save(self) -> None:
        """Write proposals, prompts and the label images of all journals."""
        with self._controller.told():
            project = self._require()
            layers = [layer for layer in self.keeper.layers if self.keeper.is_edited(layer)]
            if not layers:
                raise ProjectError("There are no labels to save yet: press Segment or paint some.")
            self.keeper.saver.retry()
            for labels in layers:
                home = self.keeper.home(labels)
                if home is None or home.is_unsaved:
                    self.keeper.house(labels, partial(self.keeper.saver.save, labels))
                else:
                    self.keeper.saver.save(labels)
            self._save_prompts(project)
            self.keeper.queue.add(
                _nothing(), lambda _: self._on_saved(len(layers)), self._on_failed
            )

    def save_now(self) -> None:
        """Write all that is not written, and close the journals: before the window closes."""
        self._controller.look_at_edits()
        self.keeper.queue.finish()
        if self.project is not None:
            self._save_prompts(self.project)
        for labels in self.keeper.layers:
            self.keeper.look(labels)
        self.keeper.queue.finish()
        self.keeper.rescue()
        for labels in self.keeper.layers:
            self.keeper.saver.save(labels, leaving=True)
        self.keeper.queue.finish()
        self.worklist.close()
        self.shown.close()
        self.keeper.close()
        self.keeper.unsaved.leave()

    def autosave(self) -> None:
        """Now and then: what is no edit of labels, label images that are far behind, retries."""
        self.keeper.troubles.check()
        self.keeper.saver.retry()
        self.keeper.saver.catch_up()
        self.worklist.retry()
        if self.project is not None and not self.keeper.trouble:
            self._save_prompts(self.project)

    def export(self, format_name: str, out: Path, overwrite: bool = False) -> None:
        """Write a data set from the project."""
        with self._controller.told():
            project = self._require()
            if not self.keeper.is_saved:
                raise ProjectError("Save first: an export holds what is saved.")
            self.exporting.start(project.folder, format_name, out, overwrite)

    def next_image(self) -> None:
        """Show the next image of the list."""
        self.worklist.next_image()

    def previous_image(self) -> None:
        """Show the image before it in the list."""
        self.worklist.previous_image()

    def mark(self, status: Status) -> None:
        """Say how far the image that is shown is."""
        self.worklist.mark(status)

    # ---- what going through images needs

    def put_away(self) -> bool:
        """Take the image of the project out of the viewer; False where it can't be written."""
        if self.keeper.trouble:
            self._controller.tell(
                f"{self.keeper.trouble} Or keep this work elsewhere with New….", "error"
            )
            return False
        self.shown.put_away()
        return True

    def layer_of(self, entry_id: str) -> Image | None:
        """The layer of the viewer that shows an image of the project."""
        for image in self._controller.images.layers:
            entry = self.entry(image)
            if entry is not None and entry.id == entry_id and entry in self.worklist.entries:
                return image
        return None

    def release(self, opened: OpenedImage) -> None:
        """Let go of an image that was opened and is not shown."""
        self.keeper.queue.add(release_job(opened), lambda _: None, self._on_failed)

    # ---- inside

    def _open(self, folder: Path, work: Work[OpenedProject]) -> None:
        if self.project is not None and self.project.folder == Path(folder).absolute():
            self._controller.say(f"{folder} is open")
            self.worklist.count_new_files()
        else:
            self.keeper.queue.add(work, self._on_opened, self._on_failed)

    def _require(self) -> Project:
        if self.project is None:
            raise ProjectError("There is no project yet: create or open one first.")
        return self.project

    def _save_prompts(self, project: Project) -> None:
        table = self._controller.prompts.table
        if table is self._prompts:
            return

        def done(_: None) -> None:
            self._prompts = table

        self.keeper.queue.add(prompts_job(project, table), done, self._on_failed)

    def _on_failed(self, text: str) -> None:
        self._controller.tell(text, "error")
        self.changed.emit()

    def _on_saved(self, n_images: int) -> None:
        controller = self._controller
        self.keeper.troubles.check()
        if self.keeper.is_saved:
            where = self._require().folder
            controller.say(f"saved {n_images} image{'s'[: n_images != 1]} to {where}")
        controller.facts_changed.emit()
        self.changed.emit()

    def _on_created(self, project: Project) -> None:
        self._controller.say(f"new project in {project.folder}")
        unsaved, self._prompts = self.keeper.unsaved.project, None
        if unsaved is not None:
            open_here = self.keeper.open_in(unsaved)
            self.keeper.queue.add(
                adopt_job(unsaved, project, open_here),
                lambda moved: self._on_adopted(project, moved),
                self._on_failed,
            )
        else:
            self._go_on_in(project)

    def _on_adopted(self, project: Project, moved: dict[str, ImageEntry]) -> None:
        self.keeper.move(project, moved)
        self.keeper.unsaved.discard()
        self._go_on_in(project)

    def _go_on_in(self, project: Project) -> None:
        """Use a new project: what the viewer shows is written into it."""
        self.keeper.begin(project)
        self.worklist.take(project, worklist_of(project))
        if any(map(self.keeper.is_edited, self.keeper.layers)):
            self.save()
        self.changed.emit()

    def _on_opened(self, opened: OpenedProject) -> None:
        controller = self._controller
        if not self.put_away():
            if opened.image is not None:
                self.release(opened.image)
            return
        self.keeper.project = opened.project if not opened.is_unsaved else None
        if opened.image is not None:
            self.shown.show(opened.image, is_unsaved=opened.is_unsaved)
        if opened.prompts.rows:
            controller.prompts.set_table(opened.prompts)
            controller.look_as_prompts_say()
            self._prompts = controller.prompts.table
        else:
            self._prompts = None
        self.worklist.take(opened.project, opened.worklist, opened.image)
        n = len(opened.worklist)
        controller.say(f"opened {opened.project.folder}: {n} image{'s'[: n != 1]}")
        controller.facts_changed.emit()
        self.changed.emit()

    def _on_edit(self, labels: Labels) -> None:
        self.worklist.begin(labels)


def _nothing() -> Work[None]:
    """What waits for everything before it in the queue."""
    yield from ()
