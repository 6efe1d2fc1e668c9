"""What a person made of what was proposed: the IoU of each object with its proposal.

What was proposed for an object is what it looked like when a model had the last word: after the
last proposal or threshold before a person touched it. The journal of edits tells it; for labels
that came without a journal, the proposals that were kept in the project do.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from napari_vlseg.corrections.edits import Edit
from napari_vlseg.corrections.store import ImageEntry
from napari_vlseg.corrections.stored import StoredProposal
from napari_vlseg.errors import ProjectError
from napari_vlseg.label_planes import LabelPlanes
from napari_vlseg.pixel_changes import PixelChange
from napari_vlseg.proposals import completed
from napari_vlseg.workflow.journal_lines import read_journal
from napari_vlseg.workflow.label_boxes import boxes_of

MACHINE_OPS = frozenset({"propose", "threshold", "propagate"})
"""Edits in which a model has the word."""

_MOST_EDITS = 20_000
"""Edits that are decoded in a second or so."""


def with_proposal_ious(
    entry: ImageEntry, labels: np.ndarray, objects: pd.DataFrame
) -> pd.DataFrame:
    """The table of objects with `iou_proposal_final` and `proposal` filled in.

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
    return with_kept_proposals(entry, labels, _with_journal(entry, labels, completed(objects)))


def as_saved(
    entry: ImageEntry, labels: np.ndarray | LabelPlanes, objects: pd.DataFrame, n_edits: int
) -> pd.DataFrame:
    """The table of objects for a checkpoint: what can't be told soon is nan rather than stale.

    Parameters
    ----------
    entry, labels, objects
        See `with_proposal_ious`.
    n_edits : int
        Edits in the journal; IoUs of long journals, and of labels that are not in memory as a
        whole, are left to exports and to history.
    """
    if n_edits <= _MOST_EDITS and isinstance(labels, np.ndarray):
        try:
            return with_proposal_ious(entry, labels, objects)
        except ProjectError:
            pass  # damage is told when the image is opened: what a person did is saved anyway
    return completed(objects).assign(iou_proposal_final=np.nan)


def with_kept_proposals(entry: ImageEntry, labels: np.ndarray, table: pd.DataFrame) -> pd.DataFrame:
    """What the proposals that the project keeps tell, where nothing else did.

    Parameters
    ----------
    entry : ImageEntry
    labels : numpy.ndarray, integer
    table : pandas.DataFrame
        With all columns of `OBJECT_COLUMNS`; not changed.

    Returns
    -------
    pandas.DataFrame
        `proposal` is the last one that has the object, and `iou_proposal_final` the IoU with
        it, where they were not known.
    """
    proposals = [one for one in entry.proposals() if "object_uid" in one.objects]
    numbers = {uid: one.id for one in proposals for uid in one.objects["object_uid"]}
    came_with = [
        number or numbers.get(uid, "")
        for number, uid in zip(table["proposal"], table["object_uid"], strict=True)
    ]
    table = table.assign(proposal=pd.Series(came_with, table.index, dtype=object))
    unknown = table[table["iou_proposal_final"].isna() & (table["source"] != "manual")]
    known = _from_proposals(proposals, labels, unknown) if len(unknown) else {}
    return _filled(table, known)


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


def _with_journal(entry: ImageEntry, labels: np.ndarray, table: pd.DataFrame) -> pd.DataFrame:
    originals = Originals(labels.size)
    for edit in read_journal(entry).edits():
        originals.follow(edit)
    areas = _areas(labels)
    found = {
        uid: originals.iou(label, labels, areas.get(label, 0))
        for uid, label in zip(table["object_uid"], table["label"].tolist(), strict=True)
    }
    stale = table.assign(iou_proposal_final=np.nan)
    return _filled(stale, {uid: iou for uid, iou in found.items() if iou is not None})


def _filled(table: pd.DataFrame, ious: Mapping[str, float]) -> pd.DataFrame:
    known = zip(table["object_uid"], table["iou_proposal_final"].tolist(), strict=True)
    filled = [ious.get(uid, iou) for uid, iou in known]
    return table.assign(iou_proposal_final=np.array(filled, np.float64))


def _from_proposals(
    proposals: Sequence[StoredProposal], labels: np.ndarray, unknown: pd.DataFrame
) -> dict[str, float]:
    """By the last proposal that has the object."""
    wanted = dict(zip(unknown["object_uid"], unknown["label"].tolist(), strict=True))
    areas = _areas(labels)
    known: dict[str, float] = {}
    for proposal in reversed(proposals):
        rows = proposal.objects
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
