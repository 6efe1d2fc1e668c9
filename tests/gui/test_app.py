"""What the command line opens."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from napari_vlseg.ui import app
from tests.gui.fakes import blobs

pytestmark = pytest.mark.gui


def test_images_are_opened_with_their_pixel_size_and_bad_ones_are_said(
    make_napari_viewer: Any, qtbot: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "cells.ome.tif"
    metadata = {"axes": "YX", "PhysicalSizeX": 0.25, "PhysicalSizeY": 0.5}
    metadata |= {"PhysicalSizeXUnit": "µm", "PhysicalSizeYUnit": "µm"}
    tifffile.imwrite(path, blobs(), ome=True, metadata=metadata)
    viewer = make_napari_viewer()
    monkeypatch.setattr(app.napari, "Viewer", lambda **options: viewer)
    _, widget = app.make_window([path, tmp_path / "absent.tif"])
    (layer,) = viewer.layers
    np.testing.assert_array_equal(layer.data, blobs())
    np.testing.assert_allclose(layer.scale, (0.5, 0.25))
    assert "absent.tif" in widget.controller.activity
    assert widget.controller.images.layer is layer
