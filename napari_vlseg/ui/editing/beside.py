"""Edits of very many objects, made ready beside the window."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_vlseg.corrections.edits import Edit, packed
from napari_vlseg.errors import PromptError
from napari_vlseg.events import Progress, Work
from napari_vlseg.object_table import ObjectTable
from napari_vlseg.ui.editing.book import LayerBook
from napari_vlseg.ui.editing.spread import Spread
from napari_vlseg.ui.runner import Handlers

if TYPE_CHECKING:
    from napari_vlseg.ui.editing.desk import EditDesk

EDIT_LANE = "edits"
_MOST_TRIES = 3


@dataclass(frozen=True, eq=False)
class Ready:
    """An edit with all that the window would have to compute for it.

    Attributes
    ----------
    edit : Edit
    table : ObjectTable
        The objects after it.
    spread : Spread
        Its pixels.
    """

    edit: Edit
    table: ObjectTable
    spread: Spread


Maker = Callable[[LayerBook], Edit]
"""Says what to do, from a copy of what is known of a layer; runs beside the window."""


class Beside:
    """Makes edits ready, and hands them over if nothing happened in the meantime.

    Parameters
    ----------
    desk : EditDesk
    """

    def __init__(self, desk: EditDesk) -> None:
        self._desk = desk

    @property
    def busy(self) -> bool:
        """Whether an edit is on its way."""
        return self._desk.controller.runner.busy(EDIT_LANE)

    def start(
        self, book: LayerBook, make: Maker, finish: Callable[[Ready], object], tries: int = 1
    ) -> None:
        """Make an edit ready, and finish it on the main thread.

        Where the person goes on working meanwhile it is made again, a few times.

        Raises
        ------
        PromptError
            If another one is on its way.
        """
        controller = self._desk.controller
        if self.busy:
            raise PromptError("The edit before this one is still on its way: try again then.")
        before = book.ledger.last, book.table.version

        def done(ready: Ready) -> None:
            if book.is_gone:
                return
            with controller.told():
                if (book.ledger.last, book.table.version) == before:
                    finish(ready)
                elif tries < _MOST_TRIES:
                    self.start(book, make, finish, tries + 1)
                else:
                    controller.tell("The labels change all the while: try once more.", "warning")

        def failed(text: str) -> None:
            controller.tell(text, "error")

        twin = copy(book)
        twin.table = book.table.copy()
        controller.say("working …")
        handlers = Handlers(_ignore, done, failed, _ignore)
        controller.runner.start(EDIT_LANE, _ready(twin, make), handlers)


def _ready(book: LayerBook, make: Maker) -> Work[Ready]:
    yield Progress("working", 0, 0)
    edit = make(book)
    yield Progress("working", 0, 0)
    book.table.apply_with(edit.pixels, edit.rows)
    return Ready(packed(edit), book.table, Spread.of(edit.pixels))


def _ignore(*_: object) -> None:
    """What a job says that nobody waits for."""
