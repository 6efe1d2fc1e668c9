"""Probabilities to classes and labels: competition, thresholds, clean-up, numbering."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage as ndi

from napari_vlseg.errors import SettingsError
from napari_vlseg.masks import ObjectStats, assign_classes, compete, label_objects
from napari_vlseg.proposals import PostProcess

EIGHT = np.ones((3, 3))
BARE = PostProcess(min_size=0, fill_holes=False)


@st.composite
def probability_maps(draw: st.DrawFn) -> np.ndarray:
    """Blobs of 1 to 3 classes on planes of 1 to 40 pixels a side, float32 (C, H, W)."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    shape = draw(st.integers(1, 3)), draw(st.integers(1, 40)), draw(st.integers(1, 40))
    sigma = draw(st.sampled_from([0, 1, 3]))
    maps = ndi.gaussian_filter(rng.random(shape, np.float32), (0, sigma, sigma))
    return (maps - maps.min()) / max(float(np.ptp(maps)), 1e-6)


def thresholds_for(maps: np.ndarray, value: float) -> list[float]:
    return [min(value + 0.05 * index, 1) for index in range(len(maps))]


@given(probability_maps(), st.floats(0, 1))
def test_classes_are_the_argmax_of_those_that_reach_their_threshold(
    maps: np.ndarray, value: float
) -> None:
    limits = thresholds_for(maps, value)
    reached = maps >= np.asarray(limits, np.float32)[:, np.newaxis, np.newaxis]
    candidates = np.where(reached & (maps > 0), maps, -1)
    expected = np.where((candidates >= 0).any(0), candidates.argmax(0) + 1, 0)
    np.testing.assert_array_equal(assign_classes(maps, limits), expected)


def test_planes_higher_than_a_band_are_assigned_throughout() -> None:
    maps = np.random.default_rng(0).random((2, 150, 5), np.float32)
    expected = np.where(maps.max(0) >= np.float32(0.5), maps.argmax(0) + 1, 0)
    np.testing.assert_array_equal(assign_classes(maps, (0.5, 0.5)), expected)


def test_impossible_pixels_stay_background_at_threshold_zero() -> None:
    maps = np.array([[[0, 1e-6, 1]]], np.float32)
    assert assign_classes(maps, [0]).tolist() == [[0, 1, 1]]


def test_many_classes_need_a_wider_type() -> None:
    maps = np.zeros((300, 1, 1), np.float32)
    maps[299] = 1
    assert assign_classes(maps, [0.5] * 300).item() == 300


@pytest.mark.parametrize("shape", [(2, 4, 4), (4, 4)])
def test_one_threshold_per_class_is_needed(shape: tuple[int, ...]) -> None:
    for work in (assign_classes, lambda p, t: label_objects(p, t, PostProcess())):
        with pytest.raises(SettingsError, match="one threshold per class"):
            work(np.zeros(shape, np.float32), [0.5])


def test_a_greater_negative_takes_the_pixel() -> None:
    positive = np.array([[0.9, 0.5, 0.5, 0.2]], np.float32)
    negatives = np.array([[[0.1, 0.5, 0.6, 0.1]], [[0.2, 0.1, 0.1, 0.9]]], np.float32)
    result = compete(positive, negatives)
    np.testing.assert_array_equal(result, np.array([[0.9, 0.5, 0, 0]], np.float32))
    assert result.dtype == np.float32


def test_without_negatives_the_class_is_unchanged() -> None:
    positive = np.random.default_rng(0).random((3, 4), np.float32)
    np.testing.assert_array_equal(compete(positive, positive[:0, np.newaxis]), positive)


@given(
    probability_maps(),
    st.floats(0, 1),
    st.integers(0, 30),
    st.booleans(),
    st.sampled_from(["watershed", "components"]),
    st.sampled_from([0.0, 1.0]),
)
def test_labels_keep_their_promises(
    maps: np.ndarray, value: float, min_size: int, fill: bool, split: str, smoothing: float
) -> None:
    before = maps.copy()
    post = PostProcess("instances", split, min_size, fill, smoothing)
    labels, objects = label_objects(maps, thresholds_for(maps, value), post)
    np.testing.assert_array_equal(maps, before)
    assert labels.dtype == np.int32
    assert labels.shape == maps.shape[1:]
    areas = np.bincount(labels.ravel(), minlength=len(objects) + 1)[1:]
    assert [o.label for o in objects] == list(range(1, len(objects) + 1))
    assert [o.area for o in objects] == areas.tolist()
    assert min(areas, default=min_size) >= min_size
    values, first = np.unique(labels[labels > 0], return_index=True)
    assert values.tolist() == [o.label for o in objects]
    assert (np.diff(first) > 0).all()
    for o in objects:
        assert o.score == pytest.approx(maps[o.class_index][labels == o.label].mean(), abs=1e-5)
        assert ndi.label(labels == o.label, EIGHT)[1] == 1


@given(probability_maps(), st.floats(0, 1), st.sampled_from(["watershed", "components"]))
def test_before_clean_up_labels_are_the_pixels_that_reach_the_threshold(
    maps: np.ndarray, value: float, split: str
) -> None:
    limits = thresholds_for(maps, value)
    post = PostProcess("instances", split, 0, False)
    labels, objects = label_objects(maps, limits, post)
    classes = np.array([0] + [o.class_index + 1 for o in objects])
    np.testing.assert_array_equal(classes[labels], assign_classes(maps, limits))


@given(probability_maps(), st.floats(0, 1), st.integers(0, 30))
def test_semantic_labels_are_classes(maps: np.ndarray, value: float, min_size: int) -> None:
    limits = thresholds_for(maps, value)
    post = PostProcess("semantic", min_size=min_size, fill_holes=False)
    labels, objects = label_objects(maps, limits, post)
    classes = assign_classes(maps, limits)
    assert labels.dtype == np.int32
    assert ((labels == classes) | (labels == 0)).all()
    assert [o.label for o in objects] == np.unique(labels[labels > 0]).tolist()
    for o in objects:
        assert o.label == o.class_index + 1
        sizes = np.bincount(ndi.label(labels == o.label, EIGHT)[0].ravel())[1:]
        assert sizes.min() >= min_size
        assert o.area == sizes.sum()


def test_what_is_known_of_an_object() -> None:
    maps = np.zeros((2, 6, 8), np.float32)
    maps[1, 1:3, 1:4] = 0.75
    maps[0, 4:6, 5:8] = 0.5
    labels, objects = label_objects(maps, [0.5, 0.5], BARE)
    assert objects == [ObjectStats(1, 1, 0.75, 6), ObjectStats(2, 0, 0.5, 6)]
    assert labels[2, 2] == 1
    assert labels[5, 5] == 2


def test_holes_are_filled_but_other_classes_in_them_stay() -> None:
    maps = np.zeros((2, 20, 20), np.float32)
    maps[0, 2:18, 2:18] = 1
    maps[0, 5:12, 5:12] = 0
    maps[1, 7:10, 7:10] = 1
    filled, objects = label_objects(maps, [0.5, 0.5], PostProcess(min_size=0))
    assert [o.area for o in objects] == [16 * 16 - 9, 9]
    assert filled[5, 5] == filled[2, 2]
    open_, objects = label_objects(maps, [0.5, 0.5], BARE)
    assert open_[5, 5] == 0
    semantic, _ = label_objects(maps, [0.5, 0.5], PostProcess("semantic", min_size=0))
    assert semantic[5, 5] == 1
    assert semantic[8, 8] == 2


def test_smoothing_closes_gaps_and_scores_stay_raw() -> None:
    maps = np.zeros((1, 20, 20), np.float32)
    maps[0, 5:15, 5:15] = 0.8
    maps[0, 9, 9] = 0
    post = PostProcess(min_size=0, fill_holes=False, smoothing=1.5)
    labels, (only,) = label_objects(maps, [0.4], post)
    assert labels[9, 9] == 1
    assert only.score == pytest.approx(maps[0][labels == 1].mean())


@pytest.mark.parametrize("mode", ["instances", "semantic"])
def test_nothing_found_is_no_error(mode: str) -> None:
    labels, objects = label_objects(np.zeros((2, 5, 5), np.float32), [0.5, 0.5], PostProcess(mode))
    assert not labels.any()
    assert objects == []
