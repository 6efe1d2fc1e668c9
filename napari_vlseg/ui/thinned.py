"""Coarse views of large images that have no pyramid, so that showing one doesn't read it whole.

napari reads the whole plane of a layer of one resolution, and copies it a few times. Of a
multiscale layer it reads the resolution that suits the canvas.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from itertools import product
from math import prod
from typing import Any

import numpy as np

from napari_vlseg.images import ImageView
from napari_vlseg.lazy_arrays import chunks_of
from napari_vlseg.planes import plane_axes

LARGEST = 4096**2
"""Pixels of a plane up to which a lazy image is shown as it is."""

_STEP = 4  # from level to level
_COARSEST = 2048
_BLOCK = 2048  # rows and columns that are read at once
_KEPT = 128 * 2**20  # bytes of each level

Span = tuple[int, int]


def shown_levels(stored: Sequence[Any], view: ImageView) -> tuple[Any, ...]:
    """The resolutions to show: those of the file, else thinned ones of a large lazy image."""
    data = stored[0]
    if len(stored) > 1 or isinstance(data, np.ndarray):
        return tuple(stored)
    axes = plane_axes(data, view)
    sides = data.shape[axes.rows], data.shape[axes.cols]
    levels, step = [data], _STEP
    while prod(sides) > LARGEST and max(sides) * _STEP > _COARSEST * step:
        levels.append(ThinnedArray(data, (axes.rows, axes.cols), step))
        step *= _STEP
    return tuple(levels)


def stored_levels(levels: Sequence[Any]) -> tuple[Any, ...]:
    """The resolutions that are in the file: reading a thinned one reads the full one."""
    return tuple(level for level in levels if not isinstance(level, ThinnedArray))


class ThinnedArray:
    """Every n-th row and column of an array, read block by block and kept.

    Parameters
    ----------
    array : array-like
        Takes numbers and slices as index.
    plane : tuple of int
        Axes of rows and columns.
    step : int
        n.
    """

    def __init__(self, array: Any, plane: tuple[int, int], step: int) -> None:
        self._array, self._plane, self._step = array, plane, step
        self.dtype, self.ndim = np.dtype(array.dtype), len(array.shape)
        self.shape = tuple(
            -(-n // step) if axis in plane else int(n) for axis, n in enumerate(array.shape)
        )
        self.size, self.nbytes = prod(self.shape), prod(self.shape) * self.dtype.itemsize
        chunks = chunks_of(array) or (1,) * self.ndim
        self._sides = [_side(chunks[axis], step) // step for axis in plane]
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[Any, ...], np.ndarray] = OrderedDict()
        self._n_bytes = 0

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, key: Any) -> np.ndarray:
        parts = list(key) if isinstance(key, tuple) else [key]
        if Ellipsis in parts:
            place = parts.index(Ellipsis)
            parts[place : place + 1] = [slice(None)] * (self.ndim - len(parts) + 1)
        parts += [slice(None)] * (self.ndim - len(parts))
        # The plane is read with both axes, in full steps; what was asked of it is taken last.
        inner, after = list(parts), [slice(None)] * self.ndim
        spans: list[Span] = []
        for axis in self._plane:
            part, length = parts[axis], self.shape[axis]
            if not isinstance(part, slice):
                part = slice(part % length, part % length + 1)
            start, stop, step = part.indices(length)
            spans.append((min(start, stop), max(start, stop)))
            after[axis] = slice(None, None, step)
            inner[axis] = slice(None)
        pixels = self._assembled(tuple(inner), spans)
        kept = [axis for axis, part in enumerate(inner) if isinstance(part, slice)]
        taken: list[Any] = [after[axis] if isinstance(parts[axis], slice) else 0 for axis in kept]
        return pixels[tuple(taken)]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.asarray(self[...], dtype)

    def _assembled(self, inner: tuple[Any, ...], spans: list[Span]) -> np.ndarray:
        """The rows and columns of two spans, of the blocks they touch."""
        kept = [axis for axis, part in enumerate(inner) if isinstance(part, slice)]
        places = [kept.index(axis) for axis in self._plane]
        shape = [len(range(*inner[axis].indices(self.shape[axis]))) for axis in kept]
        for place, (start, stop) in zip(places, spans, strict=True):
            shape[place] = stop - start
        pixels = np.empty(shape, self.dtype)
        for corner in product(*(_blocks(s, n) for s, n in zip(spans, self._sides, strict=True))):
            block = self._block(inner, corner)
            target, source = [slice(None)] * len(kept), [slice(None)] * len(kept)
            for place, number, (start, stop), side in zip(
                places, corner, spans, self._sides, strict=True
            ):
                first, last = max(start, number * side), min(stop, (number + 1) * side)
                target[place] = slice(first - start, last - start)
                source[place] = slice(first - number * side, last - number * side)
            pixels[tuple(target)] = block[tuple(source)]
        return pixels

    def _block(self, inner: tuple[Any, ...], corner: tuple[int, ...]) -> np.ndarray:
        name = tuple(
            (part.start, part.stop, part.step) if isinstance(part, slice) else int(part)
            for part in inner
        )
        with self._lock:
            if (name, corner) in self._kept:
                self._kept.move_to_end((name, corner))
                return self._kept[name, corner]
        window = list(inner)
        for axis, number, side in zip(self._plane, corner, self._sides, strict=True):
            window[axis] = slice(number * side * self._step, (number + 1) * side * self._step)
        pixels = np.asarray(self._array[tuple(window)])
        kept = [axis for axis, part in enumerate(inner) if isinstance(part, slice)]
        thin = tuple(
            slice(None, None, self._step if axis in self._plane else None) for axis in kept
        )
        block = pixels[thin].copy()
        with self._lock:
            self._kept[name, corner] = block
            self._n_bytes += block.nbytes
            while self._n_bytes > _KEPT and len(self._kept) > 1:
                self._n_bytes -= self._kept.popitem(last=False)[1].nbytes
        return block


def _side(chunk: int, step: int) -> int:
    """Rows or columns of a block: whole chunks and whole steps, about 2048."""
    side = max(_BLOCK // chunk, 1) * chunk
    return -(-side // step) * step


def _blocks(span: Span, side: int) -> range:
    return range(span[0] // side, -(-span[1] // side))
