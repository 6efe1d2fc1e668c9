"""The stack in use, as work needs it: its planes, its labels, and which objects are meant."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from napari.layers import Image, Labels

from napari_vlseg.errors import ImageError, PromptError, SettingsError
from napari_vlseg.images import leading_axes
from napari_vlseg.ui.editing.spread import Index
from napari_vlseg.ui.geometry import image_array, plane_key
from napari_vlseg.ui.propagation.jobs import Course
from napari_vlseg.ui.scope import parse_planes

if TYPE_CHECKING:
    from napari_vlseg.ui.controller import Controller


@dataclass(frozen=True, eq=False)
class StackWork:
    """A course, and where it writes.

    Attributes
    ----------
    image : napari.layers.Image
    layer : napari.layers.Labels
    course : Course
    axis : int
        Which of the leading axes.
    index_of : callable
        Where a plane lies on the leading axes of the journal.
    model : str
    """

    image: Image
    layer: Labels
    course: Course
    axis: int
    index_of: Callable[[int], Index]
    model: str


def lengths_of(controller: Controller) -> tuple[int, ...]:
    """Planes along each leading axis of the image in use; empty for a single plane."""
    image = controller.images.layer
    lengths = () if image is None else controller.scope.leading(image)
    return lengths if any(n > 1 for n in lengths) else ()


def index_at(controller: Controller, image: Image, axis: int) -> Callable[[int], tuple[int, ...]]:
    """Where a plane of the axis lies on the leading axes; the others are where they are."""
    here = controller.images.index(image)
    return lambda number: (*here[:axis], number, *here[axis + 1 :])


def work_on(controller: Controller, axis: int, numbers: tuple[int, ...] = ()) -> StackWork:
    """The stack in use as it is now, with objects to follow.

    Raises
    ------
    ImageError
        If the image is a single plane.
    PromptError
        If it has no labels.
    """
    image, lengths = controller.images.require(), lengths_of(controller)
    if not lengths:
        raise ImageError("The image is a single plane: open a stack or a time series.")
    book = controller.editing.require()
    controller.results.end_preview(book.layer)
    view, place = controller.images.view(image), index_at(controller, image, axis)
    here = controller.images.index(image)

    def index_of(number: int) -> Index:
        return book.index(plane_key(image, view, place(number)))

    controller.editing.look_at(book, index_of(here[axis]))
    places = {index_of(n): n for n in range(lengths[axis])}
    held = {
        places[index]: record.snapshot()
        for index, record in book.records.items()
        if index in places
    }
    course = Course(
        controller.images.whole(image),
        here[:axis],
        here[axis + 1 :],
        lengths[axis],
        held,
        numbers,
        here[axis],
    )
    return StackWork(image, book.layer, course, axis, index_of, controller.clicks.settings.name)


def chosen_objects(controller: Controller, work: StackWork, *, everything: bool) -> tuple[int, ...]:
    """Objects of the plane in view to follow: the one in hand, or all.

    Raises
    ------
    PromptError
        If there are none, or labels are classes.
    """
    record = controller.editing.book(work.layer).record(work.index_of(work.course.plane))
    if record.basis.semantic:
        raise PromptError(
            "Labels are classes here, not objects: choose Instances, and segment again."
        )
    present, selected = record.labels.tolist(), int(work.layer.selected_label)
    chosen = present if everything else [n for n in present if n == selected]
    if not chosen:
        raise PromptError(
            "There is no object in hand on this plane: click one, select its label, or choose "
            "all objects."
        )
    return tuple(chosen)


def chosen_planes(text: str, course: Course) -> tuple[int, int]:
    """First and last plane of a range as a person typed it.

    Raises
    ------
    SettingsError
        If it can't be read, or leaves out the plane in view.
    """
    if not text:
        return 0, course.n_planes - 1
    chosen = parse_planes(text, course.n_planes)
    first, last = min(chosen), max(chosen)
    if not first <= course.plane <= last:
        raise SettingsError(
            f"The planes {text} don't include the one in view, {course.plane + 1}: go there, or "
            "choose others."
        )
    return first, last


def show_plane(controller: Controller, image: Image, index: tuple[int, ...]) -> None:
    """Move the sliders to a plane of an image."""
    axes = leading_axes(image_array(image), controller.images.view(image))
    places = np.zeros(image.ndim)
    for axis, position in zip(axes, index, strict=True):
        places[axis] = position
    where, dims = image.data_to_world(places), controller.viewer.dims
    for axis in axes:
        dims.set_point(axis + dims.ndim - image.ndim, where[axis])
