"""Changes of pixels say exactly what differs, and can be taken back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from napari_vlseg.errors import LedgerError
from napari_vlseg.pixel_changes import PixelChange

SHAPES = array_shapes(min_dims=2, max_dims=4, max_side=5)


@st.composite
def labels_twice(draw: st.DrawFn, count: int = 2) -> list[np.ndarray]:
    shape = draw(SHAPES)
    dtype = draw(st.sampled_from(["int32", "uint8", "int64", "uint16"]))
    values = st.integers(0, 3)
    return [draw(arrays(dtype, shape, elements=values)) for _ in range(count)]


def runs(change: PixelChange) -> list[tuple[int, int, int, int]]:
    columns = (change.starts, change.lengths, change.old, change.new)
    return list(zip(*(column.tolist() for column in columns), strict=True))


def test_runs_are_cut_where_a_value_changes() -> None:
    before = np.array([[1, 1, 0, 0], [0, 2, 2, 2]])
    after = np.array([[3, 3, 3, 0], [0, 0, 2, 0]])
    change = PixelChange.between(before, after)
    assert change is not None
    assert runs(change) == [(0, 2, 1, 3), (2, 1, 0, 3), (5, 1, 2, 0), (7, 1, 2, 0)]
    assert (change.n_pixels, change.labels) == (5, {1, 2, 3})
    assert change.area_change() == {1: -2, 2: -2, 3: 3}


@given(labels_twice())
def test_a_change_leads_there_and_back(pair: list[np.ndarray]) -> None:
    before, after = pair
    change = PixelChange.between(before, after)
    if change is None:
        np.testing.assert_array_equal(before, after)
        return
    labels = before.copy()
    change.apply(labels)
    np.testing.assert_array_equal(labels, after, strict=True)
    counts = {label: int((after == label).sum() - (before == label).sum()) for label in (1, 2, 3)}
    assert change.area_change() == {label: counts[label] for label in change.labels}
    change.inverted().apply(labels)
    np.testing.assert_array_equal(labels, before, strict=True)
    assert change.planes(before.shape) == [
        index
        for index in np.ndindex(before.shape[:-2])
        if (before[index] != after[index]).any()
    ]  # fmt: skip


@given(labels_twice(3))
def test_two_changes_make_one(states: list[np.ndarray]) -> None:
    first, second, third = states
    steps = PixelChange.between(first, second), PixelChange.between(second, third)
    whole = PixelChange.between(first, third)
    if None in steps:
        return
    both = steps[0].then(steps[1])
    assert (both is None) == (whole is None)
    if both is not None:
        assert runs(both) == runs(whole)


@given(labels_twice(), st.randoms(use_true_random=False))
def test_pixels_may_be_named_in_any_order_and_twice(pair: list[np.ndarray], random) -> None:
    before, after = (labels.ravel() for labels in pair)
    order = list(range(before.size)) * 2
    random.shuffle(order)
    seen: set[int] = set()
    old = [5 if place in seen else seen.add(place) or before[place] for place in order]
    last = {place: position for position, place in enumerate(order)}
    new = [after[place] if last[place] == position else 7 for position, place in enumerate(order)]
    change = PixelChange.at(np.array(order), np.array(old), np.array(new))
    whole = PixelChange.between(before[None], after[None])
    assert (change is None) == (whole is None)
    if change is not None:
        assert runs(change) == runs(whole)


def test_one_value_is_enough_for_a_stroke() -> None:
    change = PixelChange.at(np.array([3, 1, 2, 9]), np.array([0, 0, 4, 4]), 4)
    assert runs(change) == [(1, 1, 0, 4), (3, 1, 0, 4)]
    assert PixelChange.at(np.array([3, 1]), 4, 4) is None
    assert PixelChange.at(np.array([], int), np.array([], int), 1) is None


@given(labels_twice(), st.data())
def test_a_plane_is_placed_in_the_whole(pair: list[np.ndarray], data: st.DataObject) -> None:
    before, after = pair
    index = data.draw(st.sampled_from(list(np.ndindex(before.shape[:-2]))))
    change = PixelChange.between(before[index], after[index], before.shape, index)
    if change is None:
        return
    expected = before.copy()
    expected[index] = after[index]
    labels = before.copy()
    change.apply(labels)
    np.testing.assert_array_equal(labels, expected)
    assert change.planes(before.shape) == [index]


def test_shapes_that_do_not_belong_together_are_refused() -> None:
    plane = np.zeros((2, 3), int)
    for arguments in ((plane, plane.T), (plane, plane, (4, 2, 3)), (plane, plane, (2, 3, 4), (1,))):
        with pytest.raises(ValueError, match="shape"):
            PixelChange.between(*arguments)


def test_a_change_that_does_not_fit_leaves_the_labels_alone() -> None:
    labels = np.zeros((4, 5), np.uint8)
    refused = {
        "was|were changed without": PixelChange.at(np.array([1, 2]), np.array([0, 9]), 1),
        "reaches outside": PixelChange.at(np.array([19, 20]), 0, 1),
        "convert the labels layer": PixelChange.at(np.array([1]), 0, 256),
    }
    for words, change in refused.items():
        with pytest.raises(LedgerError, match=words):
            change.apply(labels)
    assert not labels.any()
    refused["was|were changed without"].apply(labels, check=False)
    assert labels.ravel()[:4].tolist() == [0, 1, 1, 0]


@pytest.mark.parametrize("turn", [np.asfortranarray, lambda a: a[::1, ::-1], lambda a: a.T])
def test_the_layout_in_memory_does_not_matter(turn) -> None:
    before = turn(np.arange(20, dtype=np.int32).reshape(4, 5))
    after = np.where(before % 3, before, 0)
    labels = turn(np.arange(20, dtype=np.int32).reshape(4, 5))
    change = PixelChange.between(before, after)
    change.apply(labels)
    np.testing.assert_array_equal(labels, after)
