"""A small checkpoint on disk, and segmenters loaded from it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_vlseg.models.clipseg import ClipSegSegmenter
from napari_vlseg.models.weights import load_clipseg
from tests.models.tiny import save_checkpoint


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a small CLIPSeg model; tests must not change it."""
    return save_checkpoint(tmp_path_factory.mktemp("checkpoint"))


@pytest.fixture
def segmenter(checkpoint: Path) -> ClipSegSegmenter:
    return load_clipseg(checkpoint, "tiny", device="cpu", precision="float32")


@pytest.fixture
def plane() -> np.ndarray:
    """A plane of several tiles at scale 1, not a multiple of anything."""
    return np.random.default_rng(0).random((87, 85, 3), np.float32)
