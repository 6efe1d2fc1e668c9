"""CLIPSeg's parts as NumPy-facing calls: vision tower, text tower and decoder on their own.

`CLIPSegForImageSegmentation.forward` runs all three at once. Here the vision tower's
activations are kept, so that a further prompt costs the decoder alone. They are kept as the
decoder's first linear maps leave them, which no prompt changes: 64 channels per layer
instead of 768. The vision tower runs in the chosen precision; text tower, projections and
decoder are small and stay in float32.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from napari_vlseg.errors import ModelError
from napari_vlseg.models.lora import factors_sha256, with_factors
from napari_vlseg.models.preprocessing import Preprocessing

Activations = tuple[torch.Tensor, ...]


@dataclass
class _Place:
    """Where the shared towers are: one for all networks that share them."""

    device: torch.device
    dtype: torch.dtype
    coarsest_dtype: torch.dtype


class ClipSegNetwork:
    """A CLIPSeg checkpoint in memory.

    Parameters
    ----------
    model : transformers.CLIPSegForImageSegmentation
        In float32; it is put into evaluation mode.
    tokenizer : transformers.CLIPTokenizer
    preprocessing : Preprocessing

    Attributes
    ----------
    tower_sha256 : str
        What tells `tower` from the checkpoint's vision tower; empty for that one.
    """

    def __init__(self, model: Any, tokenizer: Any, preprocessing: Preprocessing) -> None:
        self.model = model.eval().requires_grad_(False)
        self.decoder = without_reduction(self.model.decoder)
        self._own_tower: Any = None
        self.tower_sha256 = ""
        self.tokenizer = tokenizer
        self.preprocessing = preprocessing
        self.patch_size: int = model.config.vision_config.patch_size
        self._place = _Place(torch.device("cpu"), torch.float32, torch.float32)

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self._place.device

    @property
    def dtype(self) -> torch.dtype:
        """Precision that the vision tower computes in."""
        return self._place.dtype

    @property
    def coarsest_dtype(self) -> torch.dtype:
        """Precision that its weights were ever rounded to; going back does not restore them."""
        return self._place.coarsest_dtype

    @property
    def tower(self) -> Any:
        """The vision tower that encodes images: the checkpoint's, or one that an adapter changed.

        References are always looked at by the checkpoint's, so that their vectors keep their
        place beside those of phrases.
        """
        if self._own_tower is None:
            return self.model.clip.vision_model
        return self._own_tower.to(self.device, self.dtype)

    def move(self, device: torch.device, dtype: torch.dtype) -> None:
        """Bring the weights to a device, the vision tower in the given precision."""
        self.model.to(device)
        self.model.clip.vision_model.to(dtype)
        self._place.device, self._place.dtype = device, dtype
        if dtype != torch.float32:
            self._place.coarsest_dtype = dtype

    def with_decoder(self, tensors: Mapping[str, torch.Tensor]) -> ClipSegNetwork:
        """The same towers, shared, and a decoder of its own in which some tensors are others.

        Parameters
        ----------
        tensors : mapping of str to torch.Tensor
            New values by their names in `decoder`.

        Raises
        ------
        ModelError
            If the decoder has no such tensor, or of another shape.
        """
        other = copy.copy(self)
        other.decoder = copy.deepcopy(self.decoder)
        known = dict(other.decoder.named_parameters())
        for name, value in tensors.items():
            if name not in known or known[name].shape != value.shape:
                raise ModelError(
                    f"The adapter's tensor {name} {tuple(value.shape)} does not fit the decoder "
                    "of this model: use it with the model that it was trained on."
                )
            known[name].data.copy_(value)
        return other

    def with_tower(self, factors: Mapping[str, torch.Tensor]) -> ClipSegNetwork:
        """The same parts, shared, and a vision tower in which some linear layers are others.

        Parameters
        ----------
        factors : mapping of str to torch.Tensor
            See `napari_vlseg.models.lora.with_factors`; without any nothing is new.

        Raises
        ------
        ModelError
            If the tower has no such layer, or of another shape.
        """
        other = copy.copy(self)
        if factors:
            other._own_tower = with_factors(self.tower, factors)
            other.tower_sha256 = factors_sha256(factors)
        return other

    @torch.inference_mode()
    def activations(self, tiles: np.ndarray) -> Activations:
        """Encode tiles with the vision tower.

        Parameters
        ----------
        tiles : numpy.ndarray, shape (n, side, side, 3), float32 in [0, 1]

        Returns
        -------
        tuple of torch.Tensor, float32, each of shape (n, 1 + patches, reduce_dim)
            What `decode` reads, one per extracted layer, in their order.
        """
        return self.encode(self.preprocessing.normalize(tiles))

    @torch.inference_mode()
    def encode(self, pixels: torch.Tensor) -> Activations:
        """`activations` of normalised pixels, shape (n, 3, side, side)."""
        pixels = pixels.to(self.device, self.dtype)
        return encoded(self.tower, self.model.extract_layers, self.model.decoder.reduces, pixels)

    @torch.inference_mode()
    def decode(self, activations: Activations, vectors: np.ndarray) -> np.ndarray:
        """Run the decoder for every prompt on every tile.

        Parameters
        ----------
        activations : tuple of torch.Tensor, each of shape (n, 1 + patches, reduce_dim)
            From `activations`, on any device.
        vectors : numpy.ndarray, shape (p, projection_dim), float32

        Returns
        -------
        numpy.ndarray, shape (p, n, side, side), float32 in [0, 1]
        """
        n_prompts, n_tiles = len(vectors), len(activations[0])
        repeated = tuple(
            layer.to(self.device).expand(n_prompts, *layer.shape).flatten(0, 1)
            for layer in activations
        )
        conditional = torch.from_numpy(vectors).to(self.device).repeat_interleave(n_tiles, dim=0)
        decoder = self.decoder.to(self.device)
        logits = decoded(decoder, repeated, conditional, self.patch_size)
        side = logits.shape[-1]
        return logits.sigmoid().reshape(n_prompts, n_tiles, side, side).cpu().numpy()

    @torch.inference_mode()
    def text_vectors(self, texts: Sequence[str]) -> np.ndarray:
        """Projected text embeddings, float32 (n, projection_dim); not normalised."""
        limit = self.model.config.text_config.max_position_embeddings
        tokens = self.tokenizer(
            list(texts), padding=True, truncation=True, max_length=limit, return_tensors="pt"
        ).to(self.device)
        features = self.model.clip.get_text_features(
            tokens["input_ids"], attention_mask=tokens["attention_mask"]
        )
        return features.pooler_output.float().cpu().numpy()

    @torch.inference_mode()
    def image_vectors(self, pictures: np.ndarray) -> np.ndarray:
        """Projected embeddings of pictures (n, size, size, 3), float32 (n, projection_dim)."""
        pixels = self.preprocessing.normalize(pictures).to(self.device, self.dtype)
        seen = self.model.clip.vision_model(pixels, interpolate_pos_encoding=True)
        return self.model.clip.visual_projection(seen.pooler_output.float()).cpu().numpy()


def encoded(
    tower: Any, extract_layers: Sequence[int], reductions: Any, pixels: torch.Tensor
) -> Activations:
    """What the decoder reads of tiles that a vision tower looks at.

    Parameters
    ----------
    tower : torch.nn.Module
    extract_layers : sequence of int
        Blocks of it that are read.
    reductions : torch.nn.ModuleList
        The decoder's first linear maps.
    pixels : torch.Tensor, shape (n, 3, side, side)
        Normalised, in the tower's place and precision.

    Returns
    -------
    tuple of torch.Tensor, float32, each of shape (n, 1 + patches, reduce_dim)
    """
    seen = tower(pixels, interpolate_pos_encoding=True, output_hidden_states=True)
    layers = [seen.hidden_states[layer + 1].float() for layer in extract_layers]
    return _reduced(reductions, layers)


def reduced(model: Any, states: Sequence[torch.Tensor]) -> Activations:
    """What the decoder reads of the vision tower, as its first linear maps leave it.

    Parameters
    ----------
    model : transformers.CLIPSegForImageSegmentation
    states : sequence of torch.Tensor, each of shape (n, 1 + patches, hidden_size)
        Hidden states of the vision tower: its input, then the output of each block.

    Returns
    -------
    tuple of torch.Tensor, each of shape (n, 1 + patches, reduce_dim)
        One per extracted layer, in their order.
    """
    layers = [states[layer + 1] for layer in model.extract_layers]
    return _reduced(model.decoder.reduces, layers)


def _reduced(reductions: Any, layers: Sequence[torch.Tensor]) -> Activations:
    # The decoder starts from the last layer, so its first reduction belongs to that.
    pairs = zip(reversed(reductions), layers, strict=True)
    return tuple(reduce(layer) for reduce, layer in pairs)


def decoded(
    decoder: Any, activations: Activations, vectors: torch.Tensor, patch_size: int
) -> torch.Tensor:
    """Logits of pairs of tile and prompt.

    Parameters
    ----------
    decoder : module
        From `without_reduction`, on the device of the tensors.
    activations : tuple of torch.Tensor, each of shape (n, 1 + patches, reduce_dim)
    vectors : torch.Tensor, shape (n, projection_dim)
    patch_size : int

    Returns
    -------
    torch.Tensor, shape (n, side, side), float32
    """
    logits: torch.Tensor = decoder(list(activations), vectors).logits
    side = patch_size * round((activations[0].shape[1] - 1) ** 0.5)
    if logits.shape[-1] != side:
        # The complex transposed convolution has the patch's factor at patch 16 alone.
        logits = nn.functional.interpolate(
            logits.unsqueeze(1), size=(side, side), mode="bilinear", align_corners=False
        ).squeeze(1)
    return logits.float()


def patch_features(activations: Activations) -> torch.Tensor:
    """Unit features of patches for comparison: the layers, each normalised, side by side.

    Parameters
    ----------
    activations : tuple of torch.Tensor, each of shape (n, 1 + patches, reduce_dim)
        From `reduced`.

    Returns
    -------
    torch.Tensor, shape (n, patches, layers * reduce_dim), float32
    """
    layers = [nn.functional.normalize(layer[:, 1:].float(), dim=-1) for layer in activations]
    return torch.cat(layers, dim=-1) / len(layers) ** 0.5


def without_reduction(decoder: Any) -> Any:
    """The same decoder over the same weights, for activations that are reduced already."""
    light = copy.copy(decoder)
    nothing = nn.ModuleList(nn.Identity() for _ in decoder.reduces)
    # A shallow copy shares the table of its parts; the original must keep its reductions.
    light._modules = {**decoder._modules, "reduces": nothing}
    return light
