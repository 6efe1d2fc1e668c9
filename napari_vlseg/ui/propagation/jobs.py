"""What following objects and linking planes has done beside the window."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_vlseg.errors import ModelError
from napari_vlseg.events import Notice, Progress, Work
from napari_vlseg.images import extract_plane
from napari_vlseg.models.base import PromptableSegmenter
from napari_vlseg.models.registry import DEFAULT_CLICK_MODEL, has_video_memory, load_video_steps
from napari_vlseg.models.video import VideoSegmenter
from napari_vlseg.ui.image_choice import Whole
from napari_vlseg.ui.jobs import LoadedModel, ModelSettings
from napari_vlseg.ui.native import import_triton_apart
from napari_vlseg.ui.objects import is_one_of, labels_in
from napari_vlseg.ui.packing import Packed, unpacked
from napari_vlseg.ui.remote import address_of
from napari_vlseg.workflow.cache import EmbeddingCache
from napari_vlseg.workflow.propagate.following import Follows, again, propagate
from napari_vlseg.workflow.propagate.pieces import Piece, pieces_of
from napari_vlseg.workflow.propagate.plans import Direction
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
