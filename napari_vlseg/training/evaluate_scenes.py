"""Evaluation on procedural scenes of seeds that training never draws."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import numpy as np

from napari_vlseg.events import Progress, Work
from napari_vlseg.models.base import DenseSegmenter
from napari_vlseg.prompts import ClassPrompt, ReferencePrompt
from napari_vlseg.training.evaluate_nuclei import as_plane
from napari_vlseg.training.queries import (
    Query,
    absent_query,
    matching_labels,
)
from napari_vlseg.training.scene_bank import VALIDATION_SEEDS
from napari_vlseg.training.scenes import KINDS, Scene, generate_scene
from napari_vlseg.training.scores import AbsentScores, PresentScores
from napari_vlseg.training.unknown_words import HELD_OUT_WORDS
from napari_vlseg.training.vocabulary import KIND_NOUNS

ALL_PRESENT, REFERENCE = "all present phrases", "reference"
HARD, UNKNOWN = "absent, one word off", "unknown words"


def evaluate_scenes(
    model: DenseSegmenter, count: int, size: int = 128, seed: int = 0
) -> Work[dict[str, Any]]:
    """Score a model on procedural scenes.

    Parameters
    ----------
    model : DenseSegmenter
    count : int
        Number of scenes.
    size : int
        Side of the scenes in pixels.
    seed : int
        Chooses absent phrases, unknown words and references.

    Yields
    ------
    Progress

    Returns
    -------
    dict
        ``present``: family of phrases → summary, by kind of object; ``absent`` likewise.
    """
    rng = np.random.default_rng(seed)
    scenes = [generate_scene(number, size=size) for number in VALIDATION_SEEDS[:count]]
    threshold = model.default_threshold
    present = defaultdict[str, PresentScores](lambda: PresentScores(threshold))
    absent = defaultdict[str, AbsentScores](lambda: AbsentScores(threshold))
    for number, scene in enumerate(scenes, 1):
        _score_texts(model, scene, rng, present, absent)
        _score_reference(model, scene, scenes, rng, present[REFERENCE])
        yield Progress("evaluating scenes", number, count)
    return {
        "present": {name: scores.summary() for name, scores in present.items() if scores.ious},
        "absent": {name: scores.summary() for name, scores in absent.items()},
    }


def _score_texts(
    model: DenseSegmenter,
    scene: Scene,
    rng: np.random.Generator,
    present: dict[str, PresentScores],
    absent: dict[str, AbsentScores],
) -> None:
    asked = [(family, query, _words(query)) for family, query in _present_queries(scene)]
    wrong = absent_query(scene.objects, rng, hard=True)
    empty = [(UNKNOWN, str(rng.choice(HELD_OUT_WORDS)))]
    if wrong is not None:
        empty.append((HARD, _words(wrong)))
    phrases = [words for _, _, words in asked] + [words for _, words in empty]
    conditions = [model.condition(ClassPrompt(words, phrases=(words,)))[0] for words in phrases]
    maps = model.predict(model.encode(as_plane(scene.image)), conditions)
    for (family, query, _), probability in zip(asked, maps, strict=False):
        truth = scene.mask_of(matching_labels(query, scene.objects))
        for name in (family, ALL_PRESENT):
            present[name].add(query.kind or "any", probability, truth)
    for (name, _), probability in zip(empty, maps[len(asked) :], strict=True):
        absent[name].add(probability)


def _present_queries(scene: Scene) -> Iterable[tuple[str, Query]]:
    """Kind, colour and kind, size and kind: each phrase of a scene once."""
    queries: dict[Query, str] = {}
    for thing in scene.objects:
        if thing.recipe:
            continue
        family = KINDS[thing.kind].family
        queries[Query(thing.kind)] = family
        if thing.colour and family == "shape":
            queries[Query(thing.kind, thing.colour)] = "colour + shape"
        if thing.size and family == "shape":
            queries[Query(thing.kind, size=thing.size)] = "size + shape"
    return [(family, query) for query, family in queries.items()]


def _words(query: Query) -> str:
    noun = KIND_NOUNS[query.kind][0] if query.kind else "objects"
    return " ".join(word for word in (query.size, query.brightness, query.colour, noun) if word)


def _score_reference(
    model: DenseSegmenter,
    scene: Scene,
    scenes: list[Scene],
    rng: np.random.Generator,
    scores: PresentScores,
) -> None:
    """One object of another scene as reference to a shape of this one."""
    shapes = [thing for thing in scene.objects if KINDS[thing.kind].family == "shape"]
    if not shapes:
        return
    wanted = shapes[int(rng.integers(len(shapes)))]
    query = Query(wanted.kind, wanted.colour)
    others = [
        (other, thing)
        for other in scenes
        if other is not scene
        for thing in other.objects
        if query.matches(thing)
    ]
    if not others:
        return
    other, thing = others[int(rng.integers(len(others)))]
    shown = ReferencePrompt.from_region(as_plane(other.image), other.mask_of([thing.label]))
    condition, _ = model.condition(ClassPrompt(wanted.kind, references=(shown,)))
    (probability,) = model.predict(model.encode(as_plane(scene.image)), [condition])
    truth = scene.mask_of(matching_labels(query, scene.objects))
    scores.add(wanted.kind, probability, truth)
