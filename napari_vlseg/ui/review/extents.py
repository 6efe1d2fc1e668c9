"""Where each label lies in an array: boxes around runs of equal labels. Pure NumPy.

Runs serve twice: a scan of a whole array is the runs of its pixels, and an edit names the runs
that it changed, so that boxes follow edits without another scan.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Extents:
    """Boxes around labels.

    Attributes
    ----------
    labels : numpy.ndarray of int64, shape (n,)
        Ascending, without 0.
    first, stop : numpy.ndarray of int64, shape (n, ndim)
        First position, and the one after the last, on each axis.
    """

    labels: np.ndarray
    first: np.ndarray
    stop: np.ndarray


def runs_of(pixels: np.ndarray, offset: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Runs of equal labels other than 0.

    Parameters
    ----------
    pixels : numpy.ndarray of integers
        Read in C order.
    offset : int
        Flat position of the first pixel in the whole array.

    Returns
    -------
    tuple of numpy.ndarray
        First flat position, length and label of each run.
    """
    flat = pixels.ravel()
    if not flat.size:
        nothing = np.zeros(0, np.int64)
        return nothing, nothing, nothing
    starts = np.concatenate([[0], np.flatnonzero(flat[1:] != flat[:-1]) + 1])
    lengths = np.diff(starts, append=flat.size)
    values = flat[starts].astype(np.int64)
    held = values != 0
    return starts[held] + offset, lengths[held], values[held]


def extents_of_runs(
    starts: np.ndarray, lengths: np.ndarray, values: np.ndarray, shape: Sequence[int]
) -> Extents:
    """Boxes around the runs of each label.

    Parameters
    ----------
    starts, lengths, values : numpy.ndarray of int64, shape (n,)
        Flat position, length and label of each run; runs of label 0 don't count, and a run may go
        on in the next row or plane.
    shape : sequence of int
        Of the whole array.

    Returns
    -------
    Extents
    """
    shape = tuple(shape)
    held = (values != 0) & (lengths > 0)
    starts, lengths, values = starts[held], lengths[held], values[held]
    if not values.size:
        none = np.zeros((0, len(shape)), np.int64)
        return Extents(np.zeros(0, np.int64), none, none)
    order = np.argsort(values, kind="stable")
    first, last = _corners(starts[order], (starts + lengths - 1)[order], shape)
    labels, begins = np.unique(values[order], return_index=True)
    return Extents(
        labels,
        np.minimum.reduceat(first, begins, axis=0),
        np.maximum.reduceat(last, begins, axis=0) + 1,
    )


def _corners(
    starts: np.ndarray, ends: np.ndarray, shape: tuple[int, ...]
) -> tuple[np.ndarray, np.ndarray]:
    """Lowest and highest position on each axis between two flat positions."""
    first = np.stack(np.unravel_index(starts, shape), axis=1).astype(np.int64)
    last = np.stack(np.unravel_index(ends, shape), axis=1).astype(np.int64)
    wrapped = np.zeros(len(starts), bool)
    for axis, length in enumerate(shape):
        low, high = first[:, axis].copy(), last[:, axis].copy()
        first[wrapped, axis], last[wrapped, axis] = 0, length - 1
        wrapped |= low != high
    return first, last
