"""What following objects and linking planes has done beside the window."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage as ndi

from napari_vlseg.errors import ModelError
from napari_vlseg.events import Notice, Progress, Work
from napari_vlseg.images import extract_plane
from napari_vlseg.models.base import PromptableSegmenter
from napari_vlseg.models.registry import DEFAULT_CLICK_MODEL, has_video_memory, load_video_steps
from napari_vlseg.models.video import VideoSegmenter
from napari_vlseg.pixel_changes import PixelChange
from napari_vlseg.ui.image_choice import Whole
from napari_vlseg.ui.jobs import LoadedModel, ModelSettings
from napari_vlseg.ui.native import import_triton_apart
from napari_vlseg.ui.objects import is_one_of, labels_in
from napari_vlseg.ui.packing import Packed, unpacked
from napari_vlseg.ui.remote import address_of
from napari_vlseg.workflow.cache import EmbeddingCache
from napari_vlseg.workflow.label_boxes import boxes_of
from napari_vlseg.workflow.linked import Linked, Sighting
from napari_vlseg.workflow.linking import Linker, LinkSettings
from napari_vlseg.workflow.propagate.following import Direction, Follows, again, propagate
from napari_vlseg.workflow.propagate.pieces import Piece, pieces_of
from napari_vlseg.workflow.propagate.propagated import Propagated

Held = Mapping[int, npt.NDArray[np.integer] | Packed]
"""Plane along the axis that is followed → what the labels hold there."""


def load_video_by_registry(settings: ModelSettings) -> Work[Any]:
    """Load the part of a click model that remembers."""
    yield Progress("loading the model", 0, 0)
    import_triton_apart()
    return (
        yield from load_video_steps(
            settings.name,
            device=settings.device,
            precision=settings.precision,
            offline=settings.offline,
        )
    )


@dataclass(frozen=True, eq=False)
class Course:
    """A stack as it was when following began.

    Attributes
    ----------
    whole : Whole
        The image.
    before, after : tuple of int
        Position on the leading axes before and after the one that is followed.
    n_planes : int
    held : mapping
        What the labels hold.
    numbers : tuple of int
        Objects that are followed.
    plane : int
        Where the person stands.
    """

    whole: Whole
    before: tuple[int, ...]
    after: tuple[int, ...]
    n_planes: int
    held: Held = field(repr=False)
    numbers: tuple[int, ...] = ()
    plane: int = 0

    def __call__(self, number: int) -> npt.NDArray[np.float32]:
        """A plane as models see it."""
        position = (*self.before, number, *self.after)
        return extract_plane(self.whole.data, position, self.whole.fixed_view())

    def labels(self, number: int) -> npt.NDArray[np.integer] | None:
        """What the labels hold on a plane; None where they hold nothing."""
        found = self.held.get(number)
        return None if found is None else unpacked(found)

    def others(self, number: int) -> npt.NDArray[np.bool_] | None:
        """Pixels of objects that are not followed."""
        labels = self.labels(number)
        return None if labels is None else (labels > 0) & ~is_one_of(labels, self.numbers)

    def piece(self, number: int, plane: int) -> Piece | None:
        """What an object is on a plane."""
        labels = self.labels(plane)
        there = None if labels is None else labels == number
        return None if there is None or not there.any() else Piece.of(0, 0, there)


@dataclass(frozen=True)
class FromHere(Notice):
    """What comes next is followed from another plane.

    Attributes
    ----------
    plane : int
    """

    plane: int


@dataclass(frozen=True, eq=False)
class Models:
    """Where the model that follows comes from."""

    clicks: LoadedModel[Any]
    video: LoadedModel[Any]
    settings: ModelSettings

    def load(self) -> Work[Follows]:
        """The click model with its memory, where it has one and runs here; else the click model.

        Raises
        ------
        ModelError
            If it takes no clicks, or can't be loaded.
        """
        here = address_of(self.settings.device) is None
        if here and has_video_memory(self.settings.name):
            return (yield from self.video.get(self.settings))
        model = yield from self.clicks.get(self.settings)
        if not isinstance(model, PromptableSegmenter | VideoSegmenter):
            raise ModelError(
                f"The model “{self.settings.name}” takes no clicks: choose {DEFAULT_CLICK_MODEL} "
                "beside the click tools."
            )
        return model


def follow_job(
    models: Models,
    course: Course,
    mine: Mapping[int, frozenset[int]],
    cache: EmbeddingCache,
    *,
    direction: Direction,
    first: int,
    last: int,
) -> Work[Propagated]:
    """Follow the objects of a course.

    Parameters
    ----------
    mine : mapping of int to frozenset of int
        Object → planes on which it was followed before: they are done again. On others the
        labels are what a person says.
    """
    anchors: dict[int, dict[int, Piece]] = {number: {} for number in course.numbers}
    for plane in range(first, last + 1):
        labels = course.labels(plane)
        present = () if labels is None else set(labels_in(labels).tolist()) & set(anchors)
        if labels is not None and present:
            pieces = pieces_of(np.where(is_one_of(labels, present), labels, 0))
            for number, piece in pieces.items():
                if plane == course.plane or plane not in mine.get(number, frozenset()):
                    anchors[number][plane] = piece
        yield Progress("looking at labels", plane - first + 1, last - first + 1)
    model = yield from models.load()
    return (
        yield from propagate(
            model,
            course,
            course.n_planes,
            {number: of for number, of in anchors.items() if of},
            direction=direction,
            first=first,
            last=last,
            occupied=course.others,
            cache=cache,
        )
    )


def again_job(
    models: Models,
    course: Course,
    known: Propagated,
    corrections: Sequence[tuple[int, int]],
    cache: EmbeddingCache,
) -> Work[tuple[Propagated, dict[int, list[int]]]]:
    """Follow objects again after they were corrected, one after the other.

    Returns
    -------
    Propagated
        Everything that is known after it.
    dict of int to list of int
        Object → planes that were done again.
    """
    model = yield from models.load()
    redone: dict[int, list[int]] = {}
    for number, plane in corrections:
        piece = course.piece(number, plane)
        if piece is None:
            continue
        yield FromHere(f"following object {number} again from plane {plane + 1}", plane)
        redone.setdefault(number, []).extend(
            known.log.open_planes(number, plane, 0, course.n_planes - 1)
        )
        known = yield from again(
            model, course, known, number, plane, piece, occupied=course.others, cache=cache
        )
    return known, redone


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
