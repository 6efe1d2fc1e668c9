"""Words the model must learn to answer with nothing: everyday ones and made-up ones."""

from __future__ import annotations

from functools import cache
from importlib import resources

import numpy as np

from napari_vlseg.training.scenes import PALETTE
from napari_vlseg.training.vocabulary import known_words

_HELD_OUT = """
elephant guitar pizza volcano umbrella ladder sofa zebra helicopter violin pumpkin castle
dolphin trumpet cactus penguin parachute lighthouse submarine accordion
"""
HELD_OUT_WORDS = tuple(_HELD_OUT.split())
"""Never shown in training: the evaluation asks for them to see that nothing lights up."""

_ONSET_LETTERS = """
b bl br c ch cl cr d dr f fl fr g gl gr h j k l m n p pl pr qu r s sc sh sk sl sm sn sp st
str sw t th tr tw v w wh y z
"""
_CODA_LETTERS = "b ck d f g k l ll m n nd ng nk nt p r rd rk rm rn s sh sk ss st t tch th v x z"
_ONSETS = _ONSET_LETTERS.split()
_VOWELS = ["a", "e", "i", "o", "u", "ai", "ea", "ee", "ie", "oa", "oo", "ou", "y"]
_CODAS = ["", "", *_CODA_LETTERS.split()]
_ENDINGS = ["", "", "s", "er", "ing", "ed", "al", "ly", "ium", "ous", "ic", "ation", "ia"]
_CODE_LETTERS = list("abcdefghijklmnopqrstuvwxyz0123456789")
_FOREIGN_LETTERS = (0x00C0, 0x0800)


def random_phrase(rng: np.random.Generator) -> str:
    """A word or two that mean nothing to the model: ordinary or made up, at times coloured."""
    words = ordinary_words()
    draw = rng.random()
    word = str(rng.choice(words)) if draw < 0.55 else nonsense_word(rng)
    if draw > 0.92:
        word = f"{rng.choice(words)} {word}"
    if rng.random() < 0.25:
        adjectives = [*PALETTE, "small", "large", "bright", "dark"]
        word = f"{rng.choice(adjectives)} {word}"
    return word + "s" if rng.random() < 0.1 and not word.endswith("s") else word


def nonsense_word(rng: np.random.Generator) -> str:
    """A pronounceable word of one to three syllables; now and then a code or other letters."""
    draw = rng.random()
    if draw < 0.06:
        codes = rng.integers(*_FOREIGN_LETTERS, rng.integers(2, 8))
        return "".join(chr(code) for code in codes)
    if draw < 0.12:
        return "".join(rng.choice(_CODE_LETTERS, rng.integers(2, 9)))
    syllables = [
        f"{rng.choice(_ONSETS)}{rng.choice(_VOWELS)}{rng.choice(_CODAS)}"
        for _ in range(rng.integers(1, 4))
    ]
    return "".join(syllables) + str(rng.choice(_ENDINGS))


@cache
def ordinary_words() -> tuple[str, ...]:
    """Everyday words outside the vocabulary, the held-out ones excluded."""
    path = resources.files("napari_vlseg.training").joinpath("ordinary_words.txt")
    known = known_words() | set(HELD_OUT_WORDS)
    return tuple(word for word in path.read_text(encoding="utf-8").split() if word not in known)
