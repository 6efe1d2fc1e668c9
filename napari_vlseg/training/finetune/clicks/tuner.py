"""The state of a click model's fine-tuning, and the step that moves it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from napari_vlseg.models.lora import learned_factors, learning_copy
from napari_vlseg.models.sam import SamSegmenter
from napari_vlseg.models.sam_adapting import attention_paths, changeable
from napari_vlseg.models.sam_network import TunableNetwork
from napari_vlseg.training.finetune.clicks.questions import rehearse
from napari_vlseg.training.finetune.clicks.replay import KINDS, ClickBank
from napari_vlseg.training.finetune.clicks.settings import ClickSettings
from napari_vlseg.training.finetune.clicks.sights import Learned
from napari_vlseg.training.finetune.epochs import less_memory, rate_factor

_LARGEST_GRADIENT = 1.0
_WEIGHT_DECAY = 0.01
_LEARNING = "learning"


class ClickTuner:
    """A copy of prompt encoder and mask decoder, and their optimiser.

    Parameters
    ----------
    model : SamSegmenter
        The base model; it is not changed.
    objects : sequence of Learned
        What is trained on.
    bank : ClickBank
    settings : ClickSettings

    Attributes
    ----------
    base : str
        Hash of the base model's weights.
    network : TunableNetwork
        The base model's image encoder, shared, and what is trained.
    trained : dict of str to torch.nn.Parameter
        Of the decoder.
    factors : dict of str to torch.nn.Parameter
        Of the image encoder; empty where it does not learn.
    """

    def __init__(
        self,
        model: SamSegmenter,
        objects: Sequence[Learned],
        bank: ClickBank,
        settings: ClickSettings,
    ) -> None:
        self.base = model.info.weights_sha256
        self._bank, self._settings, self._batch = bank, settings, settings.batch
        by_class: dict[str, list[Learned]] = defaultdict(list)
        for thing in objects:
            by_class[thing.class_name].append(thing)
        self._by_class = list(by_class.values())
        self._device = model.network.device
        self.network = _learning_network(model.network, settings)
        self.network.move_decoder(self._device)
        self.trained = changeable(self.network.model)
        for parameter in self.trained.values():
            parameter.requires_grad_(True)
        learns_to_see = settings.method == "lora"
        self.factors = learned_factors(self.network.tower) if learns_to_see else {}
        self._learning = [*self.trained.values(), *self.factors.values()]
        self._optimiser = self._new_optimiser()

    def step(self, number: int) -> float:
        """Learn from one batch; returns its loss. Equal numbers draw equal batches."""
        factor = rate_factor(number, self._settings.total_steps)
        for group in self._optimiser.param_groups:
            group["lr"] = factor * self._settings.rate
        rng = np.random.default_rng([self._settings.seed, number])
        loss = rehearse(self.network, self._drawn(rng), rng).total + self._recalled(number, rng)
        self._optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self._learning, _LARGEST_GRADIENT)
        self._optimiser.step()
        return float(loss.detach())

    def take_less(self) -> str:
        """Halve the batch, or go to the CPU; says what was done.

        Raises
        ------
        ModelError
            If there is nothing left to give up.
        """
        before = self._device
        self._batch, self._device, message = less_memory(self._batch, self._device, "object")
        if self._device != before:
            self.network.move_decoder(self._device)
            if self.factors:
                self.network.tower.to(self._device)
            self._optimiser = self._new_optimiser()  # its memory is on the device
        return message

    def state_dict(self) -> dict[str, Any]:
        """Everything that a resumed training needs."""
        return {
            "decoder": {name: value.detach() for name, value in self.trained.items()},
            "encoder": {name: value.detach() for name, value in self.factors.items()},
            "optimiser": self._optimiser.state_dict(),
        }

    @torch.no_grad()
    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Inverse of `state_dict`."""
        for name, value in self.trained.items():
            value.copy_(state["decoder"][name])
        for name, value in self.factors.items():
            value.copy_(state["encoder"][name])
        self._optimiser.load_state_dict(state["optimiser"])

    def _new_optimiser(self) -> torch.optim.AdamW:
        return torch.optim.AdamW(self._learning, lr=self._settings.rate, weight_decay=_WEIGHT_DECAY)

    def _drawn(self, rng: np.random.Generator) -> list[Learned]:
        """Objects of all classes alike, however many there are of each."""
        drawn = []
        for _ in range(self._batch):
            own = self._by_class[int(rng.integers(len(self._by_class)))]
            drawn.append(own[int(rng.integers(len(own)))])
        return drawn

    def _recalled(self, number: int, rng: np.random.Generator) -> torch.Tensor | float:
        """How far answers about what the model knows have moved, one kind of question a step."""
        if not len(self._bank) or not self._settings.replay_weight:
            return 0.0
        rows = torch.from_numpy(rng.integers(len(self._bank), size=self._batch))
        kind = KINDS[number % len(KINDS)]
        return self._settings.replay_weight * self._bank.loss(self.network, kind, rows)


def _learning_network(base: TunableNetwork, settings: ClickSettings) -> TunableNetwork:
    """A copy with a decoder of its own, and an image encoder of its own where that learns."""
    if settings.method != "lora":
        return base.with_decoder({})
    paths = attention_paths(base.tower)
    tower = learning_copy(base.tower, paths, settings.rank, settings.seed)
    return base.with_tower(tower.to(base.device), _LEARNING)
