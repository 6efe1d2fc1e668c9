"""Averages, mixing, negatives and the caches of prompt embeddings."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from napari_vlseg.errors import PromptError
from napari_vlseg.models.conditioning import PromptEncoder
from napari_vlseg.prompts import ClassPrompt, ReferencePrompt
from napari_vlseg.visual_prompts import VisualPromptSettings

SIZE = 16


class CountingTowers:
    """Embeds a text by its length and first letter, a picture by its mean; counts the calls."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.n_pictures = 0

    def encode_texts(self, texts: Sequence[str]) -> np.ndarray:
        self.texts += texts
        return np.array([[len(text), ord(text[0])] for text in texts], np.float32)

    def encode_pictures(self, pictures: np.ndarray) -> np.ndarray:
        self.n_pictures += len(pictures)
        means = pictures.mean(axis=(1, 2, 3))
        return np.stack([means, -means], axis=1).astype(np.float32)


@pytest.fixture
def towers() -> CountingTowers:
    return CountingTowers()


@pytest.fixture
def encoder(towers: CountingTowers) -> PromptEncoder:
    return PromptEncoder(towers.encode_texts, towers.encode_pictures, SIZE)


def reference(brightness: float) -> ReferencePrompt:
    image = np.full((20, 20, 3), brightness, np.float32)
    return ReferencePrompt.from_region(image, np.ones((20, 20), bool))


def test_synonyms_and_templates_are_averaged(encoder: PromptEncoder) -> None:
    own, negatives = encoder.condition(ClassPrompt("c", ("ab", "abcd")), ("{}", "x {}"))
    lengths, letters = [2, 4, 4, 6], [ord("a"), ord("x"), ord("a"), ord("x")]
    np.testing.assert_allclose(own.vector, [np.mean(lengths), np.mean(letters)])
    assert own.vector.dtype == np.float32
    assert negatives == []


def test_each_negative_is_a_conditional_of_its_own(encoder: PromptEncoder) -> None:
    own, negatives = encoder.condition(ClassPrompt("c", ("ab",), ("z", "yyy")))
    np.testing.assert_allclose(own.vector, [2, ord("a")])
    assert [negative.vector[0] for negative in negatives] == [1, 3]
    assert [negative.description for negative in negatives] == ["z", "yyy"]


@pytest.mark.parametrize("mix", [0.0, 0.3, 1.0])
def test_text_and_reference_are_mixed(encoder: PromptEncoder, mix: float) -> None:
    shown = (reference(0.8),)
    text, _ = encoder.condition(ClassPrompt("c", ("ab",), mix=mix))
    picture, _ = encoder.condition(ClassPrompt("c", references=shown, mix=mix))
    both, _ = encoder.condition(ClassPrompt("c", ("ab",), references=shown, mix=mix))
    np.testing.assert_allclose(text.vector, [2, ord("a")])
    np.testing.assert_allclose(
        both.vector, mix * picture.vector + (1 - mix) * text.vector, rtol=1e-6
    )


def test_references_are_averaged(encoder: PromptEncoder) -> None:
    one, two = reference(0.2), reference(0.6)
    alone = [encoder.condition(ClassPrompt("c", references=(r,)))[0].vector for r in (one, two)]
    both, _ = encoder.condition(ClassPrompt("c", references=(one, two)))
    np.testing.assert_allclose(both.vector, np.mean(alone, axis=0), rtol=1e-6)


def test_a_conditional_remembers_its_references_and_their_share(encoder: PromptEncoder) -> None:
    shown = (reference(0.8),)
    (text, (negative,)) = encoder.condition(ClassPrompt("c", ("ab",), ("z",)))
    picture, _ = encoder.condition(ClassPrompt("c", references=shown, mix=0.2))
    both, _ = encoder.condition(ClassPrompt("c", ("ab",), references=shown, mix=0.2))
    assert text.references == negative.references == ()
    assert picture.references == both.references == shown
    assert (picture.reference_share, both.reference_share) == (1.0, 0.2)
    assert text.reference_length == 0
    length = pytest.approx(np.linalg.norm(picture.vector))
    assert picture.reference_length == both.reference_length == length


def test_nothing_is_embedded_twice(encoder: PromptEncoder, towers: CountingTowers) -> None:
    prompt = ClassPrompt("c", ("ab", "ab "), ("z",), (reference(0.5),))
    for mix in (0.1, 0.9):
        encoder.condition(
            ClassPrompt("c", prompt.phrases, prompt.negatives, prompt.references, mix)
        )
    assert sorted(towers.texts) == ["ab", "z"]
    assert towers.n_pictures == 1
    encoder.condition(prompt, ("the {}",))
    encoder.condition(prompt, visual=VisualPromptSettings(context=0.5))
    assert sorted(towers.texts) == ["ab", "the ab", "the z", "z"]
    assert towers.n_pictures == 2


def test_each_text_is_embedded_alone(towers: CountingTowers) -> None:
    """Else its last digits would depend on what was asked before."""
    together: list[int] = []

    def encode_texts(texts: Sequence[str]) -> np.ndarray:
        together.append(len(texts))
        return towers.encode_texts(texts)

    encoder = PromptEncoder(encode_texts, towers.encode_pictures, SIZE)
    encoder.condition(ClassPrompt("a", ("one", "two"), ("three",)), ("{}", "a {}"))
    assert together == [1] * 6


def test_an_empty_prompt_is_named(encoder: PromptEncoder) -> None:
    with pytest.raises(PromptError, match="nothing to look for"):
        encoder.condition(ClassPrompt("c", negatives=("z",)))


def test_missing_templates_are_named(encoder: PromptEncoder) -> None:
    with pytest.raises(PromptError, match="template"):
        encoder.condition(ClassPrompt("c", ("ab",)), ())
