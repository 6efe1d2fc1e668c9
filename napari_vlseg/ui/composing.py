"""Proposals put on a plane without altering what a person drew there. Pure NumPy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import ndimage as ndi

from napari_vlseg.masks import merge_labels
from napari_vlseg.proposals import Proposals
from napari_vlseg.ui.objects import count_pixels, is_one_of, joined, numbered, rows_of
from napari_vlseg.ui.planes import PlaneRecord, Written, digest_of

Policy = Literal["keep", "replace", "add"]

_MOSTLY = 0.5


@dataclass(frozen=True, eq=False)
class Composition:
    """New content of a plane, ready to be written.

    Attributes
    ----------
    labels : numpy.ndarray, shape (H, W)
    base : numpy.ndarray, shape (H, W)
    state : Written
    proposals : Proposals
    digest : bytes
        See `napari_vlseg.ui.planes.digest_of`; taken here, beside the window.
    """

    labels: np.ndarray
    base: np.ndarray
    state: Written
    proposals: Proposals
    digest: bytes


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
    kept = record.kept()
    if proposals.postprocess.mode == "semantic":
        return _compose_classes(record, kept, proposals, policy)
    wanted = _without_decided(proposals.labels, _decided(record, kept))
    merged = merge_labels(
        kept, wanted, policy, np.array(sorted(record.state.touched), dtype=np.int64)
    )
    labels, numbers = _renumber(merged.labels, merged.new_label, int(kept.max(initial=0)), floor)
    areas = count_pixels(labels)
    numbers = {old: new for old, new in numbers.items() if new in areas}
    objects = rows_of(record.state.objects, areas.keys() - set(numbers.values()))
    state = Written(
        frozenset(numbers.values()),
        frozenset(record.state.touched & areas.keys()),
        joined(objects, numbered(proposals.objects, numbers, areas)),
    )
    return Composition(labels, kept, state, proposals, digest_of(labels))


def _compose_classes(
    record: PlaneRecord, kept: np.ndarray, proposals: Proposals, policy: Policy
) -> Composition:
    new = proposals.labels
    labels = np.where(new > 0, new, kept) if policy == "replace" else np.where(kept > 0, kept, new)
    labels = np.where(record.edited, record.current, labels)
    areas = count_pixels(labels)
    numbers = {int(v): int(v) for v in proposals.objects["label"] if int(v) in areas}
    touched = record.state.touched & areas.keys()
    rows = numbered(proposals.objects, numbers, areas)
    rows.loc[rows["label"].isin(list(touched)), ["status", "source"]] = "edited", "semi-auto"
    others = rows_of(record.state.objects, areas.keys() - set(numbers))
    own = numbers.keys() - touched - count_pixels(kept).keys()
    state = Written(frozenset(own), frozenset(touched), joined(others, rows), semantic=True)
    return Composition(labels, kept, state, proposals, digest_of(labels))


def _decided(record: PlaneRecord, kept: np.ndarray) -> np.ndarray:
    """Regions (H, W) about which the person has decided: touched objects, and erased places."""
    touched = np.where(is_one_of(kept, record.state.touched), kept, 0).astype(np.int64)
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
