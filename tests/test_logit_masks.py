"""Logits of any resolution on the pixels of a plane."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import ndimage as ndi
from torch.nn import functional as nnf

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


@pytest.mark.parametrize("shape", [(16, 16), (16, 24), (64, 64)])
@pytest.mark.parametrize("window", [(0, 0, 200, 200), (37, 11, 20, 90), (5, 3, 64, 64)])
def test_masks_are_interpolated_as_torch_does(
    shape: tuple[int, int], window: tuple[int, int, int, int]
) -> None:
    noise = np.random.default_rng(0).normal(size=shape)
    values = (100 * ndi.gaussian_filter(noise, 2)).astype(np.float32)
    smooth = nnf.interpolate(
        torch.from_numpy(values)[None, None], size=window[2:], mode="bilinear", antialias=True
    )
    plane = (150, 160)
    wanted = np.zeros((400, 400), bool)
    wanted[window[0] : window[0] + window[2], window[1] : window[1] + window[3]] = smooth[0, 0] > 0
    found = full_mask(mask_crop(MaskLogits(values, window), plane), plane)
    np.testing.assert_array_equal(found, wanted[:150, :160])
    assert 0.1 < found[window[0] : window[0] + window[2], window[1] :].mean() < 0.9
