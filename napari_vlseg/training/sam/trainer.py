"""One run: model, average, optimisers, and the step that moves them."""

from __future__ import annotations

import copy

import numpy as np
import torch
from torch import nn
from transformers import SamModel

from napari_vlseg.models.sam_decoding import decode_prompts
from napari_vlseg.training.optimisation import Optimisers, update_average
from napari_vlseg.training.sam.batches import SamBatch
from napari_vlseg.training.sam.builder import build_sam
from napari_vlseg.training.sam.clicks import corrective_click
from napari_vlseg.training.sam.losses import candidate_loss
from napari_vlseg.training.sam.settings import PIXEL_MEAN, PIXEL_STD, SamSettings
from napari_vlseg.training.trainer import choose_device, fast_arithmetic

_LARGEST_GRADIENT = 1.0
_CPU_ATTENTION = "eager"  # the fused kernel's backward takes three times as long
_QUALITY_WEIGHT = 0.5
_CORRECTION_WEIGHT = 0.5
_ONE_OF_THREE_SHARE = {"click": 0.5, "box": 0.15, "correction": 0.2}


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
        rehearsal = _Rehearsal(self.model, self._settings, rng, self.device)
        with fast_arithmetic(self.device):
            pixels = (batch.pictures.to(self.device) - self._mean) / self._std
            embeddings = self.model.vision_encoder(pixels).last_hidden_state
            rehearsal.run(batch, embeddings)
        rehearsal.total.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), _LARGEST_GRADIENT)
        self.optimisers.step(number)
        update_average(self.average, self.model, number)
        return rehearsal.report

    def average_at_half_precision(self) -> SamModel:
        """A copy of the averaged model in float16, on the CPU."""
        return copy.deepcopy(self.average).cpu().half()


class _Rehearsal:
    """The prompts of one step, one after the other, and what they cost."""

    def __init__(
        self,
        model: SamModel,
        settings: SamSettings,
        rng: np.random.Generator,
        device: torch.device,
    ) -> None:
        self._model, self._settings, self._rng, self._device = model, settings, rng, device
        self._zoom = settings.model.image_size / settings.model.mask_size
        self.total = torch.zeros((), device=device)
        self.report: dict[str, float] = {}

    def run(self, batch: SamBatch, embeddings: torch.Tensor) -> None:
        """Clicks, boxes, and corrections of some of both."""
        shape, shares = self._settings.batch, self._settings.corrections
        owners = torch.arange(len(embeddings), device=self._device)
        owners = owners.repeat_interleave(shape.objects)
        masks = batch.masks.to(self._device)
        points = batch.points.to(self._device)[:, None]
        labels = torch.ones(len(points), 1, dtype=torch.long, device=self._device)
        boxes, hidden = batch.boxes.to(self._device), batch.hidden.to(self._device)
        seen = embeddings[owners]
        clicked = self._ask("click", seen, masks, points=points, labels=labels, hidden=hidden)
        boxed = self._ask("box", seen, masks, boxes=boxes)
        n_rounds = 1 + int(self._rng.integers(shares.rounds))
        for logits, share, start in (
            (clicked, shares.of_clicks, (points, labels, None, hidden)),
            (boxed, shares.of_boxes, (None, None, boxes, None)),
        ):
            count = round(share * len(masks))
            if count:
                picks = torch.from_numpy(self._rng.permutation(len(masks))[:count])
                self._correct(seen, masks, logits, start, picks.to(self._device), n_rounds)

    def _correct(
        self,
        seen: torch.Tensor,
        masks: torch.Tensor,
        logits: torch.Tensor,
        start: tuple[torch.Tensor | None, ...],
        picks: torch.Tensor,
        n_rounds: int,
    ) -> None:
        """Further clicks on the errors of some objects, round after round."""
        points, labels, boxes, hidden = (None if p is None else p[picks] for p in start)
        logits = logits[picks]
        for number in range(n_rounds):
            clicks = self._clicks(logits, masks[picks])
            wrong = torch.tensor([n for n, c in enumerate(clicks) if c], device=self._device)
            if not len(wrong):
                return
            found = torch.tensor([click for click in clicks if click], device=self._device)
            spots = (found[:, None, :2] + 0.5) * self._zoom
            picks, logits = picks[wrong], logits[wrong]
            boxes = None if boxes is None else boxes[wrong]
            hidden = None if hidden is None else hidden[wrong]
            points = spots if points is None else torch.cat([points[wrong], spots], 1)
            signs = found[:, 2:]
            labels = signs if labels is None else torch.cat([labels[wrong], signs], 1)
            logits = self._ask(
                "correction",
                seen[picks],
                masks[picks],
                points=points,
                labels=labels,
                boxes=boxes,
                previous=logits,
                hidden=hidden,
                name="correction" if number == 0 else "later",
            )

    def _clicks(
        self, logits: torch.Tensor, masks: torch.Tensor
    ) -> list[tuple[int, int, int] | None]:
        found, wanted = (logits > 0).cpu().numpy(), (masks > 0.5).cpu().numpy()
        return [corrective_click(*pair) for pair in zip(found, wanted, strict=True)]

    def _ask(
        self,
        kind: str,
        seen: torch.Tensor,
        masks: torch.Tensor,
        *,
        points: torch.Tensor | None = None,
        labels: torch.Tensor | None = None,
        boxes: torch.Tensor | None = None,
        previous: torch.Tensor | None = None,
        hidden: torch.Tensor | None = None,
        name: str = "",
    ) -> torch.Tensor:
        """Predict, add to the loss and the report; the logits a person would go on from."""
        three = bool(self._rng.random() < _ONE_OF_THREE_SHARE[kind])
        logits, scores = decode_prompts(
            self._model,
            seen,
            points=points,
            labels=labels,
            boxes=boxes,
            previous=previous,
            three=three,
            draw=True,
        )
        mask_loss, quality_loss, iou = candidate_loss(logits, scores, masks, hidden)
        weight = _CORRECTION_WEIGHT if kind == "correction" else 1.0
        self.total = self.total + weight * (mask_loss + _QUALITY_WEIGHT * quality_loss)
        name = name or kind
        self.report |= {
            f"iou_{name}": float(iou),
            f"loss_{name}": float(mask_loss.detach()),
            f"quality_{name}": float(quality_loss.detach()),
        }
        best = scores.argmax(-1)
        return logits[torch.arange(len(logits)), best].detach()
