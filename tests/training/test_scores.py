"""Scores, the Otsu baseline and the evaluation from end to end."""

from __future__ import annotations

import numpy as np
import pytest

from napari_vlseg.training.baselines import otsu_foreground
from napari_vlseg.training.scores import AbsentScores, PresentScores


def test_scores_at_the_threshold_and_at_the_best_threshold() -> None:
    truth = np.zeros((4, 4), bool)
    truth[:2] = True
    probability = np.where(truth, 0.35, 0.1)
    scores = PresentScores()
    scores.add("a", probability, truth)
    summary = scores.summary()
    assert summary["iou"] == 0
    assert summary["best_iou"] == 1
    assert 0.1 < summary["best_threshold"] <= 0.35
    assert summary["iou_by_kind"] == {"a": 0}
    lower = PresentScores(0.3)
    lower.add("a", probability, truth)
    assert lower.summary()["iou"] == 1


def test_kinds_are_averaged_apart() -> None:
    truth = np.ones((2, 2), bool)
    scores = PresentScores()
    scores.add("good", np.ones((2, 2)), truth)
    scores.add("bad", np.zeros((2, 2)), truth)
    assert scores.summary()["iou"] == 0.5
    assert scores.summary()["iou_by_kind"] == {"bad": 0, "good": 1}


def test_absent_prompts_are_scored_by_area() -> None:
    scores = AbsentScores()
    scores.add(np.zeros((10, 10)))
    scores.add(np.pad(np.ones((1, 10)), ((0, 9), (0, 0))))
    assert scores.summary() == {"n": 2, "false_area": 0.05, "share_above_2_percent": 0.5}
    strict = AbsentScores(1.01)
    strict.add(np.ones((2, 2)))
    assert strict.summary()["false_area"] == 0


@pytest.mark.parametrize("inverted", [False, True])
def test_otsu_takes_the_smaller_class_of_either_polarity(inverted: bool) -> None:
    plane = np.full((20, 20, 3), 0.1, np.float32)
    plane[5:10, 5:10] = 0.9
    found = otsu_foreground(1 - plane if inverted else plane)
    assert found.sum() == 25
    assert found[7, 7]


def test_otsu_finds_nothing_in_a_constant_image() -> None:
    assert not otsu_foreground(np.full((8, 8, 3), 0.4, np.float32)).any()
