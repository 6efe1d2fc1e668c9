"""Which pixels of a labels array change, from what to what: small, exact and reversible."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod

import numpy as np

from napari_vlseg.errors import LedgerError


@dataclass(frozen=True, eq=False)
class PixelChange:
    """Pixels of a labels array that change, as runs in row-major order of the whole array.

    On each run the value before and the value after are constant. Arrays of any number of
    dimensions are told by flat indices, so that one change may reach over several planes.

    Attributes
    ----------
    starts : numpy.ndarray, shape (n,), int64
        Flat index of the first pixel of each run; ascending, runs don't overlap.
    lengths : numpy.ndarray, shape (n,), int64
        Pixels of each run, at least 1.
    old, new : numpy.ndarray, shape (n,), int64
        Value on the run before and after.
    """

    starts: np.ndarray
    lengths: np.ndarray
    old: np.ndarray
    new: np.ndarray

    @classmethod
    def between(
        cls,
        before: np.ndarray,
        after: np.ndarray,
        shape: Sequence[int] | None = None,
        index: Sequence[int] = (),
    ) -> PixelChange | None:
        """The change from one array to another, None where they are equal.

        Parameters
        ----------
        before, after : numpy.ndarray, integer or bool, equal shapes
            A whole labels array, or one plane of it.
        shape : sequence of int, optional
            Of the whole array; that of `before` if not given.
        index : sequence of int
            Position of the plane on each leading axis of the whole array.

        Raises
        ------
        ValueError
            If the shapes differ, or are not those of the plane at `index`.
        """
        whole = before.shape if shape is None else tuple(shape)
        if before.shape != after.shape or before.shape != whole[len(index) :]:
            raise ValueError(
                f"arrays of shapes {before.shape} and {after.shape} are not at {tuple(index)} "
                f"of an array of shape {whole}"
            )
        offset = 0
        for position, side in zip(index, whole, strict=False):
            offset = offset * side + position
        old, new = np.ravel(before), np.ravel(after)
        flat = np.flatnonzero(old != new)
        if not flat.size:
            return None
        return _runs(flat + offset * before.size, old[flat], new[flat])

    @classmethod
    def at(cls, flat: np.ndarray, old: np.ndarray, new: np.ndarray | int) -> PixelChange | None:
        """The change of single pixels, None where none changes.

        Parameters
        ----------
        flat : numpy.ndarray of int
            Flat indices into the whole array, in any order. Where a pixel is named more than
            once, its first `old` and its last `new` count.
        old : numpy.ndarray or int
            Values before.
        new : numpy.ndarray or int
            Values after.
        """
        flat = np.asarray(flat, np.int64).ravel()
        before = np.broadcast_to(np.ravel(old), flat.shape)
        after = np.broadcast_to(np.ravel(new), flat.shape)
        if flat.size > 1 and not (flat[1:] > flat[:-1]).all():
            order = np.argsort(flat, kind="stable")
            flat, before, after = flat[order], before[order], after[order]
            starts = np.flatnonzero(np.diff(flat, prepend=flat[0] - 1))
            ends = np.append(starts[1:], flat.size) - 1
            flat, before, after = flat[starts], before[starts], after[ends]
        kept = before != after
        return _runs(flat[kept], before[kept], after[kept]) if kept.any() else None

    @cached_property
    def n_pixels(self) -> int:
        """Pixels that change."""
        return int(self.lengths.sum())

    @cached_property
    def labels(self) -> frozenset[int]:
        """Labels that lose or gain pixels, without the background."""
        return frozenset(np.concatenate([self.old, self.new]).tolist()) - {0}

    def lost(self) -> dict[int, int]:
        """Pixels that each label has at these places before the change."""
        return _counts(self.old, self.lengths)

    def gained(self) -> dict[int, int]:
        """Pixels that each label has at these places after the change."""
        return _counts(self.new, self.lengths)

    def area_change(self) -> dict[int, int]:
        """Pixels that each label gains, negative where it loses some; the background left out."""
        lost, gained = self.lost(), self.gained()
        return {label: gained.get(label, 0) - lost.get(label, 0) for label in self.labels}

    def planes(self, shape: Sequence[int]) -> list[tuple[int, ...]]:
        """Positions on the leading axes (all but the last two) of the planes that change.

        Parameters
        ----------
        shape : sequence of int
            Of the whole array.
        """
        if len(shape) == 2:
            return [()]
        size = prod(shape[-2:])
        first = self.starts // size
        last = (self.starts + self.lengths - 1) // size
        numbers = np.unique(_spread(first, last - first + 1))
        positions = np.unravel_index(numbers, tuple(shape[:-2]))
        return list(zip(*(axis.tolist() for axis in positions), strict=True))

    def indices(self) -> np.ndarray:
        """Flat indices of the pixels, shape (n_pixels,), int64, ascending."""
        return _spread(self.starts, self.lengths)

    def apply(self, labels: np.ndarray, *, check: bool = True) -> None:
        """Make the change in place.

        Parameters
        ----------
        labels : numpy.ndarray, integer or bool
            The whole array.
        check : bool
            Whether to look first if the pixels have the values that they should have before.

        Raises
        ------
        LedgerError
            If they have others, lie outside the array, or the type does not hold the new
            values. The array stays as it was.
        """
        if self.starts[0] < 0 or self.starts[-1] + self.lengths[-1] > labels.size:
            raise LedgerError(
                f"An edit reaches outside the labels of shape {labels.shape}: open the image "
                "that it was made on."
            )
        _check_type(self.new, labels.dtype)
        pixels = self.indices()
        flat = labels.reshape(-1) if labels.flags.c_contiguous else labels.flat
        if check and not np.array_equal(flat[pixels], np.repeat(self.old, self.lengths)):
            raise LedgerError(
                "An edit does not fit the labels, which were changed without being journalled: "
                "open the image again."
            )
        flat[pixels] = np.repeat(self.new, self.lengths)

    def inverted(self) -> PixelChange:
        """The change that takes this one back."""
        return PixelChange(self.starts, self.lengths, self.new, self.old)

    def then(self, later: PixelChange) -> PixelChange | None:
        """This change and a later one as one; None where the second takes the first back."""
        both = (self, later)
        return PixelChange.at(
            np.concatenate([change.indices() for change in both]),
            np.concatenate([np.repeat(change.old, change.lengths) for change in both]),
            np.concatenate([np.repeat(change.new, change.lengths) for change in both]),
        )


def _runs(flat: np.ndarray, old: np.ndarray, new: np.ndarray) -> PixelChange:
    """Runs of ascending pixels that follow one another and have the same values."""
    cuts = (np.diff(flat) != 1) | (old[1:] != old[:-1]) | (new[1:] != new[:-1])
    first = np.concatenate([[0], np.flatnonzero(cuts) + 1])
    lengths = np.diff(np.append(first, flat.size))
    return PixelChange(
        flat[first].astype(np.int64),
        lengths.astype(np.int64),
        old[first].astype(np.int64),
        new[first].astype(np.int64),
    )


def _spread(starts: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """All numbers of the runs, one after the other."""
    ends = np.cumsum(lengths)
    return np.arange(ends[-1]) + np.repeat(starts - (ends - lengths), lengths)


def _counts(values: np.ndarray, lengths: np.ndarray) -> dict[int, int]:
    labels, which = np.unique(values, return_inverse=True)
    totals = np.bincount(which.ravel(), weights=lengths).astype(np.int64)
    found = dict(zip(labels.tolist(), totals.tolist(), strict=True))
    found.pop(0, None)
    return found


def _check_type(values: np.ndarray, dtype: np.dtype) -> None:
    if dtype.kind == "b":
        low, high = 0, 1
    else:
        low, high = int(np.iinfo(dtype).min), int(np.iinfo(dtype).max)
    if values.min() < low or values.max() > high:
        raise LedgerError(
            f"Labels of type {dtype} don't hold the numbers of an edit, up to {values.max()}: "
            "convert the labels layer to a larger type."
        )
