"""Makes what a person wants with objects happen: planned, applied, journalled, told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_vlseg.corrections.edits import Edit
from napari_vlseg.ui.editing.actions import Cause, Planner
from napari_vlseg.ui.editing.beside import Ready
from napari_vlseg.ui.editing.book import LayerBook
from napari_vlseg.ui.editing.past import MANY
from napari_vlseg.ui.editing.rows import Stamp

if TYPE_CHECKING:
    from napari_vlseg.ui.editing.desk import EditDesk


class Actor:
    """Acts on the objects of the image in use.

    Parameters
    ----------
    desk : EditDesk
    """

    def __init__(self, desk: EditDesk) -> None:
        self._desk = desk

    def act(self, planner: Planner, cause: Cause, n_objects: int) -> Edit | None:
        """Make one edit of objects; of very many, once it is ready.

        Returns
        -------
        Edit or None
            None where it could not be made, which is told, or is not made yet.
        """
        desk = self._desk
        with desk.controller.told():
            book = desk.require()
            desk.get_ready(book.layer)
            stamp = desk.pace.acted().shared(n_objects)
            if n_objects > MANY:
                self._act_beside(book, planner, cause, stamp)
                return None
            plan = planner(book, stamp)
            edit = book.typed(plan.edit(desk.plane_of(book, plan.pixels), cause))
            desk.apply(book, edit, 1)
            return self._acted(book, edit, plan.said)
        return None

    def _act_beside(self, book: LayerBook, planner: Planner, cause: Cause, stamp: Stamp) -> None:
        desk, said = self._desk, [""]
        in_view = desk.plane_of(book, None)

        def make(twin: LayerBook) -> Edit:
            plan = planner(twin, stamp)
            said[0] = plan.said
            return plan.edit(in_view, cause)

        def finish(ready: Ready) -> None:
            edit = book.typed(ready.edit)
            desk.apply_ready(book, ready, edit, 1)
            self._acted(book, edit, said[0])

        desk.beside.start(book, make, finish)

    def _acted(self, book: LayerBook, edit: Edit, said: str) -> Edit:
        desk = self._desk
        journalled = desk.journal(book, edit)
        desk.mirror(book.layer)
        desk.controller.say(said)
        return journalled
