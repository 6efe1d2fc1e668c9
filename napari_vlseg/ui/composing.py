"""Proposals put on a plane without altering what a person drew there. Pure NumPy."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pandas as pd
from scipy import ndimage as ndi

from napari_vlseg.masks import merge_labels
from napari_vlseg.proposals import Proposals, new_uid
from napari_vlseg.ui.objects import count_pixels, is_one_of, rows_of
from napari_vlseg.ui.packing import Packed, unpacked
from napari_vlseg.ui.planes import Basis, Draft

Policy = Literal["keep", "replace", "add", "ask"]
"""What becomes of objects that are there already; asking keeps them until it is answered."""

_MOSTLY = 0.5


@dataclass(frozen=True)
class Overlap:
    """How many new objects lie on how many that are there and may be replaced."""

    new: int = 0
    there: int = 0


@dataclass(frozen=True, eq=False)
class Composition:
    """New content of a plane, ready to be written.

    Attributes
    ----------
    labels : numpy.ndarray, shape (H, W)
    basis : Basis
        What it was composed on, for the next time.
    proposals : Proposals
        An object that was there before has the id that it had.
    rows : pandas.DataFrame
        Rows of the plugin's objects under their labels on the plane.
    overlap : Overlap
    """

    labels: np.ndarray
    basis: Basis
    proposals: Proposals
    rows: pd.DataFrame
    overlap: Overlap = Overlap()


def compose(
    draft: Draft,
    proposals: Proposals,
    policy: Policy = "keep",
    shown: tuple[str, ...] | None = None,
) -> Composition:
    """Put proposals on a plane without altering what a person drew.

    The plugin's own untouched objects are taken away first; what remains is merged with the
    new ones by `policy`, and objects that a person touched win always. A new object that is
    mostly where one of the plugin's own was, of the same class, keeps its label.

    Parameters
    ----------
    draft : Draft
    proposals : Proposals
    policy : {"keep", "replace", "add", "ask"}
        See `napari_vlseg.masks.merge_labels`; “ask” is “keep”.
    shown : tuple of str, optional
        Classes that are visible, to be remembered.
    """
    kept, stays = draft.kept(), draft.stays()
    semantic = proposals.postprocess.mode == "semantic"
    basis = Basis(_shared(np.where(stays, 0, kept), draft.basis.base), semantic, shown)
    if semantic:
        return _compose_classes(draft, kept, basis, proposals, policy)
    wanted = _without_decided(proposals.labels, _decided(draft, kept))
    protected = np.array(sorted(draft.standing.touched), dtype=np.int64)
    merged = merge_labels(kept, wanted, "keep" if policy == "ask" else policy, protected)
    same = _same_objects(draft, merged.labels, merged.new_label, proposals.objects)
    labels, numbers = _renumber(merged.labels, merged.new_label, same, draft.highest)
    replaceable = np.where(is_one_of(kept, draft.standing.touched), 0, kept)
    overlap = _overlap(wanted, replaceable)
    return _composition(draft, labels, basis, proposals, numbers, overlap)


def _compose_classes(
    draft: Draft, kept: np.ndarray, basis: Basis, proposals: Proposals, policy: Policy
) -> Composition:
    new = proposals.labels
    labels = np.where(new > 0, new, kept) if policy == "replace" else np.where(kept > 0, kept, new)
    labels = np.where(draft.edited, draft.plane, labels)
    numbers = {int(label): int(label) for label in proposals.objects["label"]}
    return _composition(draft, labels, basis, proposals, numbers)


def _composition(
    draft: Draft,
    labels: np.ndarray,
    basis: Basis,
    proposals: Proposals,
    numbers: Mapping[int, int],
    overlap: Overlap = Overlap(),
) -> Composition:
    """With the rows of what was written, and the ids of objects that were there before."""
    areas = count_pixels(labels)
    objects = proposals.objects.copy()
    objects["object_uid"] = [
        draft.table.uid_of(numbers.get(label, 0)) or (new_uid() if uid in draft.table else uid)
        for label, uid in zip(objects["label"], objects["object_uid"], strict=True)
    ]
    rows = rows_of(objects, (old for old, new in numbers.items() if new in areas)).copy()
    rows["label"] = rows["label"].map(numbers).astype("int64")
    rows["area"] = np.array([areas[label] for label in rows["label"].tolist()], np.int64)
    return Composition(labels, basis, replace(proposals, objects=objects), rows, overlap)


def _shared(base: np.ndarray, before: np.ndarray | Packed | None) -> np.ndarray | Packed:
    """The base, or the one before where it is the same, so that memory holds it once."""
    is_same = before is not None and np.array_equal(base, unpacked(before))
    return before if before is not None and is_same else base


def _overlap(wanted: np.ndarray, there: np.ndarray) -> Overlap:
    both = (wanted > 0) & (there > 0)
    return Overlap(len(np.unique(wanted[both])), len(np.unique(there[both])))


def _decided(draft: Draft, kept: np.ndarray) -> np.ndarray:
    """Regions (H, W) about which the person has decided: touched objects, and erased places."""
    touched = np.where(is_one_of(kept, draft.standing.touched), kept, 0).astype(np.int64)
    erased, n_erased = ndi.label(draft.edited & (kept == 0))
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


def _same_objects(
    draft: Draft, merged: np.ndarray, new_label: Mapping[int, int], objects: pd.DataFrame
) -> dict[int, int]:
    """Labels in `merged` of new objects, and which of the plugin's own labels each one takes over.

    Two are one object where they are of one class, each covers more of the other than any other
    object does, and at least half of the smaller one.
    """
    mine = is_one_of(draft.plane, draft.standing.own) & is_one_of(merged, new_label.values())
    if draft.basis.semantic or not mine.any():
        return {}
    before, after = draft.plane[mine].astype(np.int64), merged[mine].astype(np.int64)
    span = int(after.max()) + 1
    pairs, common = np.unique(before * span + after, return_counts=True)
    old, new = pairs // span, pairs % span
    areas_before, areas_after = count_pixels(draft.plane), count_pixels(merged)
    old_class = dict(zip(draft.table.column("label"), draft.table.column("class"), strict=True))
    class_of = dict(zip(objects["label"], objects["class"], strict=True))
    new_class = {after: class_of[before] for before, after in new_label.items()}
    best_of_old, best_of_new = _best(old, common), _best(new, common)
    found = {}
    for place, overlap in enumerate(common.tolist()):
        one, other = int(old[place]), int(new[place])
        smaller = min(areas_before[one], areas_after[other])
        is_best = best_of_old[one] == best_of_new[other] == place
        if is_best and overlap >= _MOSTLY * smaller and old_class[one] == new_class[other]:
            found[other] = one
    return found


def _best(objects: np.ndarray, common: np.ndarray) -> dict[int, int]:
    """For each object the pair in which it overlaps most."""
    order = np.argsort(common, kind="stable")
    return dict(zip(objects[order].tolist(), order.tolist(), strict=True))


def _renumber(
    labels: np.ndarray, numbers: Mapping[int, int], same: Mapping[int, int], highest: int
) -> tuple[np.ndarray, dict[int, int]]:
    """New objects under the label that they take over, or else one that no object ever had."""
    fresh = itertools.count(highest + 1)
    wanted = {
        old: same[number] if number in same else next(fresh)
        for old, number in sorted(numbers.items())
    }
    if wanted == numbers or not numbers:
        return labels, dict(numbers)
    table = np.arange(max(int(labels.max(initial=0)), *numbers.values()) + 1)
    for old, number in numbers.items():
        table[number] = wanted[old]
    return table[labels].astype(np.result_type(labels.dtype, np.int32), copy=False), wanted
