"""Encoded windows of one plane, kept while they are in use."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import torch

from napari_vlseg.models.sam_network import Features
from napari_vlseg.models.sam_windows import Window, WindowLattice

_MEMORY = 128 * 2**20
_LEVEL = "level_"


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
        self._kept: OrderedDict[Window, Features] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def nbytes(self) -> int:
        """Size of the plane and of what is kept now, in bytes."""
        return self.plane.nbytes + self._size

    def find(self, windows: Iterable[Window]) -> dict[Window, Features]:
        """Embeddings of those windows that are at hand, and mark them as used."""
        with self._lock:
            found = {w: self._kept[w] for w in windows if w in self._kept}
            for window in found:
                self._kept.move_to_end(window)
            return found

    def keep(self, encoded: dict[Window, Features]) -> None:
        """Add embeddings and drop the oldest beyond the limit."""
        with self._lock:
            for window, features in encoded.items():
                if window not in self._kept:
                    self._kept[window] = features
                    self._size += _n_bytes(features)
            while self._size > self._limit and len(self._kept) > 1:
                self._size -= _n_bytes(self._kept.popitem(last=False)[1])

    def pack(self) -> tuple[dict[str, torch.Tensor], list[list[int]]]:
        """Everything that is kept: maps of each level, stacked, and their windows' numbers."""
        with self._lock:
            kept = list(self._kept.items())
        levels = zip(*(features for _, features in kept), strict=True)
        tensors = {
            f"{_LEVEL}{n}": torch.stack([m.cpu() for m in maps]) for n, maps in enumerate(levels)
        }
        return tensors, [[*window.place, window.mirror] for window, _ in kept]

    def restore(
        self, tensors: Mapping[str, torch.Tensor], windows: Sequence[Sequence[int]]
    ) -> None:
        """Take over what `pack` gave.

        Raises
        ------
        ValueError
            If tensors and windows are not as many, or a window is none of this plane.
        """
        levels = [tensors[f"{_LEVEL}{number}"] for number in range(len(tensors))]
        for numbers, *features in zip(windows, *levels, strict=True):
            window = Window(*map(int, numbers))
            if not self.lattice.shows(window):
                raise ValueError(f"there is no window {numbers}")
            self.keep({window: tuple(features)})


def _n_bytes(features: Features) -> int:
    return sum(maps.nbytes for maps in features)
