"""Arrays that nobody looks at, packed: labels of a plane take a hundredth of their size so."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numcodecs.zstd import Zstd

from napari_vlseg.ui.objects import labels_in

_CODEC = Zstd(level=1)


@dataclass(frozen=True, eq=False)
class Packed:
    """An array of integers, packed.

    Attributes
    ----------
    shape : tuple of int
    dtype : numpy.dtype
    labels : numpy.ndarray of int64
        Values other than 0 that occur, ascending.
    """

    shape: tuple[int, ...]
    dtype: np.dtype
    labels: np.ndarray
    _content: bytes

    @classmethod
    def of(cls, array: np.ndarray) -> Packed:
        """Pack an array."""
        whole = np.ascontiguousarray(array)
        # The codec takes buffers of one axis.
        return cls(whole.shape, whole.dtype, labels_in(whole), _CODEC.encode(whole.reshape(-1)))

    @property
    def n_bytes(self) -> int:
        """What it takes in memory."""
        return len(self._content)

    @property
    def limits(self) -> tuple[int, int]:
        """Lowest and highest value, 0 among them."""
        return int(self.labels.min(initial=0)), int(self.labels.max(initial=0))

    def array(self) -> np.ndarray:
        """What was packed: a new array that may be changed."""
        array = np.empty(self.shape, self.dtype)
        _CODEC.decode(self._content, array.reshape(-1))
        return array


def unpacked(array: np.ndarray | Packed) -> np.ndarray:
    """An array, packed or not."""
    return array.array() if isinstance(array, Packed) else array
