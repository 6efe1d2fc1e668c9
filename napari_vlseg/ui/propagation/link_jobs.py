"""What linking planes and showing tracks has done beside the window."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage as ndi

from napari_vlseg.events import Progress, Work
from napari_vlseg.pixel_changes import PixelChange
from napari_vlseg.ui.objects import is_one_of, labels_in
from napari_vlseg.ui.propagation.jobs import Course
from napari_vlseg.workflow.label_boxes import boxes_of
from napari_vlseg.workflow.linked import Linked, Sighting
from napari_vlseg.workflow.linking import Linker, LinkSettings


@dataclass(frozen=True, eq=False)
class Joined:
    """Which labels are one object, and what it takes to write that.

    Attributes
    ----------
    into : dict of int to int
        Label → the label of its object; labels that stay are left out.
    pixels : PixelChange or None
        None where nothing changes.
    """

    into: dict[int, int]
    pixels: PixelChange | None


def link_job(
    course: Course,
    class_of: Mapping[int, str],
    index_of: Callable[[int], tuple[int, ...]],
    shape: Sequence[int],
    settings: LinkSettings,
) -> Work[Joined]:
    """Find out which labels of a course are one object: of one class, by overlap.

    Parameters
    ----------
    class_of : mapping of int to str
    index_of : callable
        Where a plane lies on the leading axes of the labels.
    shape : sequence of int
        Of the labels.
    """
    linkers: dict[str, Linker] = {}
    areas: dict[int, int] = {}
    same: list[tuple[int, int]] = []
    last: dict[tuple[str, int], int] = {}
    for plane in range(course.n_planes):
        labels = course.labels(plane)
        if labels is None:
            labels = np.zeros(tuple(shape[-2:]), np.int32)
        boxes = boxes_of(labels)
        for label, box in boxes.items():
            areas[label] = areas.get(label, 0) + int(np.count_nonzero(labels[box] == label))
        names = {class_of.get(label, "") for label in boxes}
        for name in names | set(linkers):
            mine = [label for label in boxes if class_of.get(label, "") == name]
            linker = linkers.setdefault(name, Linker(settings))
            objects = linker.add(np.where(is_one_of(labels, mine), labels, 0))
            for label, number in objects.items():
                same.append((last.setdefault((name, number), label), label))
        yield Progress("linking planes", plane + 1, course.n_planes)
    into = _into(same, areas)
    return Joined(into, (yield from _renumbering(course, into, index_of, shape)))


def tracks_job(course: Course) -> Work[Linked]:
    """Where each object is on each plane of a course."""
    seen: list[Sighting] = []
    for plane in range(course.n_planes):
        labels = course.labels(plane)
        if labels is not None:
            seen += _sightings(plane, labels)
        yield Progress("following labels", plane + 1, course.n_planes)
    return Linked.of(seen, course.n_planes)


def _sightings(plane: int, labels: npt.NDArray[np.integer]) -> Iterator[Sighting]:
    for label, box in boxes_of(labels).items():
        mask = labels[box] == label
        row, col = ndi.center_of_mass(mask)
        centre = float(row + box[0].start), float(col + box[1].start)
        yield Sighting(plane, label, label, int(np.count_nonzero(mask)), centre)


def _into(same: Sequence[tuple[int, int]], areas: Mapping[int, int]) -> dict[int, int]:
    """Labels that get the number of the largest part of their object."""
    parent = {label: label for label in areas}

    def root(label: int) -> int:
        while parent[label] != label:
            parent[label] = label = parent[parent[label]]
        return label

    for first, second in same:
        parent[root(first)] = root(second)
    groups: dict[int, list[int]] = {}
    for label in areas:
        groups.setdefault(root(label), []).append(label)
    into: dict[int, int] = {}
    for members in groups.values():
        target = max(members, key=lambda label: (areas[label], -label))
        into |= {label: target for label in members if label != target}
    return into


def _renumbering(
    course: Course,
    into: Mapping[int, int],
    index_of: Callable[[int], tuple[int, ...]],
    shape: Sequence[int],
) -> Work[PixelChange | None]:
    """The change that gives labels other numbers, on all planes."""
    changes = []
    for plane in range(course.n_planes):
        labels = course.labels(plane)
        if labels is None:
            continue
        present = [label for label in labels_in(labels).tolist() if label in into]
        if present:
            table = np.arange(max(int(labels.max()), *present) + 1)
            table[present] = [into[label] for label in present]
            change = PixelChange.between(
                labels, table[labels].astype(labels.dtype), shape, index_of(plane)
            )
            if change is not None:
                changes.append(change)
        yield Progress("joining objects", plane + 1, course.n_planes)
    if not changes:
        return None
    changes.sort(key=lambda change: int(change.starts[0]))
    columns = ("starts", "lengths", "old", "new")
    return PixelChange(*(np.concatenate([getattr(c, name) for c in changes]) for name in columns))
