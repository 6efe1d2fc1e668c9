"""Labels as OME-Zarr: the same pixels and places to ome-zarr's own reader."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr

from napari_vlseg.errors import ExportError
from napari_vlseg.events import Progress, run
from napari_vlseg.images import Placement, label_names, read_image, read_mask
from napari_vlseg.ome_zarr_labels import LabelTarget, build_pyramid, create_labels, save_labels

from .test_lazy_files import write_ome_zarr

AXES = "tzyx"
PLACEMENT = Placement((2.0, 1.5, 0.5, 0.25), (0.0, 7.0, 10.0, 20.0), ("s", "µm", "µm", "µm"))


@pytest.fixture
def labels() -> np.ndarray:
    values = np.zeros((2, 3, 700, 1100), np.uint32)
    values[1, 2, 100:300, 900:1001] = 70_000
    values[0, 1, 650:, :40] = 3
    return values


def nodes_of(path: Path) -> list[Any]:
    """Everything that ome-zarr finds in a folder."""
    reader = pytest.importorskip("ome_zarr.reader")
    location = pytest.importorskip("ome_zarr.io").parse_url(path)
    assert location is not None
    return list(reader.Reader(location)())


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_labels_round_trip_through_the_reader_of_ome_zarr(
    tmp_path: Path, labels: np.ndarray, version: str
) -> None:
    path = tmp_path / "image.ome.zarr"
    image = np.zeros((2, 2, *labels.shape[1:]), np.uint8)
    write_ome_zarr(path, image, version, axes="tczyx")
    work = save_labels(labels, path, axes=AXES, placement=PLACEMENT, name="nuclei")
    written = run(work)
    assert written == path / "labels" / "nuclei"
    assert label_names(path) == ("nuclei",)
    image_node, *others = nodes_of(path)
    assert [level.shape for level in image_node.data] == [image.shape, (2, 2, 3, 350, 550)]
    node = next(node for node in others if node.metadata.get("name") == "nuclei")
    np.testing.assert_array_equal(np.asarray(node.data[0]), labels)
    assert [axis["name"] for axis in node.metadata["axes"]] == list(AXES)
    units = [axis.get("unit") for axis in node.metadata["axes"]]
    assert units == ["second", "micrometer", "micrometer", "micrometer"]
    for level, steps in enumerate(node.metadata["coordinateTransformations"]):
        assert steps[0]["scale"] == [2.0, 1.5, 0.5 * 2**level, 0.25 * 2**level]
        assert steps[1]["translation"] == [0.0, 7.0, 10.0, 20.0]
        step = 2**level
        np.testing.assert_array_equal(np.asarray(node.data[level]), labels[..., ::step, ::step])
    assert len(node.data) == 3


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_the_metadata_are_those_of_the_specification(
    tmp_path: Path, labels: np.ndarray, version: str
) -> None:
    models = pytest.importorskip("ome_zarr_models")
    path = tmp_path / "image.ome.zarr"
    write_ome_zarr(path, np.zeros(labels.shape, np.uint8), version, axes=AXES)
    written = run(save_labels(labels, path, axes=AXES, placement=PLACEMENT, name="nuclei"))
    model = models.open_ome_zarr(zarr.open_group(written, mode="r"))
    assert type(model).__name__ == "ImageLabel"
    assert f"v{version.replace('.', '')}" in type(model).__module__
    assert type(models.open_ome_zarr(zarr.open_group(written.parent))).__name__ == "Labels"


def test_a_plane_of_labels_is_a_mask(tmp_path: Path, labels: np.ndarray) -> None:
    place = PLACEMENT.of((2, 3))
    run(save_labels(labels[1, 2], tmp_path / "a.zarr", axes="yx", placement=place))
    np.testing.assert_array_equal(read_mask(tmp_path / "a.zarr"), labels[1, 2])


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_labels_are_read_as_they_were_written(
    tmp_path: Path, labels: np.ndarray, version: str
) -> None:
    path = tmp_path / "labels.ome.zarr"
    run(save_labels(labels, path, axes=AXES, placement=PLACEMENT, version=version))
    image = read_image(path)
    assert (image.axes, image.placement, image.unit) == (AXES, PLACEMENT, "µm")
    np.testing.assert_array_equal(np.asarray(image.data), labels)
    assert image.data.dtype == np.uint32
    assert nodes_of(path)[0].data[0].shape == labels.shape


def test_axes_are_brought_into_the_order_of_ome_zarr(tmp_path: Path, labels: np.ndarray) -> None:
    swapped = np.swapaxes(labels, 0, 1)
    places = PLACEMENT.of((1, 0, 2, 3))
    run(save_labels(swapped, tmp_path / "a.zarr", axes="ZTYX", placement=places))
    image = read_image(tmp_path / "a.zarr")
    assert (image.axes, image.placement) == (AXES, PLACEMENT)
    np.testing.assert_array_equal(np.asarray(image.data), labels)


@pytest.mark.parametrize("axes", ["pqyx", "tcpzyx"[1:] + "s", "xy", "zyyx"])
def test_axes_that_ome_zarr_does_not_know_are_named(tmp_path: Path, axes: str) -> None:
    place = Placement((1.0,) * len(axes), (0.0,) * len(axes), ("",) * len(axes))
    with pytest.raises(ExportError, match="Write OME-TIFF instead"):
        LabelTarget(tmp_path / "a", axes, place)


def test_memory_is_that_of_a_block(tmp_path: Path) -> None:
    class Large:
        shape, dtype, largest = (3, 3000, 2000), np.dtype(np.uint16), 0

        def __getitem__(self, key: Any) -> np.ndarray:
            spans = [part.indices(n) for part, n in zip(key, self.shape, strict=True)]
            shape = [stop - start for start, stop, _ in spans]
            Large.largest = max(Large.largest, int(np.prod(shape)))
            return np.full(shape, spans[0][0] + 1, np.uint16)

    place = Placement((1.0,) * 3, (0.0,) * 3, ("",) * 3)
    events = list(save_labels(Large(), tmp_path / "a.zarr", axes="zyx", placement=place))
    assert Large.largest <= 512 * 512
    assert all(isinstance(event, Progress) for event in events)
    image = read_image(tmp_path / "a.zarr")
    assert [level.shape[1:] for level in image.levels] == [
        (3000, 2000),
        (1500, 1000),
        (750, 500),
        (375, 250),
    ]
    assert np.unique(np.asarray(image.levels[2][2])).tolist() == [3]


def test_what_is_not_finished_is_not_there(tmp_path: Path, labels: np.ndarray) -> None:
    path = tmp_path / "image.ome.zarr"
    write_ome_zarr(path, np.zeros((3, 700, 1100), np.uint8), axes="zyx")
    place = PLACEMENT.of((1, 2, 3))
    run(save_labels(labels[0], path, axes="zyx", placement=place, name="cells"))
    before = np.asarray(read_image(path / "labels" / "cells").data)
    work = save_labels(labels[1], path, axes="zyx", placement=place, name="cells", overwrite=True)
    for _ in range(9):
        next(work)
    work.close()
    other = save_labels(labels[1], path, axes="zyx", placement=place, name="nuclei")
    next(other)
    other.close()
    assert label_names(path) == ("cells",)
    np.testing.assert_array_equal(np.asarray(read_image(path / "labels" / "cells").data), before)
    assert len([n for n in nodes_of(path) if n.metadata.get("name")]) == 1
    run(save_labels(labels[1], path, axes="zyx", placement=place, name="cells", overwrite=True))
    run(save_labels(labels[1], path, axes="zyx", placement=place, name="nuclei"))
    assert label_names(path) == ("cells", "nuclei")
    np.testing.assert_array_equal(np.asarray(read_image(path / "labels" / "cells").data), labels[1])
    assert sorted(p.name for p in (path / "labels").iterdir() if p.is_dir()) == ["cells", "nuclei"]


def test_a_label_image_is_filled_by_whoever_makes_it(tmp_path: Path) -> None:
    place = Placement((1.0, 1.0), (0.0, 0.0), ("", ""))
    target = LabelTarget(tmp_path / "a.zarr", "yx", place, "0.4")
    array = create_labels(target, (900, 800))
    array[600:, 700:] = 5
    run(build_pyramid(target))
    image = read_image(tmp_path / "a.zarr")
    assert image.levels[1].shape == (450, 400)
    assert np.asarray(image.levels[1])[310, 360] == 5
    assert zarr.open_group(tmp_path / "a.zarr").attrs["image-label"] == {"version": "0.4"}


def test_what_cannot_be_written_is_named(tmp_path: Path) -> None:
    place = Placement((1.0, 1.0), (0.0, 0.0), ("", ""))
    values = np.ones((8, 8), np.uint8)
    path = tmp_path / "image.zarr"
    write_ome_zarr(path, values, "0.4", axes="yx")
    with pytest.raises(ExportError, match="exists: choose another name"):
        run(save_labels(values, path, axes="yx", placement=place))
    with pytest.raises(ExportError, match=r"have to be 0\.4"):
        run(save_labels(values, path, axes="yx", placement=place, name="a", version="0.5"))
    with pytest.raises(ExportError, match="can't name labels"):
        run(save_labels(values, path, axes="yx", placement=place, name="../a"))
    with pytest.raises(ExportError, match="whole numbers"):
        run(save_labels(values / 2, path, axes="yx", placement=place, name="a"))
    with pytest.raises(ExportError, match=r"choose 0\.4 or 0\.5"):
        run(save_labels(values, tmp_path / "b", axes="yx", placement=place, version="0.3"))
