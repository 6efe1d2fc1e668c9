"""Takes notice of what changes a labels layer: strokes as they end, and all else that it finds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary, WeakSet

import numpy as np
from napari.layers import Labels

from napari_vlseg.corrections.edits import Edit
from napari_vlseg.ui.editing.book import LayerBook
from napari_vlseg.ui.editing.patches import Patch, patch_of
from napari_vlseg.ui.editing.rows import drawn
from napari_vlseg.ui.editing.spread import Index, Spread
from napari_vlseg.ui.editing.strokes import stroke_of

if TYPE_CHECKING:
    from napari_vlseg.pixel_changes import PixelChange
    from napari_vlseg.ui.editing.desk import EditDesk

_UNDO, _REDO = "Control-Z", "Control-Shift-Z"  # as in napari, which takes only its own back


class Watcher:
    """Journals a person's strokes, and what nobody told of.

    Parameters
    ----------
    desk : EditDesk
    """

    def __init__(self, desk: EditDesk) -> None:
        self._desk = desk
        self._layers: WeakSet[Labels] = WeakSet()
        self._told: WeakSet[Labels] = WeakSet()
        self._replaced: WeakSet[Labels] = WeakSet()
        self._told_planes: WeakKeyDictionary[Labels, set[Index]] = WeakKeyDictionary()
        self._seen: WeakKeyDictionary[Labels, Index | None] = WeakKeyDictionary()
        self._written: Labels | None = None
        # For layers without an undo of their own: the image that was just segmented, above all.
        self._bind(desk.controller.viewer)

    def watch(self, layer: Labels) -> None:
        """Listen to a layer, and have undo and redo on it be ours."""
        if layer in self._layers:
            return
        self._layers.add(layer)
        self._seen[layer] = self._in_view(layer)
        layer.events.paint.connect(self._on_paint)
        layer.events.set_data.connect(self._on_data)
        layer.events.data.connect(self._on_replaced)
        self._bind(layer)

    def close(self) -> None:
        """Listen no more; undo and redo are napari's again."""
        for layer in list(self._layers):
            layer.events.paint.disconnect(self._on_paint)
            layer.events.set_data.disconnect(self._on_data)
            layer.events.data.disconnect(self._on_replaced)
            _release(layer)
        self._layers.clear()
        _release(self._desk.controller.viewer)

    def _bind(self, owner: Any) -> None:
        owner.bind_key(_UNDO, lambda _: self._desk.undo(), overwrite=True)
        owner.bind_key(_REDO, lambda _: self._desk.redo(), overwrite=True)

    @contextmanager
    def writing(self, layer: Labels) -> Iterator[None]:
        """What happens to a layer in the block is our own doing."""
        before, self._written = self._written, layer
        try:
            yield
        finally:
            self._written = before

    def look_if_told(self, layer: Labels) -> bool:
        """Look at a layer if napari told of anything but a stroke since the last time."""
        if layer not in self._told or self._is_busy(layer):
            return False
        self._told.discard(layer)
        return self.look(layer)

    def look(self, layer: Labels, everywhere: bool = False) -> bool:
        """See `EditDesk.look`."""
        desk = self._desk
        book = desk.known(layer)
        if book is None or self._is_busy(layer):
            return False
        if not book.fits:
            desk.book(layer)
            return True
        planes = self._planes_to_look_at(book, everywhere)
        return self._look_at_type(book) + sum(self.look_at(book, index) for index in planes) > 0

    def _planes_to_look_at(self, book: LayerBook, everywhere: bool) -> Iterable[Index]:
        layer = book.layer
        told, in_view = self._told_planes.pop(layer, set()), self._in_view(layer)
        if layer in self._replaced:
            self._replaced.discard(layer)
        elif book.is_large and in_view is not None:
            return sorted(told)
        elif not everywhere and in_view is not None:
            return [in_view]
        return np.ndindex(*book.shape[:-2])

    def _is_busy(self, layer: Labels) -> bool:
        """Whether a layer shows what is not to stay, or a stroke that has not ended."""
        return self.is_drawing(layer) or self._desk.controller.results.is_preview(layer)

    def _look_at_type(self, book: LayerBook) -> bool:
        """Journal that labels are of another type."""
        before, after = book.dtype, np.dtype(book.layer.data.dtype)
        if before == after:
            return False
        cause = {"dtype": str(after), "was_dtype": str(before)}
        book.dtype = after
        edit = Edit("other", plane=self.plane_of(book, None), cause=cause)
        self._desk.record(book, edit, Spread.of(None))
        return True

    def look_at(self, book: LayerBook, index: Index) -> bool:
        """Journal what happened to one plane that nobody told of: True if anything did."""
        pixels = book.difference(index)
        if pixels is None:
            return False
        self._journal(book, "other", pixels, index, Spread.of(pixels))
        return True

    def plane_of(self, book: LayerBook, pixels: PixelChange | None) -> Index:
        """The plane that an edit is about: the one in view, unless it is on others only."""
        in_view = self._in_view(book.layer)
        planes = [in_view or ()] if pixels is None else pixels.planes(book.shape)
        return in_view if in_view is not None and in_view in planes else planes[0]

    def _on_paint(self, event: Any) -> None:
        layer = event.source
        book = self._desk.known(layer)
        if book is None or layer is self._written or not book.fits:
            return
        patch = patch_of(event.value, layer.data.shape) if layer.data.shape == book.shape else None
        taken: Spread | Patch
        if patch is not None:
            pixels, taken = book.change_by(patch), patch
        else:
            stroke = stroke_of(event.value, layer.data.shape)
            pixels, taken = book.change_to(stroke.flat, stroke.new)
        if pixels is not None:
            self._journal(book, _op(layer, pixels), pixels, self.plane_of(book, pixels), taken)
        self._desk.controller.results.end_preview(layer)

    def _journal(
        self, book: LayerBook, op: str, pixels: PixelChange, index: Index, taken: Spread | Patch
    ) -> None:
        desk = self._desk
        name = desk.controller.clicks.class_name
        rows = drawn(book.table, pixels, name, desk.pace.acted())
        desk.record(book, Edit(op, pixels, rows, index), taken)

    def _on_data(self, event: Any) -> None:
        layer = event.source
        if layer is not self._written and not self._is_another_plane(layer):
            self._told.add(layer)
            self._desk.controller.labels_touched.emit()

    def _is_another_plane(self, layer: Labels) -> bool:
        """Whether napari tells of a large layer because another plane came into view.

        Comparing it would hold up who leafs through a stack; of others the planes are noted.
        """
        book = self._desk.known(layer)
        if book is None or not book.is_large:
            return False
        in_view = self._in_view(layer)
        before, self._seen[layer] = self._seen.get(layer), in_view
        if in_view is not None and before == in_view:
            self._told_planes.setdefault(layer, set()).add(in_view)
        return before != in_view

    def _on_replaced(self, event: Any) -> None:
        if event.source is not self._written:
            self._told.add(event.source)
            self._replaced.add(event.source)

    def _in_view(self, layer: Labels) -> Index | None:
        controller = self._desk.controller
        image = controller.results.image_of(layer)
        if image is None or image not in controller.viewer.layers:
            return None
        return controller.images.index(image)

    @staticmethod
    def is_drawing(layer: Labels) -> bool:
        """Whether a stroke is under way, of which napari tells when it ends."""
        return bool(getattr(layer, "_staged_history", None))


def _release(owner: Any) -> None:
    for key in (_UNDO, _REDO):
        owner.bind_key(key, None)


def _op(layer: Labels, pixels: PixelChange) -> str:
    """What a stroke is called, by the tool in hand."""
    if not pixels.new.any():
        return "erase"
    return {"fill": "fill", "polygon": "polygon"}.get(str(layer.mode), "paint")
