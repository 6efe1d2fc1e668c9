"""The part of the controller that follows objects through a stack. No Qt in here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal
from weakref import WeakKeyDictionary

import numpy as np
from napari.layers import Image, Labels
from psygnal import Signal

from napari_vlseg.corrections.edits import Edit
from napari_vlseg.errors import ImageError, PromptError, SettingsError
from napari_vlseg.events import Event, Notice, Partial, Progress
from napari_vlseg.images import leading_axes
from napari_vlseg.ui.editing.book import LayerBook
from napari_vlseg.ui.editing.spread import Index
from napari_vlseg.ui.geometry import image_array, plane_key
from napari_vlseg.ui.jobs import LoadedModel, VideoModelLoader
from napari_vlseg.ui.progress import Clock, ProgressState
from napari_vlseg.ui.propagation.blending import around, blended, box_of
from napari_vlseg.ui.propagation.jobs import (
    Course,
    Models,
    again_job,
    follow_job,
    load_video_by_registry,
)
from napari_vlseg.ui.runner import Handlers
from napari_vlseg.ui.scope import parse_planes
from napari_vlseg.workflow.propagate.following import Direction
from napari_vlseg.workflow.propagate.propagated import Propagated
from napari_vlseg.workflow.propagate.records import Stop, Stopped

if TYPE_CHECKING:
    from napari_vlseg.ui.controller import Controller

THROUGH_LANE = "through"

Which = Literal["one", "all"]

_BY_A_PERSON = frozenset(("paint", "erase", "fill", "polygon", "commit", "split", "other"))
"""Edits after which an object may have to be followed again."""


@dataclass(eq=False)
class Followed:
    """What is known about the objects of a layer that were followed.

    Attributes
    ----------
    axis : int
        Which of the leading axes.
    known : Propagated or None
        The last result.
    mine : dict of int to set of int
        Object → planes that were written.
    corrected : list of (int, int)
        Objects and planes that a person corrected since.
    """

    axis: int
    known: Propagated | None = None
    mine: dict[int, set[int]] = field(default_factory=dict)
    corrected: list[tuple[int, int]] = field(default_factory=list)


@dataclass(frozen=True, eq=False)
class Work:
    """A course that is under way, and where it writes."""

    image: Image
    layer: Labels
    course: Course
    axis: int
    index_of: Callable[[int], Index]
    model: str


class PropagationDesk:
    """Follows objects, writes them plane by plane, and knows what to do again.

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
        image = self._controller.images.layer
        lengths = () if image is None else self._controller.scope.leading(image)
        return lengths if any(n > 1 for n in lengths) else ()

    @property
    def axis_in_use(self) -> int:
        """Which of the leading axes is followed."""
        last = max(0, len(self.lengths) - 1)
        return last if self.axis is None else min(self.axis, last)

    @property
    def stops(self) -> tuple[Stop, ...]:
        """Where objects of the image in use were not followed any further, and why."""
        followed = self._of_image()
        known = () if followed is None or followed.known is None else followed.known.log.stops
        return (*known, *(stop for stop in self._stopped if stop not in known))

    @property
    def corrected(self) -> tuple[tuple[int, int], ...]:
        """Objects and planes that were corrected since they were followed."""
        followed = self._of_image()
        return () if followed is None else tuple(followed.corrected)

    def index_at(self, image: Image, axis: int) -> Callable[[int], tuple[int, ...]]:
        """Where a plane of the axis lies on the leading axes; the others are where they are."""
        here = self._controller.images.index(image)
        return lambda number: (*here[:axis], number, *here[axis + 1 :])

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
            self._require_idle()
            work = self._work_on(())
            numbers = self._chosen(work)
            work = self._work_on(numbers)
            first, last = self._range(work)
            followed = self._followed_of(work)
            job = follow_job(
                self._models(),
                work.course,
                {n: frozenset(of) for n, of in followed.mine.items()},
                controller.embeddings,
                direction=self.direction,
                first=first,
                last=last,
            )
            asked = {n: range(first, last + 1) for n in numbers}
            self._run(work, job, lambda found: self._take(work, found, asked))

    def again(self) -> None:
        """Follow corrected objects again, where that depends on the correction."""
        controller = self._controller
        with controller.told():
            self._require_idle()
            followed = self._of_image()
            if followed is None or followed.known is None or not followed.corrected:
                raise PromptError(
                    "Nothing was corrected since objects were followed: correct one, and try again."
                )
            corrected, followed.corrected = list(followed.corrected), []
            self.axis = followed.axis
            work = self._work_on(tuple({number for number, _ in corrected}))
            job = again_job(
                self._models(), work.course, followed.known, corrected, controller.embeddings
            )
            self._run(work, job, lambda found: self._take_again(work, *found))

    def stop(self) -> None:
        """Stop following; what was found stays."""
        self._controller.runner.cancel(THROUGH_LANE)

    def go_to(self, stop: Stop) -> None:
        """Show the plane on which an object stopped."""
        layer, image = self._controller.labels, self._controller.images.layer
        followed = self._of_image()
        if layer is None or image is None or followed is None:
            return
        index = self.index_at(image, followed.axis)(stop.plane)
        where = image.data_to_world(self._places(image, index))
        dims = self._controller.viewer.dims
        for axis in leading_axes(image_array(image), self._controller.images.view(image)):
            dims.set_point(axis + dims.ndim - image.ndim, where[axis])
        layer.selected_label = stop.number
        self._controller.say(f"object {stop.number}, plane {stop.plane + 1}: {stop.reason}")

    def course(self) -> Work:
        """The stack in use as it is now, for work that follows nothing.

        Raises
        ------
        ImageError, PromptError
            If it is a single plane, has no labels, or objects are being followed.
        """
        self._require_idle()
        return self._work_on(())

    # ---- inside

    def _of_image(self) -> Followed | None:
        layer = self._controller.labels
        return None if layer is None else self._followed.get(layer)

    def _followed_of(self, work: Work) -> Followed:
        followed = self._followed.get(work.layer)
        if followed is None or followed.axis != work.axis:
            followed = self._followed[work.layer] = Followed(work.axis)
        return followed

    def _require_idle(self) -> None:
        if self.busy:
            raise PromptError("Objects are being followed: stop that first, or wait for its end.")

    def _models(self) -> Models:
        clicks = self._controller.clicks
        return Models(clicks.models, self._video, clicks.settings)

    def _work_on(self, numbers: tuple[int, ...]) -> Work:
        """The stack in use as it is now.

        Raises
        ------
        ImageError
            If the image is a single plane.
        PromptError
            If it has no labels.
        """
        controller = self._controller
        image = controller.images.require()
        if not self.lengths:
            raise ImageError("The image is a single plane: open a stack or a time series.")
        book = controller.editing.require()
        layer, view, axis = book.layer, controller.images.view(image), self.axis_in_use
        controller.results.end_preview(layer)
        place = self.index_at(image, axis)
        here = controller.images.index(image)

        def index_of(number: int) -> Index:
            return book.index(plane_key(image, view, place(number)))

        controller.editing.look_at(book, index_of(here[axis]))
        places = {index_of(n): n for n in range(self.lengths[axis])}
        held = {
            places[index]: record.snapshot()
            for index, record in book.records.items()
            if index in places
        }
        course = Course(
            controller.images.whole(image),
            here[:axis],
            here[axis + 1 :],
            self.lengths[axis],
            held,
            numbers,
            here[axis],
        )
        return Work(image, layer, course, axis, index_of, controller.clicks.settings.name)

    def _chosen(self, work: Work) -> tuple[int, ...]:
        """Objects to follow.

        Raises
        ------
        PromptError
            If there are none, or labels are classes.
        """
        book = self._controller.editing.book(work.layer)
        record = book.record(work.index_of(work.course.plane))
        if record.basis.semantic:
            raise PromptError(
                "Labels are classes here, not objects: choose Instances, and segment again."
            )
        present = record.labels.tolist()
        selected = int(work.layer.selected_label)
        chosen = present if self.which == "all" else [n for n in present if n == selected]
        if not chosen:
            raise PromptError(
                "There is no object in hand on this plane: click one, select its label, or choose "
                "all objects."
            )
        return tuple(chosen)

    def _range(self, work: Work) -> tuple[int, int]:
        """First and last plane."""
        if not self.planes:
            return 0, work.course.n_planes - 1
        chosen = parse_planes(self.planes, work.course.n_planes)
        first, last = min(chosen), max(chosen)
        if not first <= work.course.plane <= last:
            raise SettingsError(
                f"The planes {self.planes} don't include the one in view, "
                f"{work.course.plane + 1}: go there, or choose others."
            )
        return first, last

    def _run(self, work: Work, job: Any, done: Callable[[Any], None]) -> None:
        def ended(text: str, severity: str = "") -> None:
            self._stopped = []
            self.progress_changed.emit(ProgressState(0.0, ""))
            self._controller.editing.mirror(work.layer)
            if severity:
                self._controller.tell(text, severity)
            else:
                self._controller.say(text)
            self.changed.emit()

        def finish(found: Any) -> None:
            done(found)
            ended(self._outcome(work))

        handlers = Handlers(
            lambda event: self._on_event(work, event),
            finish,
            lambda text: ended(text, "error"),
            lambda: ended("stopped: what was found so far stays, and can be taken back"),
        )
        self._stopped = []
        self._controller.runner.start(THROUGH_LANE, job, handlers)
        self.changed.emit()

    def _on_event(self, work: Work, event: Event) -> None:
        if isinstance(event, Partial):
            with self._controller.told():
                self._put(work, event.index[0], event.rows, event.cols, event.labels)
        elif isinstance(event, Stopped):
            self._stopped.append(event.stop)
            self.changed.emit()
        elif isinstance(event, Notice):
            self._controller.tell(event.message, "warning")
        elif isinstance(event, Progress):
            self.progress_changed.emit(self._clock.update(event))

    def _put(self, work: Work, plane: int, rows: slice, cols: slice, found: np.ndarray) -> None:
        """Write objects on a plane, as one edit."""
        if work.layer not in self._controller.viewer.layers:
            self.stop()
            return
        editing = self._controller.editing
        book = editing.book(work.layer)
        index = work.index_of(plane)
        numbers = np.unique(found[found > 0]).tolist() or list(work.course.numbers)
        editing.look_at(book, index)
        current = book.record(index).current
        here = around((rows, cols) if found.size else None, box_of(current, numbers))
        if here is None:
            return
        wanted = np.zeros([part.stop - part.start for part in here], current.dtype)
        if found.size:
            wanted = wanted.astype(np.result_type(current.dtype, np.min_scalar_type(found.max())))
            inner = tuple(
                slice(part.start - whole.start, part.stop - whole.start)
                for part, whole in zip((rows, cols), here, strict=True)
            )
            wanted[inner] = found
        edited = book.record(index).edited_at(here)
        after = blended(current[here], edited, wanted, numbers)
        self._write(book, work, index, here, after)
        mine = self._followed_of(work).mine
        for number in numbers:
            mine.setdefault(number, set()).add(plane)

    def _write(
        self,
        book: LayerBook,
        work: Work,
        index: Index,
        here: tuple[slice, slice],
        after: np.ndarray,
    ) -> None:
        pixels = book.change_in(index, *here, after)
        if pixels is not None:
            cause = {"model": work.model, "from": work.course.plane, "axis": work.axis}
            editing = self._controller.editing
            editing.do(work.layer, "propagate", pixels=pixels, plane=index, cause=cause)
            self._controller.mark_unsaved()

    def _take(self, work: Work, found: Propagated, asked: Mapping[int, range]) -> None:
        followed = self._followed_of(work)
        before = followed.known
        followed.known = found if before is None else before.joined(found, asked)
        followed.corrected = [one for one in followed.corrected if one[0] not in asked]

    def _take_again(self, work: Work, found: Propagated, redone: dict[int, list[int]]) -> None:
        """Keep what is known now; what was there of an object and is not any more goes."""
        self._followed_of(work).known = found
        for number, planes in redone.items():
            for plane in planes:
                if number not in found.pieces.get(plane, {}):
                    self._clear(work, number, plane)

    def _clear(self, work: Work, number: int, plane: int) -> None:
        book = self._controller.editing.book(work.layer)
        index = work.index_of(plane)
        record = book.record(index)
        here = box_of(record.current, [number])
        if here is not None:
            current, edited = record.current[here], record.edited_at(here)
            after = blended(current, edited, np.zeros_like(current), [number])
            self._write(book, work, index, here, after)

    def _outcome(self, work: Work) -> str:
        count = len(work.course.numbers)
        objects = f"{count} object{'s' if count != 1 else ''}"
        ours = [stop for stop in self.stops if stop.number in work.course.numbers]
        if not ours:
            return f"followed {objects} through all planes"
        return f"followed {objects} · {len(ours)} stop{'s' if len(ours) != 1 else ''}, see the list"

    def _on_edit(self, layer: Labels, edit: Edit) -> None:
        """Notice corrections of objects that were followed."""
        followed = self._followed.get(layer)
        if followed is None or followed.known is None or edit.op not in _BY_A_PERSON:
            return
        if edit.pixels is None:
            return
        known = edit.pixels.labels & set(followed.known.log.sources)
        for index in edit.pixels.planes(self._controller.editing.book(layer).shape):
            for number in sorted(known):
                one = number, index[followed.axis]
                if one not in followed.corrected:
                    followed.corrected.append(one)
        if known:
            self._controller.say(
                f"object {min(known)} was corrected: Re-propagate does what follows from it again"
            )
            self.changed.emit()

    def _places(self, image: Image, index: tuple[int, ...]) -> np.ndarray:
        """A position in the data of an image layer."""
        view = self._controller.images.view(image)
        places = np.zeros(image.ndim)
        for axis, position in zip(leading_axes(image_array(image), view), index, strict=True):
            places[axis] = position
        return places
