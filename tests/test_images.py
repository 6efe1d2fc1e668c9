"""Planes of any array: range, shape, channels, contrast, laziness and errors."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from napari_vlseg.errors import ImageError, SettingsError
from napari_vlseg.images import (
    Channel,
    ImageView,
    default_channels,
    extract_plane,
    fixed_contrast,
    leading_axes,
    plane_shape,
    with_channels,
)

DTYPES = ["?", "u1", "i1", "<u2", ">u2", "i4", "u8", "f2", ">f4", "f8"]
MICROSCOPE_RANGE = {"u1": 255, "<u2": 4095, "f4": 1.0}


class LazyArray:
    """An array-like that records what is read from it."""

    def __init__(self, pixels: np.ndarray) -> None:
        self.pixels = pixels
        self.shape, self.dtype = pixels.shape, pixels.dtype
        self.reads: list[Any] = []

    def __getitem__(self, key: Any) -> np.ndarray:
        self.reads.append(key)
        return self.pixels[key]


@st.composite
def arrays_and_views(draw: st.DrawFn) -> tuple[np.ndarray, ImageView, tuple[int, ...]]:
    """Any dtype, 2 to 5 dimensions, grayscale, RGB(A) or multichannel, with a valid index."""
    layout = draw(st.sampled_from(["gray", "rgb", "channels"]))
    leading = draw(st.lists(st.integers(1, 3), max_size=2))
    shape = [*leading, draw(st.integers(1, 6)), draw(st.integers(1, 6))]
    view = ImageView()
    if layout == "rgb":
        shape.append(draw(st.sampled_from([3, 4])))
        view = ImageView(rgb=True)
    elif layout == "channels":
        axis = draw(st.integers(0, len(shape)))
        shape.insert(axis, draw(st.integers(1, 4)))
        view = ImageView(channel_axis=axis)
    dtype = np.dtype(draw(st.sampled_from(DTYPES)))
    elements = {"allow_nan": False, "allow_infinity": False} if dtype.kind == "f" else {}
    data = draw(hnp.arrays(dtype, tuple(shape), elements=hnp.from_dtype(dtype, **elements)))
    index = tuple(draw(st.integers(0, size - 1)) for size in leading)
    return data, view, index


@given(arrays_and_views())
def test_every_layout_and_dtype_gives_a_plane_in_range(
    case: tuple[np.ndarray, ImageView, tuple[int, ...]],
) -> None:
    data, view, index = case
    before = data.copy()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        plane = extract_plane(data, index, view)
    assert plane.shape == (*plane_shape(data, view), 3)
    assert plane.dtype == np.float32
    assert plane.min() >= 0
    assert plane.max() <= 1
    assert len(leading_axes(data, view)) == len(index)
    np.testing.assert_array_equal(data, before)


@pytest.mark.parametrize(("dtype", "top"), MICROSCOPE_RANGE.items())
def test_automatic_contrast_is_the_percentiles_of_the_plane(dtype: str, top: float) -> None:
    data = (np.random.default_rng(0).random((50, 40)) * top).astype(dtype)
    low, high = np.percentile(data.astype(float), [1, 99.8])
    expected = np.clip((data.astype(float) - low) / (high - low), 0, 1)
    np.testing.assert_allclose(extract_plane(data)[..., 1], expected, atol=1e-6)


def test_rgb_is_stretched_by_one_range_for_all_colours() -> None:
    data = np.random.default_rng(0).integers(0, 200, (30, 30, 3)).astype(np.uint8)
    data[..., 2] //= 2
    low, high = np.percentile(data, [1, 99.8])
    plane = extract_plane(data, view=ImageView(rgb=True))
    np.testing.assert_allclose(plane, np.clip((data - low) / (high - low), 0, 1), atol=1e-6)


def test_given_contrast_limits_are_obeyed() -> None:
    plane = extract_plane(np.array([[0, 10, 20, 40]]), view=ImageView(contrast=(10, 30)))
    np.testing.assert_allclose(plane[0, :, 0], [0, 0, 0.5, 1])


def test_faint_integer_noise_is_not_stretched_to_full_range() -> None:
    noise = np.random.default_rng(0).integers(100, 103, (40, 40)).astype(np.uint16)
    assert extract_plane(noise).max() <= 0.25


def test_large_offsets_keep_their_contrast() -> None:
    data = 1_000_000_000 + np.arange(100, dtype=np.int64).reshape(10, 10)
    assert len(np.unique(extract_plane(data))) > 95


def test_bool_is_black_and_white() -> None:
    data = np.zeros((40, 40), bool)
    data[3, 4] = True
    plane = extract_plane(data)
    assert plane[3, 4].tolist() == [1, 1, 1]
    assert plane.sum() == 3


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("value", [0, 1])
def test_constant_images_are_black(dtype: str, value: int) -> None:
    plane = extract_plane(np.full((5, 7), value, dtype))
    expected = value if dtype == "?" else 0
    assert (plane == expected).all()


@pytest.mark.filterwarnings("error")
def test_pixels_that_are_no_number_are_black_and_do_not_shift_the_contrast() -> None:
    data = np.random.default_rng(0).random((30, 30))
    clean = extract_plane(data)
    dirty = data.copy()
    dirty[0, :3] = np.nan, np.inf, -np.inf
    plane = extract_plane(dirty)
    assert (plane[0, :3] == 0).all()
    np.testing.assert_allclose(plane[1:], clean[1:], atol=0.02)


def test_transparent_pixels_lie_on_black() -> None:
    data = np.full((4, 4, 4), 255, np.uint8)
    data[0, 0, 3] = 0
    data[1, 1, :3] = 0
    plane = extract_plane(data, view=ImageView(rgb=True, contrast=(0, 255)))
    assert plane[0, 0].tolist() == [0, 0, 0]
    assert plane[2, 2].tolist() == [1, 1, 1]


def test_channels_add_up_in_their_colours() -> None:
    data = np.zeros((3, 2, 2), np.uint16)
    data[0, 0, 0], data[2, 0, 0], data[2, 1, 1] = 100, 100, 50
    channels = (Channel(2, "#00ff00", (0, 100)), Channel(0, "#ff8000", (0, 100)))
    plane = extract_plane(data, view=ImageView(channel_axis=0, channels=channels))
    np.testing.assert_allclose(plane[0, 0], [1, 1, 0])
    np.testing.assert_allclose(plane[1, 1], [0, 0.5, 0])
    np.testing.assert_allclose(plane[0, 1], 0)


def test_without_a_choice_every_channel_has_its_colour() -> None:
    colors = [channel.color for channel in default_channels(4)]
    assert len(set(colors)) == 4
    assert default_channels(1) == (Channel(0, "#ffffff"),)


def test_channels_of_another_image_are_taken_where_they_fit() -> None:
    chosen = (Channel(2, "#00ff00", (0, 9)),)
    view = ImageView(channel_axis=0)
    assert with_channels(view, chosen, np.zeros((3, 4, 4))).channels == chosen
    assert with_channels(view, chosen, np.zeros((2, 4, 4))) == view
    assert with_channels(view, (), np.zeros((3, 4, 4))) == view
    assert with_channels(ImageView(), chosen, np.zeros((3, 4, 4))) == ImageView()


def test_channel_axis_may_be_anywhere() -> None:
    data = np.random.default_rng(0).integers(0, 999, (2, 4, 5, 6))
    first = extract_plane(data, (1,), ImageView(channel_axis=1))
    last = extract_plane(np.moveaxis(data, 1, -1), (1,), ImageView(channel_axis=-1))
    np.testing.assert_array_equal(first, last)
    assert leading_axes(data, ImageView(channel_axis=1)) == (0,)
    assert plane_shape(np.moveaxis(data, 1, -1), ImageView(channel_axis=-1)) == (5, 6)


def test_only_the_plane_is_read() -> None:
    lazy = LazyArray(np.random.default_rng(0).integers(0, 99, (5, 6, 3, 8, 9)))
    view = ImageView(channel_axis=2, channels=(Channel(1), Channel(2)))
    plane = extract_plane(lazy, (4, 2), view)
    everything = slice(None)
    assert lazy.reads == [(4, 2, 1, everything, everything), (4, 2, 2, everything, everything)]
    np.testing.assert_array_equal(plane, extract_plane(lazy.pixels, (4, 2), view))


def test_shapes_are_known_without_reading() -> None:
    lazy = LazyArray(np.zeros((5, 6, 7)))
    assert plane_shape(lazy) == (6, 7)
    assert leading_axes(lazy) == (0,)
    assert lazy.reads == []


def test_dask_computes_the_chunks_of_the_plane_alone() -> None:
    da = pytest.importorskip("dask.array")
    computed = []

    def load(block_info: Any = None) -> np.ndarray:
        computed.append(block_info[None]["chunk-location"][0])
        return np.full((1, 8, 8), len(computed), np.uint8)

    stack = da.map_blocks(load, chunks=((1,) * 6, (8,), (8,)), dtype=np.uint8, meta=np.empty(0))
    computed.clear()
    assert extract_plane(stack, (3,)).shape == (8, 8, 3)
    assert computed == [3]


def test_zarr_is_an_image() -> None:
    zarr = pytest.importorskip("zarr")
    pixels = np.random.default_rng(0).integers(0, 255, (3, 16, 16)).astype(np.uint8)
    np.testing.assert_array_equal(extract_plane(zarr.array(pixels), (2,)), extract_plane(pixels[2]))


@pytest.mark.parametrize(
    ("data", "index", "view", "message"),
    [
        (np.zeros((0, 5)), (), ImageView(), "no pixels"),
        (np.zeros(5), (), ImageView(), "1 dimensions"),
        (np.zeros((1,) * 9), (), ImageView(), "9 dimensions"),
        (np.full((3, 3), np.nan), (), ImageView(), "finite"),
        (np.array([["a", "b"]]), (), ImageView(), "type"),
        (np.zeros((3, 3), object), (), ImageView(), "type object"),
        (np.zeros((3, 3), complex), (), ImageView(), "type complex128"),
        ([[1, 2], [3]], (), ImageView(), "not an image"),
        (np.zeros((3, 3)), (), ImageView(rgb=True), "not RGB"),
        (np.zeros((3, 3, 5)), (), ImageView(rgb=True), "not RGB"),
        (np.zeros((3, 3, 3)), (), ImageView(rgb=True, channel_axis=0), "one of the two"),
        (np.zeros((3, 3, 3)), (), ImageView(channel_axis=3), "channel axis 3"),
        (np.zeros((3, 3)), (), ImageView(channel_axis=0), "no rows and columns"),
        (np.zeros((2, 3, 3)), (), ImageView(channel_axis=0, channels=(Channel(2),)), "channel 2"),
        (np.zeros((2, 3, 3)), (), ImageView(), "1 axes beside its plane but 0"),
        (np.zeros((2, 3, 3)), (2,), ImageView(), "no plane 2"),
        (np.zeros((2, 3, 3)), (-1,), ImageView(), "no plane -1"),
    ],
)
def test_what_cannot_be_shown_is_named(
    data: Any, index: Sequence[int], view: ImageView, message: str
) -> None:
    with pytest.raises(ImageError, match=message):
        extract_plane(data, index, view)


def test_impossible_views_are_refused() -> None:
    with pytest.raises(SettingsError, match="#rrggbb"):
        Channel(0, "green")
    for limits in [(2.0, 1.0), (0.0, np.inf), (np.nan, 1.0)]:
        with pytest.raises(SettingsError, match="contrast limits"):
            ImageView(contrast=limits)
        with pytest.raises(SettingsError, match="contrast limits"):
            Channel(0, contrast=limits)


def test_what_stands_in_few_columns_of_a_slide_counts_for_its_contrast():
    slide = np.full((1024, 40_960), 240, np.uint8)
    for start in range(9 * 1024, 40_960, 10 * 1024):  # every tenth column of chunks
        slide[:, start : start + 1024] = 60
    assert fixed_contrast(slide, ImageView()).contrast == (60, 240)
