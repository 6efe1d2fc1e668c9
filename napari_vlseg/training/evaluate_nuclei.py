"""Evaluation on real nuclei: text, references from other images, absent phrases, and Otsu."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_vlseg.events import Progress, Work
from napari_vlseg.models.base import Conditional, DenseSegmenter
from napari_vlseg.planes import ImageView, extract_plane
from napari_vlseg.prompts import ClassPrompt, ReferencePrompt
from napari_vlseg.training.baselines import otsu_foreground
from napari_vlseg.training.dsb2018 import NucleiImage
from napari_vlseg.training.scores import AbsentScores, PresentScores
from napari_vlseg.training.unknown_words import HELD_OUT_WORDS

PRESENT_PHRASES = ("nuclei", "cells", "a photo of cell nuclei")
ABSENT_PHRASES = ("red triangle", "blue square", "cracks")
ONE_OBJECT, ALL_OBJECTS, MIXED, OTSU = "one object", "all objects", "mixed with text", "Otsu"
UNKNOWN = "unknown words"

_UNKNOWN_PER_IMAGE = 2


def evaluate_nuclei(
    model: DenseSegmenter, images: Sequence[NucleiImage], seed: int = 0
) -> Work[dict[str, Any]]:
    """Score a model on images of nuclei.

    Parameters
    ----------
    model : DenseSegmenter
    images : sequence of NucleiImage
        References are taken from among them: same kind, another slide where there is one.
    seed : int
        Chooses references and unknown words.

    Yields
    ------
    Progress

    Returns
    -------
    dict
        ``present`` and ``absent``: prompt → summary.
    """
    rng = np.random.default_rng(seed)
    texts = {phrase: _condition(model, phrase) for phrase in (*PRESENT_PHRASES, *ABSENT_PHRASES)}
    threshold = model.default_threshold
    present = defaultdict[str, PresentScores](lambda: PresentScores(threshold))
    absent = defaultdict[str, AbsentScores](lambda: AbsentScores(threshold))
    for number, image in enumerate(images, 1):
        plane = as_plane(image.image)
        truth = image.labels > 0
        words = [str(w) for w in rng.choice(HELD_OUT_WORDS, _UNKNOWN_PER_IMAGE, replace=False)]
        shown = _reference_conditions(model, _another(image, images, rng), rng)
        unknown = {word: _condition(model, word) for word in words}
        conditions = texts | shown | unknown
        maps = model.predict(model.encode(plane), list(conditions.values()))
        for name, probability in zip(conditions, maps, strict=True):
            if name in PRESENT_PHRASES or name in shown:
                present[name].add(image.kind, probability, truth)
            else:
                absent[UNKNOWN if name in unknown else name].add(probability)
        present[OTSU].add(image.kind, otsu_foreground(plane).astype(np.float32), truth)
        yield Progress("evaluating nuclei", number, len(images))
    return {
        "present": {name: scores.summary() for name, scores in present.items()},
        "absent": {name: scores.summary() for name, scores in absent.items()},
    }


def best_threshold(model: DenseSegmenter, images: Sequence[NucleiImage]) -> Work[float]:
    """The threshold with the highest mean IoU for "nuclei" over images."""
    condition = _condition(model, PRESENT_PHRASES[0])
    scores = PresentScores()
    for number, image in enumerate(images, 1):
        (probability,) = model.predict(model.encode(as_plane(image.image)), [condition])
        scores.add(image.kind, probability, image.labels > 0)
        yield Progress("choosing a threshold", number, len(images))
    return scores.best_threshold()


def as_plane(image: npt.NDArray[np.integer]) -> npt.NDArray[np.float32]:
    """The plane the product would show the model, shape (H, W, 3)."""
    return extract_plane(image, (), ImageView(rgb=True))


def _condition(model: DenseSegmenter, phrase: str) -> Conditional:
    return model.condition(ClassPrompt(phrase, phrases=(phrase,)))[0]


def _another(
    image: NucleiImage, images: Sequence[NucleiImage], rng: np.random.Generator
) -> NucleiImage:
    """An image of the same kind with objects, of another slide where there is one."""
    same = [
        other
        for other in images
        if other.kind == image.kind and other.id != image.id and other.labels.any()
    ]
    elsewhere = [other for other in same if other.group != image.group] or same or [image]
    return elsewhere[int(rng.integers(len(elsewhere)))]


def _reference_conditions(
    model: DenseSegmenter, shown: NucleiImage, rng: np.random.Generator
) -> dict[str, Conditional]:
    """Conditionals of one nucleus, of all nuclei, and of one nucleus mixed with text."""
    plane = as_plane(shown.image)
    one = ReferencePrompt.from_region(plane, shown.labels == _typical_label(shown.labels, rng))
    every = ReferencePrompt.from_region(plane, shown.labels > 0)
    phrase = PRESENT_PHRASES[0]
    prompts = {
        ONE_OBJECT: ClassPrompt(phrase, references=(one,)),
        ALL_OBJECTS: ClassPrompt(phrase, references=(every,)),
        MIXED: ClassPrompt(phrase, phrases=(phrase,), references=(one,), mix=0.5),
    }
    return {name: model.condition(prompt)[0] for name, prompt in prompts.items()}


def _typical_label(labels: npt.NDArray[np.int32], rng: np.random.Generator) -> int:
    """An object from the larger half: people do not draw around fragments."""
    values, areas = np.unique(labels[labels > 0], return_counts=True)
    large = values[areas >= np.median(areas)]
    return int(large[rng.integers(len(large))])
