"""The epochs of a fine-tuning: a generator that ends in an adapter."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import torch

from napari_vlseg.events import Work
from napari_vlseg.models.adapters import Adapter
from napari_vlseg.models.clipseg import ClipSegSegmenter
from napari_vlseg.prompts import PromptTable
from napari_vlseg.training.finetune.assessing import Assessment, Tower, assess
from napari_vlseg.training.finetune.blending import shorten
from napari_vlseg.training.finetune.card import adapter_of
from napari_vlseg.training.finetune.company import Company
from napari_vlseg.training.finetune.corrected import CorrectedPlane
from napari_vlseg.training.finetune.epochs import Epoch, train_epochs
from napari_vlseg.training.finetune.preparing import Course, prepare
from napari_vlseg.training.finetune.replay import ReplayBank
from napari_vlseg.training.finetune.resuming import TuningState
from napari_vlseg.training.finetune.settings import FinetuneSettings
from napari_vlseg.training.finetune.tuner import Tuner
from napari_vlseg.workflow.cache import EmbeddingCache

__all__ = ["Epoch", "finetune"]


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
    company: Company | None = None,
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
    company : Company, optional
        Processes that train together; each calls this with the same arguments.
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
        The best epoch by the held-out loss, brought back towards the base model as far as costs
        nothing, see `shorten`; or the last epoch where nothing was held out. Its card holds
        curves, and scores before and after on the same held-out objects.

    Raises
    ------
    PromptError
        If nothing was corrected.
    ModelError
        If even the CPU has too little memory, or no epoch ended with numbers.
    """
    settings, company = settings or FinetuneSettings(), company or Company()
    preparing = prepare(
        model, table, planes, settings, working_scale=working_scale, cache=cache, bank=bank
    )
    course = yield from preparing
    tuner = Tuner(
        model, course.voices, course.training, course.absent, course.bank, settings, company
    )
    state = TuningState.load(folder, tuner, settings, course.sha256)
    before = _before(model, table, course)
    others = {} if in_use is None else {"in_use": _before(in_use, table, course).dice}

    def examined() -> tuple[float, float]:
        found = _assess(tuner, course, model)
        return found.loss if course.is_held_out else math.nan, _mean(found.dice)

    yield from train_epochs(tuner, state, settings, examined, folder, company, should_stop)
    state.restore_best(tuner)
    share = 1.0
    if course.is_held_out:
        share = shorten(tuner, lambda: _pair(company.agreed(examined())))
    after = _assess(tuner, course, model)
    made = adapter_of(model.info, settings, course, tuner, state, before, after)
    return replace(made, card={**made.card, "share_of_the_way": share, **others})


def _assess(tuner: Tuner, course: Course, model: ClipSegSegmenter) -> Assessment:
    """What the tuner holds, each class asked for by its text."""
    vectors = [text.detach() for text in tuner.texts]
    return _measured(tuner.decoder, vectors, course, model, tuner.tower)


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
    tower = model.network.encode if course.shows_pixels else None
    return _measured(model.network.decoder, vectors, course, model, tower)


def _measured(
    decoder: torch.nn.Module,
    vectors: Sequence[torch.Tensor],
    course: Course,
    model: ClipSegSegmenter,
    tower: Tower | None,
) -> Assessment:
    return assess(
        decoder,
        vectors,
        [voice.name for voice in course.voices],
        course.measured,
        threshold=model.default_threshold,
        patch_size=model.network.patch_size,
        tower=tower,
    )


def _pair(values: tuple[float, ...]) -> tuple[float, float]:
    first, second = values
    return first, second


def _mean(values: dict[str, float]) -> float:
    return sum(values.values()) / len(values) if values else math.nan
