"""Contrast once per image or stack, and windows of a plane."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_vlseg.errors import ImageError
from napari_vlseg.images import (
    Channel,
    ImageView,
    extract_plane,
    extract_window,
    fixed_contrast,
    lasting_view,
)
from napari_vlseg.stack_contrast import EXACT_PIXELS

from .test_images import arrays_and_views

BUDGET = 2**24


class Pretended:
    """A huge array whose pixels are computed where they are read; it counts them."""

    def __init__(self, shape: tuple[int, ...], dtype: str = "uint16") -> None:
        self.shape, self.dtype, self.n_read = shape, np.dtype(dtype), 0
        self.windows: list[tuple[Any, ...]] = []

    def __getitem__(self, key: tuple[int | slice, ...]) -> np.ndarray:
        self.windows.append(key)
        axes = [np.arange(n)[part] for n, part in zip(self.shape, key, strict=True)]
        grids = np.ix_(*(np.atleast_1d(axis) for axis in axes))
        pixels = sum((i + 3) * grid for i, grid in enumerate(grids)) * 7919 % 1000
        pixels = pixels.reshape([len(axis) for axis in axes if np.ndim(axis)])
        self.n_read += pixels.size
        return pixels.astype(self.dtype)


@given(arrays_and_views(), st.data())
def test_a_window_is_a_part_of_its_plane(case: Any, data: st.DataObject) -> None:
    pixels, view, index = case
    view = fixed_contrast(pixels, view)
    plane = extract_plane(pixels, index, view)
    starts = [data.draw(st.integers(0, n - 1)) for n in plane.shape[:2]]
    stops = [data.draw(st.integers(a + 1, n)) for a, n in zip(starts, plane.shape, strict=False)]
    rows, cols = (slice(*ends) for ends in zip(starts, stops, strict=True))
    window = extract_window(pixels, index, rows, cols, view)
    np.testing.assert_array_equal(window, plane[rows, cols])
    assert window.dtype == np.float32


@given(arrays_and_views())
def test_a_single_plane_looks_as_with_automatic_contrast(case: Any) -> None:
    pixels, view, index = case
    while len(index):
        axis = 1 if view.channel_axis == 0 else 0
        pixels = np.take(pixels, index[0], axis)
        if view.channel_axis is not None and view.channel_axis > axis:
            view = replace(view, channel_axis=view.channel_axis - 1)
        index = index[1:]
    fixed = fixed_contrast(pixels, view)
    np.testing.assert_array_equal(extract_plane(pixels, (), fixed), extract_plane(pixels, (), view))
    if view.channel_axis is None:
        assert fixed.contrast is not None
    else:
        assert all(channel.contrast is not None for channel in fixed.channels)


@pytest.mark.parametrize("make", ["numpy", "dask", "zarr"])
def test_windows_of_every_kind_of_array(make: str) -> None:
    pixels = np.random.default_rng(0).integers(0, 999, (3, 2, 40, 50)).astype(np.uint16)
    view = fixed_contrast(pixels, ImageView(channel_axis=1))
    array: Any = pixels
    if make == "dask":
        array = pytest.importorskip("dask.array").from_array(pixels, chunks=16)
    elif make == "zarr":
        array = pytest.importorskip("zarr").array(pixels, chunks=(1, 1, 16, 16))
    window = extract_window(array, (2,), slice(10, 30), slice(5, 50), view)
    np.testing.assert_array_equal(window, extract_plane(pixels, (2,), view)[10:30, 5:50])
    assert fixed_contrast(array, ImageView(channel_axis=1)) == view


def test_a_stack_has_one_contrast() -> None:
    stack = np.zeros((4, 30, 30), np.uint16)
    stack[3] = np.arange(900).reshape(30, 30)
    view = fixed_contrast(stack)
    low, high = np.percentile(stack, [1, 99.8])
    assert view.contrast == (low, high)
    assert extract_plane(stack, (0,), view).max() == 0


def test_contrasts_that_are_there_are_kept_and_nothing_is_read() -> None:
    huge = Pretended((3, 100_000, 100_000))
    view = ImageView(contrast=(2.0, 9.0))
    assert fixed_contrast(huge, view) == view
    channels = ImageView(channel_axis=0, contrast=(2.0, 9.0), channels=(Channel(1), Channel(2)))
    fixed = fixed_contrast(huge, channels)
    assert [channel.contrast for channel in fixed.channels] == [(2.0, 9.0)] * 2
    assert huge.n_read == 0


@pytest.mark.parametrize(
    ("shape", "view"),
    [
        ((100_000, 100_000), ImageView()),
        ((20_000, 20_000, 3), ImageView(rgb=True)),
        ((200, 2048, 2048), ImageView()),
        ((7, 3, 90, 3000, 2000), ImageView(channel_axis=1)),
        ((5000, 64, 64), ImageView()),
        ((60, 10_000_000), ImageView()),
    ],
)
def test_of_a_large_image_a_bounded_sample_is_read(shape: tuple[int, ...], view: ImageView) -> None:
    huge = Pretended(shape)
    fixed = fixed_contrast(huge, view)
    n_values = 3 if view.rgb or view.channel_axis is not None else 1
    assert 2**19 < huge.n_read / n_values <= BUDGET
    contrasts = [channel.contrast for channel in fixed.channels] or [fixed.contrast]
    for low, high in contrasts:
        assert (low, high) == pytest.approx((10, 997), abs=15)
    assert fixed == fixed_contrast(Pretended(shape), view)
    for key in huge.windows:
        spans = [part for part in key if isinstance(part, slice) and part != slice(None)]
        assert all(span.step is None and span.stop - span.start <= 512 for span in spans)


def test_the_planes_of_a_sample_are_spread_over_every_axis() -> None:
    huge = Pretended((16, 10, 5, 1024, 1024))
    fixed_contrast(huge)
    planes = {key[:3] for key in huge.windows}
    assert len(planes) == 16
    assert [len({plane[axis] for plane in planes}) for axis in range(3)] == [16, 10, 5]


def test_many_axes_are_sampled_too() -> None:
    huge = Pretended((2, 3, 4, 5, 6, 7, 1024, 1024))
    fixed_contrast(huge)
    planes = {key[:6] for key in huge.windows}
    assert [len({plane[axis] for plane in planes}) for axis in range(6)] == [2, 3, 4, 5, 6, 7]


def test_a_coarser_level_is_read_in_place_of_a_huge_one() -> None:
    levels = [Pretended((32_768 >> n, 32_768 >> n)) for n in range(8)]
    fixed_contrast(levels[0], levels=levels)
    assert [level.n_read for level in levels] == [0, 0, 0, 0, 2048**2, 0, 0, 0]
    thumbnail = [Pretended((32_768, 32_768)), Pretended((128, 128))]
    fixed_contrast(thumbnail[0], levels=thumbnail)
    assert thumbnail[1].n_read == 0


def test_pixels_that_are_no_numbers_do_not_count() -> None:
    stack = np.full((3, 20, 20), np.nan, np.float32)
    stack[1] = np.arange(400).reshape(20, 20)
    stack[1, 0, 0] = np.inf
    view = fixed_contrast(stack)
    assert view.contrast == tuple(np.percentile(np.arange(1.0, 400), [1, 99.8]))
    assert extract_plane(stack, (0,), view).max() == 0
    with pytest.raises(ImageError, match="set the contrast by hand"):
        fixed_contrast(stack[0])


def test_the_exact_size_is_that_of_a_large_camera() -> None:
    pixels = np.zeros((2048, 4096), np.uint8)
    assert pixels.size == EXACT_PIXELS
    pixels[:90] = 200
    assert fixed_contrast(pixels).contrast == (0.0, 200.0)


@pytest.mark.parametrize(
    ("rows", "cols"),
    [
        (slice(0, 9), slice(0, 5)),
        (slice(3, 3), slice(0, 5)),
        (slice(-2, 5), slice(0, 5)),
        (slice(0, 8, 2), slice(0, 5)),
    ],
)
def test_a_window_that_is_not_in_the_plane_is_named(rows: slice, cols: slice) -> None:
    with pytest.raises(ImageError, match="lies within the image"):
        extract_window(np.zeros((8, 9)), (), rows, cols)


def test_a_lone_plane_keeps_its_own_contrast_and_a_stack_has_one():
    plane = np.arange(100, dtype=np.uint8).reshape(10, 10)
    assert lasting_view(plane[np.newaxis]) == ImageView()
    stack = np.stack([plane, plane + 100])
    assert lasting_view(stack) == fixed_contrast(stack)
    chosen = ImageView(contrast=(3.0, 9.0))
    assert lasting_view(stack, chosen) == chosen
