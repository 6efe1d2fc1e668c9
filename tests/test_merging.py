"""Merging never harms what a person drew."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from napari_vlseg.errors import ImageError, SettingsError
from napari_vlseg.masks import merge_labels

POLICIES = ["keep", "replace", "add"]
DTYPES = [np.uint8, np.int16, np.uint16, np.int32, np.int64]


@st.composite
def label_pairs(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    shape = draw(st.integers(1, 12)), draw(st.integers(1, 12))
    pair = []
    for top in (120, 6):
        dtype = draw(st.sampled_from(DTYPES))
        values = st.sampled_from([0, 0, 1, 2, 3, 5, top])
        pair.append(draw(hnp.arrays(dtype, shape, elements=values)))
    return pair[0], pair[1]


protected_numbers = st.lists(st.sampled_from([1, 2, 3, 5, 9, 120]), unique=True).map(
    lambda numbers: np.array(numbers, np.int64)
)


@given(label_pairs(), st.sampled_from(POLICIES), protected_numbers)
def test_protected_objects_are_unaltered_and_inputs_untouched(
    pair: tuple[np.ndarray, np.ndarray], policy: str, protected: np.ndarray
) -> None:
    existing, new = pair
    before = existing.copy(), new.copy()
    result = merge_labels(existing, new, policy, protected)
    np.testing.assert_array_equal(existing, before[0])
    np.testing.assert_array_equal(new, before[1])
    assert not np.shares_memory(result.labels, existing)
    assert result.labels.shape == existing.shape
    for number in protected:
        np.testing.assert_array_equal(result.labels == number, existing == number)


@given(label_pairs(), st.sampled_from(["keep", "add"]))
def test_existing_pixels_never_change_unless_replaced(
    pair: tuple[np.ndarray, np.ndarray], policy: str
) -> None:
    existing, new = pair
    result = merge_labels(existing, new, policy)
    taken = existing != 0
    np.testing.assert_array_equal(result.labels[taken], existing[taken])
    assert all(number > existing.max() for number in result.new_label.values())


@given(label_pairs(), st.sampled_from(POLICIES), protected_numbers)
def test_the_map_of_numbers_says_where_each_new_object_went(
    pair: tuple[np.ndarray, np.ndarray], policy: str, protected: np.ndarray
) -> None:
    existing, new = pair
    result = merge_labels(existing, new, policy, protected)
    stays = np.isin(existing, protected) if policy == "replace" else existing != 0
    for label in np.unique(new[new != 0]):
        free = (new == label) & ~(stays & (existing != 0))
        enough = free.sum() * 2 >= (new == label).sum() if policy != "add" else True
        assert (label in result.new_label) == bool(free.any() and enough)
        if label in result.new_label:
            np.testing.assert_array_equal(result.labels == result.new_label[label], free)
    known = {*np.unique(existing[stays]), *result.new_label.values(), 0}
    assert set(np.unique(result.labels)) <= known
    assert len(set(result.new_label.values())) == len(result.new_label)


@given(label_pairs())
def test_replacing_unprotected_labels_gives_the_new_objects(
    pair: tuple[np.ndarray, np.ndarray],
) -> None:
    existing, new = pair
    result = merge_labels(existing, new, "replace")
    np.testing.assert_array_equal(result.labels != 0, new != 0)
    assert sorted(result.new_label.values()) == list(range(1, len(result.new_label) + 1))


def test_new_objects_get_numbers_that_protected_ones_do_not_have() -> None:
    existing = np.array([[2, 2, 7, 0, 0, 0]])
    new = np.array([[0, 0, 1, 1, 2, 3]])
    result = merge_labels(existing, new, "replace", np.array([2, 4]))
    assert result.labels.tolist() == [[2, 2, 1, 1, 3, 5]]
    assert result.new_label == {1: 1, 2: 3, 3: 5}


def test_an_object_mostly_covered_is_dropped_but_for_add() -> None:
    existing = np.array([[4, 4, 0, 0]])
    new = np.array([[8, 8, 8, 9]])
    assert merge_labels(existing, new, "keep").labels.tolist() == [[4, 4, 0, 5]]
    assert merge_labels(existing, new, "add").labels.tolist() == [[4, 4, 5, 6]]


def test_the_type_grows_when_numbers_need_it_and_only_then() -> None:
    new = np.array([[0, 1]], np.int32)
    assert merge_labels(np.array([[254, 0]], np.uint8), new, "keep").labels.dtype == np.uint8
    assert merge_labels(np.array([[255, 0]], np.uint8), new, "keep").labels.tolist() == [[255, 256]]
    assert merge_labels(np.array([[127, 0]], np.int8), new, "keep").labels.tolist() == [[127, 128]]


def test_negative_labels_are_existing_ones() -> None:
    result = merge_labels(np.array([[-3, 0]]), np.array([[1, 2]]), "keep")
    assert result.labels.tolist() == [[-3, 1]]


def test_wrong_input_is_named() -> None:
    labels = np.zeros((3, 4), np.int32)
    with pytest.raises(ImageError, match=r"\(4, 3\).*\(3, 4\)"):
        merge_labels(labels, labels.T, "keep")
    with pytest.raises(SettingsError, match="keep, replace, add"):
        merge_labels(labels, labels, "overwrite")
