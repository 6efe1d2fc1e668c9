"""The protocols that the rest of the package programs against."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

# For annotations alone, so that listing models costs no heavy import.
if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from napari_vlseg.events import Work
    from napari_vlseg.prompts import ClassPrompt, ReferencePrompt
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
    plane : numpy.ndarray, shape (H, W, 3), or None
        What was encoded, for steps after the decoder that look at the pixels again.
    """

    key: str
    shape: tuple[int, int]
    plan: TilePlan
    working_scale: float
    activations: tuple[Any, ...] = field(repr=False, default=())
    plane: np.ndarray | None = field(repr=False, default=None)


@dataclass(frozen=True, eq=False)
class Conditional:
    """A conditional vector: what the decoder looks for.

    Attributes
    ----------
    vector : numpy.ndarray, shape (projection_dim,), float32
    description : str
        For people and logs.
    references : tuple of ReferencePrompt
        What the vector was made from, for models that also match references patch by patch.
    reference_share : float
        Weight of the references beside the phrases: 1 where there is no phrase.
    """

    vector: np.ndarray
    description: str = ""
    references: tuple[ReferencePrompt, ...] = field(repr=False, default=())
    reference_share: float = 1.0


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
    def default_edges(self) -> bool:
        """Whether maps follow the edges of the image where the person chose nothing."""
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

    def predict(
        self, embedding: Embedding, prompts: Sequence[Conditional], *, edges: bool | None = None
    ) -> np.ndarray:
        """Probabilities, float32 (n_prompts, H, W) in [0, 1]; `edges` as `default_edges`."""
        ...

    def predict_steps(
        self, embedding: Embedding, prompts: Sequence[Conditional], *, edges: bool | None = None
    ) -> Work[np.ndarray]:
        """`predict` as a generator of events."""
        ...

    def unknown_words(self, phrase: str) -> list[str]:
        """Words of a phrase that the model never saw; empty where it can't tell."""
        ...


@dataclass(frozen=True, eq=False)
class MaskLogits:
    """The decoder's own mask, to be given back as the prompt `mask`.

    Attributes
    ----------
    values : numpy.ndarray, shape (m, m), float32
        Logits; the object is where they are positive.
    window : tuple of int
        (top, left, side) of the square of the plane that they cover, in image pixels.
    """

    values: np.ndarray = field(repr=False)
    window: tuple[int, int, int]


@dataclass(frozen=True, eq=False)
class MaskProposal:
    """One object as a model outlines it.

    Attributes
    ----------
    mask : numpy.ndarray, shape (H, W), bool
    score : float
        IoU that the model predicts for the mask, about 0 to 1.
    logits : MaskLogits
        What a further click goes on from.
    """

    mask: np.ndarray = field(repr=False)
    score: float
    logits: MaskLogits = field(repr=False)


@dataclass(frozen=True, eq=False)
class PromptableEmbedding:
    """A plane prepared for clicks and boxes.

    Attributes
    ----------
    key : str
        Hash of pixels, model revision and preprocessing: equal keys, equal computation.
    shape : tuple of int
        (H, W) of the plane.
    content : object
        The model's own: the plane, and what it has encoded of it so far.
    """

    key: str
    shape: tuple[int, int]
    content: Any = field(repr=False, default=None)


@runtime_checkable
class PromptableSegmenter(Protocol):
    """A model that outlines the object under a click or in a box.

    ``encode`` once per plane, ``predict`` for every prompt. ``encode_steps`` and
    ``predict_steps`` are the same work as generators of events.
    """

    @property
    def info(self) -> ModelInfo:
        """Name, revision, hash, device and precision."""
        ...

    @property
    def input_size(self) -> int:
        """Side of the model's square input, in model pixels."""
        ...

    def embedding_key(self, plane: np.ndarray) -> str:
        """Key that `encode` would give, without encoding."""
        ...

    def encode(self, plane: np.ndarray) -> PromptableEmbedding:
        """Prepare a float32 plane (H, W, 3) in [0, 1]."""
        ...

    def encode_steps(self, plane: np.ndarray) -> Work[PromptableEmbedding]:
        """`encode` as a generator of events."""
        ...

    def predict(
        self,
        embedding: PromptableEmbedding,
        *,
        points: npt.ArrayLike | None = None,
        point_labels: npt.ArrayLike | None = None,
        boxes: npt.ArrayLike | None = None,
        mask: MaskLogits | None = None,
        multimask: bool = True,
    ) -> list[MaskProposal]:
        """Outline one object by clicks, a box or both, or one object per box.

        Parameters
        ----------
        embedding : PromptableEmbedding
            From `encode`.
        points : array_like, shape (n, 2), optional
            (row, col) in plane pixels: (0, 0) is the centre of the first pixel.
        point_labels : array_like, shape (n,), optional
            1 where the object is, 0 where it is not; all 1 if omitted.
        boxes : array_like, shape (n_boxes, 4) or (4,), optional
            (top, left, bottom, right) edges in the same coordinates: a box that is tight
            around the rows r … s has its top at r - 0.5 and its bottom at s + 0.5.
        mask : MaskLogits, optional
            Of an earlier proposal for the same object.
        multimask : bool
            Three proposals for the object rather than one.

        Returns
        -------
        list of MaskProposal
            For one object the best first: three, or one without `multimask`. For several
            boxes one each, in their order.
        """
        ...

    def predict_steps(
        self,
        embedding: PromptableEmbedding,
        *,
        points: npt.ArrayLike | None = None,
        point_labels: npt.ArrayLike | None = None,
        boxes: npt.ArrayLike | None = None,
        mask: MaskLogits | None = None,
        multimask: bool = True,
    ) -> Work[list[MaskProposal]]:
        """`predict` as a generator of events."""
        ...
