"""Epochs of any fine-tuning: what is tuned tells how it takes a step."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch

from napari_vlseg.errors import ModelError
from napari_vlseg.events import Notice, Progress, Work
from napari_vlseg.models.devices import release_memory, unless_short_of_memory
from napari_vlseg.training.finetune.company import Company
from napari_vlseg.training.finetune.learner import Learner, Length
from napari_vlseg.training.finetune.resuming import Curve, TuningState

WARM_UP = 5
"""Steps over which the learning rate rises."""

_LEAST = 0.02


@dataclass(frozen=True)
class Epoch(Progress):
    """An epoch that has ended.

    Attributes
    ----------
    loss : float
        Mean over its steps.
    held_out_loss : float
        On corrections that were held out; NaN where there are none.
    dice : float
        Mean over classes, of a click model over objects, on the same corrections, or on all of
        them where none are held out.
    """

    loss: float = math.nan
    held_out_loss: float = math.nan
    dice: float = math.nan


def train_epochs(
    learner: Learner,
    state: TuningState,
    length: Length,
    assess: Callable[[], tuple[float, float]],
    folder: Path | None,
    company: Company | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> Work[None]:
    """Train until all epochs are done, the last ones brought nothing, or a loss is no number.

    Parameters
    ----------
    learner : Learner
    state : TuningState
        Goes on after the last epoch in it.
    length : Length
    assess : callable
        Held-out loss and Dice of what the learner holds.
    folder : Path or None
        Where finished epochs are kept.
    company : Company, optional
        Processes that train together; the main one's numbers count, and it writes.
    should_stop : callable, optional
        Asked after each step. Once it says so, and an epoch has ended, nothing more is done.

    Yields
    ------
    Progress, Notice or Epoch
    """
    company = company or Company()

    def is_enough() -> bool:
        return state.epoch > 0 and should_stop is not None and should_stop()

    while not state.ended(length) and not is_enough():
        loss = yield from _epoch(learner, state.epoch, length, is_enough)
        if loss is None:
            return
        if not math.isfinite(loss):
            yield Notice(
                f"Training stopped in epoch {state.epoch + 1}: the loss is no longer a number. "
                "The best epoch before it is kept; a lower learning rate may help."
            )
            return
        curve = Curve(*company.agreed((loss, *assess())))
        state.add(curve, learner)
        state.save(folder if company.is_main else None, learner)
        yield Epoch("training", state.epoch, length.epochs, *curve.values)


def _epoch(
    learner: Learner, epoch: int, length: Length, is_enough: Callable[[], bool]
) -> Work[float | None]:
    """Mean loss of an epoch; NaN as soon as a step gave no number, None where it was stopped."""
    losses = []
    for step in range(length.steps):
        yield Progress("training", epoch * length.steps + step, length.total_steps)
        loss = None
        while loss is None:
            loss = unless_short_of_memory(partial(learner.step, epoch * length.steps + step))
            if loss is None:
                yield Notice(learner.take_less())
        losses.append(loss)
        if not math.isfinite(loss):
            return math.nan
        if is_enough():
            return None
    return sum(losses) / len(losses)


def rate_factor(number: int, total: int) -> float:
    """A short warm-up, then a cosine (Loshchilov & Hutter 2017, arXiv 1608.03983)."""
    rise = min(1.0, (number + 1) / WARM_UP)
    return rise * (_LEAST + (1 - _LEAST) * 0.5 * (1 + math.cos(math.pi * number / total)))


def less_memory(batch: int, device: torch.device, noun: str) -> tuple[int, torch.device, str]:
    """What to go on with where memory is short: half the batch, else the CPU.

    Parameters
    ----------
    batch : int
        Of the step that failed.
    device : torch.device
    noun : str
        What a batch consists of: "tile".

    Returns
    -------
    batch : int
    device : torch.device
    message : str
        Says so.

    Raises
    ------
    ModelError
        If there is nothing left to give up.
    """
    release_memory(device)
    if batch > 1:
        fewer = batch // 2
        some = f"{fewer} {noun}{'s'[: fewer != 1]}"
        return fewer, device, f"Memory is short: training goes on with {some} at a time."
    if device.type == "cpu":
        raise ModelError(
            f"There is too little memory to train even one {noun} at a time: close other programs."
        )
    slower = "Memory is short: training goes on, slower, on the CPU."
    return batch, torch.device("cpu"), slower
