"""Large fills, told by boxes and masks and not pixel by pixel. Pure NumPy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from napari_vlseg.pixel_changes import PixelChange
from napari_vlseg.ui.editing.spread import Index

_LARGE = 500_000  # pixels of the box from which on it is worth while
_MASKED = 4


@dataclass(frozen=True, eq=False)
class Patch:
    """One value painted in a box of one plane.

    Attributes
    ----------
    index : tuple of int
        Of the plane.
    rows, cols : slice
        The box.
    painted : numpy.ndarray of bool, shape (h, w)
        Pixels in it that get the value.
    new : int
    """

    index: Index
    rows: slice
    cols: slice
    painted: np.ndarray
    new: int

    def change(self, before: np.ndarray, width: int, offset: int) -> PixelChange | None:
        """The change of the whole array.

        Parameters
        ----------
        before : numpy.ndarray, shape (h, w)
            What is in the box.
        width : int
            Of the plane.
        offset : int
            Row-major index of its first pixel in the whole array.
        """
        changes = self.painted & (before != self.new)
        other = before[:, 1:] != before[:, :-1]
        begins, ends = changes.copy(), changes.copy()
        begins[:, 1:] &= ~changes[:, :-1] | other
        ends[:, :-1] &= ~changes[:, 1:] | other
        row, col = np.nonzero(begins)
        if not row.size:
            return None
        starts = (row + self.rows.start) * width + col + self.cols.start + offset
        lengths = np.nonzero(ends)[1] - col + 1
        old = before[row, col].astype(np.int64)
        return PixelChange(starts, lengths, old, np.full_like(old, self.new))


def patch_of(atoms: Sequence[Sequence[Any]], shape: Sequence[int]) -> Patch | None:
    """A fill, as napari tells of it, if it is large and on one plane of an array.

    Parameters
    ----------
    atoms : sequence
        What `Labels.events.paint` carries.
    shape : sequence of int
        Of the array, rows and columns last.
    """
    if len(atoms) != 1 or len(atoms[0]) != _MASKED:
        return None
    where, mask, _, new = atoms[0]
    sides = tuple(part.stop - part.start for part in where)
    if len(sides) != len(shape) or sides[-1] * sides[-2] < _LARGE or set(sides[:-2]) - {1}:
        return None
    painted = np.ones(sides[-2:], bool) if mask is None else mask.reshape(sides[-2:])
    rows, cols = where[-2:]
    return Patch(tuple(part.start for part in where[:-2]), rows, cols, painted, int(new))
