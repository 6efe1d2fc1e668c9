"""Queries, phrases and vocabulary."""

from __future__ import annotations

import numpy as np
import pytest

from napari_vlseg.training.queries import (
    Query,
    absent_query,
    in_template,
    is_absent,
    matching_labels,
    phrase_for,
    query_about,
)
from napari_vlseg.training.scenes import KINDS, SceneObject
from napari_vlseg.training.unknown_words import HELD_OUT_WORDS, ordinary_words, random_phrase
from napari_vlseg.training.vocabulary import (
    KIND_NOUNS,
    known_words,
    split_words,
    vocabulary_document,
)

RED_CIRCLE = SceneObject(1, "circle", "red", "small", "dark")
BLUE_STAR = SceneObject(2, "star", "blue", "large")
BARE_NUCLEUS = SceneObject(3, "nuclei", "white")
NUCLEUS_IN_CELL = SceneObject(5, "nuclei", "white", parent=4)
CELL = SceneObject(4, "cell", "white")


def test_every_kind_has_words() -> None:
    assert set(KIND_NOUNS) == set(KINDS.names)


@pytest.mark.parametrize(
    ("query", "labels"),
    [
        (Query("circle"), [1]),
        (Query(colour="blue"), [2]),
        (Query("circle", "blue"), []),
        (Query("star", size="large"), [2]),
        (Query("circle", brightness="dark"), [1]),
    ],
)
def test_all_words_of_a_query_must_hold(query: Query, labels: list[int]) -> None:
    assert matching_labels(query, [RED_CIRCLE, BLUE_STAR]) == labels


def test_bare_nuclei_are_called_cells_but_nuclei_in_cells_are_not() -> None:
    assert matching_labels(Query("cell"), [BARE_NUCLEUS]) == [3]
    assert matching_labels(Query("cell"), [CELL, NUCLEUS_IN_CELL]) == [4]


def test_similar_colours_and_kinds_are_not_called_absent() -> None:
    assert is_absent(Query("circle", "green"), [RED_CIRCLE])
    assert not is_absent(Query("circle", "orange"), [RED_CIRCLE])
    assert not is_absent(Query("circle"), [BARE_NUCLEUS])


def test_drawn_queries_are_answered_or_not_as_asked() -> None:
    rng = np.random.default_rng(0)
    objects = [RED_CIRCLE, BLUE_STAR]
    for _ in range(100):
        assert matching_labels(query_about(RED_CIRCLE, rng), objects)
        for hard in (True, False):
            query = absent_query(objects, rng, hard=hard)
            assert query is not None
            assert not matching_labels(query, objects)


def test_phrases_use_known_words_only() -> None:
    rng = np.random.default_rng(0)
    for _ in range(200):
        phrase = in_template(phrase_for(query_about(RED_CIRCLE, rng), rng), rng)
        assert set(split_words(phrase)) <= known_words()


def test_negatives_are_outside_the_vocabulary_and_held_out_words_are_never_shown() -> None:
    known, words = known_words(), set(ordinary_words())
    assert len(words) > 400
    assert not words & known
    rng = np.random.default_rng(0)
    for _ in range(500):
        drawn = set(split_words(random_phrase(rng)))
        assert drawn - known
        assert not drawn & set(HELD_OUT_WORDS)


def test_the_vocabulary_document_lists_every_noun() -> None:
    words = set(vocabulary_document()["words"])
    assert {"nuclei", "triangle", "purple", "small"} <= words
    assert "elephant" not in words
