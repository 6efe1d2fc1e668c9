"""CLIPSeg as a dense segmenter: encode a plane once, prompt it many times.

Lüddecke & Ecker, "Image Segmentation Using Text and Image Prompts", CVPR 2022
(arXiv 2112.10003), with the implementation of the transformers library.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch

from napari_vlseg.edges import refine_steps
from napari_vlseg.errors import PromptError
from napari_vlseg.events import Notice, Progress, Work, run
from napari_vlseg.models.adapters import Adapter, adapted_info
from napari_vlseg.models.base import Conditional, Embedding, PackedEmbedding
from napari_vlseg.models.clipseg_packing import (
    pack_embedding,
    packed_plan,
    packed_scale,
    unpack_activations,
)
from napari_vlseg.models.conditioning import PromptEncoder
from napari_vlseg.models.devices import (
    is_out_of_memory,
    precision_name,
    release_memory,
    unless_short_of_memory,
)
from napari_vlseg.models.memory import MemoryBudget
from napari_vlseg.models.network import Activations, ClipSegNetwork
from napari_vlseg.models.preprocessing import check_plane, resize_channels, resize_plane
from napari_vlseg.models.reference_matcher import ReferenceMatcher
from napari_vlseg.models.scaling import choose_scale, model_shape, plan_windows
from napari_vlseg.models.vocabulary import Vocabulary
from napari_vlseg.prompts import ClassPrompt
from napari_vlseg.proposals import ModelInfo
from napari_vlseg.tiling import Blender, TilePlan, cut_tile, pad_plane
from napari_vlseg.visual_prompts import VisualPromptSettings


@dataclass(frozen=True)
class ClipSegDefaults:
    """What applies where the person chose nothing.

    Attributes
    ----------
    threshold : float
        Probability from which a pixel belongs to a class.
    working_scale : float or None
        Image pixels per model pixel that the checkpoint was trained at; None for models
        that were trained on whole images.
    familiar_lengths : tuple of float or None
        Lengths of a reference's vector from which it is trusted a little and fully; below,
        the reference is also matched patch by patch, see `ReferenceMatcher`. None never
        matches.
    edges : bool
        Whether maps are drawn to the edges of the image, see `napari_vlseg.edges`.
    """

    threshold: float = 0.5
    working_scale: float | None = None
    familiar_lengths: tuple[float, float] | None = None
    edges: bool = False


class ClipSegSegmenter:
    """A `DenseSegmenter` over a CLIPSeg checkpoint.

    Build one with `napari_vlseg.models.registry.load`.

    Parameters
    ----------
    network : ClipSegNetwork
        Weights, tokenizer and preprocessing.
    info : ModelInfo
        Name, revision and hash; device and precision are filled in here.
    device : torch.device
    dtype : torch.dtype
        Precision of the vision tower.
    defaults : ClipSegDefaults, optional
    vocabulary : Vocabulary, optional
        Words the checkpoint was trained with.
    learned : mapping of str to numpy.ndarray, optional
        Phrases that an adapter taught it, see `with_adapter`.
    class_thresholds : mapping of str to float, optional
        Thresholds that an adapter brought along, see `class_thresholds`.

    Notes
    -----
    When memory runs out the work goes on with fewer tiles at a time, then with smaller
    tiles, then on the CPU, and stays there for later calls; each step is a `Notice`.
    """

    def __init__(
        self,
        network: ClipSegNetwork,
        info: ModelInfo,
        *,
        device: torch.device,
        dtype: torch.dtype,
        defaults: ClipSegDefaults | None = None,
        vocabulary: Vocabulary | None = None,
        learned: Mapping[str, np.ndarray] | None = None,
        class_thresholds: Mapping[str, float] | None = None,
    ) -> None:
        self._network = network
        self._identity = info
        self._defaults = defaults or ClipSegDefaults()
        self._vocabulary = vocabulary or Vocabulary()
        self._class_thresholds = dict(class_thresholds or {})
        self._budget = MemoryBudget(device, dtype)
        self._pending: list[Notice] = []
        self._prompts = PromptEncoder(
            lambda texts: self._with_memory(partial(network.text_vectors, texts)),
            lambda pictures: self._with_memory(partial(network.image_vectors, pictures)),
            self.input_size,
            learned,
        )
        familiar = self._defaults.familiar_lengths
        self._matcher = familiar and ReferenceMatcher(
            lambda image, scale: self.encode_steps(image, working_scale=scale), familiar
        )
        try:
            network.move(device, dtype)
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            self._relieve(*self._budget.on_cpu())

    @property
    def info(self) -> ModelInfo:
        """Name, revision, hash, and where and how precisely the model runs now."""
        return replace(
            self._identity,
            device=str(self._budget.device),
            precision=precision_name(self._budget.dtype),
        )

    @property
    def network(self) -> ClipSegNetwork:
        """Towers and decoder, for whoever trains them."""
        return self._network

    @property
    def default_threshold(self) -> float:
        """Probability threshold where the person chose none."""
        return self._defaults.threshold

    @property
    def class_thresholds(self) -> Mapping[str, float]:
        """Thresholds by class name where the person chose none, before `default_threshold`."""
        return self._class_thresholds

    @property
    def default_edges(self) -> bool:
        """Whether maps follow the edges of the image where the person chose nothing."""
        return self._defaults.edges

    @property
    def input_size(self) -> int:
        """Side of the model's square input, in model pixels."""
        return self._network.preprocessing.size

    def unknown_words(self, phrase: str) -> list[str]:
        """Words of a phrase that the model never saw; empty where it can't tell."""
        if self._prompts.has_learned(phrase):
            return []
        return self._vocabulary.unknown_words(phrase)

    def with_adapter(self, adapter: Adapter) -> ClipSegSegmenter:
        """The model as a fine-tuning left it; this one stays as it is.

        Both share the towers, and what one has encoded serves the other, unless the adapter
        changes the vision tower: then they share all of it but the layers that are others, and
        each encodes for itself.

        Raises
        ------
        ModelError
            If the adapter belongs to another model.
        """
        info = adapted_info(self._identity, adapter)
        return ClipSegSegmenter(
            self._network.with_decoder(adapter.decoder).with_tower(adapter.encoder),
            info,
            device=self._budget.device,
            dtype=self._budget.dtype,
            defaults=self._defaults,
            vocabulary=self._vocabulary,
            learned=adapter.phrases,
            class_thresholds=adapter.thresholds,
        )

    def condition(
        self,
        prompt: ClassPrompt,
        templates: Sequence[str] = ("{}",),
        visual: VisualPromptSettings | None = None,
    ) -> tuple[Conditional, list[Conditional]]:
        """Conditional of a class and of each of its negatives, see `PromptEncoder.condition`."""
        return self._prompts.condition(prompt, templates, visual)

    def embedding_key(
        self,
        plane: np.ndarray,
        working_scale: float | None = None,
        plan: TilePlan | None = None,
    ) -> str:
        """Key that `encode_steps` would give, without encoding."""
        plane = check_plane(plane)
        own, scale = self.lattice(plane.shape[:2], working_scale)
        return self._key(plane, scale, plan or own)

    def tile_plan(self, plane: np.ndarray, working_scale: float | None = None) -> TilePlan:
        """Windows of a plane that `encode` would look at."""
        return self.lattice(check_plane(plane).shape[:2], working_scale)[0]

    def lattice(
        self, shape: tuple[int, int], working_scale: float | None = None
    ) -> tuple[TilePlan, float]:
        """See `LatticeSegmenter.lattice`."""
        scale = self._scale(shape, working_scale)
        return self._plan(shape, scale), scale

    def encode(self, plane: np.ndarray, *, working_scale: float | None = None) -> Embedding:
        """Run the vision tower over a plane.

        Parameters
        ----------
        plane : numpy.ndarray, shape (H, W, 3), float32 in [0, 1]
        working_scale : float, optional
            Image pixels per model pixel; chosen from the size of the plane if omitted.

        Returns
        -------
        Embedding
            Starting point of `predict`, on the model's device.

        Raises
        ------
        ImageError
            If the plane has another shape or no pixels.
        SettingsError
            If the scale is out of range.
        ModelError
            If even the CPU has too little memory.
        """
        return run(self.encode_steps(plane, working_scale=working_scale))

    def encode_steps(
        self,
        plane: np.ndarray,
        *,
        working_scale: float | None = None,
        plan: TilePlan | None = None,
    ) -> Work[Embedding]:
        """`encode` as a generator that yields `Progress` after each batch of tiles.

        Parameters
        ----------
        plane, working_scale
            See `encode`.
        plan : TilePlan, optional
            Tiles to look through, in model pixels of the plane, see `lattice`; tiles may be
            missing. The model chooses its own where memory does not allow them.
        """
        plane = check_plane(plane)
        scale = self._scale(plane.shape[:2], working_scale)
        current = plan or self._plan(plane.shape[:2], scale)
        activations = yield from self._activations(plane, current)
        while activations is None:
            current = self._plan(plane.shape[:2], scale)
            activations = yield from self._activations(plane, current)
        key = self._key(plane, scale, current)
        return Embedding(key, plane.shape[:2], current, scale, activations, plane)

    def pack(self, embedding: Embedding) -> PackedEmbedding:
        """See `DenseSegmenter.pack`."""
        own = self._plan(embedding.shape, embedding.working_scale)
        return pack_embedding(embedding, None if embedding.plan == own else embedding.plan)

    def unpack(self, packed: PackedEmbedding, plane: np.ndarray) -> Embedding:
        """See `DenseSegmenter.unpack`."""
        plane, scale = check_plane(plane), packed_scale(packed)
        plan = packed_plan(packed) or self._plan(plane.shape[:2], scale)
        channels = self._network.model.config.reduce_dim
        activations = unpack_activations(packed, plan, self._network.patch_size, channels)
        return Embedding(packed.key, plane.shape[:2], plan, scale, activations, plane)

    def predict(
        self, embedding: Embedding, prompts: Sequence[Conditional], *, edges: bool | None = None
    ) -> np.ndarray:
        """Run the decoder for each prompt.

        Parameters
        ----------
        embedding : Embedding
            From `encode`.
        prompts : sequence of Conditional
            From `condition`.
        edges : bool, optional
            Whether to draw the maps to the edges of the image, as far as half a patch away;
            the model's default if omitted.

        Returns
        -------
        numpy.ndarray, shape (n_prompts, H, W), float32 in [0, 1]

        Raises
        ------
        PromptError
            If there is no prompt.
        ModelError
            If even the CPU has too little memory.

        Notes
        -----
        Overlapping tiles are blended as probabilities. Averaged logits would let a tile that
        is wrongly certain near its border, where it sees least, outvote its neighbours
        without bound; a probability can pull the mean by its own weight only.
        """
        return run(self.predict_steps(embedding, prompts, edges=edges))

    def predict_steps(
        self, embedding: Embedding, prompts: Sequence[Conditional], *, edges: bool | None = None
    ) -> Work[np.ndarray]:
        """`predict` as a generator that yields `Progress` after each pass of the decoder."""
        if not prompts:
            raise PromptError("There is no prompt: type what to find or draw a reference.")
        vectors = np.stack([prompt.vector for prompt in prompts]).astype(np.float32)
        maps = yield from self._decode_tiles(embedding, vectors)
        if self._matcher:
            for number, prompt in enumerate(prompts):
                maps[number] = yield from self._matcher.refine(maps[number], embedding, prompt)
        maps = resize_channels(maps, embedding.shape)
        if (self.default_edges if edges is None else edges) and embedding.plane is not None:
            reach = self._network.patch_size * embedding.working_scale / 2
            for number, probability in enumerate(maps):
                maps[number] = yield from refine_steps(probability, embedding.plane, reach)
        return maps

    def _decode_tiles(self, embedding: Embedding, vectors: np.ndarray) -> Work[np.ndarray]:
        """Blended probabilities of every vector, (p, H, W) in model pixels."""
        plan = embedding.plan
        blender = Blender(plan, len(vectors))
        total, first = len(plan.tiles) * len(vectors), 0
        for batch in embedding.activations:
            tiles = plan.tiles[first : first + len(batch[0])]
            counter = _Counter(first * len(vectors), total)
            probabilities = yield from self._decode(batch, vectors, plan.side, counter)
            for tile, values in zip(tiles, probabilities.swapaxes(0, 1), strict=True):
                blender.add(tile, values)
            first += len(tiles)
        return blender.result()

    def _scale(self, shape: tuple[int, int], requested: float | None) -> float:
        return choose_scale(shape, self.input_size, requested, self._defaults.working_scale)

    def _plan(self, shape: tuple[int, int], scale: float) -> TilePlan:
        return plan_windows(
            model_shape(shape, scale),
            self.input_size,
            self._network.patch_size,
            self._budget.max_side,
        )

    def _key(self, plane: np.ndarray, scale: float, plan: TilePlan) -> str:
        preprocessing = self._network.preprocessing
        weights = self._identity.weights_sha256 or self._identity.revision
        rounding = (self._budget.dtype, self._network.coarsest_dtype)
        parts = (plane.shape, weights, preprocessing, scale, plan.side, plan.overlap, rounding)
        digest = hashlib.sha256(repr(parts).encode())
        if plan != self._plan(plane.shape[:2], scale):
            digest.update(repr(plan).encode())
        digest.update(self._network.tower_sha256.encode())
        digest.update(plane.data)
        return digest.hexdigest()

    def _activations(
        self, plane: np.ndarray, plan: TilePlan
    ) -> Work[tuple[Activations, ...] | None]:
        """Activations of every tile, or None where a shortage has made the plan useless."""
        padded = pad_plane(resize_plane(plane, plan.shape), plan)
        start, passes, done = self._budget, [], 0
        while done < len(plan.tiles):
            yield from self._take_pending()
            group = plan.tiles[done : done + self._budget.tiles_per_pass(plan.side)]
            tiles = np.stack([cut_tile(padded, plan, tile) for tile in group])
            found = unless_short_of_memory(partial(self._network.activations, tiles))
            if found is None:
                self._relieve(
                    *self._budget.encode_less(
                        len(group), plan.side, self.input_size, self._network.patch_size
                    )
                )
                if not self._budget.same_tiles(start):
                    yield from self._take_pending()
                    return None
                continue
            passes.append(found)
            done += len(group)
            yield Progress("encoding", done, len(plan.tiles))
        return tuple(passes)

    def _decode(
        self, batch: Activations, vectors: np.ndarray, side: int, counter: _Counter
    ) -> Work[np.ndarray]:
        """Probabilities (p, n, side, side), in as many passes as memory needs."""
        yield from self._take_pending()
        n_pairs = len(vectors) * len(batch[0])
        if n_pairs > self._budget.pairs_per_pass(side):
            return (yield from self._decode_halves(batch, vectors, side, counter))
        found = unless_short_of_memory(partial(self._network.decode, batch, vectors))
        if found is None:
            self._relieve(*self._budget.decode_less(n_pairs))
            return (yield from self._decode(batch, vectors, side, counter))
        yield counter.advance(n_pairs)
        return found

    def _decode_halves(
        self, batch: Activations, vectors: np.ndarray, side: int, counter: _Counter
    ) -> Work[np.ndarray]:
        """Half the prompts after the other; of a single prompt, half the tiles."""
        by_prompt = len(vectors) > 1
        parts = []
        for half in range(2):
            some = np.array_split(vectors, 2)[half] if by_prompt else vectors
            tiles = batch if by_prompt else tuple(layer.chunk(2)[half] for layer in batch)
            parts.append((yield from self._decode(tiles, some, side, counter)))
        return np.concatenate(parts, axis=0 if by_prompt else 1)

    def _with_memory(self, compute: Callable[[], np.ndarray]) -> np.ndarray:
        """Compute an embedding of a prompt, on the CPU where the device has no room for it."""
        found = unless_short_of_memory(compute)
        while found is None:
            self._relieve(*self._budget.on_cpu())
            found = unless_short_of_memory(compute)
        return found

    def _relieve(self, budget: MemoryBudget, message: str) -> None:
        release_memory(self._budget.device)
        if budget.device != self._budget.device:
            self._network.move(budget.device, budget.dtype)
        self._budget = budget
        self._pending.append(Notice(message))

    def _take_pending(self) -> Iterator[Notice]:
        """Tell what happened since the last event, in order and once."""
        while self._pending:
            yield self._pending.pop(0)


@dataclass
class _Counter:
    """Pairs of tile and prompt that one run of the decoder has finished."""

    done: int
    total: int

    def advance(self, n_pairs: int) -> Progress:
        self.done += n_pairs
        return Progress("segmenting", self.done, self.total)
