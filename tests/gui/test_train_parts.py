"""Parts of training in the window that need neither a window nor a model."""

from __future__ import annotations

import math
import threading
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from napari_vlseg.events import Progress, Work, run
from napari_vlseg.prompts import ClassPrompt, PromptTable
from napari_vlseg.proposals import ModelInfo, PostProcess, Proposals, empty_objects
from napari_vlseg.ui.training.bank import Banks, SharedWork, giving_way
from napari_vlseg.ui.training.lessons import Lessons, Tally
from napari_vlseg.ui.training.outcome import Outcome
from napari_vlseg.ui.training.pictures import SIDE, outlined, region_of_change
from napari_vlseg.workflow.propose import rethreshold

TABLE = PromptTable((ClassPrompt("nuclei", phrases=("nuclei",), color="#00ff00"),))


def said(*places: tuple[int, int]) -> Proposals:
    """Squares of 12 pixels with their corners at places of a plane of 200 × 300."""
    probabilities = np.zeros((1, 200, 300), np.float32)
    for row, col in places:
        probabilities[0, row : row + 12, col : col + 12] = 1
    return rethreshold(
        Proposals(
            np.zeros((200, 300), np.int32),
            probabilities,
            ("nuclei",),
            empty_objects(),
            (0.5,),
            PostProcess(),
            TABLE,
            ModelInfo("squares"),
        )
    )


def test_the_picture_has_what_changed_in_its_middle() -> None:
    before, after = said((20, 20), (120, 200)), said((20, 20))
    rows, cols = region_of_change(before, after)
    assert (rows.start + rows.stop) / 2 == pytest.approx(126, abs=1)
    assert (cols.start + cols.stop) / 2 == pytest.approx(206, abs=1)
    assert rows.stop - rows.start == cols.stop - cols.start == 96


@pytest.mark.parametrize("places", [[(0, 0)], [(188, 288)], []])
def test_the_picture_lies_in_the_plane(places: list[tuple[int, int]]) -> None:
    rows, cols = region_of_change(said(*places), said(*places))
    assert 0 <= rows.start < rows.stop <= 200
    assert 0 <= cols.start < cols.stop <= 300


def test_outlines_have_the_colour_of_the_class_and_nothing_else_changes() -> None:
    plane = np.full((200, 300, 3), 0.5, np.float32)
    before = said((120, 200))
    region = region_of_change(before, said())
    drawn = outlined(plane, before, region)
    assert drawn.shape == (SIDE, SIDE, 3)
    colours = {tuple(colour) for colour in drawn.reshape(-1, 3).tolist()}
    assert colours == {(128, 128, 128), (0, 255, 0)}
    assert {tuple(c) for c in outlined(plane, said(), region).reshape(-1, 3).tolist()} == {
        (128, 128, 128)
    }


def counted(n: int, made: list[int]) -> Work[str]:
    for number in range(n):
        made.append(number)
        yield Progress("making", number + 1, n)
    return "made"


def test_work_is_shared_by_lanes_and_done_once() -> None:
    made: list[int] = []
    shared = SharedWork(counted(5, made))
    first = shared.steps()
    next(first)
    next(first)
    first.close()
    assert run(shared.steps()) == "made"
    assert run(shared.steps()) == "made"
    assert made == [0, 1, 2, 3, 4]


def test_two_threads_share_work() -> None:
    made: list[int] = []
    shared = SharedWork(counted(300, made))
    found: list[str] = []
    threads = [threading.Thread(target=lambda: found.append(run(shared.steps()))) for _ in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == ["made", "made"]
    assert made == list(range(300))


def test_a_bank_is_kept_for_one_model() -> None:
    begun: list[str] = []

    def make(base: Any, n_scenes: int, seed: int) -> Work[str]:
        begun.append(base.info.weights_sha256)
        yield from ()
        return base.info.weights_sha256

    first, second = (
        SimpleNamespace(info=ModelInfo("m", weights_sha256=digest)) for digest in ("a", "b")
    )
    banks = Banks(make)
    for base in (first, first, second, second):
        assert run(banks.of(base, 3, 0).steps()) == base.info.weights_sha256
    assert begun == ["a", "b"]


def test_work_rests_while_a_person_waits() -> None:
    waits = iter([False, True, True, False, False])
    rests: list[None] = []
    events: list[Any] = []
    work = giving_way(counted(3, []), lambda: next(waits), lambda: rests.append(None))
    assert run(work, events.append) == "made"
    assert len(rests) == 2
    assert [event.stage for event in events].count("waiting for you") == 2


def test_what_a_person_decided_is_counted() -> None:
    tally = Tally.of(
        ["a", "a", "b", "b", "b"],
        ["accepted", "proposed", "edited", "rejected", "flagged"],
        ["auto", "auto", "auto", "auto", "manual"],
    )
    assert Lessons.of({"x": tally}, set()) == Lessons({"a": 1, "b": 2}, 1, 1)
    assert Lessons.of({"x": tally}, {"x"}) == Lessons({"a": 2, "b": 2}, 1, 1)
    assert Lessons.of({"x": tally, "y": Tally()}, set()).n_images == 1


def test_a_card_tells_what_a_training_brought() -> None:
    card = {
        "corrections": {"trained_on": {"a": 18, "b": 2}, "held_out": {"a": 3, "b": 0}},
        "measured_on": "held-out objects",
        "before": {"dice": {"a": 0.71}},
        "after": {"dice": {"a": 0.84}},
        "epochs": [{"loss": 1.0, "held_out_loss": None, "dice": 0.8}],
    }
    outcome = Outcome.of("001", card, {"a": 0.4})
    assert outcome.line == "learned from 23 objects: Dice 0.71 → 0.84"
    assert outcome.rows[0].n_objects == 3
    assert math.isnan(outcome.curve[0].held_out_loss)
    worse = Outcome.of("002", {**card, "in_use": {"a": 0.9}}, {})
    assert worse.is_worse
    assert "0.90 → 0.84, which is worse" in worse.line
    assert not Outcome.of("", {}, {}).is_worse, "nobody knows"
