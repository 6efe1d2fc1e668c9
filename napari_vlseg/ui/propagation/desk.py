"""The part of the controller that follows objects through a stack. No Qt in here."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal
from weakref import WeakKeyDictionary

from napari.layers import Labels
from psygnal import Signal

from napari_vlseg.corrections.edits import Edit
from napari_vlseg.errors import PromptError
from napari_vlseg.events import Event, Notice, Partial, Progress
from napari_vlseg.ui.editing.book import LayerBook
from napari_vlseg.ui.jobs import LoadedModel, VideoModelLoader
from napari_vlseg.ui.progress import Clock, ProgressState
from napari_vlseg.ui.propagation.jobs import (
    FromHere,
    Models,
    again_job,
    follow_job,
    load_video_by_registry,
)
from napari_vlseg.ui.propagation.recalling import Followed, log_of
from napari_vlseg.ui.propagation.stacks import (
    StackWork,
    chosen_objects,
    chosen_planes,
    index_at,
    lengths_of,
    show_plane,
    work_on,
)
from napari_vlseg.ui.propagation.writing import PlaneWriter
from napari_vlseg.ui.runner import Handlers
from napari_vlseg.workflow.propagate.plans import Direction
from napari_vlseg.workflow.propagate.propagated import Propagated
from napari_vlseg.workflow.propagate.records import Stop, Stopped

if TYPE_CHECKING:
    from napari_vlseg.ui.controller import Controller

THROUGH_LANE = "through"

Which = Literal["one", "all"]

_SHOWN = frozenset(("following", "looking at labels", "loading the model"))
"""Stages that a bar tells of; what happens within one plane would make it jump."""

_BY_A_PERSON = frozenset(("paint", "erase", "fill", "polygon", "commit", "split", "other"))
"""Edits after which an object may have to be followed again."""


class PropagationDesk:
    """Follows objects, has them written plane by plane, and knows what to do again.

    Parameters
    ----------
    controller : Controller
    load_video : callable
        Loads the memory of a click model that has one.
    """

    changed = Signal()
    progress_changed = Signal(ProgressState)

    def __init__(
        self, controller: Controller, load_video: VideoModelLoader = load_video_by_registry
    ) -> None:
        self._controller = controller
        self._video: LoadedModel[Any] = LoadedModel(load_video)
        self._clock = Clock()
        self._followed: WeakKeyDictionary[Labels, Followed] = WeakKeyDictionary()
        self._stopped: list[Stop] = []
        self.direction: Direction = "both"
        self.which: Which = "one"
        self.planes = ""
        """Range of planes as the person typed it, counted from 1; empty for all."""
        self.axis: int | None = None
        """Which of the leading axes is followed; None for the last."""
        controller.editing.edited.connect(self._on_edit)
        controller.images.changed.connect(self.changed.emit)

    # ---- what views may ask

    @property
    def busy(self) -> bool:
        """Whether objects are being followed."""
        return self._controller.runner.busy(THROUGH_LANE)

    @property
    def lengths(self) -> tuple[int, ...]:
        """Planes along each leading axis of the image in use; empty for a single plane."""
        return lengths_of(self._controller)

    @property
    def axis_in_use(self) -> int:
        """Which of the leading axes is followed."""
        last = max(0, len(self.lengths) - 1)
        return last if self.axis is None else min(self.axis, last)

    @property
    def stops(self) -> tuple[Stop, ...]:
        """Where objects of the image in use were not followed any further, and why."""
        followed = self._of_image()
        known = () if followed is None else followed.known.log.stops
        return (*known, *(stop for stop in self._stopped if stop not in known))

    @property
    def corrected(self) -> tuple[tuple[int, int], ...]:
        """Objects and planes that were corrected since they were followed."""
        followed = self._of_image()
        return () if followed is None else tuple(followed.corrected)

    # ---- what a person may choose

    def set_direction(self, direction: Direction) -> None:
        """Follow forward, backward or both."""
        self.direction = direction
        self.changed.emit()

    def set_which(self, which: Which) -> None:
        """Follow the object in hand, or all of the plane in view."""
        self.which = which
        self.changed.emit()

    def set_planes(self, text: str) -> None:
        """Say how far: “5-20”, counted from 1, or nothing for all planes."""
        self.planes = text.strip()
        self.changed.emit()

    def set_axis(self, axis: int) -> None:
        """Choose the axis."""
        self.axis = axis
        self.changed.emit()

    # ---- what a person may do

    def start(self) -> None:
        """Follow the objects that were chosen, from the plane in view."""
        controller = self._controller
        if controller.clicks.in_progress and not controller.clicks.commit():
            return
        with controller.told():
            numbers = chosen_objects(controller, self.course(), everything=self.which == "all")
            work = work_on(controller, self.axis_in_use, numbers)
            first, last = chosen_planes(self.planes, work.course)
            followed = self._known(controller.editing.book(work.layer), work.axis)
            job = follow_job(
                self._models(),
                work.course,
                {} if followed is None else followed.mine,
                controller.embeddings,
                direction=self.direction,
                first=first,
                last=last,
            )
            asked = {number: range(first, last + 1) for number in numbers}

            def take(found: Propagated, writer: PlaneWriter) -> None:
                self._keep(work, found, asked)

            self._run(work, job, take)

    def again(self) -> None:
        """Follow corrected objects again, where that depends on the correction."""
        controller = self._controller
        with controller.told():
            self._require_idle()
            followed = self._of_image()
            if followed is None or not followed.corrected:
                raise PromptError(
                    "Nothing was corrected since objects were followed: correct one, and try again."
                )
            corrected, followed.corrected = list(followed.corrected), []
            self.axis = followed.axis
            numbers = tuple({number for number, _ in corrected})
            work = work_on(controller, followed.axis, numbers)
            job = again_job(
                self._models(), work.course, followed.known, corrected, controller.embeddings
            )

            def take(found: tuple[Propagated, dict[int, list[int]]], writer: PlaneWriter) -> None:
                followed.known, redone = found
                for number, planes in redone.items():
                    for plane in planes:
                        if plane not in followed.known.log.sources.get(number, {}):
                            writer.clear(number, plane)

            self._run(work, job, take)

    def stop(self) -> None:
        """Stop following; what was found stays."""
        self._controller.runner.cancel(THROUGH_LANE)

    def go_to(self, stop: Stop) -> None:
        """Show the plane on which an object stopped."""
        controller, followed = self._controller, self._of_image()
        layer, image = controller.labels, controller.images.layer
        if layer is None or image is None or followed is None:
            return
        show_plane(controller, image, index_at(controller, image, followed.axis)(stop.plane))
        layer.selected_label = stop.number
        controller.say(f"object {stop.number}, plane {stop.plane + 1}: {stop.reason}")

    def course(self) -> StackWork:
        """The stack in use as it is now, for work that follows nothing.

        Raises
        ------
        ImageError, PromptError
            If it is a single plane, has no labels, or objects are being followed.
        """
        self._require_idle()
        return work_on(self._controller, self.axis_in_use)

    # ---- inside

    def _require_idle(self) -> None:
        if self.busy:
            raise PromptError("Objects are being followed: stop that first, or wait for its end.")

    def _models(self) -> Models:
        clicks = self._controller.clicks
        return Models(clicks.models, self._video, clicks.settings)

    def _of_image(self) -> Followed | None:
        layer = self._controller.labels
        book = None if layer is None else self._controller.editing.known(layer)
        return None if book is None else self._known(book)

    def _known(self, book: LayerBook, axis: int | None = None) -> Followed | None:
        """What is known of a layer: from this session, else what its journal tells.

        Where an axis is given, what was followed along another one does not count.
        """
        followed = self._followed.get(book.layer)
        if followed is None and book.past.followed:
            origins = (one for of in book.past.followed.values() for one in of.values())
            along = next(origins).axis
            log = log_of(book.past.followed, along)
            n_planes = book.shape[along] if along < len(book.shape) - 2 else 0
            known = Propagated({}, (book.shape[-2], book.shape[-1]), n_planes, log)
            followed = self._followed[book.layer] = Followed(along, known)
        return followed if followed is None or axis in (None, followed.axis) else None

    def _keep(self, work: StackWork, found: Propagated, asked: dict[int, range]) -> None:
        followed = self._known(self._controller.editing.book(work.layer), work.axis)
        if followed is None:
            self._followed[work.layer] = Followed(work.axis, found)
        else:
            followed.known = followed.known.joined(found, asked)
            followed.corrected = [one for one in followed.corrected if one[0] not in asked]

    def _run(self, work: StackWork, job: Any, done: Callable[[Any, PlaneWriter], None]) -> None:
        controller, writer = self._controller, PlaneWriter(self._controller, work)

        def ended(text: str, severity: str = "") -> None:
            self._stopped = []
            self.progress_changed.emit(ProgressState(0.0, ""))
            if writer.can_write:
                controller.editing.mirror(work.layer)
            if severity:
                controller.tell(text, severity)
            else:
                controller.say(text)
            self.changed.emit()

        def finish(found: Any) -> None:
            if writer.can_write:
                with controller.told():
                    done(found, writer)
            ended(self._outcome(work))

        handlers = Handlers(
            lambda event: self._on_event(writer, event),
            finish,
            lambda text: ended(text, "error"),
            lambda: ended("stopped: what was found so far stays, and can be taken back"),
        )
        self._stopped = []
        count = len(work.course.numbers)
        controller.say(f"following {count} object{'s' if count != 1 else ''} through the stack")
        controller.runner.start(THROUGH_LANE, job, handlers)
        self.changed.emit()

    def _on_event(self, writer: PlaneWriter, event: Event) -> None:
        if not writer.can_write:
            self.stop()
        elif isinstance(event, Partial):
            with self._controller.told():
                writer.put(event)
        elif isinstance(event, FromHere):
            writer.origin = event.plane
            self._controller.say(event.message)
        elif isinstance(event, Stopped):
            self._stopped.append(event.stop)
            self.changed.emit()
        elif isinstance(event, Notice):
            self._controller.tell(event.message, "warning")
        elif isinstance(event, Progress) and event.stage in _SHOWN:
            self.progress_changed.emit(self._clock.update(event))

    def _outcome(self, work: StackWork) -> str:
        count = len(work.course.numbers)
        objects = f"{count} object{'s' if count != 1 else ''}"
        ours = [stop for stop in self.stops if stop.number in work.course.numbers]
        if not ours:
            return f"followed {objects} through all planes"
        return f"followed {objects} · {len(ours)} stop{'s' if len(ours) != 1 else ''}, see the list"

    def _on_edit(self, layer: Labels, edit: Edit) -> None:
        """Notice corrections of objects that were followed."""
        if edit.op not in _BY_A_PERSON or edit.pixels is None:
            return
        book = self._controller.editing.book(layer)
        followed = self._known(book)
        known = set() if followed is None else edit.pixels.labels & set(followed.known.log.sources)
        if followed is None or not known:
            return
        for index in edit.pixels.planes(book.shape):
            for number in sorted(known):
                one = number, index[followed.axis]
                if one not in followed.corrected:
                    followed.corrected.append(one)
        self._controller.say(
            f"object {min(known)} was corrected: Again follows what depends on it once more"
        )
        self.changed.emit()
