"""Hashes that tell whether pixels are still the same."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from math import prod
from typing import Any

import numpy as np

from napari_vlseg.lazy_arrays import chunks_of

HASHED_WHOLE = 2**30
"""Bytes of pixels up to which all of them are hashed."""

_AT_ONCE = 2**26  # bytes in memory
_SIDE, _WINDOWS = 512, 64
_MOST_SAMPLES = 8  # of a pixel, on a last axis that is read whole
# Fractional parts of the golden ratio and of √2, √3, √5, √7 and √13, whose multiples fill an
# interval evenly.
_SPREAD = (0.6180339887, 0.4142135624, 0.7320508076, 0.2360679775, 0.6457513111, 0.6055512755)

Key = tuple[int | slice, ...]


def pixels_sha256(data: Any) -> str:
    """Hash of shape, dtype and pixels, the same for lazy arrays and either byte order.

    Up to a gigabyte (`HASHED_WHOLE`) every pixel counts, and about 64 MB are in memory at
    once. Of a larger image, which would take as long to hash as to read, 64 windows of
    512 × 512 pixels count that are spread over all of it: another image has another hash, a
    small change may not.

    Parameters
    ----------
    data : array-like

    Returns
    -------
    str
        64 hexadecimal digits.
    """
    large = prod(data.shape) * np.dtype(data.dtype).itemsize > HASHED_WHOLE
    return _digest(data, _windows(data.shape)) if large else whole_sha256(data)


def whole_sha256(data: Any) -> str:
    """`pixels_sha256` of every pixel, whatever the size, which older versions wrote down."""
    return _digest(data, _parts(data))


def has_hash(data: Any, digest: str) -> bool:
    """Whether an image has the hash that was written down, also by an older version."""
    return pixels_sha256(data) == digest or whole_sha256(data) == digest


def _digest(data: Any, keys: Iterator[Key]) -> str:
    dtype = np.dtype(data.dtype).newbyteorder("<")
    digest = hashlib.sha256(f"{tuple(map(int, data.shape))} {dtype.str}".encode())
    for key in keys:
        digest.update(np.ascontiguousarray(data[key], dtype).data)
    return digest.hexdigest()


def _parts(data: Any) -> Iterator[Key]:
    """Parts of an array that follow one another in memory, each of a bounded size."""
    shape = tuple(map(int, data.shape))
    whole, inner = 0, np.dtype(data.dtype).itemsize
    for axis in reversed(range(len(shape))):  # as many last axes as fit are read whole
        if inner * shape[axis] > _AT_ONCE:
            break
        inner *= shape[axis]
        whole += 1
    cut = len(shape) - whole - 1
    if cut < 0:
        yield (slice(None),) * len(shape)
        return
    step = max(_AT_ONCE // inner, 1)
    chunks = chunks_of(data)
    if chunks is not None:
        step = max(step // chunks[cut], 1) * chunks[cut]
    for outer in np.ndindex(shape[:cut]):
        for start in range(0, shape[cut], step):
            yield (*outer, slice(start, start + step), *[slice(None)] * whole)


def _windows(shape: tuple[int, ...]) -> Iterator[Key]:
    """Windows on two axes, single positions on those before, all samples of a pixel."""
    n_whole = int(len(shape) > 2 and shape[-1] <= _MOST_SAMPLES)
    last = len(shape) - n_whole
    for number in range(_WINDOWS):
        key: list[int | slice] = []
        for axis, length in enumerate(shape[:last]):
            place = int((number + 0.5) * _SPREAD[axis % len(_SPREAD)] % 1 * length)
            if axis < last - 2:
                key.append(place)
            else:
                start = place // _SIDE * _SIDE
                key.append(slice(start, min(start + _SIDE, length)))
        yield (*key, *[slice(None)] * n_whole)
