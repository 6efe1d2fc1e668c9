"""The words the bundled model knows.

`KIND_NOUNS` and the adjective tables define the vocabulary; `vocabulary_document`
is what ships beside the weights so that the product can tell a person when a
phrase lies outside of it.
"""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import Any

from napari_vlseg.training.scenes import PALETTE

KIND_NOUNS: MappingProxyType[str, tuple[str, ...]] = MappingProxyType(
    {
        "circle": ("circle", "circles", "disk", "disks", "disc", "discs", "round object"),
        "square": ("square", "squares", "box", "boxes"),
        "triangle": ("triangle", "triangles"),
        "ring": ("ring", "rings", "donut", "donuts"),
        "cross": ("cross", "crosses", "plus sign"),
        "star": ("star", "stars"),
        "blob": ("blob", "blobs", "patch", "patches"),
        "fibre": ("fibre", "fiber", "fibres", "fibers", "filament", "filaments", "thread", "hair"),
        "scratch": ("scratch", "scratches", "line", "lines", "straight line"),
        "crack": ("crack", "cracks", "fracture", "fractures"),
        "spots": ("spots", "spot", "dots", "dot", "specks", "puncta"),
        "bubble": ("bubble", "bubbles", "air bubble", "air bubbles"),
        "particles": ("particles", "particle", "grains", "grain", "crystals", "crystal"),
        "debris": ("debris", "dirt", "fragments", "fragment"),
        "nuclei": (
            "nuclei",
            "nucleus",
            "cell nuclei",
            "cell nucleus",
            "stained nuclei",
            "nuclear stain",
            "nuclear staining",
        ),
        "cell": ("cells", "cell", "whole cells", "whole cell", "cell bodies", "stained cells"),
        "vessel": ("vessel", "vessels", "blood vessel", "blood vessels", "branching vessels"),
        "membranes": ("membranes", "membrane", "cell membranes", "cell membrane", "cell borders"),
        "bacteria": ("bacteria", "bacterium", "rods", "rod"),
        "vesicles": ("vesicles", "vesicle"),
    }
)

ANY_NOUNS = ("object", "objects")

BACKGROUND_NOUNS = ("background", "the background", "empty background", "empty area")

SIZE_WORDS: MappingProxyType[str, tuple[str, ...]] = MappingProxyType(
    {"small": ("small", "tiny", "little"), "large": ("large", "big")}
)

BRIGHTNESS_WORDS: MappingProxyType[str, tuple[str, ...]] = MappingProxyType(
    {"bright": ("bright", "light"), "dark": ("dark",)}
)

COLOUR_WORDS: MappingProxyType[str, tuple[str, ...]] = MappingProxyType(
    {name: (name,) for name in PALETTE} | {"gray": ("gray", "grey"), "purple": ("purple", "violet")}
)

CONFUSABLE_COLOURS = frozenset(
    frozenset(pair)
    for pair in (
        ("white", "gray"),
        ("gray", "black"),
        ("red", "orange"),
        ("red", "pink"),
        ("pink", "purple"),
        ("orange", "yellow"),
        ("orange", "brown"),
        ("red", "brown"),
        ("brown", "black"),
        ("blue", "purple"),
        ("blue", "cyan"),
        ("green", "cyan"),
    )
)

LOOKALIKES: MappingProxyType[str, frozenset[str]] = MappingProxyType(
    {
        "circle": frozenset({"nuclei", "cell", "bubble", "blob", "spots", "vesicles"}),
        "square": frozenset({"particles"}),
        "triangle": frozenset({"particles"}),
        "ring": frozenset({"bubble", "cell", "vesicles"}),
        "blob": frozenset({"nuclei", "cell", "circle", "debris", "particles", "vesicles"}),
        "fibre": frozenset({"vessel", "membranes"}),
        "crack": frozenset({"vessel", "membranes"}),
        "spots": frozenset({"nuclei", "vesicles", "particles", "debris", "bacteria"}),
        "bubble": frozenset({"ring", "circle", "cell", "vesicles"}),
        "particles": frozenset(
            {"spots", "debris", "blob", "bacteria", "vesicles", "square", "triangle"}
        ),
        "debris": frozenset({"particles", "spots", "blob", "bacteria"}),
        "nuclei": frozenset({"circle", "blob", "spots", "vesicles", "bacteria"}),
        "cell": frozenset({"circle", "blob", "bubble", "vesicles", "bacteria", "membranes"}),
        "vessel": frozenset({"fibre", "crack", "membranes"}),
        "membranes": frozenset({"cell", "ring", "vessel", "vesicles", "bubble"}),
        "bacteria": frozenset({"nuclei", "cell", "blob", "spots", "debris"}),
        "vesicles": frozenset({"ring", "bubble", "circle", "spots", "cell", "nuclei"}),
    }
)
"""Kinds that a person might accept for another one."""

NOVEL_LOOKALIKES = frozenset(
    {"circle", "square", "blob", "spots", "bubble", "particles", "debris", "nuclei", "cell"}
    | {"bacteria", "vesicles"}
)
"""Kinds that a person might call an object that has no name."""

TEMPLATES = (
    "{}",
    "a {}",
    "the {}",
    "all {}",
    "all the {}",
    "every {}",
    "some {}",
    "a photo of a {}",
    "a photo of {}",
    "an image of {}",
    "an image of a {}",
    "a picture of {}",
    "a microscopy image of {}",
    "a microscope image of {}",
    "a micrograph of {}",
    "a fluorescence image of {}",
    "a fluorescence microscopy image of {}",
    "a histology image of {}",
    "a medical image of {}",
    "a phase contrast image of {}",
    "an electron microscopy image of {}",
    "{} in the image",
    "{} in a microscopy image",
    "{} under the microscope",
)
BARE_SHARE = 0.45


def known_words() -> frozenset[str]:
    """Lower-case words of every phrase the model is trained to answer."""
    tables = (KIND_NOUNS, SIZE_WORDS, BRIGHTNESS_WORDS, COLOUR_WORDS)
    phrases = [phrase for table in tables for values in table.values() for phrase in values]
    phrases += [*ANY_NOUNS, *BACKGROUND_NOUNS, *TEMPLATES]
    return frozenset(word for phrase in phrases for word in split_words(phrase))


def split_words(phrase: str) -> list[str]:
    """Lower-case words of a phrase."""
    return re.findall(r"\w+", phrase.lower())


def vocabulary_document() -> dict[str, Any]:
    """The vocabulary as plain data, for the file beside the weights."""
    return {
        "version": 1,
        "classes": {kind: list(nouns) for kind, nouns in KIND_NOUNS.items()},
        "any": list(ANY_NOUNS),
        "background": list(BACKGROUND_NOUNS),
        "colours": {name: list(words) for name, words in COLOUR_WORDS.items()},
        "sizes": {name: list(words) for name, words in SIZE_WORDS.items()},
        "brightness": {name: list(words) for name, words in BRIGHTNESS_WORDS.items()},
        "templates": list(TEMPLATES),
        "words": sorted(known_words()),
    }
