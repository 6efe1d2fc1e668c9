"""Planes of disks with a pale rim, which people count as part of the object."""

from __future__ import annotations

from pathlib import Path

import numpy as np

import napari_vlseg
from napari_vlseg.models.sam import SamSegmenter
from napari_vlseg.training.finetune.corrected import CorrectedPlane
from tests.models.tiny_family import RECIPES, save_family
from tests.models.tiny_sam import ZOOM, save_sam
from tests.models.tiny_segment_anything import save_checkpoint

KINDS = (*RECIPES, "segment_anything", "zooming")
RIM = 3.0


def tiny(kind: str, folder: Path, seed: int = 0) -> SamSegmenter:
    """A small random model of an architecture, loaded from a folder."""
    if kind == "segment_anything":
        path = save_checkpoint(folder / "sam.pth")
    elif kind == "zooming":
        path = save_sam(folder / kind, ZOOM, seed)
    else:
        path = save_family(kind, folder / kind, seed)
    model: SamSegmenter = napari_vlseg.load_model(str(path), device="cpu", precision="float32")
    return model


def rimmed(seed: int, side: int = 96, group: str = "") -> CorrectedPlane:
    """Nine bright disks; their labels reach `RIM` pixels beyond what is bright."""
    rng = np.random.default_rng(seed)
    plane = np.full((side, side, 3), 0.1, np.float32)
    labels = np.zeros((side, side), np.int32)
    rows, cols = np.indices(labels.shape)
    step = side // 3
    for number in range(9):
        centre = np.array(divmod(number, 3)) * step + step / 2 + rng.uniform(-2, 2, 2)
        distance = np.hypot(rows - centre[0], cols - centre[1])
        radius = rng.uniform(6, 8)
        plane[distance < radius + RIM] = 0.3
        plane[distance < radius] = 0.9
        labels[distance < radius + RIM] = number + 1
    plane += rng.normal(0, 0.01, plane.shape).astype(np.float32)
    classes = dict.fromkeys(range(1, 10), "cell")
    everywhere = np.ones(labels.shape, bool)
    return CorrectedPlane(np.clip(plane, 0, 1), labels, classes, everywhere, group or str(seed))
