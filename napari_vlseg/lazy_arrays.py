"""Arrays that read what is indexed, with their axes in another order than in the file."""

from __future__ import annotations

import operator
import os
import threading
from collections.abc import Sequence
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from napari_vlseg.errors import ImageError
from napari_vlseg.files import reading


class ArrangedArray:
    """An array with its axes in another order, read where it is indexed.

    Parameters
    ----------
    array : array-like
        Has `shape`, `dtype` and takes a tuple of numbers and slices as index.
    order : sequence of int or None
        For each axis of this array, its number in `array`; None for a new one of length 1.

    Attributes
    ----------
    shape, dtype, ndim, size, nbytes
        As of a NumPy array.
    chunks : tuple of int or None
        Pixels that are stored together, where the array tells.

    Examples
    --------
    >>> array = ArrangedArray(np.arange(24).reshape(2, 3, 4), (2, 0, 1))
    >>> array.shape, array[1, :, 2].tolist()
    ((4, 2, 3), [9, 21])
    """

    def __init__(self, array: Any, order: Sequence[int | None]) -> None:
        self._array, self._order = array, tuple(order)
        self.shape = tuple(1 if axis is None else int(array.shape[axis]) for axis in order)
        self.dtype = np.dtype(array.dtype)
        chunks = chunks_of(array)
        self.chunks = chunks and tuple(1 if axis is None else chunks[axis] for axis in order)

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """Number of pixels."""
        return prod(self.shape)

    @property
    def nbytes(self) -> int:
        """Bytes of all pixels."""
        return self.size * self.dtype.itemsize

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, key: Any) -> np.ndarray:
        parts = list(zip(self._order, _expanded(key, self.ndim), strict=True))
        inner: list[int | slice] = [slice(None)] * len(self._array.shape)
        for axis, part in parts:
            if axis is not None:
                inner[axis] = part
        pixels = np.asarray(self._array[tuple(inner)])
        kept = [axis for axis, part in parts if axis is not None and isinstance(part, slice)]
        place = {axis: number for number, axis in enumerate(sorted(kept))}
        pixels = pixels.transpose([place[axis] for axis in kept])
        new = [part if axis is None else slice(None) for axis, part in parts if _stays(axis, part)]
        shape = iter(pixels.shape)
        full = [1 if axis is None else next(shape) for axis, part in parts if _stays(axis, part)]
        return pixels.reshape(full)[tuple(new)]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.asarray(self[...], dtype)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.shape} {self.dtype}>"


class ClosedBetweenReads:
    """An array in a file that is open only while something is read, one read at a time.

    So nothing has to be closed, and the file can be renamed or deleted while it is shown,
    which Windows refuses for open files.

    Parameters
    ----------
    array : array-like
        Reads from `handle`.
    handle : object
        Has `open` and `close`; closed now.
    lock : threading.RLock
        Shared by all arrays of the file.
    """

    def __init__(self, array: Any, handle: Any, lock: threading.RLock) -> None:
        self._array, self._handle, self._lock = array, handle, lock
        self.shape, self.dtype = array.shape, np.dtype(array.dtype)
        self.chunks = chunks_of(array)

    def __getitem__(self, key: Any) -> np.ndarray:
        with self._lock:
            self._handle.open()
            try:
                return np.asarray(self._array[key])
            finally:
                self._handle.close()


class ToldErrors:
    """An array whose file may go away or be damaged while it is open: errors become sentences.

    Parameters
    ----------
    array : array-like
    path : path-like
        The file or folder. Zarr reads what is missing as background, so it is looked for.
    """

    def __init__(self, array: Any, path: Path | str) -> None:
        self._array, self._path = array, Path(path)
        self.shape, self.dtype = tuple(array.shape), np.dtype(array.dtype)
        self.chunks = chunks_of(array)

    def __getitem__(self, key: Any) -> np.ndarray:
        with reading(self._path, ImageError):
            if not self._path.exists():
                raise FileNotFoundError(self._path)
            try:
                return np.asarray(self._array[key])
            except (OSError, MemoryError):
                raise
            except Exception as error:  # decoders of other libraries raise errors of all kinds
                reason = f" ({str(error).splitlines()[0]})" if str(error) else ""
                raise ImageError(
                    f"A part of “{self._path}” can't be read{reason}: it may be damaged, or "
                    'need another package, see pip install "napari-vlseg[slides]".'
                ) from error


class FlatFile:
    """An array that lies in a file without compression, mapped while something is read.

    Parameters
    ----------
    path : path-like
    dtype : numpy.dtype
    shape : tuple of int
    offset : int
        Bytes before the first pixel.
    """

    def __init__(
        self, path: Path | str, dtype: np.dtype, shape: tuple[int, ...], offset: int
    ) -> None:
        self._path, self._offset = os.fspath(path), offset
        self.dtype, self.shape = dtype, shape

    def __getitem__(self, key: Any) -> np.ndarray:
        return np.array(np.memmap(self._path, self.dtype, "r", self._offset, self.shape)[key])


def _stays(axis: int | None, part: int | slice) -> bool:
    """Whether an axis is there after the file was read; a new one is indexed afterwards."""
    return axis is None or isinstance(part, slice)


def chunks_of(array: Any) -> tuple[int, ...] | None:
    """Pixels that are stored together along each axis; None where the array does not tell.

    Of a dask array, whose chunks may differ, the largest.
    """
    chunks = getattr(array, "chunks", None)
    if not chunks or len(chunks) != len(array.shape):
        return None
    return tuple(max(c) if isinstance(c, Sequence) else int(c) for c in chunks)


def _expanded(key: Any, ndim: int) -> list[int | slice]:
    """A number or a slice for each axis.

    Raises
    ------
    IndexError
        For anything else, which would need pixels from all over the file.
    """
    parts = list(key) if isinstance(key, tuple) else [key]
    if any(part is Ellipsis for part in parts):
        place = next(i for i, part in enumerate(parts) if part is Ellipsis)
        parts[place : place + 1] = [slice(None)] * (ndim - len(parts) + 1)
    parts += [slice(None)] * (ndim - len(parts))
    try:
        expanded = [part if isinstance(part, slice) else operator.index(part) for part in parts]
    except TypeError as error:
        raise IndexError("a lazy image takes numbers and slices as index") from error
    if len(expanded) != ndim:
        raise IndexError(f"{len(expanded)} indices for {ndim} axes")
    return expanded
