"""The SAM family as promptable segmenters: prepare a plane once, click into it many times.

Kirillov et al., "Segment Anything", ICCV 2023 (arXiv 2304.02643), and what followed it. A
checkpoint that was trained on whole images sees the whole plane; one that says ``zoom`` in
its ``vlseg.json`` sees windows in which the object has a good size, each encoded when it is
first needed and kept for later prompts.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from napari_vlseg.errors import ModelError
from napari_vlseg.events import Work, run
from napari_vlseg.models.adapters import Adapter, adapted_info
from napari_vlseg.models.base import MaskProposal, PackedEmbedding, PromptableEmbedding
from napari_vlseg.models.devices import precision_name
from napari_vlseg.models.lora import factors_sha256, with_factors
from napari_vlseg.models.preprocessing import check_plane
from napari_vlseg.models.sam_cache import EncodedPlane
from napari_vlseg.models.sam_choice import Candidate, best_first
from napari_vlseg.models.sam_masks import moved
from napari_vlseg.models.sam_network import Features, TunableNetwork
from napari_vlseg.models.sam_prompts import PlacedPrompt, place_prompt
from napari_vlseg.models.sam_runner import Question, SamRunner
from napari_vlseg.models.sam_windows import Window, WindowLattice
from napari_vlseg.models.sam_zoom import search
from napari_vlseg.object_prompts import MaskLogits, ObjectPrompt, read_prompts
from napari_vlseg.proposals import ModelInfo


class SamSegmenter:
    """A `PromptableSegmenter` over a checkpoint of the SAM family.

    Build one with `napari_vlseg.load_model`.

    Parameters
    ----------
    network : TunableNetwork
        Weights, preprocessing and how the checkpoint wants to be shown windows.
    info : ModelInfo
        Name, revision and hash; device and precision are filled in here.
    device : torch.device
    dtype : torch.dtype
        Precision of the image encoder.

    Notes
    -----
    When memory runs out the work goes on with fewer windows at a time, then on the CPU, and
    stays there for later calls; each step is a `Notice`.
    """

    def __init__(
        self, network: TunableNetwork, info: ModelInfo, *, device: torch.device, dtype: torch.dtype
    ) -> None:
        self._identity = info
        self._network = network
        self._runner = SamRunner(network, device, dtype)

    @property
    def info(self) -> ModelInfo:
        """Name, revision, hash, and where and how precisely the model runs now."""
        return replace(
            self._identity,
            device=str(self._runner.budget.device),
            precision=precision_name(self._runner.budget.dtype),
        )

    @property
    def input_size(self) -> int:
        """Side of the model's square input, in model pixels."""
        return self._runner.network.input_size

    @property
    def network(self) -> TunableNetwork:
        """The weights, for training."""
        return self._network

    def with_adapter(self, adapter: Adapter) -> SamSegmenter:
        """The model as a fine-tuning left it; this one stays as it is.

        Both share the image encoder, and what one has encoded serves the other, unless the
        adapter changes the encoder too.

        Raises
        ------
        ModelError
            If the adapter belongs to another model.
        """
        info = adapted_info(self._identity, adapter)
        network = self._network.with_decoder(adapter.decoder)
        if adapter.encoder:
            tower = with_factors(network.tower, adapter.encoder)
            network = network.with_tower(tower, factors_sha256(adapter.encoder))
        return SamSegmenter(
            network,
            info,
            device=self._runner.budget.device,
            dtype=self._runner.budget.dtype,
        )

    def window_features(
        self, embedding: PromptableEmbedding, windows: Sequence[Window]
    ) -> Work[dict[Window, Features]]:
        """What the image encoder makes of windows of a plane; the embedding keeps it.

        Parameters
        ----------
        embedding : PromptableEmbedding
            From `encode`.
        windows : sequence of Window
            Of its lattice.

        Yields
        ------
        Progress or Notice

        Raises
        ------
        ModelError
            If even the CPU has too little memory.
        """
        content: EncodedPlane = embedding.content
        return (yield from self._runner.encode(content, windows))

    def embedding_key(self, plane: np.ndarray) -> str:
        """Key that `encode` would give, without encoding."""
        plane = check_plane(plane)
        network = self._runner.network
        weights = self._identity.weights_sha256 or self._identity.revision
        weights += self._network.tower_sha256
        parts = (
            plane.shape,
            weights,
            network.preprocessing,
            network.display,
            self._runner.budget.dtype,
        )
        digest = hashlib.sha256(repr(parts).encode())
        digest.update(plane.data)
        return digest.hexdigest()

    def encode(self, plane: np.ndarray) -> PromptableEmbedding:
        """See `PromptableSegmenter.encode`; encoded windows take 128 MB at most."""
        return run(self.encode_steps(plane))

    def encode_steps(self, plane: np.ndarray) -> Work[PromptableEmbedding]:
        """See `PromptableSegmenter.encode_steps`."""
        plane = check_plane(plane)
        content = self._content(plane)
        yield from self._runner.encode(content, [content.lattice.whole])
        return PromptableEmbedding(self.embedding_key(plane), plane.shape[:2], content)

    def pack(self, embedding: PromptableEmbedding) -> PackedEmbedding:
        """See `PromptableSegmenter.pack`."""
        content: EncodedPlane = embedding.content
        tensors, windows = content.pack()
        return PackedEmbedding(embedding.key, tensors, {"windows": windows})

    def unpack(self, packed: PackedEmbedding, plane: np.ndarray) -> PromptableEmbedding:
        """See `PromptableSegmenter.unpack`."""
        plane = check_plane(plane)
        content = self._content(plane)
        windows: Any = packed.meta.get("windows")
        try:
            content.restore(packed.tensors, windows)
        except (KeyError, TypeError, ValueError) as error:
            raise ModelError(
                f"A stored embedding does not fit its windows ({error}): encode the image again."
            ) from error
        return PromptableEmbedding(packed.key, plane.shape[:2], content)

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
        """See `PromptableSegmenter.predict`."""
        return run(
            self.predict_steps(
                embedding,
                points=points,
                point_labels=point_labels,
                boxes=boxes,
                mask=mask,
                multimask=multimask,
            )
        )

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
        """See `PromptableSegmenter.predict_steps`."""
        prompts = read_prompts(points, point_labels, boxes, mask)
        three = multimask and len(prompts) == 1
        found = yield from self.predict_objects_steps(embedding, prompts, multimask=three)
        return [proposal for proposals in found for proposal in proposals]

    def predict_objects(
        self,
        embedding: PromptableEmbedding,
        prompts: Sequence[ObjectPrompt],
        *,
        multimask: bool = False,
    ) -> list[list[MaskProposal]]:
        """See `PromptableSegmenter.predict_objects`."""
        return run(self.predict_objects_steps(embedding, prompts, multimask=multimask))

    def predict_objects_steps(
        self,
        embedding: PromptableEmbedding,
        prompts: Sequence[ObjectPrompt],
        *,
        multimask: bool = False,
    ) -> Work[list[list[MaskProposal]]]:
        """See `PromptableSegmenter.predict_objects_steps`."""
        placed = [place_prompt(prompt, embedding.shape) for prompt in prompts]
        content: EncodedPlane = embedding.content
        if content.lattice.zoom:
            found = yield from search(self._runner, content, placed, three=multimask)
        else:
            found = yield from self._on_whole_plane(content, placed, three=multimask)
        return [
            [MaskProposal(one.logits, one.score, embedding.shape) for one in candidates]
            for candidates in found
        ]

    def _content(self, plane: np.ndarray) -> EncodedPlane:
        network = self._runner.network
        lattice = WindowLattice(
            plane.shape[:2], network.input_size, network.display.zoom, network.stretch
        )
        return EncodedPlane(plane, lattice)

    def _on_whole_plane(
        self, content: EncodedPlane, prompts: Sequence[PlacedPrompt], *, three: bool
    ) -> Work[list[list[Candidate]]]:
        lattice, size = content.lattice, self._runner.network.mask_size
        questions = [
            Question(
                prompt,
                lattice.whole,
                None if prompt.mask is None else moved(prompt.mask, lattice.whole, size),
            )
            for prompt in prompts
        ]
        found = yield from self._runner.answer(content, questions, three=three)
        return [
            best_first(candidates, lattice, prompt)
            for candidates, prompt in zip(found, prompts, strict=True)
        ]
