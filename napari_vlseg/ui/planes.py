"""One plane of a labels layer: what the plugin wrote there, and what the person made of it.

Pure NumPy. The person's edits are found by comparing the plane with what was last written,
so every tool counts (brush, fill, polygon, eraser, other plugins, undo and redo).
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
import pandas as pd
from scipy import ndimage as ndi

from napari_vlseg.masks import merge_labels
from napari_vlseg.proposals import Proposals, empty_objects, new_uid

Policy = Literal["keep", "replace", "add"]

_STATES_KEPT = 64
_MOSTLY = 0.5
_COUNTABLE = 10_000_000  # beyond it a table of counts costs more than sorting


@dataclass(frozen=True, eq=False)
class Written:
    """A state of the plane that is known, because the plugin wrote it.

    Attributes
    ----------
    own : frozenset of int
        Labels that are the plugin's and that nobody changed.
    touched : frozenset of int
        Labels that a person drew or changed; they are never altered.
    objects : pandas.DataFrame
        One row per label, see `napari_vlseg.proposals.OBJECT_COLUMNS`.
    """

    own: frozenset[int] = frozenset()
    touched: frozenset[int] = frozenset()
    objects: pd.DataFrame = field(default_factory=empty_objects)


@dataclass(eq=False)
class PlaneRecord:
    """The memory of one plane.

    Attributes
    ----------
    proposals : Proposals or None
        What the model said last, with its probabilities.
    base : numpy.ndarray, shape (H, W)
        The plane without the plugin's objects.
    current : numpy.ndarray, shape (H, W)
        The plane as it was when it was last looked at.
    edited : numpy.ndarray of bool, shape (H, W)
        Pixels that the person changed since the proposals came.
    state : Written
        What is known about the labels in `current`.
    shown : tuple of str or None
        Classes that are visible; None is all.
    proposals_saved : bool
        Whether a project holds the proposals.
    """

    base: np.ndarray
    current: np.ndarray
    edited: np.ndarray
    state: Written
    proposals: Proposals | None = None
    shown: tuple[str, ...] | None = None
    proposals_saved: bool = True
    _states: OrderedDict[bytes, Written] = field(default_factory=OrderedDict, repr=False)

    @classmethod
    def of(cls, plane: np.ndarray, state: Written) -> PlaneRecord:
        """Start a record on a plane as it is found."""
        current = plane.copy()
        record = cls(current, current, np.zeros(plane.shape, bool), state)
        record.remember()
        return record

    def remember(self) -> None:
        """Keep the present state, so that undo and redo find it again."""
        self._states[_digest(self.current)] = self.state
        while len(self._states) > _STATES_KEPT:
            self._states.popitem(last=False)

    def follow(self, made: Composition, plane: np.ndarray) -> None:
        """Take over what was just written to the plane."""
        self.current = plane.copy()
        self.base, self.state = made.base, made.state
        self.proposals, self.proposals_saved = made.proposals, False
        self.remember()

    def reconcile(self, plane: np.ndarray) -> bool:
        """Take notice of what happened to the plane; True if anything did."""
        if np.array_equal(plane, self.current):
            return False
        known = self._states.get(_digest(plane))
        if known is not None:
            self.state = known
            self.edited = self.edited & (plane == self.current)
        else:
            self._take_edits(plane)
        self.current = plane.copy()
        if known is None:
            self.remember()
        return True

    def _take_edits(self, plane: np.ndarray) -> None:
        changed = plane != self.current
        self.edited = self.edited | changed
        involved = {int(v) for v in np.union1d(plane[changed], self.current[changed]) if v}
        present = present_labels(plane)
        touched = (self.state.touched | involved) & present
        self.state = Written(
            frozenset((self.state.own & present) - touched),
            frozenset(touched),
            _edited_objects(self.state.objects, plane, touched, present),
        )


@dataclass(frozen=True, eq=False)
class Composition:
    """New content of a plane, ready to be written.

    Attributes
    ----------
    labels : numpy.ndarray, shape (H, W)
    base : numpy.ndarray, shape (H, W)
    state : Written
    proposals : Proposals
    """

    labels: np.ndarray
    base: np.ndarray
    state: Written
    proposals: Proposals


def compose(
    record: PlaneRecord, proposals: Proposals, policy: Policy = "keep", floor: int = 0
) -> Composition:
    """Put proposals on a plane without altering what a person drew.

    The plugin's own untouched objects are taken away first; what remains is merged with the
    new ones by `policy`, and objects that a person touched win always.

    Parameters
    ----------
    record : PlaneRecord
        Reconciled with the plane.
    proposals : Proposals
    policy : {"keep", "replace", "add"}
        See `napari_vlseg.masks.merge_labels`.
    floor : int
        New instance labels are greater than this, so that planes of a stack share none.
    """
    own = np.isin(record.current, list(record.state.own))
    kept = np.where(own, np.where(record.edited, 0, record.base), record.current)
    if proposals.postprocess.mode == "semantic":
        return _compose_classes(record, kept, proposals, policy)
    wanted = _without_decided(proposals.labels, _decided(record, kept))
    merged = merge_labels(
        kept, wanted, policy, np.array(sorted(record.state.touched), dtype=np.int64)
    )
    labels, numbers = _renumber(merged.labels, merged.new_label, int(kept.max(initial=0)), floor)
    remaining = present_labels(labels)
    numbers = {old: new for old, new in numbers.items() if new in remaining}
    objects = _rows(record.state.objects, remaining - set(numbers.values()))
    state = Written(
        frozenset(numbers.values()),
        frozenset(record.state.touched & remaining),
        _joined(objects, _numbered(proposals.objects, numbers, labels)),
    )
    return Composition(labels, kept, state, proposals)


def _compose_classes(
    record: PlaneRecord, kept: np.ndarray, proposals: Proposals, policy: Policy
) -> Composition:
    new = proposals.labels
    labels = np.where(new > 0, new, kept) if policy == "replace" else np.where(kept > 0, kept, new)
    labels = np.where(record.edited, record.current, labels)
    present = present_labels(labels)
    numbers = {int(v): int(v) for v in proposals.objects["label"] if int(v) in present}
    objects = _rows(record.state.objects, present - set(numbers))
    own = frozenset(set(numbers) - present_labels(kept))
    touched = frozenset(record.state.touched & present)
    state = Written(own, touched, _joined(objects, _numbered(proposals.objects, numbers, labels)))
    return Composition(labels, kept, state, proposals)


def _decided(record: PlaneRecord, kept: np.ndarray) -> np.ndarray:
    """Regions (H, W) about which the person has decided: touched objects, and erased places."""
    touched = np.where(np.isin(kept, list(record.state.touched)), kept, 0).astype(np.int64)
    erased, n_erased = ndi.label(record.edited & (kept == 0))
    return np.where(erased > 0, erased, touched + n_erased * (touched > 0)) if n_erased else touched


def _without_decided(labels: np.ndarray, regions: np.ndarray) -> np.ndarray:
    """Drop new objects that mean a region which is decided already.

    That is so where at least half of the object, or half of the region, lies in the other.
    What is left of the others keeps off the regions.
    """
    taken = regions > 0
    if not taken.any():
        return labels
    pairs, common = np.unique(
        np.stack([regions[taken], labels[taken].astype(np.int64)]), axis=1, return_counts=True
    )
    share_of_region = common / np.bincount(regions[taken])[pairs[0]]
    share_of_object = common / np.bincount(labels.ravel())[pairs[1]]
    same = (share_of_region >= _MOSTLY) | (share_of_object >= _MOSTLY)
    drop = np.zeros(int(labels.max(initial=0)) + 1, bool)
    drop[pairs[1][same]] = True
    drop[0] = False
    return np.where(drop[labels] | taken, 0, labels)


def _renumber(
    labels: np.ndarray, numbers: dict[int, int], highest_kept: int, floor: int
) -> tuple[np.ndarray, dict[int, int]]:
    start = max(floor, highest_kept)
    wanted = {old: start + rank for rank, old in enumerate(sorted(numbers), start=1)}
    if wanted == numbers or not numbers:
        return labels, dict(numbers)
    table = np.arange(max(int(labels.max(initial=0)), *numbers.values()) + 1)
    for old, number in numbers.items():
        table[number] = wanted[old]
    return table[labels].astype(np.result_type(labels.dtype, np.int32), copy=False), wanted


def _numbered(objects: pd.DataFrame, numbers: dict[int, int], labels: np.ndarray) -> pd.DataFrame:
    rows = objects[objects["label"].isin(list(numbers))].copy()
    rows["label"] = rows["label"].map(numbers).astype("int64")
    areas = np.bincount(labels.ravel())
    rows["area"] = areas[rows["label"].to_numpy()] if len(rows) else rows["area"]
    return rows


def _rows(objects: pd.DataFrame, labels: set[int]) -> pd.DataFrame:
    return objects[objects["label"].isin(labels)]


def _joined(first: pd.DataFrame, second: pd.DataFrame) -> pd.DataFrame:
    filled = [table for table in (first, second) if len(table)]
    if not filled:
        return empty_objects()
    return pd.concat(filled, ignore_index=True) if len(filled) > 1 else filled[0].reset_index(drop=True)


def _edited_objects(
    objects: pd.DataFrame, plane: np.ndarray, touched: set[int], present: set[int]
) -> pd.DataFrame:
    """The table after an edit: touched rows are marked, new labels get rows, gone ones go."""
    rows = _rows(objects, present).copy()
    areas = np.bincount(plane.ravel())
    hit = rows["label"].isin(touched)
    rows.loc[hit, "status"] = "edited"
    rows.loc[hit & (rows["source"] == "auto"), "source"] = "semi-auto"
    if len(rows):
        rows["area"] = areas[rows["label"].to_numpy()]
    drawn = sorted(touched - {int(v) for v in rows["label"]})
    classes = objects["class"].unique()
    name = str(classes[0]) if len(classes) == 1 else ""
    return _joined(rows, _drawn_rows(drawn, areas, name))


def _drawn_rows(labels: list[int], areas: np.ndarray, class_name: str) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "object_uid": [new_uid() for _ in labels],
            "label": np.array(labels, np.int64),
            "class": class_name,
            "score": np.nan,
            "area": np.array([areas[v] for v in labels], np.int64),
            "prompt": "",
            "model": "",
            "threshold": np.nan,
            "status": "edited",
            "source": "manual",
        }
    )


def subset(proposals: Proposals, names: tuple[str, ...]) -> Proposals:
    """The same proposals with fewer classes; probabilities are shared where none is left out."""
    keep = [index for index, name in enumerate(proposals.classes) if name in names]
    if len(keep) == len(proposals.classes):
        return proposals
    return replace(
        proposals,
        probabilities=proposals.probabilities[keep],
        classes=tuple(proposals.classes[i] for i in keep),
        thresholds=tuple(proposals.thresholds[i] for i in keep),
    )


def present_labels(labels: np.ndarray) -> set[int]:
    """Label values other than 0 that occur."""
    highest = int(labels.max(initial=0))
    if highest > _COUNTABLE:
        return {int(v) for v in np.unique(labels)} - {0}
    return {int(v) for v in np.flatnonzero(np.bincount(labels.ravel()))} - {0}


def _digest(plane: np.ndarray) -> bytes:
    return hashlib.blake2b(np.ascontiguousarray(plane), digest_size=16).digest()
