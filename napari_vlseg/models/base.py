"""The protocols that the rest of the package programs against."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from napari_vlseg.logit_masks import full_mask, mask_crop
from napari_vlseg.object_prompts import MaskLogits, ObjectPrompt
from napari_vlseg.visual_prompts import VisualPromptSettings

# For annotations alone, so that listing models costs no heavy import.
if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import torch

    from napari_vlseg.events import Work
    from napari_vlseg.prompts import ClassPrompt, ReferencePrompt
    from napari_vlseg.proposals import ModelInfo
    from napari_vlseg.tiling import TilePlan


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
    reference_length : float
        Mean Euclidean norm of the references' own vectors; 0 where there is none.
    """

    vector: np.ndarray
    description: str = ""
    references: tuple[ReferencePrompt, ...] = field(repr=False, default=())
    reference_share: float = 1.0
    reference_length: float = 0.0


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

    def pack(self, embedding: Embedding) -> PackedEmbedding:
        """What `encode` computed, as plain tensors; the plane itself is left out."""
        ...

    def unpack(self, packed: PackedEmbedding, plane: np.ndarray) -> Embedding:
        """An embedding that answers as the packed one did.

        Parameters
        ----------
        packed : PackedEmbedding
            From `pack` of a model with the same revision.
        plane : numpy.ndarray, shape (H, W, 3), float32 in [0, 1]
            The plane that was encoded: `embedding_key` gives ``packed.key``.

        Raises
        ------
        ModelError
            If the tensors don't fit the plane or the model.
        """
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


@runtime_checkable
class LatticeSegmenter(Protocol):
    """A `DenseSegmenter` whose tiles lie on a lattice, so that a plane can be seen in parts.

    Parts made of whole tiles of the lattice give, blended, what the plane gives as a whole.
    """

    def lattice(
        self, shape: tuple[int, int], working_scale: float | None = None
    ) -> tuple[TilePlan, float]:
        """Tiles of a plane (H, W), in model pixels, and image pixels per model pixel."""
        ...

    def embedding_key(
        self,
        plane: np.ndarray,
        working_scale: float | None = None,
        plan: TilePlan | None = None,
    ) -> str:
        """Key that `encode_steps` would give, without encoding."""
        ...

    def encode_steps(
        self,
        plane: np.ndarray,
        *,
        working_scale: float | None = None,
        plan: TilePlan | None = None,
    ) -> Work[Embedding]:
        """Encode a part of a plane through the tiles of a plan for it."""
        ...


def automatic_threshold(model: DenseSegmenter, class_name: str) -> float:
    """Threshold of a class for which the person chose none.

    Parameters
    ----------
    model : DenseSegmenter
        One that was taught corrections may have ``class_thresholds``, a mapping of class names to
        the thresholds that suit the masks of those corrections.
    class_name : str

    Returns
    -------
    float
        The class's own, else the model's default.
    """
    own: Mapping[str, float] = getattr(model, "class_thresholds", {})
    return float(own.get(class_name, model.default_threshold))


@dataclass(frozen=True, eq=False)
class PackedEmbedding:
    """An embedding as plain tensors and values, for a cache in memory or on disk.

    Attributes
    ----------
    key : str
        Of the embedding.
    tensors : dict of str to torch.Tensor
        On the CPU.
    meta : dict of str to str, int, float or list
        Everything else that `unpack` needs beside the plane; fit for JSON.
    """

    key: str
    tensors: dict[str, torch.Tensor] = field(repr=False)
    meta: dict[str, str | int | float | list[Any]] = field(repr=False, default_factory=dict)


@dataclass(frozen=True, eq=False)
class MaskProposal:
    """One object as a model outlines it.

    Attributes
    ----------
    logits : MaskLogits
        What the decoder said, and what a further click goes on from.
    score : float
        IoU that the model predicts for the mask, about 0 to 1.
    shape : tuple of int
        (H, W) of the plane.
    """

    logits: MaskLogits = field(repr=False)
    score: float
    shape: tuple[int, int]

    @cached_property
    def mask(self) -> np.ndarray:
        """The mask of the whole plane, bool (H, W), computed when it is first asked for."""
        return full_mask(self.crop(), self.shape)

    def crop(self) -> tuple[int, int, np.ndarray]:
        """The smallest part of the plane that holds the mask.

        Returns
        -------
        top, left : int
            Its corner, in pixels of the plane.
        mask : numpy.ndarray, shape (rows, cols), bool
            Empty where the mask is.
        """
        return self._crop

    @cached_property
    def _crop(self) -> tuple[int, int, np.ndarray]:
        return mask_crop(self.logits, self.shape)


@dataclass(frozen=True, eq=False)
class PromptableEmbedding:
    """A plane prepared for clicks, boxes and masks.

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
    """A model that outlines the object under a click, in a box or near a mask.

    ``encode`` once per plane, ``predict`` or ``predict_objects`` for every prompt. Methods
    that end on ``_steps`` are the same work as generators of events.
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
        """Prepare a plane for prompts.

        Parameters
        ----------
        plane : numpy.ndarray, shape (H, W, 3), float32 in [0, 1]

        Returns
        -------
        PromptableEmbedding
            Starting point of `predict`. A model that looks closer when it is asked adds to it
            what it encodes then.

        Raises
        ------
        ImageError
            If the plane has another shape or no pixels.
        ModelError
            If even the CPU has too little memory.
        """
        ...

    def encode_steps(self, plane: np.ndarray) -> Work[PromptableEmbedding]:
        """`encode` as a generator that yields `Progress` after each pass of the model."""
        ...

    def pack(self, embedding: PromptableEmbedding) -> PackedEmbedding:
        """What has been encoded so far, as plain tensors; the plane itself is left out."""
        ...

    def unpack(self, packed: PackedEmbedding, plane: np.ndarray) -> PromptableEmbedding:
        """An embedding that answers as the packed one did.

        Parameters
        ----------
        packed : PackedEmbedding
            From `pack` of a model with the same revision.
        plane : numpy.ndarray, shape (H, W, 3), float32 in [0, 1]
            The plane that was encoded: `embedding_key` gives ``packed.key``.

        Raises
        ------
        ModelError
            If the tensors don't fit the plane or the model.
        """
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
        """Outline one object by clicks, a box, a mask or several of these; or one per box.

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
            around the rows r … s has its top at r - 0.5 and its bottom at s + 0.5. What
            reaches beyond the plane is cut off.
        mask : MaskLogits, optional
            `logits` of an earlier proposal for the same object, to be corrected, or a drawn
            mask (`MaskLogits.of_mask`).
        multimask : bool
            Three proposals for the object rather than one. One click often has several
            answers; after further clicks or with a box a single proposal is more exact.

        Returns
        -------
        list of MaskProposal
            For one object the best first: three, or one without `multimask`. For several
            boxes one each, in their order.

        Raises
        ------
        PromptError
            If there is nothing to go by, something lies outside the plane, the labels don't
            fit the clicks, or a mask or clicks come with several boxes.
        ModelError
            If even the CPU has too little memory.
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
        """`predict` as a generator that yields `Progress` after each pass of the model."""
        ...

    def predict_objects(
        self,
        embedding: PromptableEmbedding,
        prompts: Sequence[ObjectPrompt],
        *,
        multimask: bool = False,
    ) -> list[list[MaskProposal]]:
        """Outline any number of objects, each by its own prompt, in as few passes as fit.

        Parameters
        ----------
        embedding : PromptableEmbedding
        prompts : sequence of ObjectPrompt
            Independent of each other; places as in `predict`.
        multimask : bool
            Three proposals for each object rather than one.

        Returns
        -------
        list of list of MaskProposal
            One list per prompt in their order, the best proposal first.

        Raises
        ------
        PromptError
            If a prompt says nothing or lies outside the plane.
        ModelError
            If even the CPU has too little memory.
        """
        ...

    def predict_objects_steps(
        self,
        embedding: PromptableEmbedding,
        prompts: Sequence[ObjectPrompt],
        *,
        multimask: bool = False,
    ) -> Work[list[list[MaskProposal]]]:
        """`predict_objects` as a generator that yields `Progress` after each pass."""
        ...
