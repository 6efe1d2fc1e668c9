"""From an outline to the labels layer, and from an object on it back to an outline."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Labels

from napari_vlseg.errors import PromptError
from napari_vlseg.object_table import ObjectTable, RowChange
from napari_vlseg.pixel_changes import PixelChange
from napari_vlseg.ui.clicks.spots import Spot, spot_in_view
from napari_vlseg.ui.editing.book import LayerBook
from napari_vlseg.ui.editing.rows import Said, committed, highest_label
from napari_vlseg.ui.editing.spread import Index
from napari_vlseg.ui.layers import read_plane
from napari_vlseg.ui.objects import is_one_of
from napari_vlseg.ui.planes import PlaneRecord, Standing
from napari_vlseg.ui.results import Place
from napari_vlseg.workflow.clicking import ClickSession
from napari_vlseg.workflow.committing import CommitMode, apply_mask, region_of, target_of
from napari_vlseg.workflow.outlines import Outline

if TYPE_CHECKING:
    from napari_vlseg.ui.clicks.desk import ClickDesk
    from napari_vlseg.ui.controller import Controller

_DONE = {
    "new": "object {label} committed to {name}",
    "add": "added to object {label}",
    "subtract": "taken away from object {label}",
    "replace": "object {label} replaced",
}


@dataclass(frozen=True, eq=False)
class Commit:
    """A commit that is not made yet."""

    label: int
    pixels: PixelChange | None
    rows: tuple[RowChange, ...]
    cause: Mapping[str, Any]


class Committer:
    """Writes what a `ClickDesk` outlined."""

    def __init__(self, controller: Controller, desk: ClickDesk) -> None:
        self._controller = controller
        self._desk = desk

    def commit(self, mode: CommitMode) -> int:
        """Write the outline in view as one step of undo, and give its object's label.

        Raises
        ------
        PromptError
            If there is no object to add to or take from, or nothing would change.
        ImageError
            If the labels layer can't be written.
        """
        controller, desk = self._controller, self._desk
        session, spot = desk.session, desk.spot
        assert session is not None
        assert session.outline is not None
        assert spot is not None
        results, editing = controller.results, controller.editing
        policy, target = controller.policy, results.target(spot.image)
        layer = results.require_target(Place(spot.image, spot.view, spot.key, target, policy))
        results.end_preview(layer)
        book = editing.book(layer)
        index = book.index(spot.key)
        editing.look_at(book, index)
        made = self._plan(book, index, session, mode)
        editing.do(
            layer, "commit", pixels=made.pixels, rows=made.rows, plane=index, cause=made.cause
        )
        editing.mirror(layer)
        layer.selected_label = made.label
        controller.mark_unsaved()
        controller.say(_DONE[mode].format(label=made.label, name=desk.class_name))
        return made.label

    def _plan(
        self, book: LayerBook, index: Index, session: ClickSession, mode: CommitMode
    ) -> Commit:
        desk, outline = self._desk, session.outline
        assert outline is not None
        record = book.record(index)
        label = self._label(mode, book, record, outline)
        here = region_of(record.current, outline.top, outline.left, outline.mask, label)
        rows, cols = here
        labels = record.current[here]
        protected = _protected(record, here, Standing.of(book.table))
        top, left = outline.top - rows.start, outline.left - cols.start
        change = apply_mask(labels, top, left, outline.mask, mode, label, protected)
        pixels = book.change_in(index, *change.moved(rows.start, cols.start))
        # A class is never wholly decided: the next result may go on with it elsewhere.
        status = "edited" if record.basis.semantic else "accepted"
        said = Said(desk.class_name, session.describe(), desk.model, outline.score, status)
        stamp = self._controller.editing.pace.acted()
        cause = {"prompt": said.prompt, "model": said.model, "mode": mode}
        return Commit(label, pixels, committed(book.table, pixels, label, said, stamp), cause)

    def object_at(self, spot: Spot, position: np.ndarray | None) -> tuple[int, np.ndarray]:
        """Label and mask (H, W) of an object: at a place of the world, or else the selected one.

        Without a place it is the one under the pointer, where there is one.

        Raises
        ------
        PromptError
            If there is no object.
        """
        layer = self._require_labels()
        plane = read_plane(layer, spot.key)
        pointer = self._controller.viewer.cursor.position if position is None else position
        label = _label_at(layer, pointer)
        if not label and position is None:
            label = int(layer.selected_label)
        mask = plane == label
        if not label or not mask.any():
            raise PromptError("There is no object here: point at one, and try again.")
        return label, mask

    def choose_class_of(self, label: int) -> None:
        """Let the class of an object be the one that is committed to, where the table has it."""
        name = self._class_of(label)
        for position, row in enumerate(self._controller.prompts.table.rows):
            if row.name == name:
                self._desk.set_row(position)

    def find_alike(self) -> None:
        """Show its class the object that was committed last or is pointed at, and segment.

        Raises
        ------
        PromptError
            If there is no such object.
        """
        controller, desk = self._controller, self._desk
        layer = self._require_labels()
        image = controller.images.require()
        spot = spot_in_view(controller.images, image, desk.settings)
        label, mask = self.object_at(spot, None)
        layer.selected_label = label
        self.choose_class_of(label)
        source = f"{layer.name}, label {label}"
        controller.references.take(desk.row, image, mask, source, controller.segmenter.start)

    def _label(
        self, mode: CommitMode, book: LayerBook, record: PlaneRecord, outline: Outline
    ) -> int:
        """The label that the outline goes to."""
        table = book.table
        if record.basis.semantic and mode in ("new", "add"):
            return self._class_number(table)
        if mode == "new":
            return highest_label(table) + 1
        desk = self._desk
        label = desk.target or target_of(record.current, outline.top, outline.left, outline.mask)
        if not label:
            raise PromptError("There is no object under the outline: press N for a new one.")
        return label

    def _class_number(self, table: ObjectTable) -> int:
        """The number of the class where labels are classes; a class without one gets the next."""
        classes = list(table.column("class"))
        if self._desk.class_name in classes:
            return int(table.column("label")[classes.index(self._desk.class_name)])
        return highest_label(table) + 1

    def _class_of(self, label: int) -> str:
        table = self._controller.editing.table(self._require_labels())
        uid = table.uid_of(label)
        return "" if uid is None else str(table.get(uid, "class"))

    def _require_labels(self) -> Labels:
        layer = self._controller.labels
        if layer is None:
            raise PromptError("There are no labels yet: segment or click an object first.")
        return layer


def _protected(record: PlaneRecord, here: tuple[slice, slice], standing: Standing) -> np.ndarray:
    """Pixels that other objects keep: all but those of untouched proposals."""
    labels = record.current[here]
    if record.basis.semantic:
        return record.edited_at(here) & (labels > 0)
    return (labels > 0) & ~is_one_of(labels, standing.own)


def _label_at(layer: Labels, position: object) -> int:
    value = layer.get_value(position, world=True)
    return int(value) if value else 0
