"""The pictures of the gallery: all are inside scikit-image's wheel, so nothing is fetched."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from skimage import data

Window = tuple[int, int, int, int]
_EVERYTHING: Window = (0, 0, 10_000, 10_000)


@dataclass(frozen=True)
class Picture:
    """A picture of `skimage.data`, by the name of its function.

    `window` (row0, col0, row1, col1) is cut out first, then every `step`-th mean of step × step
    pixels is taken.
    """

    name: str
    credit: str
    licence: str
    window: Window = _EVERYTHING
    step: int = 1

    def part(self, *window: int, step: int = 1) -> Picture:
        """A part of the picture, in pixels of the whole."""
        row0, col0, row1, col1 = window
        return replace(self, window=(row0, col0, row1, col1), step=step)

    def load(self) -> np.ndarray:
        """Pixels, uint8, (H, W) or (H, W, 3)."""
        row0, col0, row1, col1 = self.window
        cut = getattr(data, self.name)()[row0:row1, col0:col1]
        return cut if self.step == 1 else _reduced(cut, self.step)


def _reduced(image: np.ndarray, step: int) -> np.ndarray:
    rows, cols = (length // step for length in image.shape[:2])
    blocks = image[: rows * step, : cols * step].reshape(rows, step, cols, step, -1)
    return blocks.mean(axis=(1, 3)).round().astype(np.uint8).squeeze()


_FREE = "no known copyright restrictions."
_CC0 = "CC0 1.0."

COINS = Picture(
    "coins",
    "Greek coins from Pompeii, Brooklyn Museum Collection; `skimage.data.coins`.",
    _FREE,
)
CELL = Picture(
    "cell",
    "A cell in saline, quantitative phase, P. Müller and others, Optics Express 26 (2018); "
    "`skimage.data.cell`.",
    _CC0,
)
TISSUE = Picture(
    "immunohistochemistry",
    "Colonic glands, DAB with haematoxylin, Center for Microscopy and Molecular Imaging; "
    "`skimage.data.immunohistochemistry`.",
    _FREE,
)
RETINA = Picture(
    "retina",
    "Fundus photograph, M. Häggström, WikiJournal of Medicine 1 (2014); `skimage.data.retina`.",
    _CC0,
)
LESIONS = Picture(
    "microaneurysms",
    "Green channel of a fundus photograph, HRF database, A. Maier and others; "
    "`skimage.data.microaneurysms`.",
    _CC0,
)
GALAXIES = Picture(
    "hubble_deep_field",
    "Hubble eXtreme Deep Field, NASA; `skimage.data.hubble_deep_field`.",
    "public domain.",
)
BRICK = Picture("brick", "CC0Textures, Bricks25; `skimage.data.brick`.", _CC0)
GRAVEL = Picture("gravel", "CC0Textures, Gravel04; `skimage.data.gravel`.", _CC0)
CAT = Picture("chelsea", "Chelsea the cat, S. van der Walt; `skimage.data.chelsea`.", _CC0)
COFFEE = Picture("coffee", "A cup of coffee, R. Michetti; `skimage.data.coffee`.", _CC0)
