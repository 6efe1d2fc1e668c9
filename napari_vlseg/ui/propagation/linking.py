"""The part of the controller that joins the planes of a stack, and shows tracks. No Qt in here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np
from napari.layers import Tracks
from psygnal import Signal

from napari_vlseg.errors import PromptError
from napari_vlseg.events import Event, Progress, T, Work
from napari_vlseg.object_rows import RowChange
from napari_vlseg.object_table import ObjectTable
from napari_vlseg.ui.geometry import geometry, plane_key
from napari_vlseg.ui.progress import Clock, ProgressState
from napari_vlseg.ui.propagation.desk import THROUGH_LANE, PropagationDesk
from napari_vlseg.ui.propagation.link_jobs import Joined, link_job, tracks_job
from napari_vlseg.ui.propagation.stacks import StackWork, index_at
from napari_vlseg.ui.runner import Handlers
from napari_vlseg.workflow.linked import Linked
from napari_vlseg.workflow.linking import LinkSettings

if TYPE_CHECKING:
    from napari_vlseg.ui.controller import Controller

_SUFFIX = "tracks"


class LinkDesk:
    """Makes 2D objects of all planes 3D objects, as one edit, and shows where they go.

    Parameters
    ----------
    controller : Controller
    through : PropagationDesk
        Knows the axis.
    """

    progress_changed = Signal(ProgressState)

    def __init__(self, controller: Controller, through: PropagationDesk) -> None:
        self._controller = controller
        self._through = through
        self._clock = Clock()
        self.settings = LinkSettings(gap=1)

    def link(self) -> None:
        """Join objects of neighbouring planes that overlap, of one class."""
        controller = self._controller
        with controller.told():
            work = self._through.course()
            book = controller.editing.book(work.layer)
            table = book.table
            labels, classes = table.column("label"), table.column("class")
            class_of = {int(n): str(name) for n, name in zip(labels, classes, strict=True)}
            state = table.version, book.ledger.last

            def done(joined: Joined) -> None:
                if (book.table.version, book.ledger.last) != state:
                    controller.tell("The labels changed meanwhile: link planes again.", "warning")
                else:
                    self._join(work, joined)

            job = link_job(work.course, class_of, work.index_of, book.shape, self.settings)
            self._run(job, done)

    def show_tracks(self) -> None:
        """Add a layer with the way of each object through the planes, or show it anew."""
        with self._controller.told():
            work = self._through.course()
            self._run(tracks_job(work.course), lambda linked: self._add(work, linked))

    # ---- inside

    def _run(self, job: Work[T], done: Callable[[T], object]) -> None:
        controller = self._controller

        def event(event: Event) -> None:
            if isinstance(event, Progress):
                self.progress_changed.emit(self._clock.update(event))

        def ended(text: str, severity: str = "") -> None:
            self.progress_changed.emit(ProgressState(0.0, ""))
            if severity:
                controller.tell(text, severity)
            elif text:
                controller.say(text)
            self._through.changed.emit()

        def finish(found: T) -> None:
            with controller.told():
                done(found)
            ended("")

        handlers = Handlers(
            event, finish, lambda text: ended(text, "error"), lambda: ended("stopped")
        )
        controller.runner.start(THROUGH_LANE, job, handlers)
        self._through.changed.emit()

    def _join(self, work: StackWork, joined: Joined) -> None:
        controller = self._controller
        if joined.pixels is None:
            controller.say("nothing to link: no objects of neighbouring planes overlap enough")
            return
        book = controller.editing.book(work.layer)
        rows = _merged_rows(book.table, joined.into)
        plane = work.index_of(work.course.plane)
        cause = {"least_iou": self.settings.least_iou, "gap": self.settings.gap}
        editing = controller.editing
        editing.do(work.layer, "link", pixels=joined.pixels, rows=rows, plane=plane, cause=cause)
        editing.mirror(work.layer)
        controller.mark_unsaved()
        count = len(set(joined.into.values()))
        controller.say(
            f"{len(joined.into) + count:,} objects of single planes are {count:,} now · "
            "Ctrl+Z takes it back"
        )

    def _add(self, work: StackWork, linked: Linked) -> None:
        """Show tracks beside the labels, in the same place of the world.

        Raises
        ------
        PromptError
            If there are no objects.
        """
        if not len(linked.plane):
            raise PromptError("There are no objects yet: segment or click some first.")
        controller, image = self._controller, work.image
        view = controller.images.view(image)
        lies = geometry(image, view)
        data = np.zeros((len(linked.plane), 1 + len(lies.shape)))
        order = np.lexsort((linked.plane, linked.number))
        place = index_at(controller, image, work.axis)
        data[:, 0] = linked.number[order]
        for row, number in enumerate(order.tolist()):
            key = plane_key(image, view, place(int(linked.plane[number])))
            centre = iter(linked.centre[number])
            data[row, 1:] = [next(centre) if part is None else part for part in key]
        name = f"{work.layer.name} {_SUFFIX}"
        placement = {n: v for n, v in lies.placement.items() if n != "axis_labels"}
        for layer in list(controller.viewer.layers):
            if isinstance(layer, Tracks) and layer.name == name:
                controller.viewer.layers.remove(layer)
        controller.viewer.add_layer(Tracks(data, name=name, **placement))
        controller.viewer.layers.selection.active = work.layer
        controller.say(f"{linked.n_objects:,} tracks shown")


def _merged_rows(table: ObjectTable, into: Mapping[int, int]) -> tuple[RowChange, ...]:
    """Rows of labels that became others go."""
    uids = (table.uid_of(label) for label in sorted(into))
    return tuple(table.removed(uid) for uid in uids if uid is not None)
