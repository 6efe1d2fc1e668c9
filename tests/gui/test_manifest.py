"""What napari finds of the plugin: widget, samples, writer and menu."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from napari.layers import Labels
from npe2 import PluginManifest

from napari_vlseg.errors import ExportError
from napari_vlseg.samples import sample_names
from napari_vlseg.ui.writer import write_labels_layer

NAME = "napari-vlseg"


@pytest.fixture(scope="module")
def manifest() -> PluginManifest:
    return PluginManifest.from_distribution(NAME)


def test_everything_that_is_promised_can_be_imported(manifest: PluginManifest) -> None:
    manifest.validate_imports()
    assert [w.display_name for w in manifest.contributions.widgets] == ["VLSeg"]
    assert "napari/layers/segment" in manifest.contributions.menus


def test_all_samples_are_offered(manifest: PluginManifest) -> None:
    offered = {sample.key for sample in manifest.contributions.sample_data}
    assert offered == {*sample_names(), "scene"}


@pytest.mark.parametrize("key", [*sample_names(), "scene"])
def test_samples_open(manifest: PluginManifest, key: str) -> None:
    command = next(c for c in manifest.contributions.commands if c.id.endswith(f"sample.{key}"))
    module, _, name = str(command.python_name).partition(":")
    ((data, attributes, kind),) = getattr(import_module(module), name)()
    assert kind == "image"
    assert data.dtype == np.uint8
    assert attributes["rgb"] == (data.ndim == 3)
    assert np.ptp(data) > 0


def test_the_writer_keeps_labels_and_pixel_size(tmp_path: Path) -> None:
    labels = np.zeros((20, 30), np.int64)
    labels[3:8, 4:9] = 300
    layer = Labels(labels, scale=(0.5, 0.25), units=("um", "um"), name="cells")
    path = tmp_path / "cells.ome.tif"
    data, attributes, _ = layer.as_layer_data_tuple()
    assert write_labels_layer(str(path), data, attributes) == [str(path)]
    with tifffile.TiffFile(path) as file:
        written = file.asarray()
        xml = file.ome_metadata or ""
    assert written.dtype == np.uint16
    np.testing.assert_array_equal(written, labels)
    assert 'PhysicalSizeX="0.25"' in xml
    assert 'PhysicalSizeY="0.5"' in xml


def test_the_writer_leaves_the_old_file_when_it_fails(tmp_path: Path) -> None:
    path = tmp_path / "cells.tif"
    path.write_bytes(b"precious")
    with pytest.raises(ExportError, match="empty"):
        write_labels_layer(str(path), np.zeros((0, 5), np.int32), {})
    assert path.read_bytes() == b"precious"
    with pytest.raises(ExportError):
        write_labels_layer(str(tmp_path / "absent" / "a.tif"), np.ones((4, 4), np.int32), {})


@pytest.mark.gui
@pytest.mark.filterwarnings("error::FutureWarning")
def test_napari_opens_the_widget_a_sample_and_saves(
    make_napari_viewer: Any, qtbot: Any, tmp_path: Path
) -> None:
    viewer = make_napari_viewer()
    _, widget = viewer.window.add_plugin_dock_widget(NAME, "VLSeg")
    viewer.open_sample(NAME, "fluorescence")
    assert widget.controller.images.layer.name == "fluorescence"
    layer = viewer.add_labels(np.ones((256, 256), np.int32))
    widget.controller.set_target(layer)
    viewer.layers.selection.active = viewer.layers["fluorescence"]
    assert widget.controller.labels is layer, "napari hands out another proxy each time"
    layer.save(str(tmp_path / "labels.tif"), plugin=NAME)
    assert (tifffile.imread(tmp_path / "labels.tif") == 1).all()
