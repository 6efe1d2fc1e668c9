"""Optimisers, learning-rate schedule and the running average of the weights."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import nn


@dataclass(frozen=True)
class Schedule:
    """Warm-up, at choice a plateau, then a linear descent, over a fixed number of steps."""

    steps: int
    warm_up: int = 200
    plateau_share: float = 0.0
    floor: float = 0.02
    peak: float = 1.0

    def __call__(self, step: int) -> float:
        """Factor on the learning rates at a step counted from 0."""
        rise = min(1.0, (step + 1) / max(1, min(self.warm_up, self.steps // 4)))
        remaining = (1 - step / self.steps) / (1 - self.plateau_share)
        return self.peak * rise * (self.floor + (1 - self.floor) * min(1.0, remaining))


class Optimisers:
    """Muon for the matrices of the transformer blocks, AdamW for everything else.

    Muon: Jordan et al. 2024. AdamW: Loshchilov & Hutter 2019.
    """

    def __init__(
        self,
        model: nn.Module,
        extra: nn.Module,
        schedule: Schedule,
        *,
        muon_rate: float = 0.006,
        adam_rate: float = 8e-4,
        weight_decay: float = 0.02,
        muon_weight_decay: float = 0.1,
    ) -> None:
        matrices, others = _by_role(model)
        others += list(extra.parameters())
        adam_groups = [
            {"params": [p for p in others if p.ndim > 1], "weight_decay": weight_decay},
            {"params": [p for p in others if p.ndim <= 1], "weight_decay": 0.0},
        ]
        self._schedule = schedule
        self._rates = (muon_rate, adam_rate)
        self._optimisers: tuple[torch.optim.Optimizer, ...] = (
            torch.optim.Muon(
                matrices,
                lr=muon_rate,
                momentum=0.95,
                weight_decay=muon_weight_decay,
                ns_steps=4,
                adjust_lr_fn="original",
            ),
            torch.optim.AdamW(adam_groups, lr=adam_rate, betas=(0.9, 0.98)),
        )

    def step(self, number: int) -> None:
        """Update the weights and forget the gradients."""
        factor = self._schedule(number)
        for optimiser, rate in zip(self._optimisers, self._rates, strict=True):
            for group in optimiser.param_groups:
                group["lr"] = rate * factor
            optimiser.step()
            optimiser.zero_grad(set_to_none=True)

    def state_dict(self) -> list[dict[str, object]]:
        """State of both optimisers."""
        return [optimiser.state_dict() for optimiser in self._optimisers]

    def load_state_dict(self, states: Iterable[dict[str, object]]) -> None:
        """Restore what `state_dict` returned."""
        for optimiser, state in zip(self._optimisers, states, strict=True):
            optimiser.load_state_dict(state)


def _by_role(model: nn.Module) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    """Matrices inside transformer blocks, and all other parameters."""
    matrices: list[nn.Parameter] = []
    others: list[nn.Parameter] = []
    for name, parameter in model.named_parameters():
        in_block = parameter.ndim == 2 and "layers." in name
        (matrices if in_block else others).append(parameter)
    return matrices, others


@torch.no_grad()
def update_average(
    average: nn.Module, model: nn.Module, step: int, *, decay: float = 0.999
) -> None:
    """Move the exponential moving average of the weights towards the model's."""
    momentary = 1 - min(decay, (step + 1) / (step + 20))
    for slow, fast in zip(average.parameters(), model.parameters(), strict=True):
        slow.lerp_(fast, momentary)
