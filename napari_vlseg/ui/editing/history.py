"""Undo and redo across planes, and across everything that changes labels."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import TYPE_CHECKING

from napari.layers import Labels

from napari_vlseg.corrections.edits import Edit
from napari_vlseg.errors import PromptError
from napari_vlseg.events import Progress, Work
from napari_vlseg.ui.editing.beside import Ready
from napari_vlseg.ui.editing.book import LayerBook
from napari_vlseg.ui.editing.past import OF_THE_PLUGIN, Past
from napari_vlseg.ui.layers import color
from napari_vlseg.ui.runner import Handlers

if TYPE_CHECKING:
    from napari_vlseg.ui.editing.desk import EditDesk

_NAMES = {
    "propose": "proposals",
    "threshold": "threshold",
    "propagate": "propagation",
    "link": "linked planes",
    "erase": "eraser",
    "relabel": "new number",
    "class": "new class",
    "other": "change",
}
_AT_ONCE = 64  # edits between two chances to stop


class History:
    """Takes edits back and does them again.

    Parameters
    ----------
    desk : EditDesk
    """

    def __init__(self, desk: EditDesk) -> None:
        self._desk = desk
        self._lanes = itertools.count()

    def step(self, layer: Labels | None, *, redo: bool) -> None:
        """Take the last edit of a layer back, or do it again, and show where it was."""
        desk, controller = self._desk, self._desk.controller
        word = "redo" if redo else "undo"
        with controller.told():
            if layer is None:
                raise PromptError(f"There is nothing to {word}: there are no labels yet.")
            book = desk.book(layer)
            controller.results.end_preview(layer)
            if desk.is_drawing(layer):
                return
            desk.look_around()
            if desk.beside.busy:
                raise PromptError("The edit before is still on its way: try again then.")
            number = _number(book, redo)
            if number in book.past.heavy:
                self._step_beside(book, number, redo)
                return
            about = book.ledger.edit(number) if number else None
            if about is not None and self._was_altered(book, about):
                number = _number(book, redo)
                about = book.ledger.edit(number) if number else None
            if about is None:
                controller.say(f"nothing to {word}")
                return
            done = resolved_edit(about, redo)
            self._show_plane(book, about)
            desk.apply(book, done, 1 if redo else -1)
            self._stepped(book, about, redo)

    def _step_beside(self, book: LayerBook, number: int, redo: bool) -> None:
        """The same with an edit of very many objects."""
        sign = 1 if redo else -1

        def make(twin: LayerBook) -> Edit:
            return resolved_edit(twin.ledger.edit(number), redo)

        def finish(ready: Ready) -> None:
            about = book.ledger.edit(number)
            if self._was_altered(book, about):
                self.step(book.layer, redo=redo)
                return
            self._show_plane(book, about)
            self._desk.apply_ready(book, ready, ready.edit, sign)
            self._stepped(book, about, redo)

        self._desk.beside.start(book, make, finish)

    def recall(self, book: LayerBook) -> None:
        """Find out which pixels people edited in earlier sessions, beside the window."""
        upto = book.ledger.last

        def recalled(past: Past) -> None:
            if not book.is_gone:
                book.recall(past)

        if upto:
            handlers = Handlers(_nothing, recalled, self._desk.controller.say, _nothing)
            lane = f"journal {next(self._lanes)}"
            self._desk.controller.runner.start(lane, _past(book, upto), handlers)

    def _stepped(self, book: LayerBook, about: Edit, redo: bool) -> None:
        """Journal what was taken back or done again, and tell of it."""
        desk, controller = self._desk, self._desk.controller
        index = book.move_basis(about.number, 1 if redo else -1)
        if index is not None:
            record = book.record(index)
            color(book.layer, record.proposals, record.basis.semantic)
        journalled = book.take_back(redo)
        desk.tell(book, journalled or about)
        desk.mirror(book.layer)
        controller.say(f"{'done again' if redo else 'undone'}: {described(about)}")

    def _was_altered(self, book: LayerBook, about: Edit) -> bool:
        """Whether something that nobody told of is where an edit was; it is journalled then."""
        if about.pixels is None:
            return False
        planes = about.pixels.planes(book.shape)
        return sum(self._desk.look_at(book, index) for index in planes) > 0

    def _show_plane(self, book: LayerBook, about: Edit) -> None:
        """Move the viewer to where an edit was."""
        viewer, layer = self._desk.controller.viewer, book.layer
        if len(about.plane) != len(book.shape) - 2 or layer not in viewer.layers:
            return
        key = book.key(about.plane)
        place = layer.data_to_world([position or 0 for position in key])
        first = viewer.dims.ndim - layer.ndim
        for axis, position in enumerate(key):
            if position is not None and layer.data.shape[axis] > 1:
                viewer.dims.set_point(first + axis, place[axis])


def _number(book: LayerBook, redo: bool) -> int:
    return book.ledger.redo_number if redo else book.ledger.undo_number


def described(edit: Edit) -> str:
    """An edit in a few words: “paint on plane 3”."""
    name = _NAMES.get(edit.op, edit.op)
    if not edit.plane:
        return name
    return f"{name} on plane {', '.join(str(position + 1) for position in edit.plane)}"


def resolved_edit(about: Edit, redo: bool) -> Edit:
    """What doing an edit again, or taking it back, does: of the same kind."""
    if redo:
        return about
    done = about.inverted()
    if "dtype" not in about.cause:
        return done
    cause = {**about.cause, "dtype": about.cause["was_dtype"], "was_dtype": about.cause["dtype"]}
    return replace(done, cause=cause)


def _past(book: LayerBook, upto: int) -> Work[Past]:
    """What people did up to an edit, the undone left out."""
    past = Past()
    for done, record in enumerate(book.ledger.edits()):
        if record.number > upto:
            break
        if done % _AT_ONCE == 0:
            yield Progress("reading the journal", record.number, upto)
        about = book.ledger.edit(record.cause["of"]) if record.op in ("undo", "redo") else record
        if about.op not in OF_THE_PLUGIN and about.pixels is not None:
            book.count(past.counts, about.pixels.indices(), -1 if record.op == "undo" else 1)
        past.note(record)
    return past


def _nothing(*_: object) -> None:
    """What a job says that nobody waits for."""
