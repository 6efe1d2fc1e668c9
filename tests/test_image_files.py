"""Image files as people have them: axes, pixel sizes, masks, and files that are none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_vlseg.errors import ImageError
from napari_vlseg.images import ImageView, extract_plane, pixels_sha256, read_image, read_mask


@pytest.fixture
def gray() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 255, (12, 17)).astype(np.uint8)


@pytest.fixture
def colors() -> np.ndarray:
    return np.random.default_rng(1).integers(0, 255, (12, 17, 3)).astype(np.uint8)


@pytest.mark.parametrize("suffix", [".png", ".tif", ".bmp"])
def test_gray_and_rgb_files_are_read_exactly(
    tmp_path: Path, gray: np.ndarray, colors: np.ndarray, suffix: str
) -> None:
    for pixels in (gray, colors):
        Image.fromarray(pixels).save(tmp_path / f"cells.a{suffix}")
        image = read_image(tmp_path / f"cells.a{suffix}")
        np.testing.assert_array_equal(image.data, pixels)
        assert image.view == ImageView(rgb=pixels.ndim == 3)
        assert image.name == "cells.a"
        assert image.path == tmp_path / f"cells.a{suffix}"
        assert image.pixel_size is None


def test_jpeg_is_read(tmp_path: Path, colors: np.ndarray) -> None:
    Image.fromarray(colors).save(tmp_path / "a.jpg")
    assert read_image(str(tmp_path / "a.jpg")).data.shape == colors.shape


@pytest.mark.parametrize("mode", ["1", "P", "LA", "CMYK", "I;16", "F"])
def test_every_mode_of_pillow_gives_a_plane(tmp_path: Path, colors: np.ndarray, mode: str) -> None:
    suffix = ".tif" if mode in ("CMYK", "F") else ".png"
    picture = Image.fromarray(colors).convert("L" if mode == "I;16" else "RGB").convert(mode)
    picture.save(tmp_path / f"a{suffix}")
    image = read_image(tmp_path / f"a{suffix}")
    assert extract_plane(image.data, (), image.view).shape == (12, 17, 3)


def test_ome_tiff_keeps_axes_channels_and_pixel_size(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 4000, (4, 2, 9, 11)).astype(np.uint16)
    metadata = {"axes": "ZCYX", "PhysicalSizeX": 0.325, "PhysicalSizeY": 0.65}
    tifffile.imwrite(tmp_path / "a.ome.tif", pixels, metadata=metadata)
    image = read_image(tmp_path / "a.ome.tif")
    np.testing.assert_array_equal(image.data, pixels)
    assert image.view == ImageView(channel_axis=1)
    assert image.pixel_size == (0.65, 0.325)
    assert image.unit == "µm"


@pytest.mark.parametrize(("unit", "expected"), [("micron", "µm"), ("um", "µm"), ("nm", "nm")])
def test_imagej_tiff_keeps_its_pixel_size(tmp_path: Path, unit: str, expected: str) -> None:
    pixels = np.zeros((3, 9, 11), np.uint16)
    tifffile.imwrite(
        tmp_path / "a.tif",
        pixels,
        imagej=True,
        resolution=(4.0, 2.0),
        metadata={"axes": "ZYX", "unit": unit},
    )
    image = read_image(tmp_path / "a.tif")
    assert image.pixel_size == pytest.approx((0.5, 0.25))
    assert image.unit == expected
    assert image.view == ImageView()


def test_a_tiff_that_says_no_size_or_unit_has_none(tmp_path: Path, gray: np.ndarray) -> None:
    tifffile.imwrite(tmp_path / "a.ome.tif", gray, metadata={"axes": "YX"})
    tifffile.imwrite(tmp_path / "b.tif", gray, imagej=True, metadata={"unit": "pixel"})
    for name in ("a.ome.tif", "b.tif"):
        image = read_image(tmp_path / name)
        assert (image.pixel_size, image.unit) == (None, "")


def test_dots_per_inch_are_no_pixel_size(tmp_path: Path, gray: np.ndarray) -> None:
    tifffile.imwrite(tmp_path / "a.tif", gray, resolution=(72, 72), resolutionunit="INCH")
    assert read_image(tmp_path / "a.tif").pixel_size is None


def test_planar_rgb_is_brought_to_the_last_axis(tmp_path: Path, colors: np.ndarray) -> None:
    planar = np.moveaxis(colors, -1, 0)
    tifffile.imwrite(tmp_path / "a.tif", planar, photometric="rgb", planarconfig="separate")
    image = read_image(tmp_path / "a.tif")
    np.testing.assert_array_equal(image.data, colors)
    assert image.view.rgb


def test_tiff_compression_that_tifffile_leaves_out_is_read(
    tmp_path: Path, gray: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise ValueError("requires the 'imagecodecs' package")

    monkeypatch.setattr(tifffile.TiffPageSeries, "asarray", refuse)
    frames = [Image.fromarray(gray), Image.fromarray(255 - gray)]
    frames[0].save(
        tmp_path / "a.tif", save_all=True, append_images=frames[1:], compression="tiff_lzw"
    )
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif").data, [gray, 255 - gray])


def test_big_endian_tiff_has_the_hash_of_its_pixels(tmp_path: Path) -> None:
    pixels = np.arange(40, dtype=np.uint16).reshape(2, 4, 5)
    for order in "<>":
        tifffile.imwrite(tmp_path / "a.tif", pixels, byteorder=order)
        assert pixels_sha256(read_image(tmp_path / "a.tif").data) == pixels_sha256(pixels)


def test_facts_about_an_image_are_kept_without_its_pixels(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((2, 8, 9), np.uint8), metadata={"axes": "ZYX"})
    image = read_image(tmp_path / "a.tif")
    facts = replace(image, data=None)
    assert (facts.levels, facts.axes, facts.placement) == ((), "zyx", image.placement)


def test_hash_tells_shape_dtype_and_pixels_apart() -> None:
    pixels = np.arange(24, dtype=np.uint16).reshape(2, 3, 4)
    other = pixels.copy()
    other[1, 2, 3] += 1
    variants = [pixels, other, pixels.reshape(2, 4, 3), pixels.view(np.int16), pixels[0]]
    assert len({pixels_sha256(variant) for variant in variants}) == len(variants)
    assert pixels_sha256(np.asfortranarray(pixels)) == pixels_sha256(pixels)


def test_hash_of_a_lazy_array_is_that_of_its_pixels() -> None:
    da = pytest.importorskip("dask.array")
    pixels = np.arange(60, dtype=np.float32).reshape(3, 4, 5)
    assert pixels_sha256(da.from_array(pixels, chunks=2)) == pixels_sha256(pixels)


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_masks_keep_their_label_values(tmp_path: Path, suffix: str) -> None:
    labels = np.array([[0, 1, 300], [65535, 0, 2]], np.uint16)
    tifffile.imwrite(tmp_path / "m.tif", labels)
    Image.fromarray(labels).save(tmp_path / "m.png")
    mask = read_mask(tmp_path / f"m{suffix}")
    assert mask.dtype == np.int32
    np.testing.assert_array_equal(mask, labels)


def test_masks_may_be_palettes_gray_rgb_or_whole_floats(tmp_path: Path) -> None:
    labels = np.array([[0, 1, 2], [3, 0, 2]], np.uint8)
    palette = Image.fromarray(labels, "L").convert("P")
    palette.putpalette([9, 9, 9, 255, 0, 0, 0, 255, 0, 0, 0, 255])
    palette.putdata(labels.ravel().tolist())
    palette.save(tmp_path / "p.png")
    Image.fromarray(np.stack([labels] * 3, -1)).save(tmp_path / "rgb.png")
    tifffile.imwrite(tmp_path / "f.tif", labels[np.newaxis].astype(np.float32))
    for name in ("p.png", "rgb.png", "f.tif"):
        np.testing.assert_array_equal(read_mask(tmp_path / name), labels)


@pytest.mark.parametrize(
    ("pixels", "message"),
    [
        (np.zeros((2, 5, 6), np.uint8), "one plane"),
        (np.full((5, 6), 0.5, np.float32), "fractions"),
        (np.full((5, 6), np.nan, np.float32), "fractions"),
        (np.full((5, 6), -1, np.int16), "from -1"),
        (np.full((5, 6), 2**32 - 1, np.uint32), "32 bits"),
    ],
)
def test_what_is_no_mask_is_named(tmp_path: Path, pixels: np.ndarray, message: str) -> None:
    tifffile.imwrite(tmp_path / "m.tif", pixels)
    with pytest.raises(ImageError, match=message):
        read_mask(tmp_path / "m.tif")


def test_a_colour_picture_is_no_mask(tmp_path: Path, colors: np.ndarray) -> None:
    Image.fromarray(colors).save(tmp_path / "m.png")
    with pytest.raises(ImageError, match="one plane"):
        read_mask(tmp_path / "m.png")


def test_a_file_that_may_not_be_read_is_named(
    tmp_path: Path, gray: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    Image.fromarray(gray).save(tmp_path / "a.png")

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(ImageError, match="Permission denied"):
        read_image(tmp_path / "a.png")


@pytest.mark.filterwarnings("ignore:.*zero-size")
def test_a_file_without_pixels_is_named(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((0, 5), np.uint8))
    with pytest.raises(ImageError, match="no pixels"):
        read_image(tmp_path / "a.tif")
    with pytest.raises(ImageError, match="not a mask"):
        read_mask(tmp_path / "a.tif")


@pytest.mark.parametrize("read", [read_image, read_mask])
def test_files_that_are_no_image_are_named(
    tmp_path: Path, gray: np.ndarray, read: Callable
) -> None:
    (tmp_path / "notes.png").write_text("no pixels here")
    (tmp_path / "empty.tif").write_bytes(b"")
    (tmp_path / "header.tif").write_bytes(b"II*\0\xff\xff\xff\xff")
    Image.fromarray(gray).save(tmp_path / "whole.png")
    (tmp_path / "cut.png").write_bytes((tmp_path / "whole.png").read_bytes()[:120])
    tifffile.imwrite(tmp_path / "whole.tif", gray)
    (tmp_path / "cut.tif").write_bytes((tmp_path / "whole.tif").read_bytes()[:300])
    for name, message in {
        "notes.png": "not an image",
        "empty.tif": "not an image",
        "header.tif": "damaged",
        "cut.png": "damaged",
        "cut.tif": "damaged",
        "absent.tif": "no file",
        ".": "folder",
    }.items():
        with pytest.raises(ImageError, match=message):
            read(tmp_path / name)
