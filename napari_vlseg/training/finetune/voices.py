"""How each class can be asked for: by its phrases, by its objects, by anything in between."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from napari_vlseg.errors import PromptError
from napari_vlseg.events import Progress, Work
from napari_vlseg.models.base import DenseSegmenter
from napari_vlseg.prompts import ClassPrompt, PromptTable, ReferencePrompt
from napari_vlseg.training.finetune.corrected import CorrectedPlane

MOST_SHOWN = 8
"""Objects of a class that are shown to the model as references."""


@dataclass(frozen=True, eq=False)
class ClassVoice:
    """The conditional vectors of a class.

    Attributes
    ----------
    name : str
    phrases : tuple of str
        The class name itself where the class has no phrase.
    text : numpy.ndarray, shape (projection_dim,), float32
        Of the phrases; where they are learned, what learning starts from.
    is_learned : bool
        Whether the model has no useful embedding of the phrases.
    shown : numpy.ndarray, shape (n, projection_dim), float32
        Of some of its objects, each as a reference.
    """

    name: str
    phrases: tuple[str, ...]
    text: np.ndarray = field(repr=False)
    is_learned: bool
    shown: np.ndarray = field(repr=False)


def class_voices(
    model: DenseSegmenter, table: PromptTable, planes: Sequence[CorrectedPlane], seed: int = 0
) -> Work[tuple[ClassVoice, ...]]:
    """The voices of all classes that have a corrected object.

    A phrase with a word that the model never saw is learned, starting from what the model sees
    in the objects themselves; a class without phrases is learned under its own name.

    Yields
    ------
    Progress

    Raises
    ------
    PromptError
        If no class of the table has a corrected object.
    """
    rng = np.random.default_rng(seed)
    rows = {row.name: row for row in table.rows}
    present = [name for name in rows if any(name in plane.objects.values() for plane in planes)]
    if not present:
        raise PromptError(
            "There is nothing to learn from yet: accept, correct or draw objects of a class first."
        )
    voices = []
    for done, name in enumerate(present):
        voices.append(_voice(model, table, rows[name], planes, rng))
        yield Progress("looking at what was corrected", done + 1, len(present))
    return tuple(voices)


def _voice(
    model: DenseSegmenter,
    table: PromptTable,
    row: ClassPrompt,
    planes: Sequence[CorrectedPlane],
    rng: np.random.Generator,
) -> ClassVoice:
    references = (*row.references, *_some_objects(row.name, planes, rng))
    shown = np.stack([_shown(model, table, reference) for reference in references])
    phrases = row.phrases or (row.name,)
    is_learned = not row.phrases or any(model.unknown_words(phrase) for phrase in phrases)
    text = shown.mean(axis=0) if is_learned else _text(model, table, phrases)
    return ClassVoice(row.name, phrases, text.astype(np.float32), is_learned, shown)


def _some_objects(
    name: str, planes: Sequence[CorrectedPlane], rng: np.random.Generator
) -> list[ReferencePrompt]:
    found = [
        (plane, label) for plane in planes for label, own in plane.objects.items() if own == name
    ]
    chosen = rng.permutation(len(found))[:MOST_SHOWN]
    return [
        ReferencePrompt.from_region(plane.plane, plane.labels == label)
        for plane, label in (found[number] for number in chosen)
    ]


def _shown(model: DenseSegmenter, table: PromptTable, reference: ReferencePrompt) -> np.ndarray:
    prompt = ClassPrompt("shown", references=(reference,))
    return model.condition(prompt, visual=table.visual)[0].vector


def _text(model: DenseSegmenter, table: PromptTable, phrases: tuple[str, ...]) -> np.ndarray:
    return model.condition(ClassPrompt("text", phrases=phrases), table.templates)[0].vector
