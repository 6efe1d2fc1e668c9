"""Which words a model has seen, so that a person is told when a phrase is out of its reach."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from napari_vlseg.errors import ModelError
from napari_vlseg.models.preprocessing import read_json_object

VOCABULARY_FILE = "vocabulary.json"
"""Beside the weights: a JSON object whose "words" lists lower-case words."""

_FUNCTION_WORDS = frozenset(
    ("a", "an", "and", "at", "by", "for", "from", "in", "of", "on", "or", "the", "to", "with")
)
_ENDINGS = (
    ("", "s"),
    ("", "es"),
    ("y", "ies"),
    ("us", "i"),
    ("um", "a"),
    ("on", "a"),
    ("is", "es"),
    ("a", "ae"),
    ("f", "ves"),
)


class Vocabulary:
    """Words that occurred in training.

    Parameters
    ----------
    words : iterable of str
        Empty where the model can't tell, as for models trained on web-scale text.
    """

    def __init__(self, words: Iterable[str] = ()) -> None:
        self._words = frozenset(word.lower() for word in words)

    @classmethod
    def from_folder(cls, folder: Path) -> Vocabulary:
        """Read ``vocabulary.json`` of a checkpoint; an empty vocabulary without one.

        Raises
        ------
        ModelError
            If the file is not of that format.
        """
        path = folder / VOCABULARY_FILE
        if not path.is_file():
            return cls()
        words = read_json_object(path).get("words")
        if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
            raise ModelError(
                f"{path} holds no list of words under “words”: take a fresh copy of the model."
            )
        return cls(words)

    @property
    def words(self) -> tuple[str, ...]:
        """The words in alphabetical order, without articles and prepositions."""
        return tuple(sorted(self._words - _FUNCTION_WORDS))

    def unknown_words(self, phrase: str) -> list[str]:
        """Words of a phrase that are in no form in the vocabulary, in order, each once.

        Singular and plural count as one word; articles and prepositions are never unknown.

        Examples
        --------
        >>> Vocabulary(["nuclei", "bright"]).unknown_words("a bright nucleus beside a quasar")
        ['beside', 'quasar']
        """
        if not self._words:
            return []
        words = dict.fromkeys(re.findall(r"[^\W_]+", phrase.lower()))
        return [w for w in words if w not in _FUNCTION_WORDS and not self._knows(w)]

    def _knows(self, word: str) -> bool:
        return not self._words.isdisjoint(_forms(word))


def _forms(word: str) -> set[str]:
    """The word with its possible singulars and plurals."""
    forms = {word}
    for singular, plural in _ENDINGS:
        for old, new in ((singular, plural), (plural, singular)):
            stem = word.removesuffix(old)
            if word.endswith(old) and len(stem) > 1:
                forms.add(stem + new)
    return forms
