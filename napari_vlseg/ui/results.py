"""The labels layers that results land on, and the memory of every plane in them."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import pandas as pd
from napari.components import ViewerModel
from napari.layers import Image, Labels

from napari_vlseg.errors import ImageError
from napari_vlseg.images import ImageView
from napari_vlseg.proposals import Proposals, empty_objects
from napari_vlseg.ui.composing import Composition, Policy, compose
from napari_vlseg.ui.geometry import Key, geometry
from napari_vlseg.ui.layers import (
    METADATA_KEY,
    add_labels,
    color,
    get_objects,
    read_plane,
    set_objects,
    write_plane,
)
from napari_vlseg.ui.objects import count_pixels, is_one_of
from napari_vlseg.ui.planes import PlaneRecord, Written
from napari_vlseg.ui.preview import Preview


@dataclass(frozen=True, eq=False)
class Place:
    """Where a result goes.

    Attributes
    ----------
    image : napari.layers.Image
    view : ImageView
    key
        The plane, see `napari_vlseg.ui.layers.plane_key`.
    on : napari.layers.Labels or None
        The labels layer at the time of asking.
    policy : {"keep", "replace", "add"}
    """

    image: Image
    view: ImageView
    key: Key
    on: Labels | None
    policy: Policy


class Results:
    """Which labels layer belongs to which image, and what was written to its planes."""

    def __init__(self, viewer: ViewerModel) -> None:
        self._viewer = viewer
        self._targets: WeakKeyDictionary[Image, Labels] = WeakKeyDictionary()
        self._records: WeakKeyDictionary[Labels, dict[Key, PlaneRecord]] = WeakKeyDictionary()
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

    def image_of(self, labels: Labels) -> Image | None:
        """The image whose results land on a labels layer."""
        return next((image for image, layer in self._targets.items() if layer is labels), None)

    def record(self, image: Image, key: Key) -> PlaneRecord | None:
        """What is known about a plane, if something was written to it."""
        layer = self.target(image)
        return None if layer is None else self._records.get(layer, {}).get(key)

    def records(self, layer: Labels) -> dict[Key, PlaneRecord]:
        """What is known about each plane of a layer."""
        return dict(self._records.get(layer, {}))

    def draft(self, image: Image, key: Key, shape: tuple[int, int]) -> PlaneRecord:
        """A copy of a plane's memory, brought up to date, for a job to compose on."""
        layer = self.target(image)
        if layer is None:
            return PlaneRecord.of(np.zeros(shape, np.int32), Written())
        plane = self._plane(layer, key)
        record = self._records.get(layer, {}).get(key)
        if record is None:
            return PlaneRecord.of(plane, self._found(layer, key))
        record.reconcile(plane)
        return copy.copy(record)

    def floor(self, image: Image, key: Key) -> int:
        """Highest label on the other planes of the image's labels layer."""
        layer = self.target(image)
        if layer is None or layer.data.ndim == 2:
            return 0
        return max((_highest(plane) for plane in _other_planes(layer.data, key)), default=0)

    def write(self, place: Place, draft: PlaneRecord, made: Composition) -> Labels:
        """Put a composition on its plane, as one step of undo.

        Where the person changed the plane after the draft was taken, or took its layer away,
        it is composed anew.

        Raises
        ------
        ImageError
            If the labels layer no longer fits, or can't be written.
        """
        image, key = place.image, place.key
        layer = self.target(image)
        if layer is not place.on:
            draft = self.draft(image, key, made.labels.shape)
            made = compose(draft, made.proposals, place.policy, self.floor(image, key))
        if layer is None:
            layer = add_labels(self._viewer, image, place.view)
            self._targets[image] = layer
        present = self._plane(layer, key)
        if present.shape != made.labels.shape:
            raise ImageError(
                f"“{layer.name}” no longer has the shape of its image: choose a new layer."
            )
        if draft.reconcile(present):
            made = compose(draft, made.proposals, place.policy, self.floor(image, key))
        write_plane(layer, key, made.labels, present)
        self._preview = None
        draft.follow(made)
        self._records.setdefault(layer, {})[key] = draft
        color(layer, made.proposals)
        self._mirror(layer)
        return layer

    def put(self, place: Place, draft: PlaneRecord) -> Labels:
        """Write the plane of a draft that a person committed to, as one step of undo.

        Raises
        ------
        ImageError
            If the labels layer can't be written.
        """
        layer = self.target(place.image)
        if layer is None:
            layer = add_labels(self._viewer, place.image, place.view)
            self._targets[place.image] = layer
        write_plane(layer, place.key, draft.current, self._plane(layer, place.key))
        self._preview = None
        self._records.setdefault(layer, {})[place.key] = draft
        self._mirror(layer)
        return layer

    def preview(self, image: Image, key: Key, classes: np.ndarray) -> None:
        """Show a class map (H, W) on a plane while a slider moves; nothing is kept of it."""
        layer, record = self.target(image), self.record(image, key)
        if layer is None or record is None:
            return
        if self._preview is None or (self._preview.layer, self._preview.key) != (layer, key):
            record.reconcile(self._plane(layer, key))
            self._preview = Preview(layer, key, record)
        n_classes = 1 if record.proposals is None else len(record.proposals.classes)
        self._preview.show(classes, n_classes)

    def end_preview(self) -> None:
        """Put back what was on the plane before the preview."""
        preview, self._preview = self._preview, None
        if preview is not None and preview.layer in self._viewer.layers:
            preview.end()

    def reconcile(self, layer: Labels) -> bool:
        """Take notice of edits on a layer; True if there were any."""
        if self._preview is not None:
            return False
        changed = False
        for key, record in self._records.get(layer, {}).items():
            plane = read_plane(layer, key)
            if plane.shape != record.current.shape:
                del self._records[layer]
                return True
            changed |= record.reconcile(plane)
        if changed:
            self._mirror(layer)
        return changed

    def adopt(self, image: Image, layer: Labels, objects: pd.DataFrame) -> None:
        """Take over a labels layer that a project restored, with its objects."""
        self._targets[image] = layer
        set_objects(layer, objects)

    def restore(self, layer: Labels, key: Key, proposals: Proposals) -> None:
        """Take over the proposals of a plane from a project, next to its corrected labels."""
        record = PlaneRecord.of(read_plane(layer, key), self._found(layer, key))
        record.proposals = proposals
        record.base = np.where(is_one_of(record.current, record.state.own), 0, record.current)
        record.edited = (proposals.labels > 0) & (record.current == 0)
        self._records.setdefault(layer, {})[key] = record

    def objects(self, layer: Labels) -> pd.DataFrame:
        """All objects of a layer, one row each."""
        table = get_objects(layer)
        return empty_objects() if table is None else table

    def _plane(self, layer: Labels, key: Key) -> np.ndarray:
        """What is on a plane, a preview taken away."""
        if self._preview is not None:
            if (self._preview.layer, self._preview.key) == (layer, key):
                return self._preview.before
            self.end_preview()
        return read_plane(layer, key)

    def _found(self, layer: Labels, key: Key) -> Written:
        """What the features of a layer say about labels that were not written just now."""
        present = set(count_pixels(read_plane(layer, key)))
        table = self.objects(layer)
        rows = table[table["label"].isin(present)]
        proposed = (rows["status"] == "proposed") & (rows["source"] == "auto")
        own = {int(v) for v in rows.loc[proposed, "label"]}
        touched = present - own if METADATA_KEY in layer.metadata else set(rows["label"]) - own
        return Written(frozenset(own), frozenset(int(v) for v in touched), rows)

    def _mirror(self, layer: Labels) -> None:
        """Show the objects of all known planes in the layer's features."""
        records = self._records.get(layer, {}).values()
        tables = [r.state.objects for r in records if len(r.state.objects)]
        known = {int(v) for table in tables for v in table["label"]}
        rest = self.objects(layer)
        elsewhere = (
            rest[~rest["label"].isin(known)] if len(records) < _n_planes(layer) else rest[:0]
        )
        parts = [*tables, *([elsewhere] if len(elsewhere) else [])]
        joined = pd.concat(parts, ignore_index=True) if parts else empty_objects()
        set_objects(layer, joined.drop_duplicates("label"))


def _n_planes(layer: Labels) -> int:
    return int(np.prod(layer.data.shape[:-2]))


def _highest(plane: Any) -> int:
    return int(np.max(plane, initial=0))


def _other_planes(data: Any, key: Key) -> Iterator[Any]:
    fixed = [axis for axis, part in enumerate(key) if part is not None]
    here = tuple(key[axis] for axis in fixed)
    for place in np.ndindex(*(data.shape[axis] for axis in fixed)):
        if place != here:
            index: list[Any] = [slice(None)] * data.ndim
            for axis, position in zip(fixed, place, strict=True):
                index[axis] = position
            yield data[tuple(index)]
