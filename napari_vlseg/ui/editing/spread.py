"""Pixels of a labels array by row-major index, and axes that a journal leaves out. Pure NumPy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from napari_vlseg.pixel_changes import PixelChange
from napari_vlseg.ui.objects import is_one_of

Index = tuple[int, ...]
"""Position of a plane on the leading axes of the journal's array."""


@dataclass(frozen=True, eq=False)
class Spread:
    """A change pixel by pixel.

    Attributes
    ----------
    flat : numpy.ndarray, shape (n,), int64
        Ascending indices into the whole array in row-major order.
    new : numpy.ndarray, shape (n,), int64
    """

    flat: np.ndarray
    new: np.ndarray

    @classmethod
    def of(cls, pixels: PixelChange | None) -> Spread:
        """The pixels of a change, none where there is none."""
        if pixels is None:
            return cls(np.empty(0, np.int64), np.empty(0, np.int64))
        return cls(pixels.indices(), np.repeat(pixels.new, pixels.lengths))


def runs_of(plane: np.ndarray, labels: Sequence[int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Starts, lengths and values, int64, of the runs of some labels in row-major order."""
    flat = plane.ravel()
    starts = np.concatenate([[0], np.flatnonzero(flat[1:] != flat[:-1]) + 1])
    lengths = np.diff(np.append(starts, flat.size))
    values = flat[starts]
    mine = is_one_of(values, labels)
    return starts[mine], lengths[mine], values[mine].astype(np.int64)


def squeezed_axis(whole: tuple[int, ...], shape: tuple[int, ...]) -> int | None:
    """The axis of length 1 that an array has beyond its journal."""
    if len(whole) == len(shape):
        return None
    return next((axis for axis in range(len(whole)) if without_axis(whole, axis) == shape), None)


def without_axis(shape: tuple[int, ...], axis: int | None) -> tuple[int, ...]:
    return shape if axis is None else shape[:axis] + shape[axis + 1 :]
