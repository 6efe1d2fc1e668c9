"""Queries: what a phrase asks for, which objects answer it, how it is worded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from napari_vlseg.training.scenes import KINDS, NOVEL, PALETTE, SceneObject
from napari_vlseg.training.vocabulary import (
    ANY_NOUNS,
    BARE_SHARE,
    BRIGHTNESS_WORDS,
    COLOUR_WORDS,
    CONFUSABLE_COLOURS,
    KIND_NOUNS,
    LOOKALIKES,
    NOVEL_LOOKALIKES,
    SIZE_WORDS,
    TEMPLATES,
)

_TRIES = 30
_FIRST_NOUN_SHARE = 0.4
_CALLED_CELLS_SHARE = 0.25


@dataclass(frozen=True)
class Query:
    """A conjunction of words; "" is a wildcard.

    Objects without a name have a kind that no query asks for.
    """

    kind: str = ""
    colour: str = ""
    size: str = ""
    brightness: str = ""

    def matches(self, thing: SceneObject) -> bool:
        """Whether every word that is given holds for the object."""
        return (
            self._names_kind_of(thing)
            and self.colour in ("", thing.colour)
            and self.size in ("", thing.size)
            and self.brightness in ("", thing.brightness)
        )

    def could_mean(self, thing: SceneObject) -> bool:
        """Whether a person might accept the object: `matches`, with similar kinds and colours."""
        if thing.kind == NOVEL and self.kind in NOVEL_LOOKALIKES:
            return True
        similar = frozenset((self.colour, thing.colour)) in CONFUSABLE_COLOURS
        colour = thing.colour if similar else self.colour
        kind = thing.kind if thing.kind in LOOKALIKES.get(self.kind, ()) else self.kind
        return Query(kind, colour, self.size, self.brightness).matches(thing)

    def _names_kind_of(self, thing: SceneObject) -> bool:
        """Where nothing but nuclei is visible, people call them cells."""
        bare_nucleus = thing.kind == "nuclei" and not thing.parent
        return self.kind in ("", thing.kind) or (self.kind == "cell" and bare_nucleus)


def matching_labels(query: Query, objects: Sequence[SceneObject]) -> list[int]:
    """Labels of the objects that answer a query."""
    return [thing.label for thing in objects if query.matches(thing)]


def is_absent(query: Query, objects: Sequence[SceneObject]) -> bool:
    """Whether no object answers the query, similar kinds and colours counted as answers."""
    return not any(query.could_mean(thing) for thing in objects)


def query_about(thing: SceneObject, rng: np.random.Generator) -> Query:
    """A query that the object answers: its kind, at times with colour, size or brightness.

    Objects without a name are asked for as objects, at times of their colour.
    """
    if thing.kind == NOVEL:
        return Query("", thing.colour if rng.random() < 0.5 else "")
    family, colour, size = KINDS[thing.kind].family, thing.colour, thing.size
    kind = thing.kind
    if kind == "nuclei" and not thing.parent and rng.random() < _CALLED_CELLS_SHARE:
        kind = "cell"
    draw = rng.random()
    if draw < 0.40:
        return Query(kind)
    if draw < 0.62 and colour:
        return Query(kind, colour)
    if draw < 0.70 and colour and family == "shape":
        return Query("", colour)
    if draw < 0.82 and size:
        return Query(kind, size=size)
    if draw < 0.90 and size and colour:
        return Query(kind, colour, size)
    if thing.brightness:
        return Query(kind, brightness=thing.brightness)
    return Query(kind)


def absent_query(
    objects: Sequence[SceneObject], rng: np.random.Generator, *, hard: bool
) -> Query | None:
    """A query that nothing answers; a hard one differs by one word from one that is answered."""
    for _ in range(_TRIES):
        if hard and objects:
            query = _one_word_off(query_about(objects[int(rng.integers(len(objects)))], rng), rng)
        else:
            colour = str(rng.choice(list(PALETTE))) if rng.random() < 0.5 else ""
            query = _meaningful(Query(str(rng.choice(KINDS.names)), colour))
        if is_absent(query, objects):
            return query
    return None


def _one_word_off(query: Query, rng: np.random.Generator) -> Query:
    kind, colour, size, brightness = query.kind, query.colour, query.size, query.brightness
    draw = rng.random()
    if kind and draw < 0.45:
        kind = str(rng.choice(KINDS.names))
    elif size and draw < 0.7:
        size = "small" if size == "large" else "large"
    elif brightness and draw < 0.85:
        brightness = "dark" if brightness == "bright" else "bright"
    else:
        colour = str(rng.choice(list(PALETTE)))
    return _meaningful(Query(kind, colour, size, brightness))


def _meaningful(query: Query) -> Query:
    """Leave out words that say nothing about the kind."""
    if not query.kind:
        return query
    kind = KINDS[query.kind]
    return Query(
        query.kind,
        query.colour if kind.coloured else "",
        query.size if kind.sized else "",
        query.brightness,
    )


def phrase_for(query: Query, rng: np.random.Generator) -> str:
    """The query in words, with synonyms drawn at random."""
    words = []
    if query.size:
        words.append(str(rng.choice(SIZE_WORDS[query.size])))
    if query.brightness:
        words.append(str(rng.choice(BRIGHTNESS_WORDS[query.brightness])))
    if query.colour:
        words.append(str(rng.choice(COLOUR_WORDS[query.colour])))
    words.append(_noun(query.kind, rng))
    return " ".join(words)


def _noun(kind: str, rng: np.random.Generator) -> str:
    nouns = KIND_NOUNS[kind] if kind else ANY_NOUNS
    if rng.random() < _FIRST_NOUN_SHARE:
        return nouns[0]
    return str(rng.choice(nouns))


def in_template(phrase: str, rng: np.random.Generator) -> str:
    """A phrase as people write it: bare, or inside a sentence."""
    if rng.random() < BARE_SHARE:
        return phrase
    return str(rng.choice(TEMPLATES)).format(phrase)
