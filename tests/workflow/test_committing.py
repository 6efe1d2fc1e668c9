from __future__ import annotations

import numpy as np
import pytest

from napari_vlseg.errors import PromptError
from napari_vlseg.workflow.committing import LabelChange, apply_mask, region_of, target_of


@pytest.fixture
def labels() -> np.ndarray:
    """Object 3 on the left, object 5 on the right."""
    made = np.zeros((8, 12), np.int32)
    made[2:6, 1:5] = 3
    made[2:6, 8:11] = 5
    return made


def applied(change: LabelChange, labels: np.ndarray) -> np.ndarray:
    """The labels with the change, wider where the number needs it."""
    highest = int(change.after.max(initial=0))
    after = labels.astype(np.result_type(labels.dtype, np.min_scalar_type(highest)))
    rows, cols, after[change.rows, change.cols] = change.moved(0, 0)
    assert (rows, cols) == (change.rows, change.cols)
    return after


def block(height: int, width: int) -> np.ndarray:
    return np.ones((height, width), bool)


def test_a_new_object_takes_background(labels):
    change = apply_mask(labels, 0, 0, block(2, 12), "new", 6)
    after = applied(change, labels)
    assert (after == 6).sum() == 24
    assert (after == 3).sum() == 16
    assert change.gone == ()
    assert (change.rows, change.cols) == (slice(0, 2), slice(0, 12))
    np.testing.assert_array_equal(change.before, labels[:2])


def test_what_is_passed_in_is_not_changed(labels):
    before = labels.copy()
    apply_mask(labels, 0, 0, block(8, 12), "new", 6)
    np.testing.assert_array_equal(labels, before)


def test_a_new_object_takes_pixels_of_proposals_and_keeps_off_protected_ones(labels):
    protected = labels == 5
    after = applied(apply_mask(labels, 2, 4, block(4, 5), "new", 6, protected), labels)
    assert (after == 3).sum() == 12
    assert (after == 5).sum() == 12
    assert (after == 6).sum() == 16


def test_a_proposal_that_loses_its_half_goes(labels):
    change = apply_mask(labels, 2, 1, block(4, 2), "new", 6)
    after = applied(change, labels)
    assert change.gone == (3,)
    assert not (after == 3).any()
    assert (after == 6).sum() == 8


def test_a_place_that_is_all_protected_says_so(labels):
    with pytest.raises(PromptError, match="belongs to object 3"):
        apply_mask(labels, 2, 1, block(4, 2), "new", 6, labels > 0)


def test_an_empty_mask_says_so(labels):
    with pytest.raises(PromptError, match="mask is empty"):
        apply_mask(labels, 2, 1, np.zeros((0, 0), bool), "new", 6)


def test_adding_to_an_object_that_is_protected_itself(labels):
    after = applied(apply_mask(labels, 2, 4, block(4, 5), "add", 3, labels > 0), labels)
    assert (after == 3).sum() == 16 + 12
    assert (after == 5).sum() == 12


def test_subtracting_takes_from_the_object_alone(labels):
    change = apply_mask(labels, 2, 4, block(4, 6), "subtract", 5)
    after = applied(change, labels)
    assert (after == 5).sum() == 4
    assert (after == 3).sum() == 16
    assert not applied(apply_mask(labels, 2, 8, block(4, 3), "subtract", 5), labels)[:, 6:].any()


def test_subtracting_what_is_not_there_says_so(labels):
    with pytest.raises(PromptError, match="change nothing"):
        apply_mask(labels, 0, 0, block(2, 3), "subtract", 5)


def test_replacing_moves_the_object(labels):
    after = applied(apply_mask(labels, 0, 2, block(4, 5), "replace", 3, labels > 0), labels)
    np.testing.assert_array_equal(np.argwhere(after == 3).min(0), [0, 2])
    assert (after == 3).sum() == 20
    assert (after == 5).sum() == 12


def test_numbers_beyond_the_type_widen_it():
    labels = np.zeros((4, 4), np.uint8)
    after = applied(apply_mask(labels, 0, 0, block(2, 2), "new", 300), labels)
    assert after.max() == 300


def test_committing_what_is_there_already_says_so(labels):
    with pytest.raises(PromptError, match="change nothing"):
        apply_mask(labels, 2, 1, block(4, 4), "replace", 3)


def test_the_target_is_what_the_mask_lies_on_or_beside(labels):
    assert target_of(labels, 0, 3, block(4, 9)) == 5
    assert target_of(labels, 2, 6, block(4, 1)) == 3
    assert target_of(labels, 7, 6, block(1, 1), near=1) == 0


def test_a_part_of_the_plane_is_enough_for_a_commit(labels):
    """What is cut out around what is involved becomes what the whole would."""
    mask = block(2, 3)
    here = region_of(labels, 3, 3, mask, 5)
    assert here == (slice(2, 6), slice(1, 11)), "the object below and the one that it goes to"
    for mode in ("add", "replace"):
        whole = apply_mask(labels, 3, 3, mask, mode, 5)
        top, left = 3 - here[0].start, 3 - here[1].start
        part = apply_mask(labels[here], top, left, mask, mode, 5)
        rows, cols, after = part.moved(here[0].start, here[1].start)
        assert (rows, cols, part.gone) == (whole.rows, whole.cols, whole.gone)
        np.testing.assert_array_equal(after, whole.after)
    assert region_of(labels, 0, 0, block(1, 2), 7) == (slice(0, 1), slice(0, 2))
