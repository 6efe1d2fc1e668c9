"""One run: model, average, optimisers, and the step that moves them."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional as nnf
from transformers import CLIPSegForImageSegmentation, CLIPTokenizer

from napari_vlseg.models.network import Activations, patch_features, reduced, without_reduction
from napari_vlseg.training.attributes import N_CODES
from napari_vlseg.training.batches import Batch
from napari_vlseg.training.builder import AuxiliaryHeads, build_model
from napari_vlseg.training.likeness import likeness_loss
from napari_vlseg.training.losses import (
    alignment_loss,
    dense_code_loss,
    prompt_code_loss,
    segmentation_loss,
)
from napari_vlseg.training.optimisation import Optimisers, update_average
from napari_vlseg.training.references import UNNAMED
from napari_vlseg.training.settings import PretrainSettings

PIXEL_MEAN = (0.48145466, 0.4578275, 0.40821073)
PIXEL_STD = (0.26862954, 0.26130258, 0.27577711)
_LARGEST_GRADIENT = 1.0
_PURE_REFERENCE_SHARE = 0.5


@dataclass(frozen=True)
class _Seen:
    """What the towers made of a batch: features of query patches, embeddings of prompts."""

    patches: torch.Tensor
    activations: Activations
    texts: torch.Tensor
    references: torch.Tensor


class Trainer:
    """Holds a run's state; `step` advances it by one batch."""

    def __init__(self, settings: PretrainSettings, tokenizer: CLIPTokenizer) -> None:
        self._settings = settings
        self._tokenizer = tokenizer
        self.device = torch.device(choose_device(settings.device))
        self.model = build_model(settings.model, tokenizer, settings.seed).to(self.device)
        if self.device.type == "cpu":
            _use_plain_attention(self.model)
        self.average = copy.deepcopy(self.model).eval().requires_grad_(False)
        shape = settings.model
        heads = AuxiliaryHeads(shape.vision_width, shape.projection, N_CODES)
        self.heads = heads.to(self.device)
        self.model.train()
        self.optimisers = Optimisers(self.model, self.heads, settings.schedule)
        self._mean = torch.tensor(PIXEL_MEAN, device=self.device).view(1, 3, 1, 1)
        self._std = torch.tensor(PIXEL_STD, device=self.device).view(1, 3, 1, 1)

    @property
    def modules(self) -> dict[str, torch.nn.Module]:
        """What a checkpoint keeps."""
        return {"model": self.model, "average": self.average, "heads": self.heads}

    def step(self, batch: Batch, number: int) -> dict[str, float]:
        """Learn from a batch; returns losses and accuracies for the log."""
        masks = batch.masks.to(self.device)
        with fast_arithmetic(self.device):
            hidden, conditions, texts, references = self._encode(batch, number)
            queries = tuple(states[: batch.n_images] for states in hidden)
            activations = reduced(self.model, queries)
            logits = self._decode(activations, conditions, batch)
        seen = _Seen(queries[-1][:, 1:].float(), activations, texts, references)
        losses = self._losses(batch, logits, masks, seen)
        torch.stack(list(losses.values())).sum().backward()
        parameters = [*self.model.parameters(), *self.heads.parameters()]
        torch.nn.utils.clip_grad_norm_(parameters, _LARGEST_GRADIENT)
        self.optimisers.step(number)
        update_average(self.average, self.model, number)
        report = {name: float(value.detach()) for name, value in losses.items()}
        n_texts = len(masks) - batch.n_references
        return report | batch_scores(logits.detach(), masks, n_texts)

    def _encode(
        self, batch: Batch, number: int
    ) -> tuple[tuple[torch.Tensor, ...], torch.Tensor, torch.Tensor, torch.Tensor]:
        """Hidden states, conditional embeddings, and text and reference embeddings.

        `CLIPSegForImageSegmentation.forward` runs both encoders without gradients,
        so the parts are called one by one.
        """
        clip = self.model.clip
        pixels = (batch.pictures.to(self.device) - self._mean) / self._std
        seen = clip.vision_model(pixels, output_hidden_states=True)
        references = clip.visual_projection(seen.pooler_output[batch.n_images :])
        unique = list(dict.fromkeys(batch.phrases))
        tokens = self._tokenizer(unique, padding=True, truncation=True, return_tensors="pt")
        tokens = tokens.to(self.device)
        embedded = clip.get_text_features(
            tokens.input_ids, attention_mask=tokens.attention_mask
        ).pooler_output
        rows = {phrase: row for row, phrase in enumerate(unique)}
        texts = embedded[[rows[phrase] for phrase in batch.phrases]]
        n_texts = len(texts) - batch.n_references
        wordings = batch.phrases[n_texts:]
        mix = mixing_weights(wordings, self._settings.seed, number).to(self.device)
        mixed = mix * references + (1 - mix) * texts[n_texts:]
        return seen.hidden_states, torch.cat([texts[:n_texts], mixed]), texts, references

    def _decode(
        self, activations: Activations, conditions: torch.Tensor, batch: Batch
    ) -> torch.Tensor:
        owners = batch.image_of_prompt.to(self.device)
        repeated = [layer[owners] for layer in activations]
        logits = without_reduction(self.model.decoder)(repeated, conditions).logits.float()
        size = batch.pictures.shape[-2:]
        if logits.shape[-2:] != size:
            logits = nnf.interpolate(logits[:, None], size=size, mode="bilinear")[:, 0]
        return logits

    def _losses(
        self,
        batch: Batch,
        logits: torch.Tensor,
        masks: torch.Tensor,
        seen: _Seen,
    ) -> dict[str, torch.Tensor]:
        weights, patch_size = self._settings.losses, self._settings.model.patch_size
        dense = dense_code_loss(
            [head(seen.patches) for head in self.heads.dense],
            batch.dense_codes.to(self.device),
            patch_size,
        )
        likeness = likeness_loss(
            patch_features(seen.activations), batch.looks.to(self.device), patch_size
        )
        codes = batch.prompt_codes.to(self.device)
        texts, references = seen.texts, seen.references
        n_texts = len(texts) - batch.n_references
        embeddings = torch.cat([texts, references]).float()
        read = prompt_code_loss(
            [head(embeddings) for head in self.heads.prompt],
            torch.cat([codes, codes[n_texts:]]),
        )
        align = alignment_loss(references, texts, batch.phrases[n_texts:], batch.phrases)
        return {
            "segmentation": segmentation_loss(logits, masks),
            "alignment": weights.alignment * align,
            "dense_codes": weights.dense_codes * dense,
            "prompt_codes": weights.prompt_codes * read,
            "likeness": weights.likeness * likeness,
        }

    def average_at_half_precision(self) -> CLIPSegForImageSegmentation:
        """A copy of the averaged model in float16, on the CPU."""
        return copy.deepcopy(self.average).cpu().half()


def _use_plain_attention(model: CLIPSegForImageSegmentation) -> None:
    """On a CPU the backward pass of the fused kernel takes twice the time of plain products.

    The decoder's layers have a configuration of their own, which the model's setter misses.
    """
    model.set_attn_implementation("eager")
    for layer in model.decoder.layers:
        layer.self_attn.config._attn_implementation = "eager"


def choose_device(name: str) -> str:
    """The name itself, or for "auto" CUDA where there is one and the CPU elsewhere."""
    if name != "auto":
        return name
    return "cuda" if torch.cuda.is_available() else "cpu"


def fast_arithmetic(device: torch.device) -> AbstractContextManager[object]:
    """bfloat16 autocast on CUDA and on processors with bfloat16 instructions."""
    if device.type == "cuda":
        return torch.autocast("cuda", dtype=torch.bfloat16)
    if device.type == "cpu" and torch.cpu.get_capabilities().get("avx512_bf16", False):
        return torch.autocast("cpu", dtype=torch.bfloat16)
    return nullcontext()


def mixing_weights(wordings: Sequence[str], seed: int, step: int) -> torch.Tensor:
    """Weights a of ``a·reference + (1 - a)·text``, shape (references, 1).

    Half of them are 1, and all of references without words.
    """
    rng = np.random.default_rng([seed, step, 1])
    weights = rng.random((len(wordings), 1), np.float32)
    weights[rng.random((len(wordings), 1)) < _PURE_REFERENCE_SHARE] = 1
    weights[[wording == UNNAMED for wording in wordings]] = 1
    return torch.from_numpy(weights)


@torch.no_grad()
def batch_scores(logits: torch.Tensor, masks: torch.Tensor, n_texts: int) -> dict[str, float]:
    """Mean IoU of present phrases and references, and area lit up by absent prompts.

    A score is left out where the batch has no prompt of its sort.
    """
    found = logits > 0
    intersection = (found & masks).sum((1, 2)).float()
    union = (found | masks).sum((1, 2)).float()
    iou = intersection / union.clamp(min=1)
    present = masks.flatten(1).any(1)
    is_text = torch.arange(len(masks), device=masks.device) < n_texts
    groups = {
        "iou_text": (iou, present & is_text),
        "iou_reference": (iou, present & ~is_text),
        "false_area": (found.float().mean((1, 2)), ~present),
    }
    return {
        name: float(values[chosen].mean())
        for name, (values, chosen) in groups.items()
        if chosen.any()
    }
