"""Logits of any resolution on the pixels of a plane."""

from __future__ import annotations

import numpy as np

from napari_vlseg.logit_masks import logit_crop, mask_crop
from napari_vlseg.object_prompts import MaskLogits

HILL = MaskLogits(np.array([[-9, -9, -9], [-9, 6, -3], [-9, -9, -9]], np.float32), (10, 20, 12, 12))


def test_logits_meet_the_mask_where_they_are_positive() -> None:
    top, left, values = logit_crop(HILL, (40, 40))
    on_plane = np.full((40, 40), -1.0)
    on_plane[top : top + values.shape[0], left : left + values.shape[1]] = values
    row, col, mask = mask_crop(HILL, (40, 40))
    expected = np.zeros((40, 40), bool)
    expected[row : row + mask.shape[0], col : col + mask.shape[1]] = mask
    np.testing.assert_array_equal(on_plane > 0, expected)
    assert 3 < values.max() <= 6


def test_a_lower_level_shows_the_surroundings() -> None:
    top, left, values = logit_crop(HILL, (40, 40), above=-4)
    _, _, positive = logit_crop(HILL, (40, 40))
    assert values.size > positive.size
    assert values.min() < -4
    assert (top, left) >= (10, 20)


def test_what_reaches_beyond_the_plane_is_cut_off() -> None:
    top, left, values = logit_crop(HILL, (15, 25), above=-4)
    assert top + values.shape[0] <= 15
    assert left + values.shape[1] <= 25


def test_nothing_above_the_level_is_nothing() -> None:
    assert logit_crop(HILL, (40, 40), above=7)[2].size == 0
