"""The labels layers that results land on, and how results are put there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import numpy as np
import pandas as pd
from napari.components import ViewerModel
from napari.layers import Image, Labels

from napari_vlseg.errors import ImageError
from napari_vlseg.images import ImageView, plane_shape
from napari_vlseg.object_table import ObjectTable
from napari_vlseg.proposals import Proposals
from napari_vlseg.ui.blockwise.overview import is_huge
from napari_vlseg.ui.composing import Policy
from napari_vlseg.ui.editing.composed import Target, Written
from napari_vlseg.ui.geometry import (
    Key,
    geometry,
    image_array,
    plane_index,
    shape_without_channels,
)
from napari_vlseg.ui.layers import (
    add_labels,
    color,
    get_objects,
    overwrite_part,
    overwrite_plane,
    set_objects,
)
from napari_vlseg.ui.objects import is_one_of
from napari_vlseg.ui.planes import Draft, PlaneRecord
from napari_vlseg.ui.preview import Preview

if TYPE_CHECKING:
    from napari_vlseg.ui.editing.book import LayerBook
    from napari_vlseg.ui.editing.desk import EditDesk


@dataclass(frozen=True, eq=False)
class Place:
    """Where a result goes.

    Attributes
    ----------
    image : napari.layers.Image
    view : ImageView
    key
        The plane, see `napari_vlseg.ui.geometry.plane_key`.
    on : napari.layers.Labels or None
        The labels layer at the time of asking.
    policy : {"keep", "replace", "add", "ask"}
    """

    image: Image
    view: ImageView
    key: Key
    on: Labels | None
    policy: Policy


class Results:
    """Which labels layer belongs to which image, and what was written to its planes.

    Parameters
    ----------
    viewer : napari.components.ViewerModel
    editing : EditDesk
        Journals what is written.
    """

    def __init__(self, viewer: ViewerModel, editing: EditDesk) -> None:
        self._viewer = viewer
        self._editing = editing
        self._targets: WeakKeyDictionary[Image, Labels] = WeakKeyDictionary()
        self._preview: Preview | None = None

    def target(self, image: Image) -> Labels | None:
        """The labels layer of an image, if it is still in the viewer."""
        layer = self._targets.get(image)
        return layer if layer is not None and layer in self._viewer.layers else None

    def candidates(self, image: Image, view: ImageView) -> tuple[Labels, ...]:
        """Labels layers of the viewer that an image's results fit on."""
        shape = geometry(image, view).shape
        return tuple(
            layer
            for layer in self._viewer.layers
            if isinstance(layer, Labels) and not layer.multiscale and layer.data.shape == shape
        )

    def set_target(self, image: Image, layer: Labels | None) -> None:
        """Let results land on a layer; None makes a new one for the next result."""
        if layer is None:
            self._targets.pop(image, None)
        else:
            self._targets[image] = layer

    def require_target(self, place: Place) -> Labels:
        """The labels layer of a place, made where there is none."""
        layer = self.target(place.image)
        if layer is None and is_huge(place.image, place.view):
            raise ImageError(
                "This plane is too large to be edited as a whole: press “Edit this region” for "
                "what is in view."
            )
        if layer is None:
            layer = add_labels(self._viewer, place.image, place.view)
            self._targets[place.image] = layer
        return layer

    def image_of(self, labels: Labels) -> Image | None:
        """The image whose results land on a labels layer."""
        return next((image for image, layer in self._targets.items() if layer is labels), None)

    def record(self, image: Image, key: Key) -> PlaneRecord | None:
        """What is known about a plane, if there is anything on it."""
        layer = self.target(image)
        book = None if layer is None else self._editing.known(layer)
        return None if book is None else book.records.get(book.index(key))

    def records(self, layer: Labels) -> dict[Key, PlaneRecord]:
        """What is known about each plane of a layer."""
        book = self._editing.known(layer)
        return {} if book is None else {book.key(i): record for i, record in book.records.items()}

    def aim(
        self,
        place: Place,
        op: str,
        shown: tuple[str, ...] | None = None,
        region: tuple[slice, slice] | None = None,
    ) -> Target:
        """Everything that a job needs to compose a result for a place, in view or not.

        Parameters
        ----------
        place : Place
        op : {"propose", "threshold"}
        shown : tuple of str, optional
            Classes that are visible.
        region : tuple of slice, optional
            Rows and columns that the result is of.
        """
        image, view, stamp = place.image, place.view, self._editing.pace.stamp()
        if place.on is None:
            shape = shape_without_channels(image, view)
            whole = plane_shape(image_array(image), view)
            sides = whole if region is None else [part.stop - part.start for part in region]
            plane = np.zeros(sides, np.int32)
            index = plane_index(image, view, place.key)
            draft = Draft.of(plane)
            return Target(draft, place.policy, shape, index, op, stamp, shown, region)
        book, index = self._up_to_date(place.on, place.key)
        record = book.record(index)
        table = book.table
        draft = record.draft(table) if region is None else record.draft_of(table, *region)
        return Target(draft, place.policy, book.shape, index, op, stamp, shown, region)

    def write(
        self, place: Place, made: Written, load: Callable[[], Proposals | None] | None = None
    ) -> Labels | None:
        """Put a composition on its plane, in view or not, as one edit.

        Parameters
        ----------
        place : Place
        made : Written
        load : callable, optional
            Reads the proposals again when they are needed, where others keep them.

        Returns
        -------
        napari.layers.Labels or None
            The layer; None where the plane, or the layer, is no longer what it was composed on.

        Raises
        ------
        ImageError
            If the labels layer can't be written.
        """
        if self.target(place.image) is not place.on:
            return None
        layer = self.require_target(place)
        book, index = self._up_to_date(layer, place.key)
        record = book.record(index)
        draft = made.draft
        if (record.version, book.table.version) != (draft.version, draft.table.version):
            return None
        self._editing.place(book, made, lambda: self._overwrite(layer, place.key, made))
        if load is None:
            record.proposals, record.proposals_saved = made.made.proposals, False
        else:
            record.leave_proposals(load)
        color(layer, made.made.proposals, record.basis.semantic)
        return layer

    def preview(self, image: Image, key: Key, classes: np.ndarray) -> None:
        """Show a class map (H, W) on a plane while a slider moves; nothing is kept of it."""
        layer, record = self.target(image), self.record(image, key)
        if layer is None or record is None:
            return
        if self._preview is None or (self._preview.layer, self._preview.key) != (layer, key):
            book, index = self._up_to_date(layer, key)
            self._preview = Preview(layer, key, book.record(index), book.table)
        n_classes = 1 if record.proposals is None else len(record.proposals.classes)
        with self._editing.writing(layer):
            self._preview.show(classes, n_classes)

    def is_preview(self, layer: Labels) -> bool:
        """Whether a layer shows a preview just now."""
        return self._preview is not None and self._preview.layer is layer

    def end_preview(self, layer: Labels | None = None) -> None:
        """Put back what was on the plane before the preview: of one layer, or whatever it is on."""
        preview = self._preview
        if preview is None or (layer is not None and preview.layer is not layer):
            return
        self._preview = None
        if preview.layer in self._viewer.layers:
            with self._editing.writing(preview.layer):
                preview.end()

    def reconcile(self, layer: Labels) -> bool:
        """Take notice of changes on all planes of a layer; True if there were any."""
        return self._editing.look(layer, everywhere=True)

    def adopt(self, image: Image, layer: Labels, objects: pd.DataFrame) -> None:
        """Take over a labels layer that a project restored, with its objects."""
        self._targets[image] = layer
        set_objects(layer, objects)

    def restore(self, layer: Labels, key: Key, proposals: Proposals) -> None:
        """Take over the proposals of a plane from a project, next to its corrected labels.

        Where no journal tells what a person erased, it is what was proposed and is not there.
        """
        book = self._editing.book(layer)
        record = book.record(book.index(key))
        record.proposals = proposals
        semantic = proposals.postprocess.mode == "semantic"
        if semantic:
            table = book.table
            drawn = [
                label
                for label, source in zip(table.column("label"), table.column("source"), strict=True)
                if source == "manual"
            ]
            base = np.where(is_one_of(record.current, drawn), record.current, 0)
            record.basis = replace(record.basis, base=base, semantic=True)
            color(layer, proposals, semantic)
        if not book.has_past:
            record.count_edit(np.flatnonzero((proposals.labels > 0) & (record.current == 0)), 1)

    def objects(self, layer: Labels) -> pd.DataFrame:
        """All objects of a layer, one row each; those that were rejected, too."""
        if self._editing.known(layer) is None:
            table = get_objects(layer)
            return ObjectTable().to_frame() if table is None else table
        return self._editing.table(layer).to_frame()

    def _up_to_date(self, layer: Labels, key: Key) -> tuple[LayerBook, tuple[int, ...]]:
        """The journal of a layer, and a plane on which it knows everything."""
        book = self._editing.book(layer)
        index = book.index(key)
        if not self.is_preview(layer):
            self._editing.look_at(book, index)
        return book, index

    def _overwrite(self, layer: Labels, key: Key, made: Written) -> None:
        """Write a whole plane, over what a preview shows there."""
        labels = made.made.labels
        if made.region is None:
            overwrite_plane(layer, key, labels, int(labels.max(initial=0)))
        else:
            overwrite_part(layer, key, *made.region, labels)
        if self.is_preview(layer):
            self._preview = None
