"""The object in review: which one it is, moving to the next, and showing it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from psygnal import Signal

from napari_vlseg.ui.geometry import Key
from napari_vlseg.ui.review.flight import fly_to
from napari_vlseg.ui.review.outline import ReviewOutline
from napari_vlseg.ui.review.sights import Sight

if TYPE_CHECKING:
    from napari_vlseg.ui.controller import Controller
    from napari_vlseg.ui.review.desk import ReviewDesk


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
        self._is_leaving = False
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
        if self.current in uids and not self._is_leaving:
            self._outline(self._desk.gallery.find(self.current))
            self.changed.emit()

    def look_at_plane(self) -> None:
        """Outline the object on the plane in view, where that is another one now."""
        image = self._controller.images.layer
        if self.current and image is not None and self._controller.key(image) != self._plane:
            self._outline(self._desk.gallery.find(self.current))

    def land_at(self, place: int) -> None:
        """Stand on what moved up to a place from where the object in review has gone."""
        listing = self._desk.listing
        if listing is None or listing.position(self.current) >= 0:
            return
        if len(listing):
            self.visit(listing.uid(min(max(place, 0), len(listing) - 1)))
        else:
            self.begin()

    def visit_first(self, uids: Iterable[str]) -> None:
        """Visit that of some objects which is listed first, if any is."""
        listing = self._desk.listing
        places = [] if listing is None else [listing.position(uid) for uid in uids]
        listed = [place for place in places if place >= 0]
        if listing is not None and listed:
            self.visit(listing.uid(min(listed)))

    @contextmanager
    def leaving(self) -> Iterator[None]:
        """In this block the object in review is not drawn anew: the next one will be."""
        self._is_leaving = True
        try:
            yield
        finally:
            self._is_leaving = False

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
