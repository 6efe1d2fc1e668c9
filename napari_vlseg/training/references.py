"""Reference prompts for training: an object of another image, made into a visual prompt."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_vlseg.training.attributes import Codes, query_codes
from napari_vlseg.training.examples import Example, ExampleSource, shared_recipes
from napari_vlseg.training.queries import (
    Query,
    is_absent,
    matching_labels,
    phrase_for,
)
from napari_vlseg.training.scenes import KINDS, mask_of_objects
from napari_vlseg.visual_prompts import VisualPromptSettings, engineer_visual_prompt

_PRESENT_SHARE = 0.75
_SAME_KIND_SHARE = 0.7
_REAL_NUCLEI_SHARE = 0.85
_NOVEL_SHARE = 0.35
_SINGLE_SHARE = 0.7
_TRIES = 30

UNNAMED = ""
"""Phrase of a reference to something that no words mean."""

NOTHING_TO_READ: Codes = (-100, -100, -100)
"""Codes that `torch.nn.functional.cross_entropy` leaves out."""


@dataclass(frozen=True)
class ReferenceExample:
    """A visual prompt with the mask it asks for in the query image.

    Attributes
    ----------
    picture : ndarray of float32, shape (size, size, 3)
    phrase : str
        What the reference shows, in words; `UNNAMED` where no words mean it. Such a
        reference is never mixed with a phrase nor aligned with one.
    mask : ndarray of bool, shape (size, size)
        Pixels of the query image that answer it.
    codes : tuple of int
        What the auxiliary heads should read off it.
    """

    picture: npt.NDArray[np.float32]
    phrase: str
    mask: npt.NDArray[np.bool_]
    codes: Codes


def referenced_examples(
    source: ExampleSource, count: int, draw: Callable[[], Example], rng: np.random.Generator
) -> list[tuple[Example, ReferenceExample]]:
    """Query images, each with a reference; some references show unnamed kinds of object.

    Parameters
    ----------
    source : ExampleSource
        Where it holds pairs of scenes, 35 % of the references go from one scene of a pair
        to the other. Both scenes are query images then, one after the other.
    count : int
        Number of query images.
    draw : callable
        Draws any other query image.
    rng : numpy.random.Generator
    """
    shown: list[tuple[Example, ReferenceExample]] = []
    while len(shown) < count:
        room = min(2, count - len(shown))
        # A start of a pair brings `room` novel references, any other draw brings one.
        share = _NOVEL_SHARE / (room - (room - 1) * _NOVEL_SHARE)
        if source.has_pairs and rng.random() < share:
            first, second = source.pair(rng)
            both = (first, second), (second, first)
            shown += [(query, novel_reference(query, other, rng)) for query, other in both[:room]]
        else:
            example = draw()
            shown.append((example, reference_example(example, source, rng)))
    return shown


def novel_reference(query: Example, other: Example, rng: np.random.Generator) -> ReferenceExample:
    """An object of another scene that asks for all objects of its recipe in the query image.

    Both scenes must share a recipe, see `shared_recipes`.
    """
    recipes = shared_recipes(query, other)
    recipe = recipes[rng.integers(len(recipes))]
    labels = [thing.label for thing in other.objects if thing.recipe == recipe]
    wanted = [thing.label for thing in query.objects if thing.recipe == recipe]
    count = 1 if rng.random() < _SINGLE_SHARE else int(rng.integers(1, 4))
    some = [int(label) for label in rng.choice(labels, min(count, len(labels)), replace=False)]
    return ReferenceExample(
        _picture(other, some, rng),
        UNNAMED,
        mask_of_objects(query.labels, query.objects, wanted),
        NOTHING_TO_READ,
    )


def reference_example(
    example: Example, source: ExampleSource, rng: np.random.Generator
) -> ReferenceExample:
    """A reference for an example, mostly to something it holds."""
    query = _query_for(example, source, rng)
    for _ in range(_TRIES):
        shown = _image_with(query, example, source, rng)
        labels = matching_labels(query, shown.objects)
        if labels:
            break
    else:
        raise RuntimeError(f"No image with {query} came up in {_TRIES} draws.")
    picture = _picture(shown, _some_of(labels, query, rng), rng)
    return ReferenceExample(
        picture, phrase_for(query, rng), example.mask(query), query_codes(query)
    )


def _picture(
    shown: Example, labels: list[int], rng: np.random.Generator
) -> npt.NDArray[np.float32]:
    mask = mask_of_objects(shown.labels, shown.objects, labels)
    return engineer_visual_prompt(shown.image, mask, len(shown.image), random_settings(rng))


def random_settings(rng: np.random.Generator) -> VisualPromptSettings:
    """The published settings a quarter of the time, their neighbourhood otherwise."""
    if rng.random() < 0.25:
        return VisualPromptSettings()
    return VisualPromptSettings(
        context=rng.uniform(0, 0.5),
        background=rng.uniform(0, 0.35),
        blur_sigma=rng.uniform(0, 4),
    )


def _query_for(example: Example, source: ExampleSource, rng: np.random.Generator) -> Query:
    """Kind and colour of an object of the example, or of something it does not hold."""
    if example.objects and rng.random() < _PRESENT_SHARE:
        thing = example.objects[rng.integers(len(example.objects))]
        if example.real_kind or (thing.kind, thing.colour) in source.bank.places:
            return _shown(thing.kind, thing.colour)
    keys = list(source.bank.places)
    for _ in range(_TRIES):
        query = _shown(*keys[rng.integers(len(keys))])
        if is_absent(query, example.objects):
            return query
    return query


def _shown(kind: str, colour: str) -> Query:
    """Nuclei, cells and vessels are meant in any staining, other things in their colour."""
    return Query(kind, "" if KINDS[kind].family == "biology" else colour)


def _image_with(
    query: Query, example: Example, source: ExampleSource, rng: np.random.Generator
) -> Example:
    """Another image that holds what is asked for."""
    real_share = _REAL_NUCLEI_SHARE if example.real_kind else 0.5
    if query.kind == "nuclei" and source.has_real_images and rng.random() < real_share:
        same = rng.random() < _SAME_KIND_SHARE
        return source.real(rng, kind=example.real_kind if same else "", on_object=True)
    keys = [
        (kind, colour)
        for kind, colour in source.bank.places
        if kind == query.kind and query.colour in ("", colour)
    ]
    return source.scene(rng, keys[rng.integers(len(keys))])


def _some_of(labels: list[int], query: Query, rng: np.random.Generator) -> list[int]:
    """One object, a few, or all of them."""
    draw = rng.random()
    all_share = 0.5 if query.kind == "nuclei" else 0.25
    if draw < all_share:
        return labels
    count = 1 if draw < all_share + 0.35 else int(rng.integers(1, 4))
    return [int(label) for label in rng.choice(labels, min(count, len(labels)), replace=False)]
