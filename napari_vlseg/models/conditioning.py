"""From a class prompt to the conditional vectors of the decoder, each part computed once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from napari_vlseg.errors import PromptError
from napari_vlseg.models.base import Conditional
from napari_vlseg.prompts import ClassPrompt, ReferencePrompt
from napari_vlseg.visual_prompts import VisualPromptSettings, engineer_visual_prompt

EncodeTexts = Callable[[Sequence[str]], np.ndarray]
EncodePictures = Callable[[np.ndarray], np.ndarray]


class PromptEncoder:
    """Turns prompts into conditional vectors and remembers the embeddings.

    Parameters
    ----------
    encode_texts : callable
        Texts → float32 (n, projection_dim).
    encode_pictures : callable
        Pictures, float32 (n, size, size, 3) in [0, 1] → float32 (n, projection_dim).
    size : int
        Side of a picture, in pixels.
    learned : mapping of str to numpy.ndarray, shape (projection_dim,), optional
        Phrases with embeddings of their own, the same under every template.
    """

    def __init__(
        self,
        encode_texts: EncodeTexts,
        encode_pictures: EncodePictures,
        size: int,
        learned: Mapping[str, np.ndarray] | None = None,
    ) -> None:
        self._encode_texts = encode_texts
        self._encode_pictures = encode_pictures
        self._size = size
        self._learned = {_plain(phrase): vector for phrase, vector in (learned or {}).items()}
        self._texts: dict[tuple[str, str], np.ndarray] = {}
        self._references: dict[tuple[str, VisualPromptSettings], np.ndarray] = {}

    def condition(
        self,
        prompt: ClassPrompt,
        templates: Sequence[str] = ("{}",),
        visual: VisualPromptSettings | None = None,
    ) -> tuple[Conditional, list[Conditional]]:
        """The conditional of a class, and one for each of its negative phrases.

        Embeddings are averaged over synonyms × templates and over references. Where both
        are given they are mixed as ``a·s + (1 − a)·t`` (Lüddecke & Ecker, CVPR 2022,
        arXiv 2112.10003, section 3), with ``a`` the prompt's `mix`.

        Parameters
        ----------
        prompt : ClassPrompt
        templates : sequence of str
            Each holds ``{}`` for the phrase.
        visual : VisualPromptSettings, optional
            How the surroundings of references are treated; the published values if omitted.

        Raises
        ------
        PromptError
            If the prompt has neither phrase nor reference, or there is no template.
        """
        if not templates:
            raise PromptError("There is no phrase template: choose at least “{}”.")
        self._embed_texts((*prompt.phrases, *prompt.negatives), templates)
        text = self._text_mean(prompt.phrases, templates) if prompt.phrases else None
        vectors = self._reference_vectors(prompt.references, visual)
        shown = np.mean(vectors, axis=0) if vectors else None
        own = Conditional(
            _mix(prompt, text, shown),
            prompt.describe(),
            prompt.references,
            prompt.mix if prompt.phrases else 1.0,
            float(np.mean([np.linalg.norm(vector) for vector in vectors])) if vectors else 0.0,
        )
        return own, [
            Conditional(self._text_mean((phrase,), templates), phrase)
            for phrase in prompt.negatives
        ]

    def _text_mean(self, phrases: Sequence[str], templates: Sequence[str]) -> np.ndarray:
        return np.mean([self._text(*key) for key in _keys(phrases, templates)], axis=0)

    def _text(self, phrase: str, template: str) -> np.ndarray:
        learned = self._learned.get(_plain(phrase))
        return self._texts[phrase, template] if learned is None else learned

    def has_learned(self, phrase: str) -> bool:
        """Whether a phrase has an embedding of its own."""
        return _plain(phrase) in self._learned

    def _embed_texts(self, phrases: Sequence[str], templates: Sequence[str]) -> None:
        """Embed what was not seen before, each text in a pass of its own.

        In a batch the last digits would depend on the other texts of it, that is on what was
        asked before: the same prompt would have other answers in another process.
        """
        for phrase, template in dict.fromkeys(_keys(phrases, templates)):
            if (phrase, template) not in self._texts and not self.has_learned(phrase):
                (vector,) = self._encode_texts([template.replace("{}", phrase)])
                self._texts[phrase, template] = vector

    def _reference_vectors(
        self, references: Sequence[ReferencePrompt], visual: VisualPromptSettings | None
    ) -> list[np.ndarray]:
        visual = VisualPromptSettings() if visual is None else visual
        return [self._reference_vector(reference, visual) for reference in references]

    def _reference_vector(
        self, reference: ReferencePrompt, visual: VisualPromptSettings
    ) -> np.ndarray:
        key = (reference.sha256, visual)
        if key not in self._references:
            image = np.divide(reference.image, 255, dtype=np.float32)
            picture = engineer_visual_prompt(image, reference.mask, self._size, visual)
            self._references[key] = self._encode_pictures(picture[np.newaxis])[0]
        return self._references[key]


def _keys(phrases: Sequence[str], templates: Sequence[str]) -> list[tuple[str, str]]:
    return [(phrase.strip(), template) for phrase in phrases for template in templates]


def _plain(phrase: str) -> str:
    return " ".join(phrase.lower().split())


def _mix(prompt: ClassPrompt, text: np.ndarray | None, shown: np.ndarray | None) -> np.ndarray:
    if text is not None and shown is not None:
        return np.asarray(prompt.mix * shown + (1 - prompt.mix) * text, np.float32)
    vector = shown if text is None else text
    if vector is None:
        raise PromptError(
            f"The class “{prompt.name}” has nothing to look for: give it a phrase or a reference."
        )
    return vector
