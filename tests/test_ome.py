"""Label images are written in the smallest type, with metadata that other programs read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st

from napari_vlseg.ome import label_dtype, write_labels, write_ome


def metadata(path: Path) -> dict[str, Any]:
    with tifffile.TiffFile(path) as tiff:
        assert tiff.series[0].kind == "ome"
        return tifffile.xml2dict(tiff.ome_metadata)["OME"]["Image"]


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0, 0, "uint8"),
        (0, 256, "uint16"),
        (0, 2**16, "uint32"),
        (-1, 127, "int8"),
        (-1, 128, "int16"),
        (-(2**31), 0, "int32"),
    ],
)
def test_the_smallest_type_is_taken(low: int, high: int, expected: str) -> None:
    assert label_dtype(np.array([[low, high]])) == expected


@pytest.mark.parametrize("labels", [np.zeros((2, 2)), np.array([[2**32]]), np.array([[-1, 2**31]])])
def test_what_no_type_holds_is_refused(labels: np.ndarray) -> None:
    with pytest.raises(ValueError, match="labels"):
        label_dtype(labels)


@pytest.mark.parametrize(
    ("unit", "written"),
    [("µm", "µm"), ("um", "µm"), ("micrometer", "µm"), ("NM", "nm"), ("millimeter", "mm")],
)
def test_the_pixel_size_is_in_the_metadata(tmp_path: Path, unit: str, written: str) -> None:
    path = tmp_path / "a.tif"
    write_labels(path, np.eye(4, 5, dtype=int), pixel_size=(0.5, 0.25), unit=unit)
    pixels = metadata(path)["Pixels"]
    assert (pixels["PhysicalSizeY"], pixels["PhysicalSizeX"]) == (0.5, 0.25)
    assert (pixels["PhysicalSizeYUnit"], pixels["PhysicalSizeXUnit"]) == (written, written)


@pytest.mark.parametrize("unit", ["", "pixel", "furlong"])
def test_a_size_in_an_unknown_unit_is_left_out_rather_than_wrong(tmp_path: Path, unit: str) -> None:
    path = tmp_path / "a.tif"
    write_labels(path, np.eye(4, dtype=int), pixel_size=(0.5, 0.25), unit=unit)
    assert "PhysicalSizeX" not in metadata(path)["Pixels"]


@given(st.text(st.characters(), max_size=20))
def test_any_name_leaves_the_file_readable(
    tmp_path_factory: pytest.TempPathFactory, name: str
) -> None:
    path = tmp_path_factory.mktemp("ome") / "a.tif"
    pixels = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    write_ome(path, pixels, "CYX", name=name, channels=(name, "b"))
    assert metadata(path)["Pixels"]["SizeC"] == 2
    np.testing.assert_array_equal(tifffile.imread(path), pixels)


def test_dimensions_are_told(tmp_path: Path) -> None:
    labels = np.arange(2 * 3 * 4 * 5, dtype=np.uint8).reshape(2, 3, 4, 5)
    write_labels(tmp_path / "a.tif", labels, name="stack")
    image = metadata(tmp_path / "a.tif")
    sizes = [image["Pixels"][f"Size{axis}"] for axis in "TCZYX"]
    assert (image["Name"], sizes) == ("stack", [2, 1, 3, 4, 5])
