"""The protocols that the rest of the package programs against."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

# For annotations alone, so that listing models costs no heavy import.
if TYPE_CHECKING:
    import numpy as np

    from napari_vlseg.events import Work
    from napari_vlseg.prompts import ClassPrompt
    from napari_vlseg.proposals import ModelInfo
    from napari_vlseg.tiling import TilePlan
from napari_vlseg.visual_prompts import VisualPromptSettings


@dataclass(frozen=True, eq=False)
class Embedding:
    """An encoded plane: what every further prompt starts from.

    Attributes
    ----------
    key : str
        Hash of pixels, model revision and preprocessing: equal keys, equal computation.
    shape : tuple of int
        (H, W) of the plane.
    plan : TilePlan
        Which windows of the plane were encoded, and how they blend.
    working_scale : float
        Image pixels per model pixel.
    activations : tuple
        The model's own tensors, one entry per batch of tiles.
    """

    key: str
    shape: tuple[int, int]
    plan: TilePlan
    working_scale: float
    activations: tuple[Any, ...] = field(repr=False, default=())


@dataclass(frozen=True, eq=False)
class Conditional:
    """A conditional vector: what the decoder looks for.

    Attributes
    ----------
    vector : numpy.ndarray, shape (projection_dim,), float32
    description : str
        For people and logs.
    """

    vector: np.ndarray
    description: str = ""


@runtime_checkable
class DenseSegmenter(Protocol):
    """A model that turns text and reference prompts into probability maps.

    ``encode`` is the slow half, once per plane. ``predict`` runs the decoder alone.
    ``encode_steps`` and ``predict_steps`` are the same work as generators of events, one per
    batch of tiles, so that callers can show progress and cancel.
    """

    @property
    def info(self) -> ModelInfo:
        """Name, revision, hash, device and precision."""
        ...

    @property
    def default_threshold(self) -> float:
        """Probability threshold where the person chose none."""
        ...

    @property
    def input_size(self) -> int:
        """Side of the model's square input, in model pixels."""
        ...

    def embedding_key(self, plane: np.ndarray, working_scale: float | None = None) -> str:
        """Key that `encode` would give, without encoding."""
        ...

    def encode(self, plane: np.ndarray, *, working_scale: float | None = None) -> Embedding:
        """Encode a float32 plane (H, W, 3) in [0, 1]; None chooses the scale."""
        ...

    def encode_steps(
        self, plane: np.ndarray, *, working_scale: float | None = None
    ) -> Work[Embedding]:
        """`encode` as a generator of events."""
        ...

    def condition(
        self,
        prompt: ClassPrompt,
        templates: Sequence[str] = ("{}",),
        visual: VisualPromptSettings | None = None,
    ) -> tuple[Conditional, list[Conditional]]:
        """Conditional of a class (text and references mixed) and of each of its negatives."""
        ...

    def predict(self, embedding: Embedding, prompts: Sequence[Conditional]) -> np.ndarray:
        """Probabilities, float32 (n_prompts, H, W) in [0, 1]."""
        ...

    def predict_steps(
        self, embedding: Embedding, prompts: Sequence[Conditional]
    ) -> Work[np.ndarray]:
        """`predict` as a generator of events."""
        ...

    def unknown_words(self, phrase: str) -> list[str]:
        """Words of a phrase that the model never saw; empty where it can't tell."""
        ...
