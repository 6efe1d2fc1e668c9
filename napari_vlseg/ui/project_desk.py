"""The part of the controller that saves, opens and exports projects."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari.layers import Image, Labels
from psygnal import Signal

from napari_vlseg.corrections.store import Project
from napari_vlseg.errors import ProjectError
from napari_vlseg.events import Event, Notice, Work, run
from napari_vlseg.images import ImageView
from napari_vlseg.proposals import Proposals
from napari_vlseg.ui.geometry import (
    axes_of,
    image_array,
    pixel_size_of,
    plane_index,
    plane_key,
    without_channels,
)
from napari_vlseg.ui.layers import add_labels, layers_of
from napari_vlseg.ui.opening import add_image_again, fitting_view, path_of
from napari_vlseg.ui.planes import PlaneRecord
from napari_vlseg.ui.project_job import (
    Conflict,
    ImageToSave,
    OpenedImage,
    OpenedProject,
    open_folder_job,
    open_job,
    save_job,
)
from napari_vlseg.ui.queue import WorkQueue
from napari_vlseg.ui.runner import Handlers
from napari_vlseg.ui.worklist.desk import WorklistDesk
from napari_vlseg.workflow.export import export_project
from napari_vlseg.workflow.worklist import default_project

if TYPE_CHECKING:
    from napari_vlseg.ui.controller import Controller

FILE_LANE = "files"
KEEP_LANE = "keep"


@dataclass(frozen=True, eq=False)
class Sent:
    """An image on its way into the project, and whose proposals go with it."""

    image: ImageToSave
    proposals: Sequence[tuple[PlaneRecord, Proposals]]


class ProjectDesk:
    """Knows the project in use, and what of the viewer belongs into it."""

    changed = Signal()

    def __init__(self, controller: Controller) -> None:
        self._controller = controller
        self.project: Project | None = None
        self.has_conflict = False
        self.queue = WorkQueue(controller.runner, KEEP_LANE, self.report_trouble)
        self.worklist = WorklistDesk(controller, self)
        self._shown: Image | None = None
        self._view: ImageView | None = None

    @property
    def busy(self) -> bool:
        """Whether files are being read or written."""
        return self._controller.runner.busy(FILE_LANE)

    def create(self, folder: Path) -> None:
        """Make a project in a new or empty folder, and save what there is into it."""
        with self._controller.told():
            self.project = Project.create(folder)
            self.changed.emit()
            self._controller.say(f"new project in {folder}")
            if self._sent():
                self.save()

    def open(self, folder: Path) -> None:
        """Open a project and show its prompts, and the image where it stopped."""
        self._start(open_job(folder), self._on_opened)

    def open_folder(self, images: Sequence[Path], out: Path | None = None) -> None:
        """Go through a folder of images, or through files: begin, or go on where it stopped.

        Parameters
        ----------
        images : sequence of Path
        out : Path, optional
            Folder of the project; beside the first folder of images where it is omitted.
        """
        self._start(open_folder_job(images, out or default_project(images[0])), self._on_opened)

    def save(self) -> None:
        """Save labels, proposals and prompts into the project.

        After a conflict with another window, the other version is kept as a backup.
        """
        with self._controller.told():
            project, sent = self._require(), self._sent()
            if not sent:
                raise ProjectError("There are no labels to save yet: press Segment or paint some.")
            edits = self._controller.edits
            self._start(self._save(project, sent), lambda found: self._on_saved(sent, edits, found))

    def save_now(self) -> None:
        """Save at once, where a project is open and something is unsaved: before closing."""
        if self.project is None or not self._controller.unsaved:
            return
        with self._controller.told():
            sent = self._sent()
            if sent:
                found = run(self._save(self.project, sent))
                self._on_saved(sent, self._controller.edits, found)

    def autosave(self) -> None:
        """Save, where a project is open, something is unsaved and nothing else is going on."""
        wanted = self._controller.unsaved and not self.has_conflict
        if self.project is not None and wanted and not self.busy:
            self.save()

    def _save(self, project: Project, sent: Sequence[Sent]) -> Work[Conflict | None]:
        images = [item.image for item in sent]
        return save_job(project, images, self._controller.prompts.table, self.has_conflict)

    def export(self, format_name: str, out: Path, overwrite: bool = False) -> None:
        """Write a data set from the project."""
        with self._controller.told():
            project = self._require()
            if self._controller.unsaved:
                self._controller.tell("Save first: an export holds what is saved.", "error")
                return
            work = export_project(project.folder, format_name, out, overwrite=overwrite)
            self._start(work, lambda paths: self._on_exported(paths, out))

    def _require(self) -> Project:
        if self.project is None:
            raise ProjectError("There is no project yet: create or open one first.")
        return self.project

    def _start(self, work: Work[Any], done: Callable[[Any], None]) -> None:
        controller = self._controller
        if self.busy:
            controller.say("still busy with files: wait a moment")
            return
        handlers = Handlers(self._on_event, done, self._on_failed, self.changed.emit)
        controller.runner.start(FILE_LANE, work, handlers)
        self.changed.emit()

    def _on_event(self, event: Event) -> None:
        if isinstance(event, Notice):
            self._controller.tell(event.message, "warning")
        else:
            self._controller.say(f"{event.stage} …")

    def _on_failed(self, text: str) -> None:
        self._controller.tell(text, "error")
        self.changed.emit()

    def _on_saved(self, sent: Sequence[Sent], edits: int, found: Conflict | None) -> None:
        controller = self._controller
        self.has_conflict = found is not None
        if found is not None:
            self._on_failed(found.message)
            return
        for record, proposals in (pair for image in sent for pair in image.proposals):
            record.proposals_saved = record.proposals_saved or record.proposals is proposals
        if controller.edits == edits:
            controller.mark_saved()
        n = len(sent)
        controller.say(f"saved {n} image{'s'[: n != 1]} to {self._require().folder}")
        self.changed.emit()

    def _on_exported(self, paths: tuple[Path, ...], out: Path) -> None:
        self._controller.say(f"exported {len(paths)} file{'s'[: len(paths) != 1]} to {out}")
        self.changed.emit()

    def _on_opened(self, opened: OpenedProject) -> None:
        controller = self._controller
        self.put_away()
        self.project = opened.project
        if opened.image is not None:
            self.show(opened.image)
        if opened.prompts.rows:
            controller.prompts.set_table(opened.prompts)
        controller.mark_saved()
        self.worklist.take(opened.worklist, opened.image)
        n = len(opened.worklist)
        controller.say(f"opened {opened.project.folder}: {n} image{'s'[: n != 1]}")
        self.changed.emit()

    def show(self, opened: OpenedImage) -> None:
        """Add one image of the project, with its labels, as it was left."""
        controller = self._controller
        shape = None if opened.labels is None else opened.labels.shape
        view = fitting_view(opened.source, self._view, shape)
        image = add_image_again(
            controller.viewer, opened.source, opened.name, opened.scale, opened.translate
        )
        controller.images.choose(image)
        controller.images.set_view(view)
        self._shown = image
        if opened.labels is None or opened.objects is None:
            return
        labels = add_labels(controller.viewer, image, view, opened.labels)
        controller.results.adopt(image, labels, opened.objects)
        for index, proposals in opened.proposals.items():
            controller.results.restore(labels, plane_key(image, view, index), proposals)
        controller.watch(labels)

    def put_away(self) -> None:
        """Take the image of the project that is shown out of the viewer; what is on it is saved."""
        image, self._shown = self._shown, None
        controller = self._controller
        if image is None or image not in controller.images.layers:
            return
        labels = controller.results.target(image)
        project = self.project
        if labels is not None and project is not None:
            sent = (self._copy(image, labels),)
            self.queue.add(lambda: self._save(project, sent), lambda _: None, self.report_trouble)
        self._view = controller.images.view(image)
        for layer in layers_of(controller.viewer, image, labels):
            controller.viewer.layers.remove(layer)
        # Where layers go and others come between two frames, vispy lets OpenGL draw from buffers
        # that are gone, and the program ends.
        controller.redraw()

    def release(self, opened: OpenedImage) -> None:
        """Let go of an image that was opened and is not shown."""

    def report_trouble(self, text: str) -> None:
        """Say that something could not be written."""
        self._on_failed(text)

    def _sent(self) -> tuple[Sent, ...]:
        """What there is to save: every image with labels, copied."""
        results, found = self._controller.results, []
        for image in self._controller.images.layers:
            labels = results.target(image)
            if labels is not None:
                found.append(self._copy(image, labels))
        return tuple(found)

    def _copy(self, image: Image, labels: Labels) -> Sent:
        controller = self._controller
        controller.results.reconcile(labels)
        view = controller.images.view(image)
        new = [
            (record, plane_index(image, view, key), record.proposals)
            for key, record in controller.results.records(labels).items()
            if record.proposals is not None and not record.proposals_saved
        ]
        pixel_size, unit = pixel_size_of(image, view)
        return Sent(
            ImageToSave(
                name=image.name,
                data=image_array(image),
                axes=axes_of(image, view),
                path=path_of(image),
                pixel_size=pixel_size,
                unit=unit,
                scale=tuple(float(v) for v in image.scale),
                translate=tuple(float(v) for v in image.translate),
                labels=without_channels(labels, image, view).copy(),
                objects=controller.results.objects(labels).copy(),
                proposals=[(index, proposals) for _, index, proposals in new],
            ),
            [(record, proposals) for record, _, proposals in new],
        )
