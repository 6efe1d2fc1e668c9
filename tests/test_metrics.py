"""Agreement of masks and of instances, on cases that can be counted by hand."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from napari_vlseg.errors import ImageError, SettingsError
from napari_vlseg.metrics import average_precision, dice, f1, iou, match_instances

shapes = st.tuples(st.integers(1, 10), st.integers(1, 10))
masks = shapes.flatmap(lambda s: st.tuples(*[hnp.arrays(bool, s)] * 2))
labels = shapes.flatmap(
    lambda s: st.tuples(*[hnp.arrays(np.uint8, s, elements=st.integers(0, 4))] * 2)
)


@given(masks)
def test_overlaps_are_symmetric_and_agree(pair: tuple[np.ndarray, np.ndarray]) -> None:
    a, b = pair
    assert 0 <= iou(a, b) <= dice(a, b) <= 1
    assert iou(a, b) == iou(b, a)
    assert dice(a, b) == pytest.approx(2 * iou(a, b) / (1 + iou(a, b)))
    assert iou(a, a) == dice(a, a) == 1


def test_empty_masks_agree() -> None:
    nothing, something = np.zeros((3, 3), bool), np.ones((3, 3), bool)
    assert iou(nothing, nothing) == dice(nothing, nothing) == 1
    assert iou(nothing, something) == dice(something, nothing) == 0


def brute_force_matches(truth: np.ndarray, pred: np.ndarray, threshold: float) -> int:
    """Most pairs of any one-to-one assignment, by trying all."""

    def most(rest: list[int], left: frozenset[int]) -> int:
        if not rest:
            return 0
        best = most(rest[1:], left)
        for p in left:
            if iou(truth == rest[0], pred == p) >= threshold:
                best = max(best, 1 + most(rest[1:], left - {p}))
        return best

    return most([t for t in np.unique(truth) if t], frozenset(int(p) for p in np.unique(pred) if p))


@given(labels, st.sampled_from([0.1, 0.3, 0.5, 0.75, 1.0]))
def test_as_many_objects_as_possible_are_matched(
    pair: tuple[np.ndarray, np.ndarray], threshold: float
) -> None:
    truth, pred = pair
    matching = match_instances(truth, pred, threshold)
    assert matching.true_positives == brute_force_matches(truth, pred, threshold)
    assert len(set(matching.truth_labels.tolist())) == matching.true_positives
    assert len(set(matching.pred_labels.tolist())) == matching.true_positives
    for t, p, overlap in zip(
        matching.truth_labels, matching.pred_labels, matching.ious, strict=True
    ):
        assert t != 0
        assert p != 0
        assert overlap == pytest.approx(iou(truth == t, pred == p))
        assert overlap >= threshold


def test_found_missed_and_invented_objects_are_counted() -> None:
    truth = np.zeros((20, 20), np.int32)
    pred = np.zeros((20, 20), np.uint16)
    truth[:4, :4], pred[:4, :4] = 7, 900  # found exactly
    truth[6:10, :4], pred[6:10, 1:4] = 2, 3  # found, IoU 0.75
    truth[12:16, :4], pred[12:16, 3:6] = 3, 4  # missed: IoU 1/6
    pred[18:, 18:] = 5  # invented
    matching = match_instances(truth, pred)
    assert dict(zip(matching.truth_labels, matching.pred_labels, strict=True)) == {7: 900, 2: 3}
    assert sorted(matching.ious) == [0.75, 1]
    counts = matching.true_positives, matching.false_positives, matching.false_negatives
    assert counts == (2, 2, 1)
    assert average_precision(truth, pred) == 2 / 5
    assert f1(truth, pred) == 4 / 7
    assert average_precision(truth, pred, 0.8) == 1 / 6


@pytest.mark.parametrize(
    ("dtype", "factor"),
    [("uint8", 1), ("uint16", 1), ("int64", 1), ("uint64", 1), ("int64", 10**12), ("int32", -1)],
)
def test_labels_may_have_any_type_and_size(dtype: str, factor: int) -> None:
    truth = np.array([[1, 1, 0, 3], [1, 1, 0, 3]])
    pred = np.array([[2, 2, 0, 0], [2, 2, 5, 5]])
    matching = match_instances((truth * factor).astype(dtype), (pred * factor).astype(dtype))
    assert matching.truth_labels.tolist() == [factor]
    assert matching.pred_labels.tolist() == [2 * factor]
    assert (matching.n_truth, matching.n_pred) == (2, 2)


def test_two_halves_of_one_object_are_not_both_matched() -> None:
    truth, pred = np.ones((4, 4), int), np.ones((4, 4), int)
    pred[2:] = 2
    assert match_instances(truth, pred, 0.5).true_positives == 1


def test_no_objects_agree_with_none() -> None:
    nothing, something = np.zeros((4, 4), int), np.ones((4, 4), int)
    assert average_precision(nothing, nothing) == f1(nothing, nothing) == 1
    assert average_precision(something, nothing) == f1(nothing, something) == 0


@pytest.mark.parametrize("measure", [iou, dice, match_instances, average_precision, f1])
def test_shapes_must_agree(measure: Callable) -> None:
    with pytest.raises(ImageError, match=r"\(3, 4\) and \(4, 3\)"):
        measure(np.zeros((3, 4), int), np.zeros((4, 3), int))


def test_wrong_input_is_named() -> None:
    with pytest.raises(ImageError, match="float64"):
        average_precision(np.zeros((3, 3)), np.zeros((3, 3), int))
    for threshold in (0, 1.1, np.nan):
        with pytest.raises(SettingsError, match="IoU threshold"):
            match_instances(np.zeros((3, 3), int), np.zeros((3, 3), int), threshold)
