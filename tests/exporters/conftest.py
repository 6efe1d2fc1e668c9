"""Planes to export."""

from __future__ import annotations

import numpy as np
import pytest

from napari_vlseg.exporters import ExportItem


@pytest.fixture
def items(scene: tuple[np.ndarray, np.ndarray]) -> list[ExportItem]:
    """A grey plane of two classes, an RGB one without labels, and a 16-bit one with a gap."""
    image, labels = scene
    rgb = np.stack([image, image // 2, image // 3], axis=-1)
    gaps = np.where(labels == 2, 0, labels.astype(np.int64) * 1000)
    gaps[:, 40:45] = 0
    return [
        ExportItem(
            "grey",
            image,
            labels,
            {1: "cell", 2: "dust, “µ”", 3: "cell"},
            (0.5, 0.25),
            "µm",
            {
                2: {
                    "object_uid": "u2",
                    "score": np.float64(1 / 3),
                    "uncertainty": np.nan,
                    "n_edits": np.int64(4),
                    "status": "",
                    "created_by": "anna",
                }
            },
        ),
        ExportItem("rgb", rgb, np.zeros_like(labels)),
        ExportItem("deep", image.astype(np.uint16) * 200, gaps, {1000: "cell"}),
    ]
