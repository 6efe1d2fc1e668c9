"""Encoded windows of one plane, kept while they are in use."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable

import numpy as np
import torch

from napari_vlseg.models.sam_windows import Window, WindowLattice

_MEMORY = 128 * 2**20


class EncodedPlane:
    """A plane and the embeddings of its windows, the least recently used dropped first.

    Parameters
    ----------
    plane : numpy.ndarray, shape (H, W, 3), float32 in [0, 1]
    lattice : WindowLattice
    limit : int
        Bytes of embeddings to keep.
    """

    def __init__(self, plane: np.ndarray, lattice: WindowLattice, limit: int = _MEMORY) -> None:
        self.plane = plane
        self.lattice = lattice
        self._limit = limit
        self._size = 0
        self._kept: OrderedDict[Window, torch.Tensor] = OrderedDict()
        self._lock = threading.Lock()

    def find(self, windows: Iterable[Window]) -> dict[Window, torch.Tensor]:
        """Embeddings of those windows that are at hand, and mark them as used."""
        with self._lock:
            found = {w: self._kept[w] for w in windows if w in self._kept}
            for window in found:
                self._kept.move_to_end(window)
            return found

    def keep(self, encoded: dict[Window, torch.Tensor]) -> None:
        """Add embeddings and drop the oldest beyond the limit."""
        with self._lock:
            for window, embedding in encoded.items():
                if window not in self._kept:
                    self._kept[window] = embedding
                    self._size += embedding.nbytes
            while self._size > self._limit and len(self._kept) > 1:
                self._size -= self._kept.popitem(last=False)[1].nbytes
