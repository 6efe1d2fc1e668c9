"""The small byte-level tokenizer."""

from __future__ import annotations

from pathlib import Path

import pytest
from transformers import CLIPTokenizer

from napari_vlseg.training.tokenizer import MAX_LENGTH, build_tokenizer, training_corpus


@pytest.fixture(scope="module")
def tokenizer() -> CLIPTokenizer:
    return build_tokenizer(training_corpus())


@pytest.mark.parametrize("text", ["nuclei", "a photo of cell nuclei", "zürich 細胞 🦠", "x"])
def test_text_survives_the_round_trip(tokenizer: CLIPTokenizer, text: str) -> None:
    assert tokenizer.decode(tokenizer(text).input_ids, skip_special_tokens=True).strip() == text


def test_no_byte_reads_as_the_end_of_the_text(tokenizer: CLIPTokenizer) -> None:
    for code in [*range(0x21, 0x7F), *range(0xA1, 0x250), 0x4E2D, 0x1F9A0]:
        ids = tokenizer(f"{chr(code)}{chr(code)}").input_ids
        assert tokenizer.eos_token_id not in ids[:-1], hex(code)


def test_known_words_are_one_token_and_unknown_ones_several(tokenizer: CLIPTokenizer) -> None:
    assert len(tokenizer("nuclei").input_ids) == 3
    assert len(tokenizer("elephant").input_ids) > 4


def test_long_texts_are_truncated_on_demand(tokenizer: CLIPTokenizer) -> None:
    ids = tokenizer("nuclei " * 100, truncation=True).input_ids
    assert len(ids) == MAX_LENGTH
    assert ids[-1] == tokenizer.eos_token_id


def test_a_saved_tokenizer_reads_back_the_same(tokenizer: CLIPTokenizer, tmp_path: Path) -> None:
    tokenizer.save_pretrained(tmp_path)
    again = CLIPTokenizer.from_pretrained(tmp_path)
    text = "a micrograph of Purple nuclei, zürich"
    assert again(text).input_ids == tokenizer(text).input_ids
    assert tokenizer.eos_token_id != 2


def test_equal_corpora_give_equal_tokenizers(tokenizer: CLIPTokenizer) -> None:
    again = build_tokenizer(training_corpus()[::-1])
    assert again.get_vocab() == tokenizer.get_vocab()
