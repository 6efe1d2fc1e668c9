"""Duplicates go, and a contested pixel has one owner."""

from __future__ import annotations

import numpy as np

from napari_vlseg.workflow.overlaps import SoftOutline, agreement, distinct, paint


def _square(top: int, left: int, side: int, score: float = 0.5, logit: float = 1) -> SoftOutline:
    return SoftOutline(top, left, np.full((side, side), logit, np.float32), score)


def test_of_two_outlines_of_one_object_the_better_stays() -> None:
    outlines = [_square(0, 0, 10, 0.6), _square(0, 1, 10, 0.9), _square(40, 40, 5, 0.1)]
    assert distinct(outlines, 0.7) == [1, 2]
    assert distinct(outlines, 0.9) == [1, 0, 2]


def test_an_object_inside_another_is_not_the_same() -> None:
    assert sorted(distinct([_square(0, 0, 20, 0.9), _square(5, 5, 6, 0.8)], 0.7)) == [0, 1]


def test_of_equal_scores_the_first_stays() -> None:
    assert distinct([_square(0, 0, 10), _square(0, 0, 10)], 0.7) == [0]


def test_an_outline_without_pixels_goes() -> None:
    assert distinct([_square(0, 0, 4, logit=-1), _square(9, 9, 4)], 0.7) == [1]


def test_no_outlines_are_no_labels() -> None:
    assert distinct([], 0.7) == []
    assert not paint([], (4, 5)).any()


def test_a_contested_pixel_goes_to_the_highest_logit() -> None:
    rising = np.tile(np.arange(1, 9, dtype=np.float32), (4, 1))
    labels = paint(
        [SoftOutline(0, 0, rising[:, ::-1].copy(), 0.1), SoftOutline(0, 4, rising, 0.9)], (4, 12)
    )
    assert labels[0].tolist() == [1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2]


def test_what_is_not_positive_is_background() -> None:
    labels = paint([_square(1, 1, 3, logit=-2)], (6, 6))
    assert not labels.any()


def test_agreement_is_the_overlap_of_masks() -> None:
    a = _square(0, 0, 10)
    assert agreement(a, a) == 1
    assert agreement(a, _square(0, 5, 10)) == 50 / 150
    assert agreement(a, _square(30, 0, 10)) == 0
    assert agreement(_square(0, 0, 3, logit=-1), _square(0, 0, 3, logit=-1)) == 0


def test_a_thousand_objects_stay_apart() -> None:
    outlines = [_square(12 * (k // 40), 12 * (k % 40), 10, k / 1000) for k in range(1000)]
    assert len(distinct(outlines, 0.5)) == 1000
    assert paint(outlines, (300, 480)).max() == 1000
