"""The state of a fine-tuning, and the step that moves it."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import nn

from napari_vlseg.models.clipseg import ClipSegSegmenter
from napari_vlseg.models.network import Activations, decoded
from napari_vlseg.training.finetune.company import Company
from napari_vlseg.training.finetune.encoder import LearningTower
from napari_vlseg.training.finetune.epochs import less_memory, rate_factor
from napari_vlseg.training.finetune.objective import masked_loss
from napari_vlseg.training.finetune.precision import MixedPrecision
from napari_vlseg.training.finetune.replay import ReplayBank
from napari_vlseg.training.finetune.settings import FinetuneSettings
from napari_vlseg.training.finetune.tiles import Tiles
from napari_vlseg.training.finetune.voices import ClassVoice

_LARGEST_GRADIENT = 1.0
_WEIGHT_DECAY = 0.01
_PURE_TEXT_SHARE = 0.5
_WITH_OBJECT_SHARE = 0.6


@dataclass(frozen=True, eq=False)
class Rows:
    """Some rows of a step, all with tiles of one side.

    Attributes
    ----------
    activations : tuple of torch.Tensor, each of shape (n, ...)
        What the decoder reads, or the vision tower where it learns.
    vectors : torch.Tensor, shape (n, projection_dim)
        What is asked for.
    targets : torch.Tensor, shape (n, side, side), float32 in [0, 1]
    known : torch.Tensor, shape (n, side, side), bool
        Pixels that count.
    dice : torch.Tensor, shape (n,), bool
        Rows with a Dice loss: those that the person corrected.
    """

    activations: Activations
    vectors: torch.Tensor
    targets: torch.Tensor
    known: torch.Tensor
    dice: torch.Tensor

    def take(self, share: slice) -> Rows:
        """Some of the rows."""
        layers = tuple(layer[share] for layer in self.activations)
        rest = (self.vectors, self.targets, self.known, self.dice)
        return Rows(layers, *(part[share] for part in rest))


class Tuner:
    """A copy of the decoder, the phrases that are learned, and their optimiser.

    With the method "lora" the vision tower learns too, and tiles and bank hold pixels.

    The decoder is always the base model's: corrections are learned together, not one after
    the other, which would favour the last.

    Parameters
    ----------
    model : ClipSegSegmenter
        The base model; it is not changed.
    voices : sequence of ClassVoice
        In the order of the targets of `tiles`.
    tiles : Tiles
        What is trained on.
    absent : numpy.ndarray, shape (n, projection_dim), float32
        Vectors of things that are not there; at least one.
    bank : ReplayBank
    settings : FinetuneSettings
    company : Company, optional
        The processes that train together.

    Attributes
    ----------
    decoder : torch.nn.Module
    tower : LearningTower or None
    """

    def __init__(
        self,
        model: ClipSegSegmenter,
        voices: Sequence[ClassVoice],
        tiles: Tiles,
        absent: np.ndarray,
        bank: ReplayBank,
        settings: FinetuneSettings,
        company: Company | None = None,
    ) -> None:
        self.device, self._patch_size = model.network.device, model.network.patch_size
        self._voices, self._tiles, self._bank, self._settings = voices, tiles, bank, settings
        self._absent, self._batch = torch.from_numpy(absent), settings.batch
        self._company = company or Company()
        self.base = model.info.weights_sha256
        self.decoder = copy.deepcopy(model.network.decoder).to(self.device)
        self.trained = {
            name: parameter
            for name, parameter in self.decoder.named_parameters()
            if settings.method != "film" or name.startswith("film_")
        }
        self._start = {name: value.detach().clone() for name, value in self.trained.items()}
        for name, parameter in self.decoder.named_parameters():
            parameter.requires_grad_(name in self.trained)
        texts = [torch.tensor(voice.text, device=self.device) for voice in voices]
        self.texts = nn.ParameterList(
            nn.Parameter(text, requires_grad=voice.is_learned)
            for text, voice in zip(texts, voices, strict=True)
        )
        self.tower = None
        if settings.trains_tower:
            self.tower = LearningTower(model.network, settings.rank, settings.seed)
        self._optimiser = self._new_optimiser()
        self._precision = MixedPrecision(settings.precision, self.device)
        present = tiles.present
        self._with_object = [torch.nonzero(present[:, c])[:, 0] for c in range(len(voices))]

    def step(self, number: int) -> float:
        """Learn from one batch; returns its loss. Equal numbers draw equal batches."""
        self._set_rates(number)
        rng = np.random.default_rng([self._settings.seed, number])
        parts = _by_side([*self._drill(rng), *self._missing(rng), *self._recall(rng)])
        self._optimiser.zero_grad(set_to_none=True)
        learning = [p for group in self._optimiser.param_groups for p in group["params"]]
        loss = self._company.together(learning, partial(self._backward, parts))
        self._precision.step(self._optimiser, learning, _LARGEST_GRADIENT)
        return loss

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
            if self.tower is not None:
                self.tower.to(self.device)
            self._optimiser = self._new_optimiser()  # its memory is on the device
            self._precision = MixedPrecision(self._settings.precision, self.device)
        return message

    @property
    def factors(self) -> dict[str, torch.Tensor]:
        """What the vision tower has learned; empty where it does not learn."""
        return {} if self.tower is None else self.tower.state_dict()

    def state_dict(self, *, copied: bool = False) -> dict[str, Any]:
        """Everything that a resumed training needs; copied, it stays as it is from then on."""
        state = {
            "decoder": self.decoder.state_dict(),
            "texts": self.texts.state_dict(),
            "factors": self.factors,
            "optimiser": self._optimiser.state_dict(),
            "precision": self._precision.state_dict(),
        }
        return copy.deepcopy(state) if copied else state

    @torch.no_grad()
    def go_back_to(self, share: float) -> None:
        """Keep a share of what the weights have moved since the base model."""
        for name, parameter in self.trained.items():
            parameter.copy_(self._start[name].to(parameter.device).lerp(parameter, share))
        for name, factor in self.factors.items():
            if name.endswith(".B"):
                factor.mul_(share)

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Inverse of `state_dict`."""
        self.decoder.load_state_dict(state["decoder"])
        self.texts.load_state_dict(state["texts"])
        if self.tower is not None:
            self.tower.load_state_dict(state["factors"])
        self._optimiser.load_state_dict(state["optimiser"])
        self._precision.load_state_dict(state["precision"])

    def _new_optimiser(self) -> torch.optim.AdamW:
        return torch.optim.AdamW(self._groups(), weight_decay=_WEIGHT_DECAY)

    def _groups(self) -> list[dict[str, Any]]:
        settings = self._settings
        groups = [{"params": list(self.trained.values()), "lr": settings.peak_rate}]
        if self.tower is not None:
            factors = list(self.tower.factors.values())
            groups.append({"params": factors, "lr": settings.factor_rate})
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

    def _drill(self, rng: np.random.Generator) -> list[Rows]:
        """What the person corrected, asked for by text, by reference or by a mixture."""
        count = max(1, round(self._batch * self._settings.drilled_share))
        classes = torch.from_numpy(rng.integers(len(self._voices), size=count))
        numbers = torch.tensor([self._tile_with(c, rng) for c in classes.tolist()])
        vectors = torch.stack([self._vector(c, rng) for c in classes.tolist()])
        rows = []
        for places, tiles in self._tiles.take(numbers):
            asked = classes[places]
            targets = tiles.targets[torch.arange(len(asked)), asked].float() / 255
            dice = torch.ones(len(asked), dtype=torch.bool)
            rows.append(Rows(tiles.activations, vectors[places], targets, tiles.known, dice))
        return rows

    def _missing(self, rng: np.random.Generator) -> list[Rows]:
        """Things that are not there, where the person has looked."""
        count = round(self._batch * self._settings.absent_share)
        numbers = torch.from_numpy(rng.integers(len(self._tiles), size=count))
        vectors = self._absent[torch.from_numpy(rng.integers(len(self._absent), size=count))]
        rows = []
        for places, tiles in self._tiles.take(numbers):
            nothing, dice = torch.zeros(tiles.known.shape), torch.zeros(len(places)).bool()
            rows.append(Rows(tiles.activations, vectors[places], nothing, tiles.known, dice))
        return rows

    def _recall(self, rng: np.random.Generator) -> list[Rows]:
        """What the base model says about scenes it knows."""
        count, bank = round(self._batch * self._settings.replay_share), self._bank
        if not count or not len(bank):
            return []
        numbers = torch.from_numpy(rng.integers(len(bank), size=count))
        answers = bank.answers[numbers].float()
        activations = tuple(layer[numbers] for layer in bank.activations)
        known, dice = torch.ones(answers.shape, dtype=torch.bool), torch.zeros(count).bool()
        return [Rows(activations, bank.vectors[numbers], answers, known, dice)]

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

    def _backward(self, parts: Sequence[Rows]) -> float:
        """Gradients and loss of this process's share of the step."""
        total = sum(len(rows.known) for rows in parts)
        mine = [rows.take(self._company.share) for rows in parts]
        with self._precision.autocast():
            losses = [self._loss(rows) for rows in mine if len(rows.known)]
        if not losses:
            return 0.0
        loss = torch.cat(losses).sum() / total
        self._precision.backward(loss)
        return float(loss.detach())

    def _loss(self, rows: Rows) -> torch.Tensor:
        vectors, targets, known, dice = (
            part.to(self.device) for part in (rows.vectors, rows.targets, rows.known, rows.dice)
        )
        logits = self._decode(rows.activations, vectors)
        return masked_loss(logits, targets, known, dice=dice)

    def _decode(self, activations: Activations, vectors: torch.Tensor) -> torch.Tensor:
        layers = tuple(layer.to(self.device) for layer in activations)
        if self.tower is not None:
            layers = self.tower(*layers)
        return decoded(self.decoder, layers, vectors, self._patch_size)


def _by_side(parts: Sequence[Rows]) -> list[Rows]:
    """Rows with tiles of one side together: one pass of the decoder is quicker than several."""
    sides: dict[int, list[Rows]] = {}
    for rows in parts:
        sides.setdefault(rows.known.shape[-1], []).append(rows)
    return [_joined(some) for some in sides.values()]


def _joined(some: Sequence[Rows]) -> Rows:
    device = some[0].vectors.device
    layers = zip(*(rows.activations for rows in some), strict=True)
    return Rows(
        tuple(torch.cat(layer) for layer in layers),
        torch.cat([rows.vectors.to(device) for rows in some]),
        torch.cat([rows.targets for rows in some]),
        torch.cat([rows.known for rows in some]),
        torch.cat([rows.dice for rows in some]),
    )
