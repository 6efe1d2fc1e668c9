"""What becomes of a plane when objects were found on it, without harm to what a person drew."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from napari_vlseg.ui.objects import is_one_of


def blended(
    current: npt.NDArray[np.integer],
    edited: npt.NDArray[np.bool_],
    found: npt.NDArray[np.integer],
    numbers: Iterable[int],
) -> npt.NDArray[np.integer]:
    """A plane, or a part of one, with objects as they were found.

    Parameters
    ----------
    current : numpy.ndarray, shape (h, w), integer
        Labels there now.
    edited : numpy.ndarray, shape (h, w), bool
        Pixels that a person drew, changed or erased: they stay as they are.
    found : numpy.ndarray, shape (h, w), integer
        Objects that were followed; 0 elsewhere.
    numbers : iterable of int
        Which objects were looked for: what was there of them goes.

    Returns
    -------
    numpy.ndarray
        Pixels of other objects are never taken.
    """
    gone = is_one_of(current, numbers) & ~edited
    base = np.where(gone, 0, current)
    return np.where((found > 0) & (base == 0) & ~edited, found, base)


def box_of(labels: npt.NDArray[np.integer], numbers: Iterable[int]) -> tuple[slice, slice] | None:
    """Rows and columns that hold all pixels of some objects; None where there are none."""
    there = is_one_of(labels, numbers)
    rows, cols = np.flatnonzero(there.any(1)), np.flatnonzero(there.any(0))
    if not len(rows):
        return None
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(cols[0]), int(cols[-1]) + 1)


def around(*boxes: tuple[slice, slice] | None) -> tuple[slice, slice] | None:
    """The smallest box around several; None where there are none."""
    there = [box for box in boxes if box is not None]
    if not there:
        return None
    rows, cols = (
        slice(min(b[axis].start for b in there), max(b[axis].stop for b in there))
        for axis in (0, 1)
    )
    return rows, cols
