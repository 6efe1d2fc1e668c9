"""Objects that were followed, written to the labels: one edit for each plane."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_vlseg.events import Partial
from napari_vlseg.ui.editing.spread import Index
from napari_vlseg.ui.propagation.blending import around, blended, box_of
from napari_vlseg.ui.propagation.stacks import StackWork

if TYPE_CHECKING:
    from napari_vlseg.ui.controller import Controller


class PlaneWriter:
    """Writes what is found, and spares what a person drew.

    Parameters
    ----------
    controller : Controller
    work : StackWork

    Attributes
    ----------
    origin : int
        Plane that is followed from now, for the journal.
    """

    def __init__(self, controller: Controller, work: StackWork) -> None:
        self._controller, self._work = controller, work
        self.origin = work.course.plane

    @property
    def can_write(self) -> bool:
        """Whether the layer is still there."""
        return self._work.layer in self._controller.viewer.layers

    def put(self, part: Partial) -> None:
        """Write the objects of a part; what was there of them goes.

        Raises
        ------
        ImageError
            If the labels layer can't be written.
        """
        numbers = np.unique(part.labels[part.labels > 0]).tolist()
        index = self._work.index_of(part.index[0])
        editing = self._controller.editing
        book = editing.book(self._work.layer)
        editing.look_at(book, index)
        here = around((part.rows, part.cols), box_of(book.record(index).current, numbers))
        if here is None or not numbers:
            return
        wanted = np.zeros([side.stop - side.start for side in here], np.int64)
        rows, cols = (
            slice(side.start - whole.start, side.stop - whole.start)
            for side, whole in zip((part.rows, part.cols), here, strict=True)
        )
        wanted[rows, cols] = part.labels
        self._write(index, here, wanted, numbers)

    def clear(self, number: int, plane: int) -> None:
        """Take away what propagation wrote of an object on a plane."""
        index = self._work.index_of(plane)
        current = self._controller.editing.book(self._work.layer).record(index).current
        here = box_of(current, [number])
        if here is not None:
            self._write(index, here, np.zeros_like(current[here]), [number])

    def _write(
        self, index: Index, here: tuple[slice, slice], found: np.ndarray, numbers: list[int]
    ) -> None:
        work, editing = self._work, self._controller.editing
        book = editing.book(work.layer)
        record = book.record(index)
        after = blended(record.current[here], record.edited_at(here), found, numbers)
        pixels = book.change_in(index, *here, after)
        if pixels is not None:
            cause = {"model": work.model, "from": self.origin, "axis": work.axis}
            editing.do(work.layer, "propagate", pixels=pixels, plane=index, cause=cause)
            self._controller.mark_unsaved()
