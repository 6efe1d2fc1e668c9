"""The object in review: moving from one to the next, flying there, and deciding about it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import TYPE_CHECKING

from psygnal import Signal

from napari_vlseg.errors import PromptError
from napari_vlseg.ui.geometry import Key
from napari_vlseg.ui.review.flight import fly_to, inside
from napari_vlseg.ui.review.outline import ReviewOutline
from napari_vlseg.ui.review.sights import Sight

if TYPE_CHECKING:
    from napari_vlseg.corrections.edits import Edit
    from napari_vlseg.ui.controller import Controller
    from napari_vlseg.ui.review.desk import ReviewDesk

Action = Callable[[Sequence[str]], "Edit | None"]

_NOTHING = "There is no object in review: choose a row of the list first."


class Tour:
    """Where a person is in the list.

    Parameters
    ----------
    controller : Controller
    desk : ReviewDesk
    """

    changed = Signal()
    """Another object is in review, or others are chosen with it."""

    def __init__(self, controller: Controller, desk: ReviewDesk) -> None:
        self._controller = controller
        self._desk = desk
        self.outline = ReviewOutline(controller.viewer)
        self.current = ""
        """The object in review, or ""."""
        self.chosen: tuple[str, ...] = ()
        """All objects that a decision is about; the one in review is one of them."""
        self._place = -1
        self._is_deciding = False
        self._is_hidden = False
        self._plane: Key = ()
        controller.clicks.changed.connect(self._on_clicks)

    @property
    def place(self) -> int:
        """Place in the list, also of an object that has just gone from it; −1 before the first."""
        listing = self._desk.listing
        found = -1 if listing is None else listing.position(self.current)
        if found >= 0:
            self._place = found
        return self._place

    def begin(self) -> None:
        """Stand before the first object of a new list."""
        self.current, self.chosen, self._place = "", (), -1
        self.outline.remove()
        self.changed.emit()

    def choose(self, uids: Sequence[str], current: str) -> None:
        """Take objects into review, without moving the view."""
        if (tuple(uids), current) != (self.chosen, self.current):
            self.current, self.chosen = current, tuple(uids)
            self._outline(self._desk.gallery.find(current))
            self.changed.emit()

    def visit(self, uid: str) -> None:
        """Take one object into review and show it."""
        self.current, self.chosen = uid, (uid,)
        self.fly()
        self.changed.emit()

    def step(self, by: int) -> None:
        """Go to the next object of the list, or to the one before."""
        listing = self._desk.listing
        if listing is None or not len(listing):
            self._controller.say("there is no object to review: segment, or change the filter")
            return
        place = self.place + by
        if not 0 <= place < len(listing):
            self._controller.say("this is the last one" if by > 0 else "this is the first one")
        self.visit(listing.uid(min(max(place, 0), len(listing) - 1)))

    def fly(self) -> None:
        """Show the object in review."""
        layer, sight = self._desk.layer, self._desk.gallery.find(self.current)
        if layer is not None and sight is not None:
            fly_to(self._controller.viewer, layer, sight)
        self._outline(sight)

    def look_again(self, uids: Collection[str]) -> None:
        """The list was refreshed: draw the outline of an edited object anew."""
        table = self._desk.table
        if table is not None and self.current in table:  # others may have gone into it
            self.chosen = tuple(uid for uid in self.chosen if uid in table)
        if self.current in uids and not self._is_deciding:
            self._outline(self._desk.gallery.find(self.current))
            self.changed.emit()

    def look_at_plane(self) -> None:
        """Outline the object on the plane in view, where that is another one now."""
        image = self._controller.images.layer
        if self.current and image is not None and self._controller.key(image) != self._plane:
            self._outline(self._desk.gallery.find(self.current))

    # ---- decisions

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
        place = self.place
        if self._act(self._controller.editing.delete):
            self._land_at(place)

    def merge(self) -> None:
        """Make one object of those that are chosen."""
        uids, table = self.chosen, self._desk.table
        if self._act(self._controller.editing.merge) and table is not None:
            self.visit(next((uid for uid in uids if uid in table), self.current))

    def split(self) -> None:
        """Split the object in review."""
        self._act(lambda uids: self._controller.editing.split(self.current))

    def set_class(self, name: str) -> None:
        """Give what is chosen another class."""
        self._act(lambda uids: self._controller.editing.set_class(uids, name))

    def comment(self, text: str) -> None:
        """Note something about the object in review."""
        self._act(lambda uids: self._controller.editing.comment(self.current, text))

    def undo(self) -> None:
        """Take the last edit back, and look at what it was about."""
        self._controller.editing.undo()
        self._look_at(self._desk.refresh())

    def redo(self) -> None:
        """Do again what was taken back."""
        self._controller.editing.redo()
        self._look_at(self._desk.refresh())

    def to_clicks(self) -> None:
        """Correct the object in review by clicks."""
        with self._controller.told():
            layer, sight = self._desk.layer, self._there()
            self.fly()
            if layer is not None:
                self._controller.clicks.refine_at(inside(layer, sight))

    def to_brush(self) -> None:
        """Correct the object in review with napari's brush."""
        with self._controller.told():
            self._there()
            self.fly()
            layer, table = self._desk.layer, self._desk.table
            if layer is None or table is None:
                return
            self._controller.viewer.layers.selection.active = layer
            layer.selected_label = int(table.get(self.current, "label"))
            layer.mode = "paint"

    # ---- inside

    def _look_at(self, uids: Iterable[str]) -> None:
        """Visit the first of some objects, where the list has one."""
        listing = self._desk.listing
        places = [] if listing is None else [listing.position(uid) for uid in uids]
        listed = [place for place in places if place >= 0]
        if listing is not None and listed:
            self.visit(listing.uid(min(listed)))

    def _there(self) -> Sight:
        """What is to be seen of the object in review.

        Raises
        ------
        PromptError
            If there is none, or it has no pixels.
        """
        if not self.chosen:
            raise PromptError(_NOTHING)
        sight = self._desk.gallery.find(self.current)
        if sight is None or not sight.is_there:
            raise PromptError("This object has no pixels: restore it first.")
        return sight

    def _decide(self, action: Action) -> None:
        """Decide about what is chosen and go on: after a proposal to the next proposal."""
        listing, table = self._desk.listing, self._desk.table
        was_waiting = (
            table is not None
            and self.current in table
            and table.get(self.current, "status") == "proposed"
        )
        self._is_deciding = True  # the next object is drawn at once, and not this one before it
        done = self._act(action)
        self._is_deciding = False
        place = -1 if listing is None else listing.next_waiting(self.place)
        worklist = self._controller.desk.worklist
        if listing is None or not done:
            return
        if len(self.chosen) == 1 and not was_waiting:
            self.step(1)
        elif place >= 0:
            self.visit(listing.uid(place))
        else:
            self.look_again(self.chosen)
            more = ": Alt+Shift+Enter goes to the next image" * bool(worklist.items)
            self._controller.say(f"all objects of the list are reviewed{more}")

    def _act(self, action: Action) -> bool:
        """Do something to what is chosen; False where it can't be done, which is told."""
        with self._controller.told():
            if not self.chosen:
                raise PromptError(_NOTHING)
            done = action(self.chosen) is not None
            self._desk.refresh()
            return done
        return False

    def _land_at(self, place: int) -> None:
        """Stand on what moved up to a place where objects have gone."""
        listing = self._desk.listing
        if listing is None or listing.position(self.current) >= 0:
            return
        if len(listing):
            self.visit(listing.uid(min(max(place, 0), len(listing) - 1)))
        else:
            self.begin()

    def _outline(self, sight: Sight | None) -> None:
        layer, image = self._desk.layer, self._controller.images.layer
        self._plane = () if image is None else self._controller.key(image)
        if layer is not None and self._desk.is_open:
            self.outline.show(layer, None if self._is_hidden else sight)

    def _on_clicks(self) -> None:
        """Leave the canvas to the outline that is being clicked."""
        hides = self._controller.clicks.tool is not None
        if hides != self._is_hidden:
            self._is_hidden = hides
            self._outline(self._desk.gallery.find(self.current))
