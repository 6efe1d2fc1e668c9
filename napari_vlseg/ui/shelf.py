"""What is remembered of the planes of one layer, within bounds: most of it packed or on the disk.

A stack of two hundred planes would take gigabytes as arrays. The planes that were used last are
arrays; labels of the others are packed in memory, and what models said of them lies in a
temporary file, which the system deletes however the program ends.
"""

from __future__ import annotations

import tempfile
import threading
from collections import OrderedDict
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from napari_vlseg.proposals import Proposals

if TYPE_CHECKING:
    from napari_vlseg.ui.planes import PlaneRecord

OPEN_BYTES = 192 << 20
"""Most bytes of labels that are held as arrays."""

PROPOSED_BYTES = 256 << 20
"""Most bytes of proposals that are held in memory."""

_FEWEST = 2
"""Planes that stay as they are whatever their size: the one in view, and the one before it."""


class Shelf:
    """Puts away what was not used for longest.

    Parameters
    ----------
    open_bytes, proposed_bytes : int
        See `OPEN_BYTES` and `PROPOSED_BYTES`.

    Attributes
    ----------
    lock : threading.RLock
        Held while planes are packed, unpacked or changed: jobs read them beside the window.
    """

    def __init__(self, open_bytes: int = OPEN_BYTES, proposed_bytes: int = PROPOSED_BYTES) -> None:
        self.lock = threading.RLock()
        self._open_bytes = open_bytes
        self._proposed_bytes = proposed_bytes
        self._open: OrderedDict[PlaneRecord, int] = OrderedDict()
        self._proposed: OrderedDict[PlaneRecord, int] = OrderedDict()

    def used(self, record: PlaneRecord, n_bytes: int) -> None:
        """Note that the labels of a plane are in use, as arrays of so many bytes."""
        with self.lock:
            if next(reversed(self._open), None) is record and self._open[record] == n_bytes:
                return
            self._open[record] = n_bytes
            self._open.move_to_end(record)
            for oldest in _too_much(self._open, self._open_bytes):
                oldest.pack()

    def proposed(self, record: PlaneRecord, proposals: Proposals | None) -> None:
        """Note that a plane got proposals, or that they are looked at."""
        with self.lock:
            self._proposed.pop(record, None)
            if proposals is None or isinstance(proposals.probabilities, np.memmap):
                return
            self._proposed[record] = proposals.probabilities.nbytes + proposals.labels.nbytes
            for oldest in _too_much(self._proposed, self._proposed_bytes):
                oldest.put_proposals_away()


def put_away(proposals: Proposals) -> Proposals:
    """The same with its arrays in a temporary file, read as they are needed."""
    return replace(
        proposals,
        labels=_filed(proposals.labels),
        probabilities=_filed(proposals.probabilities),
        disagreement=None if proposals.disagreement is None else _filed(proposals.disagreement),
    )


def are_the_same(one: Proposals | None, other: Proposals | None) -> bool:
    """Whether two are one answer of a model, put away or not."""
    if one is None or other is None:
        return one is other
    return one.objects is other.objects


def _filed(array: np.ndarray) -> np.ndarray:
    if isinstance(array, np.memmap) or not array.size:
        return array
    with tempfile.TemporaryFile() as file:
        np.ascontiguousarray(array).tofile(file)
        file.flush()
        return np.memmap(file, array.dtype, "r", shape=array.shape)


def _too_much(used: OrderedDict[PlaneRecord, int], most: int) -> list[PlaneRecord]:
    """Take out those that were not used for longest, until the others are few enough."""
    total, taken = sum(used.values()), []
    while total > most and len(used) > _FEWEST:
        record, n_bytes = used.popitem(last=False)
        total -= n_bytes
        taken.append(record)
    return taken
