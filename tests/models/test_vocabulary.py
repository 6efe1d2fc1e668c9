"""Words a model was trained with."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from napari_vlseg.errors import ModelError
from napari_vlseg.models.clipseg import ClipSegSegmenter
from napari_vlseg.models.vocabulary import VOCABULARY_FILE, Vocabulary
from napari_vlseg.models.weights import load_clipseg
from tests.models.tiny import save_checkpoint


@pytest.mark.parametrize(
    ("known", "asked"),
    [
        ("cell", "cells"),
        ("cells", "Cell"),
        ("nuclei", "nucleus"),
        ("mitochondrion", "mitochondria"),
        ("bacteria", "bacterium"),
        ("bodies", "body"),
        ("mitosis", "mitoses"),
        ("leaves", "leaf"),
        ("brushes", "brush"),
    ],
)
def test_singular_and_plural_are_one_word(known: str, asked: str) -> None:
    assert Vocabulary([known]).unknown_words(f"the {asked}") == []


def test_unknown_words_come_in_order_and_once() -> None:
    vocabulary = Vocabulary(["Red", "circle"])
    found = vocabulary.unknown_words("Zebra-like red quasar, zebra of 42 circles")
    assert found == ["zebra", "like", "quasar", "42"]


def test_words_of_any_script_are_words() -> None:
    assert Vocabulary(["nuclei"]).unknown_words("細胞 nuclei") == ["細胞"]


def test_a_model_without_a_vocabulary_does_not_judge(segmenter: ClipSegSegmenter) -> None:
    assert segmenter.unknown_words("anything at all") == []


def test_a_model_reads_the_vocabulary_beside_its_weights(tmp_path: Path) -> None:
    save_checkpoint(tmp_path)
    (tmp_path / VOCABULARY_FILE).write_text(json.dumps({"words": ["nuclei"]}))
    model = load_clipseg(tmp_path, "tiny", device="cpu")
    assert model.unknown_words("nuclei in a teapot") == ["teapot"]


@pytest.mark.parametrize("content", ['["nuclei"]', '{"words": "nuclei"}', '{"words": [1]}', "{"])
def test_a_broken_vocabulary_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / VOCABULARY_FILE).write_text(content)
    with pytest.raises(ModelError, match=VOCABULARY_FILE):
        Vocabulary.from_folder(tmp_path)
