"""Propagation with a model that knows: identities, directions, stops, who has which pixel."""

from __future__ import annotations

import weakref

import numpy as np
import pytest

from napari_vlseg.errors import PromptError, SettingsError
from napari_vlseg.events import Event, Notice, Partial, Progress, run
from napari_vlseg.workflow.cache import EmbeddingCache
from napari_vlseg.workflow.propagate.following import propagate
from napari_vlseg.workflow.propagate.pieces import Piece, pieces_of
from napari_vlseg.workflow.propagate.propagated import Propagated, paint_into
from napari_vlseg.workflow.propagate.settings import PropagateSettings
from tests.workflow.propagate.sequences import (
    SIDE,
    KnowingStackSegmenter,
    Stack,
    crossing,
    disc,
)


def follow(truth: np.ndarray, start: int, **options: object) -> Propagated:
    stack = Stack(truth)
    work = propagate(
        KnowingStackSegmenter(stack),
        stack,
        len(truth),
        stack.anchors(start),
        **options,  # type: ignore[arg-type]
    )
    return run(work)


@pytest.mark.parametrize("start", [0, 5, 11])
def test_objects_keep_their_identity_in_both_directions(start: int) -> None:
    truth = crossing()
    found = follow(truth, start)
    for plane, labels in enumerate(truth):
        np.testing.assert_array_equal(found.labels(plane), labels)
    assert found.log.stops == ()


def test_one_direction_and_a_range_leave_the_rest_alone() -> None:
    truth = crossing()
    assert sorted(follow(truth, 5, direction="forward").pieces) == [5, 6, 7, 8, 9, 10, 11]
    assert sorted(follow(truth, 5, direction="backward").pieces) == [0, 1, 2, 3, 4, 5]
    assert sorted(follow(truth, 5, first=3, last=7).pieces) == [3, 4, 5, 6, 7]


def test_each_plane_is_read_once_in_each_direction() -> None:
    truth = crossing()
    stack = Stack(truth)
    run(propagate(KnowingStackSegmenter(stack), stack, len(truth), stack.anchors(5)))
    assert stack.asked == [5, 6, 7, 8, 9, 10, 11, 5, 4, 3, 2, 1, 0]


def test_every_plane_is_told_as_it_comes() -> None:
    truth = crossing()
    stack, events = Stack(truth), list[Event]()
    work = propagate(KnowingStackSegmenter(stack), stack, len(truth), stack.anchors(5))
    run(work, events.append)
    parts = [event for event in events if isinstance(event, Partial)]
    assert [part.index for part in parts] == [(p,) for p in (6, 7, 8, 9, 10, 11, 4, 3, 2, 1, 0)]
    for part in parts:
        np.testing.assert_array_equal(part.labels, truth[part.index][part.rows, part.cols])
    done = [e.done for e in events if isinstance(e, Progress) and e.stage == "following"]
    assert done == list(range(1, 12))


def test_two_known_planes_share_what_lies_between_them() -> None:
    truth = crossing()
    stack = Stack(truth)
    anchors = {1: {plane: pieces_of(truth[plane])[1] for plane in (2, 9)}}
    found = run(propagate(KnowingStackSegmenter(stack), stack, len(truth), anchors))
    assert found.log.anchors(1) == [2, 9]
    assert found.log.dependents(1, 2) == [0, 1, 3, 4, 5]
    assert found.log.dependents(1, 9) == [6, 7, 8, 10, 11]


def stop_of(truth: np.ndarray, number: int = 1, **settings: float) -> tuple[int, str]:
    chosen = PropagateSettings(**settings)  # type: ignore[arg-type]
    found = follow(truth, 0, settings=chosen)
    (stop,) = [stop for stop in found.log.stops if stop.number == number]
    assert all(number not in found.pieces.get(p, {}) for p in range(stop.plane, len(truth)))
    return stop.plane, stop.reason


def test_an_object_that_is_gone_stops() -> None:
    truth = crossing()
    truth[6:][truth[6:] == 1] = 0
    plane, reason = stop_of(truth)
    assert (plane, reason) == (6, "nothing of it is left")


def test_an_object_that_shrinks_at_once_stops_with_its_area() -> None:
    truth = crossing(6)
    truth[3:][truth[3:] == 1] = 0
    truth[3][disc(40, 21, 3)] = truth[4][disc(40, 24, 3)] = 1
    assert stop_of(truth) == (3, "area fell to 19 %")


def test_an_object_that_grows_at_once_stops_with_its_area() -> None:
    truth = crossing(5)
    truth[3:][(truth[3:] == 1)] = 0
    truth[3][disc(42, 23, 14)] = 1
    assert stop_of(truth) == (3, "area rose to 393 %")


def test_an_object_that_leaves_the_image_stops_there() -> None:
    truth = np.zeros((12, SIDE, SIDE), np.int32)
    for plane in range(12):
        truth[plane][disc(30, 40 + 4 * plane, 7)] = 1
    plane, reason = stop_of(truth)
    assert reason == "it left the image"
    assert plane in (7, 8)


def test_a_stop_is_told_in_plain_words() -> None:
    truth = crossing()
    truth[6:][truth[6:] == 1] = 0
    stack, events = Stack(truth), list[Event]()
    work = propagate(KnowingStackSegmenter(stack), stack, len(truth), stack.anchors(0))
    run(work, events.append)
    notices = [event for event in events if isinstance(event, Notice)]
    assert [notice.message for notice in notices] == ["Object 1, plane 6: nothing of it is left."]


def test_an_object_that_is_covered_by_another_does_not_take_its_name() -> None:
    """A small disc goes under a large one: the large one keeps its name, the small one stops."""
    truth = np.zeros((8, SIDE, SIDE), np.int32)
    for plane in range(8):
        truth[plane][disc(30, 16 + 3 * plane, 4)] = 1
        truth[plane][disc(30, 44 - 2 * plane, 9)] = 2
    found = follow(truth, 0)
    for plane in range(8):
        np.testing.assert_array_equal(found.labels(plane) == 2, truth[plane] == 2)
    (stop,) = found.log.stops
    assert stop.number == 1
    assert stop.plane <= 4


def test_pixels_of_others_are_never_taken() -> None:
    truth = crossing()
    stack = Stack(truth)
    theirs = np.zeros((SIDE, SIDE), bool)
    theirs[42:] = True
    work = propagate(
        KnowingStackSegmenter(stack),
        stack,
        len(truth),
        {1: {0: pieces_of(truth[0])[1]}},
        occupied=lambda plane: theirs if plane else None,
    )
    found = run(work)
    for plane in range(1, len(truth)):
        assert not (found.labels(plane)[theirs] > 0).any()
    assert (found.labels(1) > 0).any()


def test_following_again_encodes_nothing() -> None:
    truth = crossing()
    stack, cache = Stack(truth), EmbeddingCache()
    model = KnowingStackSegmenter(stack)
    for _ in range(2):
        run(propagate(model, stack, len(truth), stack.anchors(0), cache=cache))
        assert model.n_encoded == len(truth) - 1


def test_two_planes_at_most_are_in_memory() -> None:
    truth = crossing()
    stack = Stack(truth)
    given: list[weakref.ref[np.ndarray]] = []
    alive: list[int] = []

    def planes(number: int) -> np.ndarray:
        plane = stack(number).copy()
        given.append(weakref.ref(plane))
        alive.append(sum(one() is not None for one in given))
        return plane

    run(propagate(KnowingStackSegmenter(stack), planes, len(truth), stack.anchors(5)))
    assert max(alive) <= 3, "the plane before, this one, and what an embedding still holds"
    assert len(alive) == 13


def test_closing_the_work_stops_it() -> None:
    truth = crossing()
    stack = Stack(truth)
    work = propagate(KnowingStackSegmenter(stack), stack, len(truth), stack.anchors(0))
    next(event for event in work if isinstance(event, Partial))
    work.close()
    assert max(stack.asked) == 1


def test_the_planes_can_be_written_one_by_one() -> None:
    truth = crossing()
    found = follow(truth, 3)
    out = np.zeros(truth.shape, np.uint16)
    assert run(paint_into(out, found)) is out
    np.testing.assert_array_equal(out, truth)


def test_what_can_not_be_followed_says_so() -> None:
    truth = crossing()
    with pytest.raises(SettingsError, match="no part of a stack of 12"):
        follow(truth, 0, last=12)
    with pytest.raises(PromptError, match="on plane 0"):
        follow(truth, 0, first=3)
    stack = Stack(truth)
    with pytest.raises(PromptError, match="no object to follow"):
        run(propagate(KnowingStackSegmenter(stack), stack, len(truth), {}))
    with pytest.raises(SettingsError, match="most_area"):
        PropagateSettings(most_area=0.5)


def test_a_piece_is_its_mask() -> None:
    mask = disc(20, 30, 5)
    piece = Piece.of(0, 0, mask)
    np.testing.assert_array_equal(piece.on_plane((SIDE, SIDE)), mask)
    assert piece.box == (14.5, 24.5, 25.5, 35.5)
    assert piece.centre == (20, 30)
    moved = piece.moved((-17.2, 40), (SIDE, SIDE))
    assert moved is None
    cut = piece.moved((-17, 0), (SIDE, SIDE))
    assert cut is not None
    np.testing.assert_array_equal(cut.on_plane((SIDE, SIDE)), disc(3, 30, 5))
    with pytest.raises(PromptError):
        Piece.of(0, 0, np.zeros((4, 4)))
