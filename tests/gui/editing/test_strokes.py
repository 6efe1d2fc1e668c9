"""Both formats of napari's record of a stroke, against what really changed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from napari.layers import Labels

from napari_vlseg.ui.editing.strokes import stroke_of

SHAPES = [(40, 50), (3, 40, 50), (2, 3, 20, 30)]


def scene(shape: tuple[int, ...], dtype: Any = np.int32) -> np.ndarray:
    labels = np.zeros(shape, dtype)
    labels[..., 5:15, 5:15] = 1
    labels[..., 12:18, 20:26] = 2
    return labels


def told(layer: Labels) -> list[Any]:
    items: list[Any] = []
    layer.events.paint.connect(lambda event: items.append(event.value))
    return items


def check(layer: Labels, before: np.ndarray, item: Any) -> None:
    after = np.asarray(layer.data)
    stroke = stroke_of(item, before.shape)
    changed = np.flatnonzero(before.ravel() != after.ravel())
    np.testing.assert_array_equal(stroke.flat, changed)
    np.testing.assert_array_equal(stroke.new, after.ravel()[changed])


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.int64])
def test_brush_eraser_fill_and_polygon(shape: tuple[int, ...], dtype: Any) -> None:
    layer = Labels(scene(shape, dtype))
    lead = (1,) * (len(shape) - 2)
    layer.brush_size = 7
    items = told(layer)
    for paint in (
        lambda: layer.paint((*lead, 10, 10), 3),
        lambda: layer.paint((*lead, 0, 0), 0),
        lambda: layer.fill((*lead, 14, 22), 7),
        lambda: layer.paint_polygon([(*lead, 2, 2), (*lead, 2, 18), (*lead, 17, 9)], 9),
    ):
        before, n_told = np.array(layer.data), len(items)
        paint()
        if len(items) > n_told:
            check(layer, before, items[-1])
    assert len(items) == 3, "erasing nothing is no stroke"


@pytest.mark.parametrize("far", [False, True])
def test_movements_of_one_stroke_are_one(far: bool) -> None:
    layer = Labels(scene((400, 500)))
    layer.brush_size = 9
    items = told(layer)
    before = layer.data.copy()
    with layer.block_history():
        for col in range(5, 30, 2):
            layer.paint((10, col), 3)
        layer.paint((10, 12), 4)
        layer.paint((390, 490) if far else (10, 30), 0)
        layer.paint((380, 480) if far else (10, 32), 5)
    assert len(items) == 1
    stroke = stroke_of(items[0], before.shape)
    np.testing.assert_array_equal(stroke.new, layer.data.ravel()[stroke.flat])
    everywhere = before.ravel().copy()
    everywhere[stroke.flat] = stroke.new
    np.testing.assert_array_equal(everywhere, layer.data.ravel())


@pytest.mark.parametrize("contiguous", [True, False])
def test_painting_in_three_dimensions(contiguous: bool) -> None:
    layer = Labels(scene((6, 40, 50)))
    layer.n_edit_dimensions, layer.brush_size, layer.contiguous = 3, 5, contiguous
    items = told(layer)
    before = layer.data.copy()
    layer.paint((3, 10, 10), 8)
    check(layer, before, items[-1])
    before = layer.data.copy()
    layer.fill((2, 14, 22), 5)
    check(layer, before, items[-1])
    assert len({int(flat) // 2000 for flat in stroke_of(items[-1], before.shape).flat}) == 6


def test_pixels_that_are_listed() -> None:
    """The record of older releases, and of `data_setitem` in all of them."""
    layer = Labels(scene((3, 40, 50)))
    items = told(layer)
    before = layer.data.copy()
    where = np.array([1, 1, 0]), np.array([5, 6, 7]), np.array([5, 5, 40])
    layer.data_setitem(where, [-4, 2**31 - 1, 6])
    check(layer, before, items[-1])
    before = layer.data.copy()
    layer.data_setitem((np.array([2, 2]), np.array([0, 1]), np.array([49, 49])), 77)
    check(layer, before, items[-1])


@pytest.mark.parametrize(
    "where",
    [
        (1, slice(None), slice(None)),
        (slice(0, 2), 3, slice(4, 9)),
        (1, np.array([0, -1]), np.array([2, 3])),
        (np.array([2, 0]), 4, 5),
    ],
)
def test_slices_numbers_and_arrays_in_one_index(where: Any) -> None:
    before = np.arange(3 * 8 * 10).reshape(3, 8, 10)
    after = before.copy()
    after[where] = 1000
    stroke = stroke_of([(where, before[where], 1000)], before.shape)
    np.testing.assert_array_equal(stroke.flat, np.flatnonzero(before != after))
    assert set(stroke.new) == {1000}


def test_the_newest_value_counts() -> None:
    atoms = [
        ((slice(0, 2), slice(0, 2)), None, np.array([[1, 2], [3, 4]]), 9),
        ((slice(1, 2), slice(0, 3)), np.array([[True, False, True]]), np.array([9, 5]), 6),
        ((np.array([0, 1]), np.array([0, 2])), np.array([9, 6]), np.array([0, 5])),
    ]
    stroke = stroke_of(atoms, (2, 3))
    assert stroke.flat.tolist() == [0, 1, 3, 4, 5]
    assert stroke.new.tolist() == [0, 9, 6, 9, 5]
    assert stroke_of([], (2, 3)).flat.size == 0
