"""The adapter of a finished training, with its card."""

from __future__ import annotations

import math
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import torch

from napari_vlseg.models.adapters import Adapter, BaseModel
from napari_vlseg.proposals import ModelInfo
from napari_vlseg.training.finetune.assessing import Assessment
from napari_vlseg.training.finetune.preparing import Course
from napari_vlseg.training.finetune.resuming import TuningState
from napari_vlseg.training.finetune.settings import FinetuneSettings
from napari_vlseg.training.finetune.tuner import Tuner

FEWEST_FOR_THRESHOLD = 10
"""Held-out objects of a class from which on its adapter has a threshold of its own."""


def adapter_of(
    info: ModelInfo,
    settings: FinetuneSettings,
    course: Course,
    tuner: Tuner,
    state: TuningState,
    before: Assessment,
    after: Assessment,
) -> Adapter:
    """The adapter of what the tuner holds.

    Parameters
    ----------
    info : ModelInfo
        Of the base model.
    settings : FinetuneSettings
    course : Course
    tuner : Tuner
        With the weights to keep.
    state : TuningState
    before, after : Assessment
        Base model and adapter on the same corrections.
    """
    learned = {
        phrase: text.detach().cpu().numpy()
        for voice, text in zip(course.voices, tuner.texts, strict=True)
        if voice.is_learned
        for phrase in voice.phrases
    }
    decoder = {name: value.detach().cpu().float() for name, value in tuner.trained.items()}
    card = card_of(
        settings,
        state,
        {
            "sha256": course.sha256,
            "trained_on": course.n_objects,
            "held_out": course.n_held_out,
            "variants": course.n_variants,
        },
        is_held_out=course.is_held_out,
        before={"loss": _number(before.loss), "dice": before.dice},
        after={"loss": _number(after.loss), "dice": after.dice},
    )
    base = BaseModel(info.name, info.revision, info.weights_sha256)
    encoder = {name: value.cpu().clone() for name, value in tuner.factors.items()}
    told = {
        name: threshold
        for name, threshold in after.thresholds.items()
        if course.n_held_out.get(name, 0) >= FEWEST_FOR_THRESHOLD
    }
    return Adapter(base, decoder, learned, told, card, encoder)


def card_of(
    settings: Any,
    state: TuningState,
    corrections: dict[str, Any],
    *,
    is_held_out: bool,
    before: dict[str, Any],
    after: dict[str, Any],
) -> dict[str, Any]:
    """The card of an adapter of any kind, as JSON values.

    Parameters
    ----------
    settings : dataclass
    state : TuningState
    corrections : dict
        Their hash and numbers.
    is_held_out : bool
        Whether the scores are of objects that were held out.
    before, after : dict
        Scores of base model and adapter on the same objects.
    """
    return {
        "made": datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        "settings": asdict(settings),
        "corrections": corrections,
        "epochs": [_plain(asdict(curve)) for curve in state.curves],
        "best_epoch": state.best + 1,
        "measured_on": "held-out objects" if is_held_out else "the training objects",
        "before": before,
        "after": after,
        "torch": torch.__version__,
    }


def _plain(values: dict[str, float]) -> dict[str, float | None]:
    return {name: _number(value) for name, value in values.items()}


def _number(value: float) -> float | None:
    """JSON has no word for NaN."""
    return value if math.isfinite(value) else None
