"""References from one scene of a pair to the other."""

from __future__ import annotations

import numpy as np
import pytest

from napari_vlseg.training.examples import Example, ExampleSource, text_example
from napari_vlseg.training.references import (
    NOTHING_TO_READ,
    UNNAMED,
    novel_reference,
    referenced_examples,
)
from napari_vlseg.training.scene_bank import SceneBank, generate_scenes
from napari_vlseg.training.scenes import NOVEL, Scene, SceneObject
from napari_vlseg.training.vocabulary import ANY_NOUNS, split_words

SIZE = 64


def painted(recipes: dict[int, str]) -> Scene:
    """Bars, one per recipe: label n is n · 50 bright."""
    image = np.zeros((80, 80, 3), np.uint8)
    labels = np.zeros((80, 80), np.int32)
    for label in recipes:
        labels[20 * label : 20 * label + 14] = label
        image[labels == label] = 50 * label
    objects = tuple(SceneObject(label, NOVEL, recipe=name) for label, name in recipes.items())
    return Scene(image, labels, objects, "novel", 0)


@pytest.fixture(scope="module")
def source() -> ExampleSource:
    pair = painted({1: "a", 2: "b"}), painted({1: "c", 2: "a"})
    return ExampleSource([], SceneBank.of(generate_scenes(0, 12, 80, 1)), SIZE, [pair])


def recipes(example: Example) -> set[str]:
    return {thing.recipe for thing in example.objects}


def test_a_novel_reference_asks_for_its_recipe_without_words(source: ExampleSource) -> None:
    rng = np.random.default_rng(0)
    for _ in range(10):
        query, other = source.pair(rng)
        reference = novel_reference(query, other, rng)
        wanted = [thing.label for thing in query.objects if thing.recipe == "a"]
        np.testing.assert_array_equal(reference.mask, np.isin(query.labels, wanted))
        shown = next(thing.label for thing in other.objects if thing.recipe == "a")
        assert reference.picture.max() == pytest.approx(50 * shown / 255, abs=0.01)
        assert reference.phrase == UNNAMED
        assert reference.codes == NOTHING_TO_READ


@pytest.mark.parametrize("count", [1, 2, 4])
def test_about_a_third_of_the_references_is_novel(source: ExampleSource, count: int) -> None:
    rng = np.random.default_rng(0)
    drawn = []
    for _ in range(240 // count):
        examples = referenced_examples(source, count, lambda: source.scene(rng), rng)
        assert len(examples) == count
        drawn += examples
    share = np.mean([reference.phrase == UNNAMED for _, reference in drawn])
    assert 0.25 < share < 0.45
    assert all(
        (reference.phrase == UNNAMED) == bool(recipes(example) - {""})
        for example, reference in drawn
    )


def test_without_pairs_every_reference_is_named() -> None:
    source = ExampleSource([], SceneBank.of(generate_scenes(0, 12, 80, 1)), SIZE)
    rng = np.random.default_rng(0)
    examples = referenced_examples(source, 12, lambda: source.scene(rng), rng)
    assert all(reference.phrase for _, reference in examples)


def test_unnamed_things_are_asked_for_as_objects_at_most(source: ExampleSource) -> None:
    rng = np.random.default_rng(0)
    example, _ = source.pair(rng)
    asked = [text_example(example, rng) for _ in range(60)]
    shown = [prompt for prompt in asked if (prompt.mask & (example.labels > 0)).any()]
    assert shown
    assert all(set(split_words(prompt.phrase)) & set(ANY_NOUNS) for prompt in shown)
