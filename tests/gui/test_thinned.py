"""Large images without a pyramid, seen from afar."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from hypothesis import given
from hypothesis import strategies as st
from napari.components import ViewerModel

from napari_vlseg.images import read_image
from napari_vlseg.ui import thinned
from napari_vlseg.ui.arranging import arranged_layer
from napari_vlseg.ui.image_choice import ImageChoice
from napari_vlseg.ui.opening import open_images
from napari_vlseg.ui.thinned import ThinnedArray, shown_levels, stored_levels


class Counted:
    """An array that counts the pixels that are read at once and in all."""

    def __init__(self, pixels: np.ndarray, chunks: tuple[int, ...]) -> None:
        self.pixels, self.shape, self.dtype = pixels, pixels.shape, pixels.dtype
        self.chunks, self.reads = chunks, list[int]()

    def __getitem__(self, key: Any) -> np.ndarray:
        part = self.pixels[key]
        self.reads.append(part.size)
        return part


@given(st.data())
def test_any_part_is_every_nth_pixel_of_it(data: st.DataObject) -> None:
    pixels = np.random.default_rng(0).integers(0, 999, (3, 70, 90, 3)).astype(np.uint16)
    step = data.draw(st.integers(2, 16))
    array = ThinnedArray(Counted(pixels, (1, 8, 8, 3)), (1, 2), step)
    array._sides = [data.draw(st.integers(1, 9)), data.draw(st.integers(1, 9))]
    expected = pixels[:, ::step, ::step]
    assert array.shape == expected.shape
    key = []
    for length in expected.shape:
        start = data.draw(st.integers(0, length - 1))
        stop = data.draw(st.integers(start, length))
        part = slice(start, stop, data.draw(st.sampled_from([None, 1, 2])))
        key.append(data.draw(st.sampled_from([start, slice(None), part])))
    key = key[: data.draw(st.integers(0, 4))]
    for _ in range(2):
        np.testing.assert_array_equal(array[tuple(key)], expected[tuple(key)])


def test_blocks_are_bounded_and_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = np.random.default_rng(0).integers(0, 99, (500, 700)).astype(np.uint8)
    monkeypatch.setattr(thinned, "_BLOCK", 100)
    source = Counted(pixels, (50, 50))
    array = ThinnedArray(source, (0, 1), 4)
    np.testing.assert_array_equal(np.asarray(array), pixels[::4, ::4])
    assert max(source.reads) == 100 * 100
    source.reads.clear()
    np.testing.assert_array_equal(array[20:90, 30:60], pixels[::4, ::4][20:90, 30:60])
    assert source.reads == []


def test_what_is_kept_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = np.zeros((400, 400), np.uint8)
    monkeypatch.setattr(thinned, "_BLOCK", 40)
    monkeypatch.setattr(thinned, "_KEPT", 1000)
    array = ThinnedArray(Counted(pixels, (40, 40)), (0, 1), 4)
    np.asarray(array)
    assert sum(block.nbytes for block in array._kept.values()) == array._n_bytes <= 1000


def test_a_large_image_without_a_pyramid_is_shown_at_several_resolutions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (900, 1200, 3)).astype(np.uint8)
    zarr.save_array(tmp_path / "a.zarr", pixels)
    viewer = ViewerModel()
    assert not open_images(viewer, [tmp_path / "a.zarr"])[0].multiscale
    monkeypatch.setattr(thinned, "LARGEST", 10_000)
    monkeypatch.setattr(thinned, "_COARSEST", 100)
    source = read_image(tmp_path / "a.zarr")
    levels = shown_levels(source.levels, source.view)
    assert [level.shape for level in levels] == [
        (900, 1200, 3),
        (225, 300, 3),
        (57, 75, 3),
    ]
    assert stored_levels(levels) == (source.data,)
    images = ImageChoice(viewer)
    (layer,) = open_images(viewer, [tmp_path / "a.zarr"])
    assert layer.multiscale
    assert layer.rgb
    np.testing.assert_array_equal(np.asarray(layer.data[2]), pixels[::16, ::16])
    assert images.view(layer).rgb
    arranged, view = arranged_layer(viewer, layer, "yxc")
    assert view.channel_axis == 0
    assert [level.shape for level in arranged.data] == [(3, 900, 1200), (3, 225, 300), (3, 57, 75)]
    np.testing.assert_array_equal(arranged.data[1][2, 5:9], pixels[20:36:4, ::4, 2])
