"""The epochs of a fine-tuning: a generator that ends in an adapter."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import torch

from napari_vlseg.events import Notice, Progress, Work
from napari_vlseg.models.adapters import Adapter
from napari_vlseg.models.clipseg import ClipSegSegmenter
from napari_vlseg.models.devices import unless_short_of_memory
from napari_vlseg.prompts import PromptTable
from napari_vlseg.training.finetune.assessing import Assessment, assess
from napari_vlseg.training.finetune.card import adapter_of
from napari_vlseg.training.finetune.corrected import CorrectedPlane
from napari_vlseg.training.finetune.preparing import Course, prepare
from napari_vlseg.training.finetune.replay import ReplayBank
from napari_vlseg.training.finetune.resuming import Curve, TuningState
from napari_vlseg.training.finetune.settings import FinetuneSettings
from napari_vlseg.training.finetune.tuner import Tuner
from napari_vlseg.workflow.cache import EmbeddingCache


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
        Mean over classes on the same corrections, or on all of them where none are held out.
    """

    loss: float = math.nan
    held_out_loss: float = math.nan
    dice: float = math.nan


def finetune(
    model: ClipSegSegmenter,
    table: PromptTable,
    planes: Sequence[CorrectedPlane],
    settings: FinetuneSettings | None = None,
    *,
    working_scale: float | None = None,
    cache: EmbeddingCache | None = None,
    bank: ReplayBank | None = None,
    folder: Path | None = None,
    should_stop: Callable[[], bool] | None = None,
    in_use: ClipSegSegmenter | None = None,
) -> Work[Adapter]:
    """Teach a model what a person corrected.

    The vision tower runs on planes that were never encoded, and never again. Training starts
    from the base model with all corrections.

    Parameters
    ----------
    model : ClipSegSegmenter
        The base model; it is not changed.
    table : PromptTable
        What the classes are asked for by.
    planes : sequence of CorrectedPlane
    settings : FinetuneSettings, optional
    working_scale : float, optional
        Image pixels per model pixel; None lets the model choose.
    cache : EmbeddingCache, optional
        Where encoded planes are.
    bank : ReplayBank, optional
        From `replay_bank`, where it is at hand.
    folder : Path, optional
        Where finished epochs are kept. A training of the same corrections under the same
        settings that was interrupted goes on after its last one.
    should_stop : callable, optional
        Asked after each step. Once it says so, and an epoch has ended, training ends with the
        best epoch.
    in_use : ClipSegSegmenter, optional
        A model whose scores on the same corrections the card notes too, as ``in_use``. It may
        have been trained on some of them.

    Yields
    ------
    Progress, Notice or Epoch

    Returns
    -------
    Adapter
        The best epoch by the held-out loss, or the last one where nothing was held out. Its
        card holds curves, and scores before and after on the same held-out objects.

    Raises
    ------
    PromptError
        If nothing was corrected.
    ModelError
        If even the CPU has too little memory, or no epoch ended with numbers.
    """
    settings = settings or FinetuneSettings()
    preparing = prepare(
        model, table, planes, settings, working_scale=working_scale, cache=cache, bank=bank
    )
    course = yield from preparing
    tuner = Tuner(model, course.voices, course.training, course.absent, course.bank, settings)
    state = TuningState.load(folder, tuner, settings, course.sha256)
    before = _before(model, table, course)
    others = {} if in_use is None else {"in_use": _before(in_use, table, course).dice}

    def is_enough() -> bool:
        return state.epoch > 0 and should_stop is not None and should_stop()

    while not state.ended(settings) and not is_enough():
        loss = yield from _epoch(tuner, state.epoch, settings, is_enough)
        if loss is None:
            break
        if not math.isfinite(loss):
            yield Notice(
                f"Training stopped in epoch {state.epoch + 1}: the loss is no longer a number. "
                "The best epoch before it is kept; a lower learning rate may help."
            )
            break
        found = _assess(tuner, course, model)
        held_out_loss = found.loss if course.is_held_out else math.nan
        state.add(Curve(loss, held_out_loss, _mean(found.dice)), tuner)
        state.save(folder, tuner)
        yield Epoch("training", state.epoch, settings.epochs, *state.curves[-1].values)
    state.restore_best(tuner)
    after = _assess(tuner, course, model)
    made = adapter_of(model.info, settings, course, tuner, state, before, after)
    return replace(made, card={**made.card, **others})


def _epoch(
    tuner: Tuner, epoch: int, settings: FinetuneSettings, is_enough: Callable[[], bool]
) -> Work[float | None]:
    """Mean loss of an epoch; NaN as soon as a step gave no number, None where it was stopped."""
    losses = []
    for step in range(settings.steps):
        yield Progress("training", epoch * settings.steps + step, settings.total_steps)
        loss = None
        while loss is None:
            loss = unless_short_of_memory(partial(tuner.step, epoch * settings.steps + step))
            if loss is None:
                yield Notice(tuner.take_less())
        losses.append(loss)
        if not math.isfinite(loss):
            return math.nan
        if is_enough():
            return None
    return sum(losses) / len(losses)


def _assess(tuner: Tuner, course: Course, model: ClipSegSegmenter) -> Assessment:
    """What the tuner holds, each class asked for by its text."""
    return _measured(tuner.decoder, [text.detach() for text in tuner.texts], course, model)


def _before(model: ClipSegSegmenter, table: PromptTable, course: Course) -> Assessment:
    """The base model, asked as the person would ask it."""
    rows = {row.name: row for row in table.rows}
    vectors = []
    for voice in course.voices:
        row = rows[voice.name]
        is_asked = row.phrases or row.references
        vector = (
            model.condition(row, table.templates, table.visual)[0].vector
            if is_asked
            else voice.text
        )
        vectors.append(torch.tensor(vector, device=model.network.device))
    return _measured(model.network.decoder, vectors, course, model)


def _measured(
    decoder: torch.nn.Module,
    vectors: Sequence[torch.Tensor],
    course: Course,
    model: ClipSegSegmenter,
) -> Assessment:
    return assess(
        decoder,
        vectors,
        [voice.name for voice in course.voices],
        course.measured,
        threshold=model.default_threshold,
        patch_size=model.network.patch_size,
    )


def _mean(values: dict[str, float]) -> float:
    return sum(values.values()) / len(values) if values else math.nan
