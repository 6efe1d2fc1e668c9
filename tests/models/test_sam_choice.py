"""Among the masks of all scales, the one that looks most like a whole object is believed."""

from __future__ import annotations

import numpy as np
import pytest

from napari_vlseg.models.sam_choice import (
    Candidate,
    best_first,
    credibility,
    different_first,
    windows_at_clicks,
)
from napari_vlseg.models.sam_prompts import PlacedPrompt
from napari_vlseg.models.sam_windows import WindowLattice
from napari_vlseg.object_prompts import MaskLogits

LATTICE = WindowLattice((200, 300), 96, zoom=True)
WINDOW = (50, 50, 48, 48)
CLICK = PlacedPrompt(np.array([[74.0, 74.0]], np.float32), np.ones(1, np.int64))


def _square(rows: slice, cols: slice, *, score: float = 0.8, strength: float = 6.0) -> Candidate:
    values = np.full((48, 48), -strength, np.float32)
    values[rows, cols] = strength
    return Candidate(MaskLogits(values, WINDOW), score)


MIDDLE = _square(slice(10, 38), slice(10, 38))


@pytest.mark.parametrize(
    "worse",
    [
        _square(slice(10, 38), slice(10, 38), score=0.6),
        _square(slice(0, 48), slice(10, 38)),
        _square(slice(20, 48), slice(20, 48)),
        _square(slice(22, 26), slice(22, 26)),
        _square(slice(10, 38), slice(10, 38), strength=0.5),
        _square(slice(0, 0), slice(0, 0)),
    ],
    ids=["low score", "cut", "off centre", "small", "unsure", "empty"],
)
def test_what_speaks_against_a_mask_lowers_its_credibility(worse: Candidate) -> None:
    assert credibility(worse, LATTICE, CLICK) < credibility(MIDDLE, LATTICE, CLICK)
    assert best_first([worse, MIDDLE], LATTICE, CLICK) == [MIDDLE, worse]


def test_a_mask_that_holds_an_excluded_click_is_less_credible() -> None:
    points = np.array([[74, 74], [64, 64]], np.float32)
    agreeing = PlacedPrompt(points, np.array([1, 1]))
    excluding = PlacedPrompt(points, np.array([1, 0]))
    assert credibility(MIDDLE, LATTICE, excluding) < credibility(MIDDLE, LATTICE, agreeing)


def test_without_zoom_the_score_decides_alone() -> None:
    whole = WindowLattice((200, 300), 96, zoom=False)
    cut = _square(slice(0, 48), slice(10, 38), score=0.85)
    assert best_first([MIDDLE, cut], whole, CLICK) == [cut, MIDDLE]


def test_clicks_are_shown_at_fine_scales_first() -> None:
    fine, coarse = windows_at_clicks(LATTICE, CLICK, 96)
    assert [window.width for window in fine] == [24, 34, 48, 68, 96]
    assert [window.width for window in coarse] == [136, 192, 272, 300]
    far_apart = PlacedPrompt(np.array([[5, 5], [190, 290]], np.float32), np.array([1, 1]))
    assert windows_at_clicks(LATTICE, far_apart, 96) == [[LATTICE.whole]]


def test_alternatives_are_different_objects_where_there_are_any() -> None:
    nearly = _square(slice(10, 38), slice(10, 37), score=0.79)
    small = _square(slice(20, 28), slice(20, 28), score=0.3)
    large = _square(slice(0, 48), slice(0, 48), score=0.2)
    assert different_first([MIDDLE, nearly, small, large], 3) == [MIDDLE, small, large]
    assert different_first([MIDDLE, nearly], 3) == [MIDDLE, nearly]
    assert different_first([MIDDLE, nearly, small], 1) == [MIDDLE]
