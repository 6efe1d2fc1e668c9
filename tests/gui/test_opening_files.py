"""Files in the window: lazy, multiscale, placed, and looked at as they say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from napari.components import ViewerModel

from napari_vlseg.errors import ExportError
from napari_vlseg.events import run
from napari_vlseg.images import Channel, ImageView, default_channels, label_axes, read_image
from napari_vlseg.lazy_arrays import ArrangedArray
from napari_vlseg.ome_zarr_labels import save_labels
from napari_vlseg.ui import reader
from napari_vlseg.ui.geometry import image_array
from napari_vlseg.ui.image_choice import ImageChoice
from napari_vlseg.ui.opening import add_source, open_images
from napari_vlseg.ui.reader import get_reader
from napari_vlseg.ui.writer import write_labels_zarr

from ..test_lazy_files import write_ome_zarr, write_pyramid


@pytest.fixture
def viewer() -> ViewerModel:
    return ViewerModel()


def test_a_pyramid_is_a_multiscale_layer_of_lazy_arrays(
    tmp_path: Path, viewer: ViewerModel
) -> None:
    pixels = np.random.default_rng(0).integers(100, 4000, (1024, 1536)).astype(np.uint16)
    write_pyramid(tmp_path / "a.ome.tif", pixels)
    (layer,) = open_images(viewer, [tmp_path / "a.ome.tif"])
    assert layer.multiscale
    assert [level.shape for level in layer.data] == [(1024, 1536), (512, 768), (256, 384)]
    assert isinstance(image_array(layer), ArrangedArray)
    np.testing.assert_allclose(layer.scale, (0.25, 0.5))
    assert [str(unit) for unit in layer.units] == ["micrometer"] * 2
    assert layer.axis_labels == ("y", "x")
    assert layer.contrast_limits == pytest.approx(np.percentile(pixels, [1, 99.8]), rel=0.01)
    np.testing.assert_array_equal(np.asarray(image_array(layer)[5:9, :7]), pixels[5:9, :7])


def test_channels_of_a_file_are_looked_at_as_it_says(tmp_path: Path, viewer: ViewerModel) -> None:
    pixels = np.random.default_rng(0).integers(0, 4000, (3, 2, 40, 50)).astype(np.uint16)
    window = {"start": 100, "end": 900}
    channels = [{"color": "00FF00", "window": window}, {"color": "FF0000", "active": False}]
    write_ome_zarr(tmp_path / "a.zarr", pixels, omero={"channels": channels})
    images = ImageChoice(viewer)
    (layer,) = open_images(viewer, [tmp_path / "a.zarr"])
    assert images.view(layer) == ImageView(
        channel_axis=1, channels=(Channel(0, "#00ff00", (100, 900)),)
    )
    np.testing.assert_allclose(layer.translate, (10, 20, 30, 40))
    snapshot = images.snapshot(layer)
    assert isinstance(snapshot.data, ArrangedArray)
    assert len(snapshot.index) == 1
    images.set_view(ImageView(contrast=(0, 9)))
    assert images.view(layer) == ImageView(contrast=(0, 9))


def test_channels_of_an_ome_tiff_are_all_shown(tmp_path: Path, viewer: ViewerModel) -> None:
    pixels = np.zeros((3, 2, 40, 50), np.uint16)
    metadata = {"axes": "ZCYX", "PhysicalSizeZ": 2.0, "PhysicalSizeX": 0.5, "PhysicalSizeY": 0.5}
    tifffile.imwrite(tmp_path / "a.ome.tif", pixels, metadata=metadata)
    images = ImageChoice(viewer)
    layer = add_source(viewer, read_image(tmp_path / "a.ome.tif"))
    assert images.view(layer) == ImageView(channel_axis=1, channels=default_channels(2))
    np.testing.assert_allclose(layer.scale, (2.0, 1.0, 0.5, 0.5))
    assert [str(unit) for unit in layer.units] == ["micrometer", "pixel"] + ["micrometer"] * 2


def test_axis_labels_of_a_layer_tell_its_channels(viewer: ViewerModel) -> None:
    images = ImageChoice(viewer)
    named = viewer.add_image(np.zeros((4, 3, 40, 50)), axis_labels=("z", "Channel", "y", "x"))
    assert images.view(named) == ImageView(channel_axis=1, channels=default_channels(3))
    plain = viewer.add_image(np.zeros((4, 3, 40, 50)))
    assert images.view(plain) == ImageView()
    colors = viewer.add_image(np.zeros((40, 50, 3), np.uint8), axis_labels=("y", "c"))
    assert images.view(colors) == ImageView(rgb=True)


@pytest.mark.parametrize("read_at_once", [0, 2**26])
def test_napari_opens_ome_zarr_with_its_labels_through_the_plugin(
    tmp_path: Path, viewer: ViewerModel, monkeypatch: pytest.MonkeyPatch, read_at_once: int
) -> None:
    monkeypatch.setattr(reader, "READ_AT_ONCE", read_at_once)
    path = tmp_path / "a.ome.zarr"
    pixels = np.zeros((2, 3, 700, 60), np.uint16)
    labels = np.zeros((2, 700, 60), np.uint32)
    labels[1, 600:610, 20:31] = 7
    write_ome_zarr(path, pixels, axes="tcyx")
    axes, placement = label_axes(read_image(path))
    run(save_labels(labels, path, axes=axes, placement=placement, name="cells"))
    opened = get_reader(str(path))
    assert opened is not None
    for data, options, kind in opened(str(path)):
        getattr(viewer, f"add_{kind}")(data, **options)
    image, shown = viewer.layers
    assert shown.multiscale == (read_at_once == 0)
    data = image_array(shown)
    assert data.shape == (2, 1, 700, 60)
    np.testing.assert_array_equal(np.asarray(data[:, 0]), labels)
    middle = np.argwhere(np.asarray(data)).mean(axis=0)
    world = image.data_to_world(np.array([1, 1, middle[2], middle[3]]))
    np.testing.assert_allclose(shown.data_to_world(middle), world)
    assert get_reader([str(path), str(path)]) is None


def test_a_labels_layer_is_saved_as_ome_zarr(tmp_path: Path, viewer: ViewerModel) -> None:
    labels = np.zeros((3, 40, 50), np.int32)
    labels[1, 3:9, 4:8] = 5
    place = {"scale": (2, 0.5, 0.25), "translate": (1, 2, 3)}
    layer = viewer.add_labels(labels, units=("um",) * 3, axis_labels=("t", "y", "x"), **place)
    data, attributes, _ = layer.as_layer_data_tuple()
    path = str(tmp_path / "cells.zarr")
    assert write_labels_zarr(path, data, attributes) == [path]
    image = read_image(path)
    assert (image.axes, image.unit) == ("tyx", "µm")
    assert image.placement.scale == place["scale"]
    assert image.placement.translate == place["translate"]
    np.testing.assert_array_equal(np.asarray(image.data), labels)
    assert write_labels_zarr(path, data + 1, attributes) == [path]
    assert np.asarray(read_image(path).data).min() == 1
    write_ome_zarr(tmp_path / "image.zarr", np.zeros((8, 8), np.uint8), axes="yx")
    with pytest.raises(ExportError, match="exists"):
        write_labels_zarr(str(tmp_path / "image.zarr"), data, attributes)
