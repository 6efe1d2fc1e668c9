"""From an outline to the labels layer, and from an object on it back to an outline."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from napari.layers import Labels

from napari_vlseg.errors import PromptError
from napari_vlseg.proposals import new_uid
from napari_vlseg.ui.clicks.spots import Spot, spot_in_view
from napari_vlseg.ui.layers import read_plane
from napari_vlseg.ui.objects import is_one_of, row_of
from napari_vlseg.ui.planes import PlaneRecord
from napari_vlseg.ui.results import Place
from napari_vlseg.workflow.clicking import ClickSession
from napari_vlseg.workflow.committing import CommitMode, apply_mask, target_of
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
        outline, key = session.outline, spot.key
        results = controller.results
        draft = results.draft(spot.image, key, spot.shape)
        label = self._label(mode, draft, outline, results.floor(spot.image, key))
        change = apply_mask(
            draft.current, outline.top, outline.left, outline.mask, mode, label, _protected(draft)
        )
        draft.commit(change.applied(draft.current), self._row(session, draft, label), change.gone)
        target = results.target(spot.image)
        layer = results.put(Place(spot.image, spot.view, key, target, controller.policy), draft)
        layer.selected_label = label
        controller.watch(layer)
        controller.mark_unsaved()
        controller.say(_DONE[mode].format(label=label, name=desk.class_name))
        return label

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

    def _label(self, mode: CommitMode, draft: PlaneRecord, outline: Outline, floor: int) -> int:
        """The label that the outline goes to."""
        if draft.state.semantic and mode in ("new", "add"):
            return self._class_number(draft)
        if mode == "new":
            return max(floor, int(draft.current.max(initial=0))) + 1
        desk = self._desk
        label = desk.target or target_of(draft.current, outline.top, outline.left, outline.mask)
        if not label:
            raise PromptError("There is no object under the outline: press N for a new one.")
        return label

    def _class_number(self, draft: PlaneRecord) -> int:
        """The number of the class where labels are classes; a class without one gets the next."""
        objects = draft.state.objects
        found = objects.loc[objects["class"] == self._desk.class_name, "label"]
        return int(found.iloc[0]) if len(found) else int(draft.current.max(initial=0)) + 1

    def _row(self, session: ClickSession, draft: PlaneRecord, label: int) -> pd.DataFrame:
        """The object's row of the table, after this commit."""
        outline, objects = session.outline, draft.state.objects
        assert outline is not None
        known = objects[objects["label"] == label]
        if len(known):
            return _corrected(known, session.describe(), self._desk.model)
        return row_of(
            object_uid=new_uid(),
            label=label,
            class_name=self._desk.class_name,
            score=outline.score,
            prompt=session.describe(),
            model=self._desk.model,
            status="accepted",
            source="semi-auto",
        )

    def _class_of(self, label: int) -> str:
        table = self._controller.results.objects(self._require_labels())
        found = table.loc[table["label"] == label, "class"]
        return str(found.iloc[0]) if len(found) else ""

    def _require_labels(self) -> Labels:
        layer = self._controller.labels
        if layer is None:
            raise PromptError("There are no labels yet: segment or click an object first.")
        return layer


def _protected(draft: PlaneRecord) -> np.ndarray:
    """Pixels (H, W) that other objects keep: all but those of untouched proposals."""
    if draft.state.semantic:
        return draft.edited & (draft.current > 0)
    return (draft.current > 0) & ~is_one_of(draft.current, draft.state.own)


def _corrected(known: pd.DataFrame, said: str, model: str) -> pd.DataFrame:
    """The row of an object after clicks changed it: what it came from is still told."""
    row = known.copy()
    row["status"], row["source"] = "edited", "semi-auto"
    row["prompt"] = "; ".join(part for part in (str(row["prompt"].iloc[0]), said) if part)
    models = dict.fromkeys(
        part for part in (*str(row["model"].iloc[0]).split(" + "), model) if part
    )
    row["model"] = " + ".join(models)
    return row


def _label_at(layer: Labels, position: object) -> int:
    value = layer.get_value(position, world=True)
    return int(value) if value else 0
