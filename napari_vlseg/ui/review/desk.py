"""The part of the controller that goes through the objects of the image in use."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from napari.layers import Labels
from psygnal import Signal

from napari_vlseg.ui.review.columns import Columns
from napari_vlseg.ui.review.decisions import Decider
from napari_vlseg.ui.review.gallery import Gallery
from napari_vlseg.ui.review.given import GivenList
from napari_vlseg.ui.review.listing import Listing, Query
from napari_vlseg.ui.review.tour import Tour

if TYPE_CHECKING:
    from napari_vlseg.corrections.edits import Edit
    from napari_vlseg.object_table import ObjectTable
    from napari_vlseg.ui.controller import Controller


class ReviewDesk:
    """Lists the objects of the image in use while the Review tab is in front.

    Edits are noted as they come and taken over by `refresh`, which whoever listens to `stale`
    calls soon: a stroke of many steps is one change of the list.

    Parameters
    ----------
    controller : Controller
    """

    stale = Signal()
    """Something changed that `refresh` would take over."""
    listed = Signal()
    """Rows came, went or moved."""
    cells_changed = Signal(object)
    """Places in the list whose cells differ."""
    front_wanted = Signal()
    """Somebody gave objects to look at."""

    def __init__(self, controller: Controller) -> None:
        self._controller = controller
        self._is_open = False
        self._layer: Labels | None = None
        self._table: ObjectTable | None = None
        self._pending: set[str] = set()
        self.listing: Listing | None = None
        self.query = Query()
        self.gallery = Gallery(controller)
        self.tour = Tour(controller, self)
        self.decide = Decider(controller, self)
        self.given = GivenList(controller, self)
        controller.editing.edited.connect(self._on_edited)
        controller.editing.changed.connect(self._on_changed)
        controller.images.changed.connect(self._on_image)
        controller.facts_changed.connect(self._on_image)

    @property
    def is_open(self) -> bool:
        """Whether the Review tab is in front."""
        return self._is_open

    @property
    def layer(self) -> Labels | None:
        """The labels layer whose objects are listed."""
        return self._layer

    @property
    def table(self) -> ObjectTable | None:
        """The objects that are listed."""
        return self._table

    @property
    def is_semantic(self) -> bool:
        """Whether rows are classes and not objects."""
        if self._layer is None:
            return False
        records = self._controller.results.records(self._layer).values()
        return any(record.basis.semantic for record in records)

    def open(self) -> None:
        """The Review tab comes to the front."""
        self._is_open = True
        if not self._follow() and self._layer is not None:
            self.refresh()
            self.tour.outline.lie_on(self._layer)

    def close(self) -> None:
        """Another tab comes to the front: draw nothing on the canvas."""
        self._is_open = False
        self.tour.outline.remove()

    def refresh(self) -> frozenset[str]:
        """Take over what was edited.

        Returns
        -------
        frozenset of str
            Objects that it was about.
        """
        if self._follow() or self.listing is None:
            return frozenset()
        self.tour.look_at_plane()
        if not self._pending:
            return frozenset()
        uids, self._pending = frozenset(self._pending), set()
        self.gallery.outdate(uids)
        change = self.listing.update(uids)
        if change.reset:
            self.listed.emit()
        else:
            self.cells_changed.emit(change.positions)
        self.tour.look_again(uids)
        return uids

    def ask(self, **parts: Any) -> None:
        """Filter or sort in another way, see `Query`."""
        self.query = replace(self.query, **parts)
        self.arrange()

    def arrange(self) -> None:
        """Filter and sort anew."""
        if self.listing is not None:
            self.listing.arrange(self.query)
            self.listed.emit()

    def show_only(self, uids: Sequence[str], reasons: Sequence[str]) -> None:
        """List some objects alone, in the order that they are given, and say why.

        Parameters
        ----------
        uids : sequence of str
            Objects of the image in use; others are passed over.
        reasons : sequence of str
            One for each.

        Raises
        ------
        ValueError
            If there are not as many reasons as objects.
        """
        self.list_only(uids, reasons)
        self.front_wanted.emit()

    def list_only(self, uids: Sequence[str], reasons: Sequence[str]) -> None:
        """The same as `show_only`, but the tab stays where it is."""
        self._follow()
        only = dict(zip(uids, reasons, strict=True))
        self.query = Query("given", False, self.query.statuses, only=only)
        self.arrange()

    def show_all(self) -> None:
        """List all objects again."""
        self.given.forget()
        self.query = Query()
        self.arrange()

    def stop(self) -> None:
        """Listen no more; the viewer may be closing, so that its layers are left alone."""
        self._is_open = False
        controller = self._controller
        controller.editing.edited.disconnect(self._on_edited)
        controller.editing.changed.disconnect(self._on_changed)
        controller.images.changed.disconnect(self._on_image)
        controller.facts_changed.disconnect(self._on_image)

    def _follow(self) -> bool:
        """Go over to the objects of the image in use, where they are others; True if so."""
        layer = self._controller.labels
        table = None if layer is None else self._controller.editing.table(layer)
        if layer is self._layer and table is self._table:
            return False
        if layer is not self._layer:
            self._listen(layer)
        self._layer, self._table = layer, table
        self._pending.clear()
        columns = None if table is None else Columns(table)
        self.listing = None if columns is None else Listing(columns, self.query)
        self.gallery.follow(layer, columns)
        self.tour.begin()
        if self._is_open and layer is not None:
            self.tour.outline.lie_on(layer)
        self.listed.emit()
        return True

    def _listen(self, layer: Labels | None) -> None:
        """Follow what is picked on another layer; filters are of one image and not of the next."""
        if self._layer is not None:
            self._layer.events.selected_label.disconnect(self._on_label)
            self.query = replace(Query(), statuses=self.query.statuses)
        if layer is not None:
            layer.events.selected_label.connect(self._on_label)

    def _on_label(self, event: Any) -> None:
        """Take the object into review that a person picked on the canvas."""
        layer, table = self._layer, self._table
        if self._is_open and layer is not None and table is not None and layer.mode == "pick":
            uid = table.uid_of(int(layer.selected_label))
            if uid is not None:
                self.tour.choose((uid,), uid)

    def _on_edited(self, layer: Labels, edit: Edit) -> None:
        if layer is not self._layer or self._table is None:
            return
        self._pending.update(row.uid for row in edit.rows)
        if edit.pixels is not None:
            self._pending.update(_owners(self._table, edit.pixels.labels))
            self.gallery.follow_edit(edit.pixels)

    def _on_changed(self, layer: Labels) -> None:
        if self._is_open:
            self.stale.emit()

    def _on_image(self) -> None:
        if self._is_open:
            self.stale.emit()


def _owners(table: ObjectTable, labels: Iterable[int]) -> Iterable[str]:
    found = (table.uid_of(label) for label in labels)
    return (uid for uid in found if uid is not None)
