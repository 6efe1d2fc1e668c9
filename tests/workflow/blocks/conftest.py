from __future__ import annotations

import numpy as np
import pytest

from napari_vlseg.images import ImageView
from napari_vlseg.prompts import PromptTable
from napari_vlseg.workflow.blocks import BlockSource
from napari_vlseg.workflow.blocks import grid as grids
from tests.fakes import BrightnessSegmenter

SIDE = 128


@pytest.fixture
def small_blocks(monkeypatch):
    """Blocks of 128 pixels that share 32, and a halo of 24."""
    monkeypatch.setattr(grids, "BLOCK_SIDE", SIDE)
    monkeypatch.setattr(grids, "_OVERLAP", 32)
    monkeypatch.setattr("napari_vlseg.workflow.blocks.labeller.HALO", 24)


@pytest.fixture
def model() -> BrightnessSegmenter:
    return BrightnessSegmenter()


@pytest.fixture
def prompts() -> PromptTable:
    return PromptTable.build("nuclei=bright")


def discs(shape: tuple[int, int], centres, radius: int = 9) -> np.ndarray:
    """Bright discs on a dark plane, uint8."""
    rows, cols = np.ogrid[: shape[0], : shape[1]]
    image = np.full(shape, 8, np.uint8)
    for row, col in centres:
        image[(rows - row) ** 2 + (cols - col) ** 2 <= radius**2] = 230
    return image


def fixed(image: np.ndarray, **view) -> BlockSource:
    """A source whose brightness is that of its pixels."""
    return BlockSource.of(image, ImageView(contrast=(0, 255), **view))
