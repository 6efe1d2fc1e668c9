"""New labels brought into the ones a person already has, without harm to those."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from napari_vlseg.errors import ImageError, SettingsError

MergePolicy = Literal["keep", "replace", "add"]

_COUNTABLE = 10_000_000
"""Largest label for which a table of counts is cheaper than sorting."""


@dataclass(frozen=True, eq=False)
class MergeResult:
    """Labels after a merge.

    Attributes
    ----------
    labels : numpy.ndarray, shape (H, W), integer
        In the dtype of the existing labels, or a wider one where the numbers need it.
    new_label : dict of int to int
        Number of each new object in `labels`; objects that were dropped are missing.
    """

    labels: np.ndarray
    new_label: dict[int, int]


def merge_labels(
    existing: np.ndarray,
    new: np.ndarray,
    policy: MergePolicy,
    protected: np.ndarray | None = None,
) -> MergeResult:
    """Bring new objects into labels that are already there.

    Parameters
    ----------
    existing, new : numpy.ndarray, shape (H, W), integer
        0 is background. Neither is changed.
    policy : {"keep", "replace", "add"}
        ``keep``: existing objects stay as they are, new ones take what is free, and one left
        with less than half of its pixels is dropped. ``replace``: existing objects go, but for
        the protected ones, with which new ones compete as in ``keep``. ``add``: like ``keep``,
        but whatever is left of a new object is added.
    protected : numpy.ndarray, integer, optional
        Numbers of the existing objects that a person touched: no policy alters them, and no
        new object gets one of them.

    Returns
    -------
    MergeResult
        ``replace`` numbers new objects with the smallest free numbers, ``keep`` and ``add``
        with numbers above all existing ones.

    Raises
    ------
    ImageError
        If the shapes differ.
    SettingsError
        If the policy is unknown.
    """
    if policy not in get_args(MergePolicy):
        raise SettingsError(
            f"The merge policy “{policy}” is unknown: choose {', '.join(get_args(MergePolicy))}."
        )
    if existing.shape != new.shape:
        raise ImageError(
            f"The new labels have shape {new.shape} but the existing ones have {existing.shape}: "
            "merge labels of one and the same plane."
        )
    kept = np.array([], np.int64) if protected is None else protected
    if policy == "replace":
        existing = np.where(np.isin(existing, kept), existing, existing.dtype.type(0))
    free = np.where(existing == 0, new, new.dtype.type(0))
    accepted = _accepted(new, free, 0 if policy == "add" else 0.5)
    used = np.union1d(_areas(existing)[0], kept)
    numbers = _free_numbers(used, len(accepted), above=policy != "replace")
    return _write(existing, free, accepted, numbers)


def _accepted(new: np.ndarray, free: np.ndarray, share: float) -> np.ndarray:
    """Numbers of new objects of which at least `share`, and a pixel, is free."""
    values, areas = _areas(new)
    left_values, left = _areas(free)
    whole = areas[np.searchsorted(values, left_values)]
    return left_values[left >= share * whole]


def _areas(labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Label values but 0, int64 in ascending order, and their pixels."""
    pixels = labels[labels != 0].astype(np.int64)
    if pixels.size and pixels.min() > 0 and pixels.max() < _COUNTABLE:
        counts = np.bincount(pixels)
        values = np.flatnonzero(counts)
        return values, counts[values]
    return np.unique(pixels, return_counts=True)


def _free_numbers(used: np.ndarray, count: int, above: bool) -> np.ndarray:
    """`count` positive numbers that are not used: above all used ones, or the smallest."""
    if above:
        return max(int(used.max(initial=0)), 0) + 1 + np.arange(count)
    return np.setdiff1d(np.arange(1, count + len(used) + 1), used)[:count]


def _write(
    existing: np.ndarray, free: np.ndarray, accepted: np.ndarray, numbers: np.ndarray
) -> MergeResult:
    """Write the accepted objects of `free` into a copy of `existing` under their new numbers."""
    highest = int(numbers.max(initial=0))
    labels = existing.astype(np.result_type(existing.dtype, np.min_scalar_type(highest)))
    written = np.isin(free, accepted) & (free != 0)
    labels[written] = numbers[np.searchsorted(accepted, free[written])]
    return MergeResult(labels, dict(zip(accepted.tolist(), numbers.tolist(), strict=True)))
