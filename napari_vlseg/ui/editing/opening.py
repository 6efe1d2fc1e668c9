"""The journal of a labels layer that has none yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from napari.layers import Labels

from napari_vlseg.corrections.edits import Edit
from napari_vlseg.corrections.ledger import Ledger
from napari_vlseg.object_table import ObjectTable
from napari_vlseg.pixel_changes import PixelChange
from napari_vlseg.ui.editing.book import LayerBook
from napari_vlseg.ui.editing.pace import Pace
from napari_vlseg.ui.editing.rows import found
from napari_vlseg.ui.geometry import image_array
from napari_vlseg.ui.layers import get_objects

if TYPE_CHECKING:
    from napari_vlseg.ui.controller import Controller


def open_book(controller: Controller, layer: Labels, pace: Pace) -> LayerBook:
    """Begin a journal in memory; what the layer brings along is its first edit."""
    shape = list(layer.data.shape)
    axis = _channel_axis(controller, layer)
    if axis is not None:
        del shape[axis]
    ledger = Ledger(shape, layer.data.dtype, annotator=pace.annotator)
    objects = get_objects(layer)
    table = ObjectTable() if objects is None else ObjectTable.from_frame(objects)
    book = LayerBook(layer, ledger, table)
    pixels = _held(book)
    if pixels is not None:
        _import(ledger, table, pixels)
        book.catch_up()
    return book


def _held(book: LayerBook) -> PixelChange | None:
    """What a layer brings along, as a change of an empty one: read plane by plane."""
    changes = []
    for index, record in sorted(book.records.items()):
        plane = record.current
        changes.append(PixelChange.between(np.zeros_like(plane), plane, book.shape, index))
    found = [change for change in changes if change is not None]
    if not found:
        return None
    columns = zip(*((c.starts, c.lengths, c.old, c.new) for c in found), strict=True)
    return PixelChange(*map(np.concatenate, columns))


def _import(ledger: Ledger, table: ObjectTable, pixels: PixelChange) -> None:
    """Journal pixels and objects as where history begins."""
    areas = pixels.gained()
    known = [uid for uid in table if table.get(uid, "label") in areas]
    rows = [table.added(**table.row(uid)) for uid in known]
    rows += found(table, pixels)
    begun = ObjectTable()
    begun.apply_with(pixels, rows)
    ledger.append(Edit("import", pixels, tuple(rows)))
    table.become(begun)


def _channel_axis(controller: Controller, layer: Labels) -> int | None:
    """The axis of a labels layer that stands for the channels of its image."""
    image = controller.results.image_of(layer)
    if image is None:
        return None
    view, data = controller.images.view(image), image_array(image)
    n_axes = np.ndim(data) - int(view.rgb)
    if view.channel_axis is None or layer.data.ndim < n_axes:
        return None
    return view.channel_axis % n_axes
