"""Every model for text and references keeps the same promises, whatever its architecture."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import napari_vlseg
from napari_vlseg.errors import ImageError, PromptError
from napari_vlseg.models.base import Conditional, DenseSegmenter, PackedEmbedding
from napari_vlseg.prompts import ClassPrompt
from tests.models.tiny import save_checkpoint

WIDE, TALL = (45, 80), (90, 37)
WORDS = ("cells", "nuclei", "yeast")
KINDS: dict[str, dict[str, Any]] = {
    "clipseg": {},
    "clipseg with a finer decoder": {"use_complex_transposed_convolution": True},
}
"""What a folder's configuration says beyond the usual."""


@pytest.fixture(scope="module", params=KINDS)
def source(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_checkpoint(tmp_path_factory.mktemp("dense"), **KINDS[request.param])


@pytest.fixture(scope="module")
def model(source: Path) -> DenseSegmenter:
    return napari_vlseg.load_model(str(source), device="cpu", precision="float32")


def plane_of(shape: tuple[int, int] = WIDE) -> np.ndarray:
    return np.random.default_rng(0).random((*shape, 3), np.float32)


def asked(model: DenseSegmenter, *words: str) -> list[Conditional]:
    return [model.condition(ClassPrompt("objects", (word,)))[0] for word in words]


@pytest.mark.parametrize("shape", [WIDE, TALL])
def test_each_prompt_gives_a_map_of_the_plane(
    model: DenseSegmenter, shape: tuple[int, int]
) -> None:
    assert isinstance(model, DenseSegmenter)
    embedding = model.encode(plane_of(shape))
    maps = model.predict(embedding, asked(model, *WORDS))
    assert embedding.shape == shape
    assert maps.shape == (len(WORDS), *shape)
    assert maps.dtype == np.float32
    assert 0 <= maps.min() < maps.max() <= 1
    assert np.abs(maps[0] - maps[1]).max() > 1e-3


def test_many_prompts_are_answered_as_each_alone(model: DenseSegmenter) -> None:
    embedding = model.encode(plane_of())
    together = model.predict(embedding, asked(model, *WORDS))
    for word, found in zip(WORDS, together, strict=True):
        (alone,) = model.predict(embedding, asked(model, word))
        np.testing.assert_allclose(found, alone, atol=1e-5)


def test_the_same_question_has_the_same_answer(model: DenseSegmenter, source: Path) -> None:
    again = napari_vlseg.load_model(str(source), device="cpu", precision="float32")
    first, second = (m.predict(m.encode(plane_of()), asked(m, *WORDS)) for m in (model, again))
    np.testing.assert_allclose(first, second, atol=1e-6)
    assert model.encode(plane_of()).key == again.embedding_key(plane_of())


def test_rows_and_columns_stay_apart(model: DenseSegmenter) -> None:
    """A bright band along the top changes the map there, not along the left."""
    dark, bright = plane_of() * 0.1, plane_of() * 0.1
    bright[:6] = 1
    changes = np.abs(
        np.subtract(
            *(model.predict(model.encode(p), asked(model, "cells"))[0] for p in (dark, bright))
        )
    )
    assert changes[:8].mean() > 1.2 * changes[20:].mean()


def test_a_packed_embedding_answers_as_before(model: DenseSegmenter) -> None:
    plane = plane_of()
    embedding = model.encode(plane)
    packed = model.pack(embedding)
    stored = PackedEmbedding(
        packed.key,
        {name: values.clone() for name, values in packed.tensors.items()},
        json.loads(json.dumps(packed.meta)),
    )
    restored = model.unpack(stored, plane)
    assert restored.key == embedding.key == model.embedding_key(plane)
    found, wanted = (model.predict(e, asked(model, *WORDS)) for e in (restored, embedding))
    np.testing.assert_array_equal(found, wanted)


def test_half_precision_says_nearly_the_same(model: DenseSegmenter, source: Path) -> None:
    half = napari_vlseg.load_model(str(source), device="cpu", precision="bfloat16")
    found, wanted = (m.predict(m.encode(plane_of()), asked(m, "cells")) for m in (half, model))
    np.testing.assert_allclose(found, wanted, atol=0.05)


def test_what_does_not_fit_is_refused(model: DenseSegmenter) -> None:
    with pytest.raises(ImageError, match=r"\(4, 4\)"):
        model.encode(np.zeros((4, 4), np.float32))
    with pytest.raises(PromptError):
        model.predict(model.encode(plane_of()), [])
