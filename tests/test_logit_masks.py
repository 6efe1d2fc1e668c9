"""Logits of any resolution on the pixels of a plane."""

from __future__ import annotations

import numpy as np

from napari_vlseg.logit_masks import full_mask, logits_within, mask_crop
from napari_vlseg.object_prompts import MaskLogits

HILL = MaskLogits(np.array([[-9, -9, -9], [-9, 6, -3], [-9, -9, -9]], np.float32), (10, 20, 12, 12))


def test_logits_are_positive_where_the_mask_is() -> None:
    values = logits_within(HILL, (0, 0, 40, 40))
    np.testing.assert_array_equal(values > 0, full_mask(mask_crop(HILL, (40, 40)), (40, 40)))
    assert 3 < values.max() <= 6


def test_a_part_is_the_same_as_in_the_whole() -> None:
    whole = logits_within(HILL, (0, 0, 40, 40))
    part = logits_within(HILL, (13, 5, 6, 21))
    np.testing.assert_allclose(part, whole[13:19, 5:26], atol=1e-5)


def test_where_logits_do_not_reach_there_is_no_object() -> None:
    assert (logits_within(HILL, (30, 0, 5, 40)) == -8).all()
    assert (logits_within(HILL, (0, 0, 40, 20)) == -8).all()
