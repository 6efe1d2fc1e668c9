"""One run: model, average, optimisers, and the step that moves them."""

from __future__ import annotations

import copy

import numpy as np
import torch
from torch import nn
from transformers import SamModel

from napari_vlseg.models.sam_decoding import decode_prompts
from napari_vlseg.models.sam_network import Asked
from napari_vlseg.training.optimisation import Optimisers, update_average
from napari_vlseg.training.sam.batches import SamBatch
from napari_vlseg.training.sam.builder import build_sam
from napari_vlseg.training.sam.rehearsal import Drills, Rehearsal
from napari_vlseg.training.sam.settings import PIXEL_MEAN, PIXEL_STD, SamSettings
from napari_vlseg.training.trainer import choose_device, fast_arithmetic

_LARGEST_GRADIENT = 1.0
_CPU_ATTENTION = "eager"  # the fused kernel's backward takes three times as long


class SamTrainer:
    """Holds a run's state; `step` advances it by one batch."""

    def __init__(self, settings: SamSettings) -> None:
        self._settings = settings
        self.device = torch.device(choose_device(settings.device))
        attention = _CPU_ATTENTION if self.device.type == "cpu" else "sdpa"
        model = build_sam(settings.model, settings.seed, attention)
        self.model = model.to(self.device)
        self.average = copy.deepcopy(self.model).eval().requires_grad_(False)
        self.model.train()
        self.optimisers = Optimisers(
            self.model,
            nn.Module(),
            settings.schedule,
            muon_rate=0.01,
            adam_rate=1e-3,
            muon_weight_decay=0.02,
        )
        self._mean = torch.tensor(PIXEL_MEAN, device=self.device).view(1, 3, 1, 1)
        self._std = torch.tensor(PIXEL_STD, device=self.device).view(1, 3, 1, 1)

    @property
    def modules(self) -> dict[str, nn.Module]:
        """What a checkpoint keeps."""
        return {"model": self.model, "average": self.average}

    def step(self, batch: SamBatch, number: int) -> dict[str, float]:
        """Learn from a batch; returns losses and IoUs for the log."""
        rng = np.random.default_rng([self._settings.seed, number, 1])
        with fast_arithmetic(self.device):
            pixels = (batch.pictures.to(self.device) - self._mean) / self._std
            embeddings = self.model.vision_encoder(pixels).last_hidden_state
            owners = torch.arange(len(embeddings), device=self.device)
            seen = embeddings[owners.repeat_interleave(self._settings.batch.objects)]

            def ask(
                rows: torch.Tensor | None, asked: Asked, *, three: bool
            ) -> tuple[torch.Tensor, torch.Tensor]:
                shown = seen if rows is None else seen[rows]
                return decode_prompts(self.model, shown, **asked, three=three, draw=True)

            zoom = self._settings.model.image_size / self._settings.model.mask_size
            rehearsal = Rehearsal(ask, _drills(batch, self.device), zoom, rng)
            rehearsal.run(self._settings.corrections)
        rehearsal.total.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), _LARGEST_GRADIENT)
        self.optimisers.step(number)
        update_average(self.average, self.model, number)
        return rehearsal.report

    def average_at_half_precision(self) -> SamModel:
        """A copy of the averaged model in float16, on the CPU."""
        return copy.deepcopy(self.average).cpu().half()


def _drills(batch: SamBatch, device: torch.device) -> Drills:
    return Drills(*(t.to(device) for t in (batch.masks, batch.points, batch.boxes, batch.hidden)))
