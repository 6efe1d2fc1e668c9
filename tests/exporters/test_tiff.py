"""Pairs of TIFF files read back with tifffile."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_vlseg.exporters import ExportItem, export


def test_images_and_masks_read_back_exactly(tmp_path: Path, items: list[ExportItem]) -> None:
    export(items, "tiff", tmp_path / "out")
    for item in items:
        image = tifffile.imread(tmp_path / "out" / "images" / f"{item.name}.tif")
        mask = tifffile.imread(tmp_path / "out" / "masks" / f"{item.name}.tif")
        np.testing.assert_array_equal(image, item.image, strict=True)
        np.testing.assert_array_equal(mask, item.labels)
        assert mask.dtype == (np.uint16 if item.name == "deep" else np.uint8)


def test_the_pixel_size_is_kept(tmp_path: Path, items: list[ExportItem]) -> None:
    export(items, "tiff", tmp_path / "out")
    for folder in ("images", "masks"):
        with tifffile.TiffFile(tmp_path / "out" / folder / "grey.tif") as tiff:
            pixels = tifffile.xml2dict(tiff.ome_metadata)["OME"]["Image"]["Pixels"]
        assert (pixels["PhysicalSizeY"], pixels["PhysicalSizeX"]) == (0.5, 0.25)
        assert pixels["PhysicalSizeXUnit"] == "µm"


def test_the_class_of_each_label_is_listed(tmp_path: Path, items: list[ExportItem]) -> None:
    export(items, "tiff", tmp_path / "out")
    with (tmp_path / "out" / "classes.csv").open(encoding="utf-8", newline="") as stream:
        table = list(csv.DictReader(stream))
    rows = [(row["name"], row["label"], row["class"]) for row in table]
    assert rows == [
        ("grey", "1", "cell"),
        ("grey", "2", "dust, “µ”"),
        ("grey", "3", "cell"),
        ("deep", "1000", "cell"),
        ("deep", "3000", "object"),
    ]
    facts = {name: cell for name, cell in list(table[1].items())[3:] if cell}
    assert facts == {"object_uid": "u2", "score": "0.3333", "n_edits": "4"}
    assert "created_by" not in table[1]


@pytest.mark.parametrize(
    ("dtype", "written"),
    [("bool", "uint8"), ("float16", "float32"), ("int64", "uint32"), ("uint64", "uint32"),
     ("float64", "float64"), ("int16", "int16")],
)  # fmt: skip
def test_types_unknown_to_ome_keep_their_values(tmp_path: Path, dtype: str, written: str) -> None:
    image = np.random.default_rng(0).integers(0, 2, (6, 7)).astype(dtype)
    export([ExportItem("x", image, np.ones((6, 7), int))], "tiff", tmp_path / "out")
    again = tifffile.imread(tmp_path / "out" / "images" / "x.tif")
    assert again.dtype == written
    np.testing.assert_array_equal(again, image)


def test_negative_64_bit_values_are_kept(tmp_path: Path) -> None:
    image = np.arange(-21, 21).reshape(6, 7)
    export([ExportItem("x", image, np.ones((6, 7), int))], "tiff", tmp_path / "out")
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "out" / "images" / "x.tif"), image)


@pytest.mark.parametrize("n_channels", [1, 2, 5])
def test_channels_come_first_in_the_file(tmp_path: Path, n_channels: int) -> None:
    image = np.random.default_rng(0).integers(0, 99, (6, 7, n_channels)).astype(np.uint16)
    export([ExportItem("x", image, np.ones((6, 7), int))], "tiff", tmp_path / "out")
    again = tifffile.imread(tmp_path / "out" / "images" / "x.tif").reshape(n_channels, 6, 7)
    np.testing.assert_array_equal(np.moveaxis(again, 0, -1), image)
