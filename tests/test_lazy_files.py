"""Large files: opened by their metadata, read where they are looked at."""

from __future__ import annotations

import gc
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import zarr

from napari_vlseg import pixel_hashes, tiff_files
from napari_vlseg.errors import ImageError
from napari_vlseg.images import (
    Channel,
    ImageView,
    Placement,
    extract_plane,
    extract_window,
    fixed_contrast,
    has_hash,
    label_names,
    level_for,
    pixels_sha256,
    read_image,
    read_mask,
)
from napari_vlseg.lazy_arrays import ArrangedArray


@pytest.fixture
def everything_lazy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiff_files, "READ_AT_ONCE", 0)


@pytest.fixture
def n_read(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Bytes that are read from TIFF files, one entry per read."""
    sizes: list[int] = []
    read = tifffile.FileHandle.read

    def counted(self: tifffile.FileHandle, size: int = -1, /) -> bytes:
        data = read(self, size)
        sizes.append(len(data))
        return data

    monkeypatch.setattr(tifffile.FileHandle, "read", counted)
    return sizes


def write_pyramid(path: Path, pixels: np.ndarray, n_levels: int = 3) -> None:
    """A tiled pyramidal OME-TIFF whose coarser levels are SubIFDs, as Bio-Formats writes them."""
    axes = "YXS" if pixels.ndim == 3 else "YX"
    options: dict[str, Any] = {"tile": (256, 256), "compression": "zlib"}
    options["photometric"] = "rgb" if pixels.ndim == 3 else "minisblack"
    with tifffile.TiffWriter(path, bigtiff=True) as tiff:
        metadata = {"axes": axes, "PhysicalSizeX": 0.5, "PhysicalSizeY": 0.25}
        tiff.write(pixels, subifds=n_levels - 1, metadata=metadata, **options)
        for level in range(1, n_levels):
            tiff.write(pixels[:: 2**level, :: 2**level], subfiletype=1, **options)


@pytest.fixture
def slide() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 255, (2048, 3072, 3)).astype(np.uint8)


def test_a_pyramidal_ome_tiff_opens_lazily(
    tmp_path: Path, slide: np.ndarray, n_read: list[int]
) -> None:
    write_pyramid(tmp_path / "slide.ome.tif", slide)
    size = (tmp_path / "slide.ome.tif").stat().st_size
    n_read.clear()
    image = read_image(tmp_path / "slide.ome.tif")
    assert sum(n_read) < size / 100
    assert [level.shape for level in image.levels] == [
        (2048, 3072, 3),
        (1024, 1536, 3),
        (512, 768, 3),
    ]
    assert image.data is image.levels[0]
    assert image.view == ImageView(rgb=True)
    assert (image.axes, image.pixel_size, image.unit) == ("yxs", (0.25, 0.5), "µm")
    n_read.clear()
    part = slice(600, 700), slice(1500, 1800)
    np.testing.assert_array_equal(image.data[part], slide[part])
    assert sum(n_read) < size / 20
    np.testing.assert_array_equal(image.levels[2][:50, :60], slide[:200:4, :240:4])


def test_of_a_pyramidal_ome_zarr_the_chunks_in_view_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.ome.zarr"
    pixels = np.random.default_rng(0).integers(0, 4000, (3, 2, 512, 768)).astype(np.uint16)
    write_ome_zarr(path, pixels, "0.5", chunks=(1, 1, 128, 128))
    keys: list[str] = []
    get = zarr.storage.LocalStore.get

    async def counted(self: Any, key: str, *args: Any, **kwargs: Any) -> Any:
        keys.append(key)
        return await get(self, key, *args, **kwargs)

    monkeypatch.setattr(zarr.storage.LocalStore, "get", counted)
    image = read_image(path)
    assert not any("/c/" in key for key in keys)
    window = extract_window(
        image.data, (2,), slice(130, 250), slice(10, 120), ImageView(channel_axis=1)
    )
    assert window.shape == (120, 110, 3)
    assert [key for key in keys if "/c/" in key] == ["0/c/2/0/1/0", "0/c/2/1/1/0"]


@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("axes", ["TCZYX", "ZCYX", "YXC", "XYZ", "CXTY", "QQYX", "YX"])
def test_every_order_of_axes_is_read_lazily_as_at_once(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    axes: str,
    order: str,
    compression: str | None,
) -> None:
    sizes = {"T": 3, "C": 2, "Z": 4, "Y": 40, "X": 50, "Q": 5}
    shape = tuple(sizes[letter] for letter in axes)
    pixels = np.random.default_rng(0).integers(0, 4000, shape).astype(np.uint16)
    tifffile.imwrite(
        tmp_path / "a.tif",
        pixels,
        byteorder=order,
        compression=compression,
        photometric="minisblack",
        metadata={"axes": axes},
    )
    at_once = read_image(tmp_path / "a.tif", axes=None if "Q" not in axes else "TZYX")
    monkeypatch.setattr(tiff_files, "READ_AT_ONCE", 0)
    lazy = read_image(tmp_path / "a.tif", axes=None if "Q" not in axes else "TZYX")
    assert isinstance(at_once.data, np.ndarray)
    assert isinstance(lazy.data, ArrangedArray)
    assert (lazy.axes, lazy.view) == (at_once.axes, at_once.view)
    assert lazy.axes.endswith("yx")
    np.testing.assert_array_equal(np.asarray(lazy.data), at_once.data)
    np.testing.assert_array_equal(lazy.data[..., 3:9, 7], at_once.data[..., 3:9, 7])
    assert pixels_sha256(lazy.data) == pixels_sha256(at_once.data)


@pytest.mark.usefixtures("everything_lazy")
@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs /proc")
@pytest.mark.parametrize("compression", [None, "zlib"])
def test_a_file_is_closed_between_reads_and_can_be_replaced(
    tmp_path: Path, compression: str | None
) -> None:
    pixels = np.random.default_rng(0).integers(0, 9, (60, 64, 64)).astype(np.uint8)
    path = tmp_path / "a.ome.tif"
    tifffile.imwrite(path, pixels, compression=compression, metadata={"axes": "ZYX"})
    image = read_image(path)

    def is_open() -> bool:
        links = [os.path.realpath(link) for link in Path("/proc/self/fd").iterdir()]
        mapped = Path("/proc/self/maps").read_text(encoding="utf-8")
        return str(path) in links or str(path) in mapped

    assert not is_open()
    np.testing.assert_array_equal(image.data[59], pixels[59])
    gc.collect()
    assert not is_open()
    path.rename(tmp_path / "b.tif")
    with pytest.raises(ImageError, match="is missing"):
        image.data[0]


def test_a_zarr_folder_that_went_away_is_no_background(tmp_path: Path) -> None:
    zarr.save_array(tmp_path / "a.zarr", np.ones((40, 50), np.uint8))
    image = read_image(tmp_path / "a.zarr")
    assert image.data[3:5, 7].tolist() == [1, 1]
    (tmp_path / "a.zarr").rename(tmp_path / "b.zarr")
    with pytest.raises(ImageError, match="is missing"):
        image.data[3:5, 7]


def test_a_damaged_part_of_a_pyramid_is_named(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (512, 512)).astype(np.uint8)
    write_pyramid(tmp_path / "a.ome.tif", pixels, n_levels=2)
    with tifffile.TiffFile(tmp_path / "a.ome.tif") as tiff:
        offset = tiff.pages[0].dataoffsets[3]
    with (tmp_path / "a.ome.tif").open("r+b") as file:
        file.seek(offset)
        file.write(b"no pixels" * 9)
    image = read_image(tmp_path / "a.ome.tif")
    np.testing.assert_array_equal(image.data[:256], pixels[:256])
    with pytest.raises(ImageError, match=r"A part of .* can't be read"):
        image.data[300:]


def test_threads_may_read_one_file(tmp_path: Path) -> None:
    from concurrent.futures import ThreadPoolExecutor

    pixels = np.arange(512 * 512, dtype=np.float32).reshape(512, 512)
    write_pyramid(tmp_path / "a.ome.tif", pixels)
    image = read_image(tmp_path / "a.ome.tif")
    with ThreadPoolExecutor(4) as pool:
        rows = list(pool.map(lambda i: image.levels[i % 2][i], range(200)))
    for i, row in enumerate(rows):
        np.testing.assert_array_equal(row, pixels[i] if i % 2 == 0 else pixels[2 * i, ::2])


@pytest.mark.usefixtures("everything_lazy")
def test_a_compression_that_is_not_known_names_the_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((64, 64), np.uint8), compression="zlib")
    monkeypatch.setattr(type(tifffile.TIFF.DECOMPRESSORS), "__contains__", lambda *_: False)
    with pytest.raises(ImageError, match=r"pip install \"napari-vlseg\[slides\]\""):
        read_image(tmp_path / "a.tif")


def test_a_slide_of_aperio_has_levels_and_a_pixel_size(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (512, 768, 3)).astype(np.uint8)
    description = "Aperio Image Library v11.2.1\r\n768x512 [0,0 768x512] |AppMag = 20|MPP = 0.4990"
    with tifffile.TiffWriter(tmp_path / "a.svs") as tiff:
        options: dict[str, Any] = {"photometric": "rgb", "metadata": None, "compression": "zlib"}
        tiff.write(pixels, tile=(256, 256), description=description, **options)
        tiff.write(pixels[::4, ::4], description=description, **options)
        tiff.write(pixels[::2, ::2], tile=(256, 256), description=description, **options)
    image = read_image(tmp_path / "a.svs")
    assert [level.shape[:2] for level in image.levels] == [(512, 768), (256, 384)]
    assert (image.pixel_size, image.unit) == ((0.499, 0.499), "µm")
    np.testing.assert_array_equal(image.levels[1][:9, :8], pixels[:18:2, :16:2])


def test_a_slide_of_jpeg_tiles_is_read(tmp_path: Path) -> None:
    pytest.importorskip("imagecodecs")
    tiles = np.random.default_rng(0).integers(0, 255, (16, 24, 3)).astype(np.uint8)
    pixels = np.kron(tiles, np.ones((32, 32, 1), np.uint8))
    with tifffile.TiffWriter(tmp_path / "a.svs") as tiff:
        options: dict[str, Any] = {"photometric": "rgb", "metadata": None, "compression": "jpeg"}
        tiff.write(pixels, tile=(256, 256), description="Aperio Image Library", **options)
    image = read_image(tmp_path / "a.svs")
    difference = image.data[100:200, 300:400].astype(int) - pixels[100:200, 300:400]
    assert np.abs(difference).mean() < 6


def write_ome_zarr(
    path: Path,
    pixels: np.ndarray,
    version: str = "0.4",
    axes: str = "zcyx",
    *,
    chunks: tuple[int, ...] | None = None,
    omero: dict[str, Any] | None = None,
    **scales: Any,
) -> None:
    """Two levels and their metadata, as the specification says."""
    group = zarr.open_group(path, mode="w", zarr_format=3 if version == "0.5" else 2)
    kinds = {"t": "time", "c": "channel"}
    units = {"t": "second", "c": None}
    named = [
        {"name": a, "type": kinds.get(a, "space"), "unit": units.get(a, "micrometer")} for a in axes
    ]
    datasets = []
    for number in range(2):
        step = tuple(slice(None, None, 2**number) if a in "yx" else slice(None) for a in axes)
        level = pixels[step]
        group.create_array(str(number), data=level, chunks=chunks or "auto")
        scale = [0.5 * (2**number if a in "yx" else 1) for a in axes]
        move = [10.0 * (i + 1) for i in range(len(axes))]
        steps = [{"type": "scale", "scale": scale}, {"type": "translation", "translation": move}]
        datasets.append({"path": str(number), "coordinateTransformations": steps})
    multiscales = {"axes": named, "datasets": datasets, **scales}
    metadata: dict[str, Any] = {"multiscales": [multiscales]}
    if omero is not None:
        metadata["omero"] = omero
    if version == "0.5":
        group.attrs["ome"] = {"version": "0.5", **metadata}
    else:
        multiscales["version"] = version
        group.attrs.update(metadata)


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_ome_zarr_keeps_axes_scale_and_channels(tmp_path: Path, version: str) -> None:
    pixels = np.random.default_rng(0).integers(0, 4000, (3, 2, 40, 50)).astype(np.uint16)
    window = {"start": 100, "end": 900, "min": 0, "max": 65535}
    everything = {"start": 0, "end": 65535}
    channels = [{"color": "00FF00", "window": window}, {"color": "FF0000", "window": everything}]
    write_ome_zarr(tmp_path / "a.ome.zarr", pixels, version, omero={"channels": channels})
    image = read_image(tmp_path / "a.ome.zarr")
    np.testing.assert_array_equal(np.asarray(image.data), pixels)
    assert (image.axes, image.name) == ("zcyx", "a.ome")
    assert [level.shape for level in image.levels] == [(3, 2, 40, 50), (3, 2, 20, 25)]
    assert image.view == ImageView(
        channel_axis=1, channels=(Channel(0, "#00ff00", (100, 900)), Channel(1, "#ff0000"))
    )
    assert (image.pixel_size, image.unit) == ((0.5, 0.5), "µm")
    units = ("µm", "", "µm", "µm")
    assert image.placement == Placement((0.5,) * 4, (10.0, 20.0, 30.0, 40.0), units)
    assert label_names(tmp_path / "a.ome.zarr") == ()


def test_transformations_of_the_whole_pyramid_count_too(tmp_path: Path) -> None:
    steps = [{"type": "scale", "scale": [2.0, 4.0]}, {"type": "translation", "translation": [1, 0]}]
    write_ome_zarr(
        tmp_path / "a.zarr", np.zeros((8, 8), np.uint8), axes="yx", coordinateTransformations=steps
    )
    image = read_image(tmp_path / "a.zarr")
    assert image.placement.scale == (1.0, 2.0)
    assert image.placement.translate == (21.0, 80.0)


def test_channels_that_are_a_picture_are_rgb(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (3, 40, 50)).astype(np.uint8)
    channels = [{"color": color} for color in ("FF0000", "00FF00", "0000FF")]
    write_ome_zarr(tmp_path / "a.zarr", pixels, axes="cyx", omero={"channels": channels})
    image = read_image(tmp_path / "a.zarr")
    assert image.view == ImageView(rgb=True)
    assert (image.axes, image.placement.scale) == ("yxs", (0.5, 0.5))
    np.testing.assert_array_equal(image.data[:9, 3:6], np.moveaxis(pixels, 0, -1)[:9, 3:6])
    panel = [{"color": color} for color in ("00FFFF", "FF00FF", "FFFF00")]
    write_ome_zarr(tmp_path / "b.zarr", pixels, axes="cyx", omero={"channels": panel})
    assert read_image(tmp_path / "b.zarr").view.channel_axis == 0


def test_axes_of_any_name_and_order(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 9, (40, 50, 4)).astype(np.uint8)
    write_ome_zarr(tmp_path / "a.zarr", pixels, axes="xyz")
    image = read_image(tmp_path / "a.zarr")
    assert image.axes == "zyx"
    np.testing.assert_array_equal(np.asarray(image.data), pixels.transpose(2, 1, 0))
    given = read_image(tmp_path / "a.zarr", axes="y x c")
    assert given.view == ImageView(channel_axis=0)
    np.testing.assert_array_equal(given.data[2], pixels[..., 2])


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_plain_zarr_arrays_are_guessed_as_numpy_arrays_are(
    tmp_path: Path, zarr_format: Any
) -> None:
    for name, shape, axes in [
        ("stack", (5, 6, 40, 50), "tzyx"),
        ("colors", (40, 50, 3), "yxs"),
        ("plane", (40, 50), "yx"),
    ]:
        pixels = np.random.default_rng(0).integers(0, 255, shape).astype(np.uint8)
        zarr.save_array(tmp_path / f"{name}.zarr", pixels, zarr_format=zarr_format)
        image = read_image(tmp_path / f"{name}.zarr")
        assert (image.axes, image.view.rgb, image.pixel_size) == (axes, "s" in axes, None)
        np.testing.assert_array_equal(np.asarray(image.data), pixels)


def test_names_of_the_axes_of_a_zarr_array_count(tmp_path: Path) -> None:
    zarr.create_array(
        tmp_path / "a.zarr", shape=(4, 40, 50), dtype="u1", dimension_names=("c", "y", "x")
    )
    assert read_image(tmp_path / "a.zarr").view == ImageView(channel_axis=0)


def test_the_metadata_file_stands_for_its_folder(tmp_path: Path) -> None:
    write_ome_zarr(tmp_path / "a.zarr", np.ones((2, 2, 8, 8), np.uint8), "0.5")
    image = read_image(tmp_path / "a.zarr" / "zarr.json")
    assert (image.path, image.name) == (tmp_path / "a.zarr", "a")


def test_the_layout_of_bioformats2raw_is_read(tmp_path: Path) -> None:
    group = zarr.open_group(tmp_path / "a.zarr", mode="w", zarr_format=2)
    group.attrs["bioformats2raw.layout"] = 3
    write_ome_zarr(tmp_path / "a.zarr" / "0", np.ones((2, 2, 8, 8), np.uint8))
    assert read_image(tmp_path / "a.zarr").data.shape == (2, 2, 8, 8)


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ({"plate": {}}, "is a plate: give one of its fields"),
        ({"well": {}}, "is a well"),
        ({"labels": ["nuclei"]}, "give one of nuclei"),
        ({}, "give one of its arrays: pixels"),
        ({"multiscales": [{"datasets": [{"path": "absent"}]}]}, "damaged"),
        ({"multiscales": [{"axes": ["y"], "datasets": [{"path": "pixels"}]}]}, "damaged"),
        ({"multiscales": []}, "damaged"),
    ],
)
def test_zarr_folders_that_are_no_image_are_named(
    tmp_path: Path, attributes: dict[str, Any], message: str
) -> None:
    group = zarr.open_group(tmp_path / "a.zarr", mode="w", zarr_format=2)
    group.create_array("pixels", shape=(8, 8), dtype="u1")
    group.attrs.update(attributes)
    with pytest.raises(ImageError, match=message):
        read_image(tmp_path / "a.zarr")


@pytest.mark.parametrize(
    ("axes", "message"),
    [
        ("ZYX", "2 axes of 12 × 17 but “ZYX” names 3: give one letter for each"),
        ("YY", "name Y twice"),
        ("ZX", "no Y or no X"),
        ("3D", "are no letters"),
        ("", "are no letters"),
    ],
)
def test_axes_that_do_not_fit_are_named(tmp_path: Path, axes: str, message: str) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((12, 17), np.uint8))
    with pytest.raises(ImageError, match=message):
        read_image(tmp_path / "a.tif", axes=axes)


def test_the_person_names_the_axes_of_any_file(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 9, (3, 12, 17)).astype(np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", pixels, photometric="minisblack")
    assert read_image(tmp_path / "a.tif").view == ImageView()
    assert read_image(tmp_path / "a.tif", axes="CYX").view == ImageView(channel_axis=0)
    colors = read_image(tmp_path / "a.tif", axes="SYX")
    assert colors.view == ImageView(rgb=True)
    np.testing.assert_array_equal(colors.data, np.moveaxis(pixels, 0, -1))
    from PIL import Image

    Image.fromarray(pixels[0]).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_image(tmp_path / "a.png", axes="XY").data, pixels[0].T)


def test_steps_in_z_and_t_are_kept(tmp_path: Path) -> None:
    pixels = np.zeros((2, 3, 8, 9), np.uint8)
    sizes = {"PhysicalSizeX": 0.5, "PhysicalSizeY": 0.5, "PhysicalSizeZ": 2.0, "TimeIncrement": 30}
    metadata = {"axes": "TZYX", **sizes, "PhysicalSizeZUnit": "µm", "TimeIncrementUnit": "s"}
    tifffile.imwrite(tmp_path / "a.ome.tif", pixels, metadata=metadata)
    placement = read_image(tmp_path / "a.ome.tif").placement
    assert placement.scale == (30.0, 2.0, 0.5, 0.5)
    assert placement.units == ("s", "µm", "µm", "µm")
    metadata = {"axes": "TZYX", "unit": "um", "spacing": 3.0, "finterval": 5.0}
    tifffile.imwrite(tmp_path / "b.tif", pixels, imagej=True, resolution=(2, 4), metadata=metadata)
    assert read_image(tmp_path / "b.tif").placement.scale == (5.0, 3.0, 0.25, 0.5)


def test_a_level_is_never_coarser_than_the_model_wants() -> None:
    levels = [np.zeros((4, 1000 >> n, 1501 >> n)) for n in range(5)]
    expected = [(0.5, 0), (1.0, 0), (1.9, 0), (2.0, 1), (3.9, 1), (4.0, 2), (7.0, 2), (99.0, 4)]
    for scale, level in expected:
        number, factors = level_for(levels, ImageView(), scale)
        assert number == level
        assert factors == pytest.approx((2.0**level,) * 2, rel=0.02)


def test_the_hash_of_a_lazy_image_is_read_in_bounded_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (2, 300, 200, 3)).astype(np.uint8)
    sizes: list[int] = []

    class Lazy:
        shape, dtype, chunks = pixels.shape, pixels.dtype, (1, 32, 32, 3)

        def __getitem__(self, key: Any) -> np.ndarray:
            sizes.append(pixels[key].size)
            return pixels[key]

    expected = pixels_sha256(pixels)
    monkeypatch.setattr(pixel_hashes, "_AT_ONCE", 30_000)
    assert pixels_sha256(Lazy()) == pixels_sha256(pixels) == expected
    assert max(sizes) == 32 * 200 * 3


@pytest.mark.parametrize("shape", [(3000, 2000, 3), (40, 700, 900), (9, 2, 20, 600, 600), (20, 9)])
def test_the_hash_of_a_huge_image_is_that_of_a_bounded_sample(
    monkeypatch: pytest.MonkeyPatch, shape: tuple[int, ...]
) -> None:
    monkeypatch.setattr(pixel_hashes, "HASHED_WHOLE", 100)
    monkeypatch.setattr(pixel_hashes, "_SIDE", 64)
    pixels = np.random.default_rng(0).integers(0, 9999, shape).astype(np.uint16)
    whole = pixel_hashes.whole_sha256(pixels)
    digest = pixels_sha256(pixels)
    assert has_hash(pixels, digest)
    assert has_hash(pixels, whole)
    assert digest != whole
    lazy = ArrangedArray(
        np.moveaxis(pixels, 0, -1).astype(">u2"), (pixels.ndim - 1, *range(pixels.ndim - 1))
    )
    assert pixels_sha256(lazy) == digest
    moved = np.roll(pixels, 1, axis=1)
    assert not has_hash(moved, digest)
    assert not has_hash(pixels + 1, digest)


def test_a_large_mask_is_read_as_a_small_one(tmp_path: Path, slide: np.ndarray) -> None:
    write_pyramid(tmp_path / "m.ome.tif", slide[..., 0])
    np.testing.assert_array_equal(read_mask(tmp_path / "m.ome.tif"), slide[..., 0])


def test_contrast_of_a_pyramid_comes_from_a_level_that_is_read_whole(
    tmp_path: Path, slide: np.ndarray, n_read: list[int]
) -> None:
    write_pyramid(tmp_path / "a.ome.tif", np.tile(slide, (2, 1, 1)))
    size = (tmp_path / "a.ome.tif").stat().st_size
    image = read_image(tmp_path / "a.ome.tif")
    n_read.clear()
    view = fixed_contrast(image.data, image.view, image.levels)
    assert view.contrast is not None
    assert sum(n_read) < size / 3
    plane = extract_plane(image.levels[2], (), view)
    assert (plane == 0).mean() == pytest.approx(0.01, abs=0.005)
