"""Where the objects of a labels layer are, kept up to date while they are edited."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from napari_vlseg.events import Progress, Work
from napari_vlseg.ui.review.extents import Extents, extents_of_runs, runs_of

_BAND = 4_000_000  # pixels read at once, so that the window gets its turn in between
_FEW_PLANES = 32  # that are searched for the plane that shows most of an object
_SPARSE = 4


@dataclass(frozen=True)
class Box:
    """A region of an array: first position and the one after the last, on each axis."""

    first: tuple[int, ...]
    stop: tuple[int, ...]

    @property
    def slices(self) -> tuple[slice, ...]:
        """As an index."""
        return tuple(map(slice, self.first, self.stop))


class Places:
    """A box around each label. A box may be too large after an edit, and never too small.

    Parameters
    ----------
    shape : sequence of int
        Of the labels array.
    """

    def __init__(self, shape: Sequence[int]) -> None:
        self.shape = tuple(shape)
        self._slots: dict[int, int] = {}
        self._first = np.zeros((0, len(self.shape)), np.int64)
        self._stop = np.zeros((0, len(self.shape)), np.int64)

    def __len__(self) -> int:
        return len(self._slots)

    def add(self, extents: Extents) -> None:
        """Widen the boxes of labels, new ones get theirs."""
        new = [label for label in extents.labels.tolist() if label not in self._slots]
        for label in new:
            self._slots[label] = len(self._slots)
        low, high = np.iinfo(np.int64).min, np.iinfo(np.int64).max
        more = (len(new), len(self.shape))
        self._first = np.concatenate([self._first, np.full(more, high)])
        self._stop = np.concatenate([self._stop, np.full(more, low)])
        at = np.array([self._slots[label] for label in extents.labels.tolist()], np.intp)
        self._first[at] = np.minimum(self._first[at], extents.first)
        self._stop[at] = np.maximum(self._stop[at], extents.stop)

    def add_runs(self, starts: np.ndarray, lengths: np.ndarray, values: np.ndarray) -> None:
        """Widen boxes by runs that an edit wrote."""
        self.add(extents_of_runs(starts, lengths, values, self.shape))

    def box(self, label: int) -> Box | None:
        """The box of a label, or where it was last; None for one that never was."""
        slot = self._slots.get(label)
        if slot is None:
            return None
        return Box(tuple(self._first[slot].tolist()), tuple(self._stop[slot].tolist()))

    def tighten(self, labels: np.ndarray, label: int, box: Box) -> Box | None:
        """Fit the box of a label to its pixels; None, and no change, where it has none.

        Parameters
        ----------
        labels : numpy.ndarray
            The pixels of `box` alone.
        """
        mask = labels == label
        if not mask.any():
            return None
        first, stop = [], []
        for axis, start in enumerate(box.first):
            others = tuple(other for other in range(mask.ndim) if other != axis)
            held = np.flatnonzero(mask.any(axis=others))
            first.append(start + int(held[0]))
            stop.append(start + int(held[-1]) + 1)
        slot = self._slots[label]
        self._first[slot], self._stop[slot] = first, stop
        return Box(tuple(first), tuple(stop))


def scan(data: Any, shape: Sequence[int]) -> Work[Places]:
    """Find the boxes of all labels of an array, which may be edited meanwhile.

    Whoever edits widens the boxes of the result by what was edited since the scan began.
    """
    places, done = Places(shape), 0
    total = int(np.prod(places.shape))
    yield Progress("looking for objects", 0, total)
    for offset, pixels in _bands(data, places.shape):
        places.add_runs(*runs_of(pixels, offset))
        done += pixels.size
        yield Progress("looking for objects", done, total)
    return places


def best_plane(data: Any, label: int, box: Box, plane_axes: tuple[int, int]) -> tuple[int, ...]:
    """Position, on all axes but rows and columns, of the plane that shows most of an object.

    In a box of very many planes it is the best of some of them, spread evenly.
    """
    leading = [axis for axis in range(len(box.first)) if axis not in plane_axes]
    counts = [box.stop[axis] - box.first[axis] for axis in leading]
    n_planes = int(np.prod(counts))
    if n_planes == 1:
        return tuple(box.first[axis] for axis in leading)
    chosen = np.unique(np.linspace(0, n_planes - 1, min(n_planes, _FEW_PLANES)).astype(int))
    places = [
        tuple(
            box.first[axis] + int(step)
            for axis, step in zip(leading, np.unravel_index(number, counts), strict=True)
        )
        for number in chosen.tolist()
    ]
    sparse = 1 if n_planes <= _FEW_PLANES else _SPARSE
    sizes = [
        int((np.asarray(data[_window(box, leading, place, sparse)]) == label).sum())
        for place in places
    ]
    return places[int(np.argmax(sizes))]


def _window(box: Box, leading: list[int], place: tuple[int, ...], step: int) -> tuple[Any, ...]:
    index: list[Any] = [slice(part.start, part.stop, step) for part in box.slices]
    for axis, position in zip(leading, place, strict=True):
        index[axis] = position
    return tuple(index)


def _bands(data: Any, shape: tuple[int, ...]) -> Iterator[tuple[int, np.ndarray]]:
    """Pieces of an array that lie one after the other in C order, and where each begins."""
    if len(shape) < 2:
        yield 0, np.asarray(data)
        return
    size = int(np.prod(shape[-2:]))
    n_rows = max(1, _BAND // max(shape[-1], 1))
    for number, place in enumerate(np.ndindex(*shape[:-2])):
        plane = data[place]
        for top in range(0, shape[-2], n_rows):
            yield number * size + top * shape[-1], np.asarray(plane[top : top + n_rows])
