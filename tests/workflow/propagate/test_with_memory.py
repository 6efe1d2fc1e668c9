"""Propagation by a model that remembers: the same promises as from plane to plane."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from napari_vlseg.events import run
from napari_vlseg.models.sam_video import load_sam_video
from napari_vlseg.workflow.propagate.following import again, propagate
from napari_vlseg.workflow.propagate.pieces import pieces_of
from tests.models.tiny_video import save_video
from tests.workflow.propagate.sequences import KnowingVideo, Stack, crossing


def test_a_memory_follows_in_both_directions() -> None:
    truth = crossing()
    stack = Stack(truth)
    model = KnowingVideo(stack)
    found = run(propagate(model, stack, len(truth), stack.anchors(5)))
    for plane, labels in enumerate(truth):
        np.testing.assert_array_equal(found.labels(plane), labels)
    assert model.calls == [("on", n) for n in range(5, 12)] + [
        ("back", n) for n in range(5, -1, -1)
    ]
    assert found.log.model == "knowing video@1"


def test_an_object_that_is_not_there_stops_and_is_forgotten() -> None:
    truth = crossing()
    truth[6:][truth[6:] == 1] = 0
    stack = Stack(truth)
    model = KnowingVideo(stack)
    found = run(propagate(model, stack, len(truth), stack.anchors(0)))
    (stop,) = found.log.stops
    assert (stop.number, stop.plane, stop.reason) == (1, 6, "nothing of it is left")
    assert ("forget", 1) in model.calls
    np.testing.assert_array_equal(found.labels(11), truth[11])


def test_a_correction_is_followed_by_memory_too() -> None:
    truth = crossing()
    stack = Stack(truth)
    known = run(propagate(KnowingVideo(stack), stack, len(truth), stack.anchors(0)))
    model = KnowingVideo(stack)
    after = run(again(model, stack, known, 2, 8, pieces_of(truth[8])[2]))
    assert model.calls == [("on", n) for n in (8, 9, 10, 11)]
    assert after.log.dependents(2, 8) == [9, 10, 11]


def test_a_loaded_video_model_goes_through_a_stack(tmp_path: Path) -> None:
    """Random weights find nothing worth following, but every part runs, and it ends."""
    stack = Stack(crossing(4))
    model = load_sam_video(save_video("sam2_video", tmp_path), "tiny", device="cpu")
    found = run(propagate(model, stack, 4, stack.anchors(0)))
    np.testing.assert_array_equal(found.labels(0), stack.truth[0])
    followed = {n for plane in (1, 2, 3) for n in found.pieces.get(plane, {})}
    assert followed | {stop.number for stop in found.log.stops} == {1, 2, 3}
