"""The prompts of the gallery: how a model is asked, said in words and drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, ClassVar, Protocol

import numpy as np
from drawing import Pen, Window

import napari_vlseg
from napari_vlseg.images import extract_plane
from napari_vlseg.proposals import PostProcess
from napari_vlseg.workflow.api import default_view

if TYPE_CHECKING:
    from napari_vlseg.models.base import (
        DenseSegmenter,
        MaskProposal,
        PromptableEmbedding,
        PromptableSegmenter,
    )

_DEFAULTS = PostProcess()


class Asking(Protocol):
    """One way to ask a bundled model, whose name is `model`."""

    model: ClassVar[str]

    def find(self, image: np.ndarray) -> np.ndarray:
        """Labels (H, W) of an image."""
        ...

    def describe(self) -> str:
        """The prompt in words, with the model's name."""
        ...

    def draw(self, pen: Pen) -> None:
        """Draw the prompt over a picture."""
        ...


@dataclass(frozen=True)
class ByWords:
    """A phrase for vlseg-mini; `scale` is the working scale, None for the model's own."""

    phrase: str
    scale: float | None = None
    settings: PostProcess = _DEFAULTS
    model: ClassVar[str] = "vlseg-mini"

    def find(self, image: np.ndarray) -> np.ndarray:
        """Labels (H, W) of an image."""
        return napari_vlseg.segment(
            image,
            self.phrase,
            model=vlseg_mini(),
            working_scale=self.scale,
            postprocess=self.settings,
        ).labels

    def describe(self) -> str:
        """The phrase and what is special about the settings."""
        return f"vlseg-mini, the words “{self.phrase}”{_with(self.scale, self.settings)}"

    def draw(self, pen: Pen) -> None:
        """Words have no place in the picture."""


@dataclass(frozen=True)
class ByExample:
    """A box around one object of the same picture, as vlseg-mini's only reference."""

    box: Window
    scale: float | None = None
    settings: PostProcess = _DEFAULTS
    model: ClassVar[str] = "vlseg-mini"

    def find(self, image: np.ndarray) -> np.ndarray:
        """Labels (H, W) of an image."""
        references = {"object": [(image, self.box)]}
        return napari_vlseg.segment(
            image,
            references=references,
            model=vlseg_mini(),
            working_scale=self.scale,
            postprocess=self.settings,
        ).labels

    def describe(self) -> str:
        """The place of the box."""
        row0, col0, row1, col1 = self.box
        return (
            f"vlseg-mini, one reference and no words: the pink box, rows {row0} to {row1 - 1} "
            f"and columns {col0} to {col1 - 1}{_with(self.scale, self.settings)}"
        )

    def draw(self, pen: Pen) -> None:
        """Draw the box."""
        pen.box(self.box)


@dataclass(frozen=True)
class ByClicks:
    """One click for sam-mini on each object, as (row, col)."""

    places: Sequence[tuple[float, float]]
    model: ClassVar[str] = "sam-mini"

    def find(self, image: np.ndarray) -> np.ndarray:
        """Labels (H, W) of an image: of the proposals of each click, the best."""
        sam, plane = sam_mini(), encoded(image)
        return as_labels([sam.predict(plane, points=[place])[0] for place in self.places])

    def describe(self) -> str:
        """How many clicks."""
        return f"sam-mini, one click on each of {len(self.places)} objects: the pink crosses"

    def draw(self, pen: Pen) -> None:
        """Draw a cross at each click."""
        for row, col in self.places:
            pen.click(row, col)


@dataclass(frozen=True)
class ByBoxes:
    """One box for sam-mini around each object."""

    boxes: Sequence[Window]
    model: ClassVar[str] = "sam-mini"

    def find(self, image: np.ndarray) -> np.ndarray:
        """Labels (H, W) of an image."""
        edges = np.array(self.boxes) - 0.5  # the centre of the first pixel is (0, 0)
        return as_labels(sam_mini().predict(encoded(image), boxes=edges, multimask=False))

    def describe(self) -> str:
        """How many boxes."""
        return f"sam-mini, one box around each of {len(self.boxes)} objects, in pink"

    def draw(self, pen: Pen) -> None:
        """Draw the boxes."""
        for box in self.boxes:
            pen.box(box)


def as_labels(proposals: Sequence[MaskProposal]) -> np.ndarray:
    """Labels in the order of the proposals; where two overlap, the higher score wins."""
    labels = np.zeros(proposals[0].mask.shape, np.int32)
    for label, proposal in sorted(enumerate(proposals, 1), key=lambda pair: pair[1].score):
        labels[proposal.mask] = label
    return labels


def encoded(image: np.ndarray) -> PromptableEmbedding:
    """An image prepared for clicks."""
    return sam_mini().encode(extract_plane(image, (), default_view(image)))


@lru_cache(maxsize=1)
def sam_mini() -> PromptableSegmenter:
    """The bundled model for clicks and boxes, loaded once."""
    return napari_vlseg.load_model("sam-mini", device="cpu")


def _with(scale: float | None, settings: PostProcess) -> str:
    """What is not left at its default, in words."""
    said = "" if scale is None else f"; working scale {scale:g}"
    if settings.min_size != _DEFAULTS.min_size:
        said += f"; objects below {settings.min_size} pixels dropped"
    return said


@lru_cache(maxsize=1)
def vlseg_mini() -> DenseSegmenter:
    """The bundled model for words and references, loaded once."""
    return napari_vlseg.load_model("vlseg-mini", device="cpu")
