"""Labels that are too large for memory while a project is read: in a file without a name.

The system deletes it with the last array that shows it, however the program ends.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

LARGE_BYTES = 256 << 20
"""Arrays of more bytes are mapped from a file, which the system reads and writes as needed."""


def blank(shape: Sequence[int], dtype: Any) -> np.ndarray:
    """An array of zeros."""
    if prod(shape) * np.dtype(dtype).itemsize <= LARGE_BYTES:
        return np.zeros(tuple(shape), dtype)
    with tempfile.TemporaryFile() as file:
        return np.memmap(file, dtype, "w+", shape=tuple(shape))


def copied(array: np.ndarray) -> np.ndarray:
    """A copy that may be changed."""
    if array.nbytes <= LARGE_BYTES:
        return array.copy()
    copy = blank(array.shape, array.dtype)
    for part, place in zip(array, copy, strict=True):
        place[...] = part
    return copy


def read_tiff(path: Path, shape: Sequence[int], dtype: Any) -> np.ndarray:
    """The pixels of a TIFF in another shape and type, read page by page where they are many."""
    if prod(shape) * np.dtype(dtype).itemsize <= LARGE_BYTES:
        return tifffile.imread(path).reshape(shape).astype(dtype)
    array = blank(shape, dtype)
    planes = array.reshape(-1, *array.shape[-2:])
    with tifffile.TiffFile(path) as file:
        for plane, page in zip(planes, file.pages, strict=True):
            plane[...] = page.asarray()
    return array
