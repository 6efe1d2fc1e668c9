"""What a person made of what was proposed: the IoU of each object with its proposal.

What was proposed for an object is what it looked like when a model had the last word: after the
last proposal or threshold before a person touched it. The journal of edits tells it; for labels
that came without a journal, the proposals that were kept in the project do.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from napari_vlseg.corrections.edits import Edit
from napari_vlseg.corrections.store import ImageEntry
from napari_vlseg.pixel_changes import PixelChange
from napari_vlseg.proposals import completed
from napari_vlseg.workflow.journal_lines import read_journal
from napari_vlseg.workflow.label_boxes import boxes_of

MACHINE_OPS = frozenset({"propose", "threshold"})
"""Edits in which a model has the word."""


def with_proposal_ious(
    entry: ImageEntry, labels: np.ndarray, objects: pd.DataFrame
) -> pd.DataFrame:
    """The table of objects with `iou_proposal_final` filled in.

    It decodes the whole journal of the image, so it is for checkpoints, exports and history,
    not for a stroke.

    Parameters
    ----------
    entry : ImageEntry
    labels : numpy.ndarray, integer
        Of the image, as they are now.
    objects : pandas.DataFrame
        Their table; not changed.

    Returns
    -------
    pandas.DataFrame
        Of a rejected object the IoU is 0; of one that nobody touched 1; of one that no
        model proposed nan.

    Raises
    ------
    ProjectError
        If journal or proposals are damaged.
    """
    table = completed(objects)
    known = _from_journal(entry, labels, table)
    unknown = table[~table["object_uid"].isin(known) & (table["source"] != "manual")]
    if len(unknown):
        known |= _from_proposals(entry, labels, unknown)
    ious = [known.get(uid, float("nan")) for uid in table["object_uid"]]
    return table.assign(iou_proposal_final=np.array(ious, np.float64))


class Originals:
    """Follows edits, and remembers what was proposed of objects that a person touches.

    Parameters
    ----------
    size : int
        Pixels of the labels array.

    Attributes
    ----------
    labels : numpy.ndarray, shape (size,), int64
        After the edits so far.
    """

    def __init__(self, size: int) -> None:
        self.labels = np.zeros(size, np.int64)
        self._made: dict[int, list[PixelChange]] = {}
        self._originals: dict[int, np.ndarray] = {}

    def follow(self, edit: Edit) -> None:
        """Take the next edit; that of “undo” and “redo” as they are resolved."""
        op = edit.cause.get("what", edit.op)
        if edit.pixels is not None:
            if op in MACHINE_OPS:
                for label, change in _by_new_label(edit.pixels):
                    self._made.setdefault(label, []).append(change)
                for label in edit.pixels.labels:
                    self._originals.pop(label, None)
            else:
                for label in edit.pixels.labels & self._made.keys():
                    if label not in self._originals:
                        self._originals[label] = self._pixels_of(label)
            edit.pixels.apply(self.labels, check=False)
        self._rename(edit)

    def iou(self, label: int, labels: np.ndarray, area: int) -> float | None:
        """IoU of an object with what was proposed; None if nothing was.

        Parameters
        ----------
        label : int
        labels : numpy.ndarray
            As they are now.
        area : int
            Pixels that have the label now.
        """
        if label not in self._made:
            return None
        original = self._originals.get(label)
        if original is None:
            return 1.0
        return _iou(int(np.count_nonzero(labels.flat[original] == label)), len(original), area)

    def _pixels_of(self, label: int) -> np.ndarray:
        """Flat indices of an object: it is nowhere but where a model once put it."""
        reached = np.unique(np.concatenate([made.indices() for made in self._made[label]]))
        return reached[self.labels[reached] == label]

    def _rename(self, edit: Edit) -> None:
        moved = {
            int(row.old["label"]): int(row.new["label"])
            for row in edit.rows
            if row.old and row.new and {"label"} <= row.old.keys() & row.new.keys()
        }
        known: tuple[dict[int, Any], ...] = (self._made, self._originals)
        for about in known:
            found = {new: about.pop(old) for old, new in moved.items() if old in about}
            about.update(found)


def _from_journal(entry: ImageEntry, labels: np.ndarray, table: pd.DataFrame) -> dict[str, float]:
    originals = Originals(labels.size)
    for edit in read_journal(entry).edits():
        originals.follow(edit)
    areas = _areas(labels)
    found = {
        uid: originals.iou(label, labels, areas.get(label, 0))
        for uid, label in zip(table["object_uid"], table["label"].tolist(), strict=True)
    }
    return {uid: iou for uid, iou in found.items() if iou is not None}


def _from_proposals(
    entry: ImageEntry, labels: np.ndarray, unknown: pd.DataFrame
) -> dict[str, float]:
    """By the proposals that the project keeps; the last that has the object counts."""
    wanted = dict(zip(unknown["object_uid"], unknown["label"].tolist(), strict=True))
    areas = _areas(labels)
    known: dict[str, float] = {}
    for proposal in reversed(entry.proposals()):
        rows = proposal.objects
        if "object_uid" not in rows or not len(rows):
            continue
        rows = rows[rows["object_uid"].isin(wanted.keys() - known.keys())]
        if not len(rows):
            continue
        proposed, plane = proposal.load_labels(), labels[proposal.index]
        boxes = boxes_of(proposed)
        for uid, value in zip(rows["object_uid"], rows["label"].tolist(), strict=True):
            if value in boxes:
                box = boxes[value]
                original = proposed[box] == value
                shared = np.count_nonzero(plane[box][original] == wanted[uid])
                area = areas.get(wanted[uid], 0)
                known[uid] = _iou(int(shared), int(np.count_nonzero(original)), area)
    return known


def _iou(shared: int, area: int, other: int) -> float:
    return shared / (area + other - shared) if area + other else 1.0


def _areas(labels: np.ndarray) -> Mapping[int, int]:
    values, counts = np.unique(labels, return_counts=True)
    return dict(zip(values.tolist(), counts.tolist(), strict=True))


def _by_new_label(change: PixelChange) -> Iterable[tuple[int, PixelChange]]:
    """The parts of a change that make one label each, without the background."""
    order = np.argsort(change.new, kind="stable")
    values, first = np.unique(change.new[order], return_index=True)
    for value, part in zip(values.tolist(), np.split(order, first[1:]), strict=True):
        if value:
            yield (
                value,
                PixelChange(
                    change.starts[part], change.lengths[part], change.old[part], change.new[part]
                ),
            )
