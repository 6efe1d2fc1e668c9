"""Objects of consecutive planes joined by overlap: 3D instances along z, tracks along time.

Two objects of neighbouring planes belong together by their intersection over union, one to one,
so that the sum over all pairs is greatest (tracking by detection by overlap alone: Bochinski et
al. 2017, "High-speed tracking-by-detection without using image information", there greedily;
here by optimal assignment as Crouse 2016 solves it in SciPy). Only planes that follow one
another are in memory, and the outlines of objects that a gap may still bring back.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sized
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from scipy import ndimage as ndi
from scipy import sparse
from scipy.optimize import linear_sum_assignment
from scipy.sparse.csgraph import connected_components

from napari_vlseg.errors import ImageError, SettingsError
from napari_vlseg.events import Progress, Work
from napari_vlseg.workflow.label_boxes import boxes_of
from napari_vlseg.workflow.linked import Linked, Sighting

Labels = npt.NDArray[np.integer]
Mask = npt.NDArray[np.bool_]

_DAUGHTER_INSIDE = 0.5
"""Share of a daughter's pixels that lie where its mother was, at least."""


@dataclass(frozen=True)
class LinkSettings:
    """When objects of neighbouring planes are one.

    Attributes
    ----------
    least_iou : float
        Smallest intersection over union of two outlines of one object, in (0, 1].
    gap : int
        Planes in a row that an object may be missing from, 0 for none.
    splits : bool
        Whether an object that two successors lie in ends there as their mother; else the
        better of the two goes on as the object.

    Raises
    ------
    SettingsError
        If a value lies outside its range.
    """

    least_iou: float = 0.25
    gap: int = 0
    splits: bool = False

    def __post_init__(self) -> None:
        if not 0 < self.least_iou <= 1:
            raise SettingsError(
                f"least_iou is {self.least_iou:g}: choose a number above 0 and up to 1."
            )
        if self.gap < 0:
            raise SettingsError(f"gap is {self.gap}: choose a number of planes from 0.")


def link_planes(
    planes: Iterable[npt.ArrayLike], total: int | None = None, settings: LinkSettings | None = None
) -> Work[Linked]:
    """Say which objects of consecutive planes are one.

    Parameters
    ----------
    planes : iterable of array_like, equal shapes (H, W) or (Z, H, W), integer
        Labels of each plane, or of each volume of a time series; 0 is background, and the
        numbers of two planes have nothing to do with each other. A lazy array of shape
        (n, H, W) is one such iterable.
    total : int, optional
        How many there are, for `Progress`; what `planes` says of its length if not given.
    settings : LinkSettings, optional

    Yields
    ------
    Progress
        After each plane.

    Returns
    -------
    Linked
        Objects are numbered from 1 in the order in which they appear.

    Raises
    ------
    ImageError
        If planes have different shapes or hold no integers.
    """
    settings = settings or LinkSettings()
    count = total if total is not None else _length(planes)
    linker = Linker(settings)
    for number, plane in enumerate(_each(planes)):
        linker.add(plane)
        yield Progress("linking", number + 1, max(count, number + 1))
    return linker.linked()


@dataclass(frozen=True, eq=False)
class _Seen:
    """An object where it was last seen: its bounding box and its pixels there."""

    box: tuple[slice, ...]
    mask: Mask = field(repr=False)
    plane: int

    @property
    def area(self) -> int:
        return int(np.count_nonzero(self.mask))


class Linker:
    """Takes planes one after another and numbers their objects.

    Parameters
    ----------
    settings : LinkSettings
    """

    def __init__(self, settings: LinkSettings) -> None:
        self._settings = settings
        self._alive: dict[int, _Seen] = {}
        self._sightings: list[Sighting] = []
        self._parents: dict[int, list[int]] = {}
        self._shape: tuple[int, ...] | None = None
        self._planes = 0
        self._objects = 0

    def add(self, plane: npt.ArrayLike) -> dict[int, int]:
        """Link the next plane.

        Parameters
        ----------
        plane : array_like, integer
            Labels; 0 is background.

        Returns
        -------
        dict of int to int
            Object of each label of the plane.

        Raises
        ------
        ImageError
            If it has another shape than the planes before, or holds no integers.
        """
        labels = self._checked(plane)
        found = {
            label: _Seen(box, labels[box] == label, self._planes)
            for label, box in boxes_of(labels).items()
        }
        shared = _shared_pixels(self._alive, labels)
        objects = self._assigned(shared, found)
        if self._settings.splits:
            self._split(shared, found, objects)
        for label in found:
            if label not in objects:
                objects[label] = self._new()
        self._note(found, objects)
        return objects

    def linked(self) -> Linked:
        """What was found so far."""
        return Linked.of(self._sightings, self._planes, self._parents)

    def _checked(self, plane: npt.ArrayLike) -> Labels:
        labels = np.asarray(plane)
        if labels.dtype.kind not in "biu":
            raise ImageError(f"The labels have dtype {labels.dtype}: give integer label images.")
        if self._shape is not None and labels.shape != self._shape:
            raise ImageError(
                f"Plane {self._planes} has shape {labels.shape} and those before have "
                f"{self._shape}: link planes of one and the same stack."
            )
        self._shape = labels.shape
        return labels.astype(np.uint8) if labels.dtype.kind == "b" else labels

    def _assigned(
        self, shared: dict[tuple[int, int], int], found: dict[int, _Seen]
    ) -> dict[int, int]:
        ious = {
            (known, label): pixels / (self._alive[known].area + found[label].area - pixels)
            for (known, label), pixels in shared.items()
        }
        good = {pair: iou for pair, iou in ious.items() if iou >= self._settings.least_iou}
        return {label: known for known, label in best_pairs(good)}

    def _split(
        self,
        shared: dict[tuple[int, int], int],
        found: dict[int, _Seen],
        objects: dict[int, int],
    ) -> None:
        """Successors of one object that both lie in it become its daughters."""
        inside: dict[int, list[int]] = {}
        for (known, label), pixels in shared.items():
            free = objects.get(label, known) == known
            if free and pixels >= _DAUGHTER_INSIDE * found[label].area:
                inside.setdefault(known, []).append(label)
        for known, labels in inside.items():
            if len(labels) > 1:
                for label in labels:
                    objects[label] = daughter = self._new()
                    self._parents[daughter] = [known]
                del self._alive[known]

    def _new(self) -> int:
        self._objects += 1
        return self._objects

    def _note(self, found: dict[int, _Seen], objects: dict[int, int]) -> None:
        for label, seen in found.items():
            self._alive[objects[label]] = seen
            self._sightings.append(_sighting(objects[label], label, seen))
        first = self._planes - self._settings.gap
        self._alive = {n: seen for n, seen in self._alive.items() if seen.plane >= first}
        self._planes += 1


def best_pairs(scores: dict[tuple[int, int], float]) -> list[tuple[int, int]]:
    """Pairs in which each member occurs once at most and whose scores have the greatest sum.

    Parameters
    ----------
    scores : dict of (int, int) to float
        Score above 0 of each pair that is possible.

    Notes
    -----
    The pairs fall into groups without a common member, mostly of one or two, so that the cubic
    cost of the assignment is paid for small groups alone.
    """
    if not scores:
        return []
    pairs = np.array(list(scores))
    (firsts, rows), (seconds, cols) = (
        np.unique(pairs[:, side], return_inverse=True) for side in (0, 1)
    )
    size = len(firsts) + len(seconds)
    joined = sparse.coo_matrix((np.ones(len(pairs)), (rows, cols + len(firsts))), (size, size))
    group = connected_components(joined, directed=False)[1][rows]
    values = np.array(list(scores.values()))
    chosen: list[tuple[int, int]] = []
    order = np.argsort(group, kind="stable")
    for members in np.split(order, np.flatnonzero(np.diff(group[order])) + 1):
        chosen += _assign(pairs[members], values[members])
    return chosen


def _assign(pairs: npt.NDArray[np.int64], scores: npt.NDArray[np.float64]) -> list[tuple[int, int]]:
    if len(pairs) == 1:
        return [(int(pairs[0, 0]), int(pairs[0, 1]))]
    (firsts, rows), (seconds, cols) = (
        np.unique(pairs[:, side], return_inverse=True) for side in (0, 1)
    )
    table = np.zeros((len(firsts), len(seconds)))
    table[rows, cols] = scores
    chosen = zip(*linear_sum_assignment(table, maximize=True), strict=True)
    return [(int(firsts[row]), int(seconds[col])) for row, col in chosen if table[row, col] > 0]


def _shared_pixels(known: dict[int, _Seen], labels: Labels) -> dict[tuple[int, int], int]:
    """Pixels that each object, where it was last seen, shares with each label."""
    shared: dict[tuple[int, int], int] = {}
    for number, seen in known.items():
        values, counts = np.unique(labels[seen.box][seen.mask], return_counts=True)
        for label, pixels in zip(values.tolist(), counts.tolist(), strict=True):
            if label:
                shared[number, label] = pixels
    return shared


def _sighting(number: int, label: int, seen: _Seen) -> Sighting:
    centre = ndi.center_of_mass(seen.mask)
    return Sighting(
        seen.plane,
        label,
        number,
        seen.area,
        tuple(float(c + part.start) for c, part in zip(centre, seen.box, strict=True)),
    )


def _each(planes: Iterable[npt.ArrayLike]) -> Iterator[npt.ArrayLike]:
    """The planes of an iterable, or of an array along its first axis, one at a time."""
    shape = getattr(planes, "shape", None)
    if shape is None:
        yield from planes
    else:
        for number in range(shape[0]):
            yield planes[number]  # type: ignore[index]


def _length(planes: Iterable[npt.ArrayLike]) -> int:
    return len(planes) if isinstance(planes, Sized) else 0
