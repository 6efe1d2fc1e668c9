"""What a person decides about the object in review, and where that leads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from napari_vlseg.errors import PromptError
from napari_vlseg.ui.review.flight import inside
from napari_vlseg.ui.review.sights import Sight

if TYPE_CHECKING:
    from napari_vlseg.corrections.edits import Edit
    from napari_vlseg.ui.controller import Controller
    from napari_vlseg.ui.review.desk import ReviewDesk

Action = Callable[[Sequence[str]], "Edit | None"]

_NOTHING = "There is no object in review: choose a row of the list first."


class Decider:
    """Decides about the objects that are chosen, and moves on.

    Parameters
    ----------
    controller : Controller
    desk : ReviewDesk
    """

    def __init__(self, controller: Controller, desk: ReviewDesk) -> None:
        self._controller = controller
        self._desk = desk
        self._tour = desk.tour

    def accept(self) -> None:
        """Accept what is chosen, and go on."""
        self._decide(self._controller.editing.accept)

    def reject(self) -> None:
        """Reject what is chosen, and go on."""
        self._decide(self._controller.editing.reject)

    def flag(self) -> None:
        """Flag what is chosen to come back to it, and go on."""
        self._decide(self._controller.editing.flag)

    def restore(self) -> None:
        """Bring rejected objects back."""
        self._act(self._controller.editing.restore)

    def delete(self) -> None:
        """Delete what is chosen for good, and go on."""
        place = self._tour.place
        if self._act(self._controller.editing.delete):
            self._tour.land_at(place)

    def merge(self) -> None:
        """Make one object of those that are chosen."""
        uids, table = self._tour.chosen, self._desk.table
        if self._act(self._controller.editing.merge) and table is not None:
            self._tour.visit(next((uid for uid in uids if uid in table), self._tour.current))

    def split(self) -> None:
        """Split the object in review."""
        self._act(lambda uids: self._controller.editing.split(self._tour.current))

    def set_class(self, name: str) -> None:
        """Give what is chosen another class."""
        self._act(lambda uids: self._controller.editing.set_class(uids, name))

    def comment(self, text: str) -> None:
        """Note something about the object in review."""
        self._act(lambda uids: self._controller.editing.comment(self._tour.current, text))

    def undo(self) -> None:
        """Take the last edit back, and look at what it was about."""
        self._controller.editing.undo()
        self._tour.visit_first(self._desk.refresh())

    def redo(self) -> None:
        """Do again what was taken back."""
        self._controller.editing.redo()
        self._tour.visit_first(self._desk.refresh())

    def to_clicks(self) -> None:
        """Correct the object in review by clicks."""
        with self._controller.told():
            layer, sight = self._desk.layer, self._there()
            self._tour.fly()
            if layer is not None:
                self._controller.clicks.refine_at(inside(layer, sight))

    def to_brush(self) -> None:
        """Correct the object in review with napari's brush."""
        with self._controller.told():
            self._there()
            self._tour.fly()
            layer, table = self._desk.layer, self._desk.table
            if layer is None or table is None:
                return
            self._controller.viewer.layers.selection.active = layer
            layer.selected_label = int(table.get(self._tour.current, "label"))
            layer.mode = "paint"

    # ---- inside

    def _there(self) -> Sight:
        """What is to be seen of the object in review.

        Raises
        ------
        PromptError
            If there is none, or it has no pixels.
        """
        if not self._tour.chosen:
            raise PromptError(_NOTHING)
        sight = self._desk.gallery.find(self._tour.current)
        if sight is None or not sight.is_there:
            raise PromptError("This object has no pixels: restore it first.")
        return sight

    def _decide(self, action: Action) -> None:
        """Decide about what is chosen and go on: after a proposal to the next proposal."""
        listing, table = self._desk.listing, self._desk.table
        was_waiting = (
            table is not None
            and self._tour.current in table
            and table.get(self._tour.current, "status") == "proposed"
        )
        with self._tour.leaving():
            done = self._act(action)
        place = -1 if listing is None else listing.next_waiting(self._tour.place)
        worklist = self._controller.desk.worklist
        if listing is None or not done:
            return
        if len(self._tour.chosen) == 1 and not was_waiting:
            self._tour.step(1)
        elif place >= 0:
            self._tour.visit(listing.uid(place))
        else:
            self._tour.look_again(self._tour.chosen)
            more = ": Alt+Shift+Enter goes to the next image" * bool(worklist.items)
            self._controller.say(f"all objects of the list are reviewed{more}")

    def _act(self, action: Action) -> bool:
        """Do something to what is chosen; False where it can't be done, which is told."""
        with self._controller.told():
            if not self._tour.chosen:
                raise PromptError(_NOTHING)
            done = action(self._tour.chosen) is not None
            self._desk.refresh()
            return done
        return False
