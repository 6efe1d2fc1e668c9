"""The part of the controller that journals every change of labels, and takes it back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from napari.layers import Labels
from psygnal import Signal

from napari_vlseg.corrections.edits import Edit
from napari_vlseg.corrections.ledger import Ledger
from napari_vlseg.errors import PromptError
from napari_vlseg.object_table import ObjectTable, RowChange
from napari_vlseg.pixel_changes import PixelChange
from napari_vlseg.ui.editing.acting import Actor
from napari_vlseg.ui.editing.actions import Cause, ObjectActions, Planner
from napari_vlseg.ui.editing.beside import Beside, Ready
from napari_vlseg.ui.editing.book import LayerBook
from napari_vlseg.ui.editing.composed import Written
from napari_vlseg.ui.editing.history import History
from napari_vlseg.ui.editing.mirroring import Mirror
from napari_vlseg.ui.editing.opening import open_book
from napari_vlseg.ui.editing.pace import Pace
from napari_vlseg.ui.editing.patches import Patch
from napari_vlseg.ui.editing.spread import Index, Spread
from napari_vlseg.ui.editing.watching import Watcher
from napari_vlseg.ui.packing import Packed

if TYPE_CHECKING:
    from napari_vlseg.ui.controller import Controller


class EditDesk(ObjectActions):
    """Keeps the journal of every labels layer that results land on or that a person edits.

    Parameters
    ----------
    controller : Controller

    Attributes
    ----------
    changed : Signal
        A layer whose pixels or objects changed, after every edit.
    edited : Signal
        The layer and the edit as it was applied, before `changed`; undo and redo carry what
        they did.
    """

    changed = Signal(object)
    edited = Signal(object, object)

    def __init__(self, controller: Controller) -> None:
        self.controller = controller
        self.pace = Pace()
        self.history = History(self)
        self.beside = Beside(self)
        self._actor = Actor(self)
        self._watcher = Watcher(self)
        self._books: WeakKeyDictionary[Labels, LayerBook] = WeakKeyDictionary()
        self._mirror = Mirror(controller)
        ObjectTable().added()  # what pandas has to get ready for it would hold up the first stroke

    # ---- what there is

    def book(self, layer: Labels) -> LayerBook:
        """The journal of a layer with everything that belongs to it; begun where there is none."""
        book = self._books.get(layer)
        if book is None or not book.fits:
            book = open_book(self.controller, layer, self.pace)
            self._books[layer] = book
            self._watcher.watch(layer)
        book.catch_up()
        return book

    def known(self, layer: Labels) -> LayerBook | None:
        """The journal of a layer, if there is one."""
        return self._books.get(layer)

    def table(self, layer: Labels) -> ObjectTable:
        """The objects of a layer, as they change; to be read only."""
        return self.book(layer).table

    def ledger(self, layer: Labels) -> Ledger:
        """The journal of a layer."""
        return self.book(layer).ledger

    def attach(
        self,
        layer: Labels,
        ledger: Ledger,
        table: ObjectTable,
        held: Mapping[Index, Packed] | None = None,
    ) -> None:
        """Go on with a journal: of an image that was opened, or that a project holds now.

        Parameters
        ----------
        layer : napari.layers.Labels
            Holds what the journal says.
        ledger : Ledger
        table : ObjectTable
        held : mapping of index to Packed, optional
            What its planes with labels hold, where that is known.
        """
        present = self._books.get(layer)
        if present is not None and present.table is table:
            present.ledger = ledger
        else:
            self._books[layer] = book = LayerBook(layer, ledger, table, held)
            self._watcher.watch(layer)
            self.history.recall(book)
        self.mirror(layer)
        self.changed.emit(layer)

    # ---- what is done

    def do(
        self,
        layer: Labels,
        op: str,
        *,
        pixels: PixelChange | None = None,
        rows: Iterable[RowChange] = (),
        plane: Index = (),
        cause: Mapping[str, Any] | None = None,
    ) -> Edit:
        """Make one edit: on the layer, on its objects and in the journal.

        Raises
        ------
        ImageError
            If the layer can't be written.
        LedgerError
            If the edit does not fit what is there.
        """
        book = self.book(layer)
        edit = book.typed(Edit(op, pixels, tuple(rows), tuple(plane), cause or {}))
        self.apply(book, edit, 1)
        return self.journal(book, edit)

    def apply(self, book: LayerBook, edit: Edit, sign: int) -> None:
        """Make an edit (1), or take one back (-1), without a word in the journal.

        Raises
        ------
        ImageError
            If the layer can't be written.
        LedgerError
            If the edit does not fit what is there.
        """
        spread = Spread.of(edit.pixels)
        with self.writing(book.layer):
            book.show(edit, spread)
        book.remember(edit, sign, spread)

    def apply_ready(self, book: LayerBook, ready: Ready, edit: Edit, sign: int) -> None:
        """As `apply`, where the objects after it are known.

        Raises
        ------
        ImageError
            If the layer can't be written.
        """
        with self.writing(book.layer):
            book.show(edit, ready.spread)
        book.table.become(ready.table)
        book.follow(edit, sign, ready.spread)

    def writing(self, layer: Labels) -> AbstractContextManager[None]:
        """What happens to a layer in this context is our own doing."""
        return self._watcher.writing(layer)

    def record(self, book: LayerBook, edit: Edit, taken: Spread | Patch) -> Edit:
        """Journal an edit that the layer shows already."""
        if isinstance(taken, Patch):
            book.follow_patch(edit, taken)
        else:
            book.remember(edit, 1, taken)
        return self.journal(book, edit)

    def journal(self, book: LayerBook, edit: Edit) -> Edit:
        """Journal an edit that is made, and let others know."""
        edit = book.append(edit)
        self.tell(book, edit)
        return edit

    def place(self, book: LayerBook, made: Written, write: Callable[[], object]) -> Edit:
        """Write a composition, and journal it.

        Parameters
        ----------
        book : LayerBook
        made : Written
            Its plane and the objects are as they were when it was composed.
        write : callable
            Puts it on the layer.
        """
        edit = book.typed(made.edit)
        with self.writing(book.layer):
            write()
        book.take(made)
        edit = book.append(edit)
        basis = made.made.basis
        if made.region is not None:
            basis = book.record(edit.plane).basis_with(basis, *made.region)
        book.put_basis(edit.number, edit.plane, basis)
        self.tell(book, edit)
        self.mirror(book.layer)
        return edit

    def undo(self) -> None:
        """Take the last edit of the labels back, wherever it was."""
        self.history.step(self.at_hand(), redo=False)

    def redo(self) -> None:
        """Do again what was taken back last."""
        self.history.step(self.at_hand(), redo=True)

    # ---- what happened

    def look(self, layer: Labels, everywhere: bool = False) -> bool:
        """Journal what happened to a layer that nobody told of: True if anything did.

        Parameters
        ----------
        layer : napari.layers.Labels
        everywhere : bool
            On all planes; otherwise on the one in view, where that is known.
        """
        return self._watcher.look(layer, everywhere)

    def look_around(self) -> None:
        """Journal what happened to any layer, in view, that nobody told of."""
        for layer in list(self._books):
            self._watcher.look_if_told(layer)

    def look_at(self, book: LayerBook, index: Index) -> bool:
        """As `look`, at one plane; of a large layer only where something happened."""
        if book.is_large:
            return self._watcher.look_if_told(book.layer)
        return self._watcher.look_at(book, index)

    def get_ready(self, layer: Labels) -> None:
        """Before an edit: nothing but what the journal says is on the layer."""
        self.controller.results.end_preview(layer)
        self._watcher.look_if_told(layer)

    def plane_of(self, book: LayerBook, pixels: PixelChange | None) -> Index:
        """The plane that an edit is about: the one in view, unless it is on others only."""
        return self._watcher.plane_of(book, pixels)

    def is_drawing(self, layer: Labels) -> bool:
        """Whether a stroke is under way on a layer."""
        return self._watcher.is_drawing(layer)

    def take_news(self) -> bool:
        """Whether anything happened to a layer since the last time; shows it in the features."""
        news = [book for book in self._books.values() if book.is_news]
        for book in news:
            book.is_news = False
        shown = [self.mirror(layer) for layer in list(self._books)]
        if not all(shown):
            self.controller.labels_touched.emit()  # look again in a while
        return bool(news)

    def tell(self, book: LayerBook, edit: Edit) -> None:
        """Let others know of an edit."""
        book.is_news = True
        layer = book.layer
        self.edited.emit(layer, edit)
        self.changed.emit(layer)
        self.controller.labels_touched.emit()

    def mirror(self, layer: Labels) -> bool:
        """Show the objects in the layer's features; False where that has to wait."""
        return self._mirror.show(layer, self.table(layer))

    def at_hand(self) -> Labels | None:
        """The labels layer that a key is about: the active one, else that of the image in use."""
        active = self.controller.viewer.layers.selection.active
        if isinstance(active, Labels) and active in self._books:
            return active
        return self.controller.labels

    def require(self) -> LayerBook:
        """The journal of the image in use.

        Raises
        ------
        PromptError
            If it has no labels.
        """
        layer = self.controller.labels
        if layer is None:
            raise PromptError("There are no labels yet: segment or click an object first.")
        return self.book(layer)

    def _act(self, planner: Planner, cause: Cause, n_objects: int) -> Edit | None:
        return self._actor.act(planner, cause, n_objects)

    def close(self) -> None:
        """Listen no more."""
        self._watcher.close()
