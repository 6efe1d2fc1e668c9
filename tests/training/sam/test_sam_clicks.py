"""Simulated clicks go where a person would click."""

from __future__ import annotations

import numpy as np
import pytest

from napari_vlseg.training.sam.clicks import (
    corrective_click,
    deepest_pixel,
    jittered_box,
    random_inner_pixel,
)


def _disk(shape: tuple[int, int], row: float, col: float, radius: float) -> np.ndarray:
    rows, cols = np.indices(shape)
    return np.asarray(np.hypot(rows - row, cols - col) <= radius)


def test_the_deepest_pixel_of_a_disk_is_its_centre() -> None:
    assert deepest_pixel(_disk((40, 60), 12, 45, 7)) == (12, 45)


def test_an_object_at_the_border_is_clicked_inside_the_image() -> None:
    mask = np.zeros((30, 30), bool)
    mask[:9, :9] = True
    assert deepest_pixel(mask) == (4, 4)


def test_the_deeper_error_is_corrected_first() -> None:
    wanted, found = _disk((50, 50), 20, 20, 10), np.zeros((50, 50), bool)
    found[0:4, 40:44] = True
    assert corrective_click(found, wanted) == (20, 20, 1)
    spilled = wanted | _disk((50, 50), 40, 40, 6)
    assert corrective_click(spilled, wanted) == (40, 40, 0)


def test_a_perfect_mask_needs_no_click() -> None:
    mask = _disk((20, 20), 9, 9, 4)
    assert corrective_click(mask, mask) is None


@pytest.mark.parametrize("deep_share", [0.0, 1.0])
def test_random_clicks_lie_inside(deep_share: float) -> None:
    mask = _disk((40, 40), 15, 22, 8)
    rng = np.random.default_rng(0)
    picks = [random_inner_pixel(mask, rng, deep_share=deep_share) for _ in range(50)]
    assert all(mask[pick] for pick in picks)
    if deep_share:
        assert max(np.hypot(row - 15, col - 22) for row, col in picks) < 5


def test_a_jittered_box_still_holds_the_middle_of_its_object() -> None:
    box = np.array([10, 12, 30, 52], np.float32)
    rng = np.random.default_rng(0)
    boxes = np.stack([jittered_box(box, 64, rng) for _ in range(100)])
    assert (boxes[:, :2] < [20, 32]).all()
    assert (boxes[:, 2:] > [20, 32]).all()
    assert (boxes >= 0).all()
    assert (boxes <= 64).all()
    assert 10 <= (boxes == box).all(axis=1).sum() <= 60
