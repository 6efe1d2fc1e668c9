"""The state of a fine-tuning, and the step that moves it."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from napari_vlseg.models.clipseg import ClipSegSegmenter
from napari_vlseg.models.network import Activations, decoded
from napari_vlseg.training.finetune.epochs import less_memory, rate_factor
from napari_vlseg.training.finetune.objective import masked_loss
from napari_vlseg.training.finetune.replay import ReplayBank
from napari_vlseg.training.finetune.settings import FinetuneSettings
from napari_vlseg.training.finetune.tiles import TileSet
from napari_vlseg.training.finetune.voices import ClassVoice

_LARGEST_GRADIENT = 1.0
_WEIGHT_DECAY = 0.01
_PURE_TEXT_SHARE = 0.5
_WITH_OBJECT_SHARE = 0.6

Rows = tuple[Activations, torch.Tensor, torch.Tensor, torch.Tensor]
"""Activations, vectors, targets and known pixels of the rows of a step."""


class Tuner:
    """A copy of the decoder, the phrases that are learned, and their optimiser.

    The decoder is always the base model's: corrections are learned together, not one after
    the other, which would favour the last.

    Parameters
    ----------
    model : ClipSegSegmenter
        The base model; it is not changed.
    voices : sequence of ClassVoice
        In the order of the targets of `tiles`.
    tiles : TileSet
        What is trained on.
    absent : numpy.ndarray, shape (n, projection_dim), float32
        Vectors of things that are not there; at least one.
    bank : ReplayBank
    settings : FinetuneSettings
    """

    def __init__(
        self,
        model: ClipSegSegmenter,
        voices: Sequence[ClassVoice],
        tiles: TileSet,
        absent: np.ndarray,
        bank: ReplayBank,
        settings: FinetuneSettings,
    ) -> None:
        self.device, self._patch_size = model.network.device, model.network.patch_size
        self._voices, self._tiles, self._bank, self._settings = voices, tiles, bank, settings
        self._absent, self._batch = torch.from_numpy(absent), settings.batch
        self.base = model.info.weights_sha256
        self.decoder = copy.deepcopy(model.network.decoder).to(self.device)
        self.trained = {
            name: parameter
            for name, parameter in self.decoder.named_parameters()
            if settings.method == "decoder" or name.startswith("film_")
        }
        for name, parameter in self.decoder.named_parameters():
            parameter.requires_grad_(name in self.trained)
        texts = [torch.tensor(voice.text, device=self.device) for voice in voices]
        self.texts = nn.ParameterList(
            nn.Parameter(text, requires_grad=voice.is_learned)
            for text, voice in zip(texts, voices, strict=True)
        )
        self._optimiser = self._new_optimiser()
        present = ((tiles.targets > 0) & tiles.known[:, None]).flatten(2).any(2)
        self._with_object = [torch.nonzero(present[:, c])[:, 0] for c in range(len(voices))]

    def step(self, number: int) -> float:
        """Learn from one batch; returns its loss. Equal numbers draw equal batches."""
        self._set_rates(number)
        rng = np.random.default_rng([self._settings.seed, number])
        parts = [part for part in (self._drill(rng), self._missing(rng), self._recall(rng)) if part]
        losses = torch.cat([self._loss(rows, dice=n == 0) for n, rows in enumerate(parts)])
        loss = losses.mean()
        self._optimiser.zero_grad(set_to_none=True)
        loss.backward()
        learning = [p for group in self._optimiser.param_groups for p in group["params"]]
        nn.utils.clip_grad_norm_(learning, _LARGEST_GRADIENT)
        self._optimiser.step()
        return float(loss.detach())

    def take_less(self) -> str:
        """Halve the batch, or go to the CPU; says what was done.

        Raises
        ------
        ModelError
            If there is nothing left to give up.
        """
        before = self.device
        self._batch, self.device, message = less_memory(self._batch, self.device, "tile")
        if self.device != before:
            self.decoder.to(self.device)
            self.texts.to(self.device)
            self._optimiser = self._new_optimiser()  # its memory is on the device
        return message

    def state_dict(self) -> dict[str, Any]:
        """Everything that a resumed training needs."""
        return {
            "decoder": self.decoder.state_dict(),
            "texts": self.texts.state_dict(),
            "optimiser": self._optimiser.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Inverse of `state_dict`."""
        self.decoder.load_state_dict(state["decoder"])
        self.texts.load_state_dict(state["texts"])
        self._optimiser.load_state_dict(state["optimiser"])

    def _new_optimiser(self) -> torch.optim.AdamW:
        return torch.optim.AdamW(self._groups(), weight_decay=_WEIGHT_DECAY)

    def _groups(self) -> list[dict[str, Any]]:
        settings = self._settings
        groups = [{"params": list(self.trained.values()), "lr": settings.peak_rate}]
        for text, voice in zip(self.texts, self._voices, strict=True):
            if voice.is_learned:
                # AdamW moves each number by about the rate: so many parts of the length.
                scale = float(text.detach().norm()) / math.sqrt(text.numel())
                groups.append(
                    {"params": [text], "lr": settings.phrase_rate * scale, "weight_decay": 0.0}
                )
        return [{**group, "peak": group["lr"]} for group in groups]

    def _set_rates(self, number: int) -> None:
        factor = rate_factor(number, self._settings.total_steps)
        for group in self._optimiser.param_groups:
            group["lr"] = factor * group["peak"]

    def _drill(self, rng: np.random.Generator) -> Rows:
        """What the person corrected, asked for by text, by reference or by a mixture."""
        count = max(1, round(self._batch * self._settings.drilled_share))
        classes = rng.integers(len(self._voices), size=count)
        rows = torch.tensor([self._tile_with(int(c), rng) for c in classes])
        vectors = torch.stack([self._vector(int(c), rng) for c in classes])
        tiles = self._tiles.take(rows)
        targets = tiles.targets[torch.arange(count), torch.from_numpy(classes)].float() / 255
        return tiles.activations, vectors, targets, tiles.known

    def _missing(self, rng: np.random.Generator) -> Rows | None:
        """Things that are not there, where the person has looked."""
        count = round(self._batch * self._settings.absent_share)
        if not count:
            return None
        tiles = self._tiles.take(torch.from_numpy(rng.integers(len(self._tiles), size=count)))
        vectors = self._absent[torch.from_numpy(rng.integers(len(self._absent), size=count))]
        return tiles.activations, vectors, torch.zeros(tiles.known.shape), tiles.known

    def _recall(self, rng: np.random.Generator) -> Rows | None:
        """What the base model says about scenes it knows."""
        count, bank = round(self._batch * self._settings.replay_share), self._bank
        if not count or not len(bank):
            return None
        rows = torch.from_numpy(rng.integers(len(bank), size=count))
        answers = bank.answers[rows].float()
        activations = tuple(layer[rows] for layer in bank.activations)
        return activations, bank.vectors[rows], answers, torch.ones(answers.shape, dtype=torch.bool)

    def _tile_with(self, voice: int, rng: np.random.Generator) -> int:
        """A tile, more often than not one with an object of the class."""
        own = self._with_object[voice]
        if len(own) and rng.random() < _WITH_OBJECT_SHARE:
            return int(own[int(rng.integers(len(own)))])
        return int(rng.integers(len(self._tiles)))

    def _vector(self, voice: int, rng: np.random.Generator) -> torch.Tensor:
        """``a·s + (1 - a)·t`` with a ~ U[0, 1], and text alone half of the time."""
        text, shown = self.texts[voice], self._voices[voice].shown
        if rng.random() < _PURE_TEXT_SHARE:
            return text
        share = float(rng.random())
        reference = torch.from_numpy(shown[int(rng.integers(len(shown)))]).to(self.device)
        return share * reference + (1 - share) * text

    def _loss(self, rows: Rows, dice: bool) -> torch.Tensor:
        activations, vectors, targets, known = rows
        logits = self._decode(activations, vectors.to(self.device))
        return masked_loss(logits, targets.to(self.device), known.to(self.device), dice=dice)

    def _decode(self, activations: Activations, vectors: torch.Tensor) -> torch.Tensor:
        layers = tuple(layer.to(self.device) for layer in activations)
        return decoded(self.decoder, layers, vectors, self._patch_size)
