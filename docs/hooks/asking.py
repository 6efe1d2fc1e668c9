"""The prompts of the gallery: how a model is asked, said in words and drawn."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, Protocol

import numpy as np
from PIL import ImageDraw

import napari_vlseg
from napari_vlseg.models.base import DenseSegmenter

Box = tuple[int, int, int, int]
"""(row0, col0, row1, col1) in pixels, the ends excluded."""

_COLOUR = "#ff4dd2"


class Asking(Protocol):
    """One way to ask a bundled model."""

    def find(self, image: np.ndarray) -> np.ndarray:
        """Labels (H, W) of an image."""
        ...

    def describe(self) -> str:
        """The prompt in words, with the model's name."""
        ...

    def draw(self, pen: ImageDraw.ImageDraw, zoom: int) -> None:
        """Draw the prompt over a picture enlarged `zoom` times."""
        ...


@dataclass(frozen=True)
class ByWords:
    """A phrase for vlseg-mini; `scale` is the working scale, None for the model's own."""

    phrase: str
    scale: float | None = None
    mode: Literal["instances", "semantic"] = "instances"

    def find(self, image: np.ndarray) -> np.ndarray:
        """Labels (H, W) of an image."""
        return napari_vlseg.segment(
            image, self.phrase, model=_vlseg_mini(), working_scale=self.scale, mode=self.mode
        ).labels

    def describe(self) -> str:
        """The phrase and what is special about the settings."""
        return f"vlseg-mini, the words “{self.phrase}”{_at(self.scale)}"

    def draw(self, pen: ImageDraw.ImageDraw, zoom: int) -> None:
        """Words have no place in the picture."""


@dataclass(frozen=True)
class ByExample:
    """A box around one object of the same picture, as vlseg-mini's only reference."""

    box: Box
    scale: float | None = None

    def find(self, image: np.ndarray) -> np.ndarray:
        """Labels (H, W) of an image."""
        references = {"object": [(image, self.box)]}
        return napari_vlseg.segment(
            image, references=references, model=_vlseg_mini(), working_scale=self.scale
        ).labels

    def describe(self) -> str:
        """The place of the box."""
        row0, col0, row1, col1 = self.box
        return (
            f"vlseg-mini, one reference and no words: the pink box, rows {row0} to {row1 - 1} "
            f"and columns {col0} to {col1 - 1}{_at(self.scale)}"
        )

    def draw(self, pen: ImageDraw.ImageDraw, zoom: int) -> None:
        """Draw the box."""
        row0, col0, row1, col1 = (end * zoom for end in self.box)
        pen.rectangle((col0, row0, col1 - 1, row1 - 1), outline=_COLOUR, width=2)


def _at(scale: float | None) -> str:
    return "" if scale is None else f", working scale {scale:g}"


@lru_cache(maxsize=1)
def _vlseg_mini() -> DenseSegmenter:
    return napari_vlseg.load_model("vlseg-mini", device="cpu")
