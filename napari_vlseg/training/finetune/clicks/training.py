"""The fine-tuning of a click model: a generator that ends in an adapter."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from napari_vlseg.events import Work
from napari_vlseg.models.adapters import Adapter, BaseModel
from napari_vlseg.models.sam import SamSegmenter
from napari_vlseg.training.finetune.card import card_of
from napari_vlseg.training.finetune.clicks.assessing import measure, quick_scores
from napari_vlseg.training.finetune.clicks.preparing import ClickCourse, prepare_clicks
from napari_vlseg.training.finetune.clicks.replay import ClickBank
from napari_vlseg.training.finetune.clicks.settings import ClickSettings
from napari_vlseg.training.finetune.clicks.tuner import ClickTuner
from napari_vlseg.training.finetune.corrected import CorrectedPlane
from napari_vlseg.training.finetune.epochs import train_epochs
from napari_vlseg.training.finetune.resuming import TuningState
from napari_vlseg.workflow.cache import EmbeddingCache


def finetune_clicks(
    model: SamSegmenter,
    planes: Sequence[CorrectedPlane],
    settings: ClickSettings | None = None,
    *,
    cache: EmbeddingCache | None = None,
    bank: ClickBank | None = None,
    folder: Path | None = None,
) -> Work[Adapter]:
    """Teach a click model how a person outlines objects.

    The image encoder runs on windows that were never encoded, and never again. Each object is
    asked for by simulated clicks, by a box that is a little off, and by clicks on what is still
    wrong with the answer, which it is given to go on from (Sofiiuk et al. 2022, arXiv
    2102.06583). Training starts from the base model with all corrections.

    Parameters
    ----------
    model : SamSegmenter
        The base model; it is not changed.
    planes : sequence of CorrectedPlane
    settings : ClickSettings, optional
    cache : EmbeddingCache, optional
        Where encoded planes are.
    bank : ClickBank, optional
        From `click_bank`, where it is at hand.
    folder : Path, optional
        Where finished epochs are kept. A training of the same corrections under the same
        settings that was interrupted goes on after its last one.

    Yields
    ------
    Progress, Notice or Epoch

    Returns
    -------
    Adapter
        The best epoch by the held-out loss, or the last one where nothing was held out. Its
        card holds curves, and the IoU by clicks and by a box, before and after, on the same
        held-out objects.

    Raises
    ------
    PromptError
        If nothing was corrected.
    ModelError
        If even the CPU has too little memory, or no epoch ended with numbers.
    """
    settings = settings or ClickSettings()
    course = yield from prepare_clicks(model, planes, settings, cache=cache, bank=bank)
    tuner = ClickTuner(model, course.training, course.bank, settings)
    state = TuningState.load(folder, tuner, settings, course.sha256)

    def examined() -> tuple[float, float]:
        on = course.held_out or course.training
        loss, dice = quick_scores(tuner.network, on, settings.seed)
        return loss if course.is_held_out else math.nan, dice

    yield from train_epochs(tuner, state, settings, examined, folder)
    state.restore_best(tuner)
    return (yield from _adapter(model, course, tuner, state, settings))


def _adapter(
    model: SamSegmenter,
    course: ClickCourse,
    tuner: ClickTuner,
    state: TuningState,
    settings: ClickSettings,
) -> Work[Adapter]:
    """What the tuner holds, measured as it will be used."""
    info = model.info
    base = BaseModel(info.name, info.revision, info.weights_sha256)
    decoder, encoder = (
        {name: value.detach().cpu().float().clone() for name, value in learned.items()}
        for learned in (tuner.trained, tuner.factors)
    )
    bare = Adapter(base, decoder, encoder=encoder)
    before = yield from measure(model, course.measured)
    after = yield from measure(model.with_adapter(bare), course.measured)
    card = card_of(
        settings,
        state,
        {"sha256": course.sha256, "trained_on": course.n_objects, "held_out": course.n_held_out},
        is_held_out=course.is_held_out,
        before={"iou": before},
        after={"iou": after},
    )
    trained = sorted({name.split(".")[0] for name in decoder})
    trained += ["image_encoder"] if encoder else []
    return replace(bare, card={**card, "task": "clicks", "trained": trained})
