from __future__ import annotations

import json

import pytest

from napari_vlseg.models.cards import ModelCard, read_card
from napari_vlseg.models.spec import ModelSpec
from napari_vlseg.models.vocabulary import Vocabulary


def test_the_summary_is_the_first_paragraph_on_one_line():
    card = ModelCard(text="# A model\n\n| a | table |\n\nIt finds\ncells.\n\nMore.\n")
    assert card.summary == "It finds cells."


def test_settings_of_the_hub_are_no_summary():
    text = "---\nlicense: mit\n\ntags:\n- vision\n---\n\n# A model\n\nIt finds cells.\n"
    assert ModelCard(text=text).summary == "It finds cells."


@pytest.mark.parametrize("text", ["", "# Only a title\n"])
def test_a_card_without_a_paragraph_has_no_summary(text):
    assert ModelCard(text=text).summary == ""


def test_what_lies_in_the_cache_is_read(tmp_path, monkeypatch):
    (tmp_path / "vocabulary.json").write_text(json.dumps({"words": ["Cells", "the", "bright"]}))
    monkeypatch.setattr("napari_vlseg.models.hub.cached_folder", lambda repository: tmp_path)
    spec = ModelSpec("one", "One", ("text",), "MIT", 1.0, "hub", repo_id="someone/one")
    without = read_card(spec)
    assert (without.place, without.text) == ("https://huggingface.co/someone/one", "")
    assert without.words == ("bright", "cells")
    (tmp_path / "README.md").write_text("# One\n\nIt finds “cells”.\n", "utf-8")
    assert read_card(spec).place == str(tmp_path / "README.md")
    assert read_card(spec).summary == "It finds “cells”."


def test_a_plugin_has_no_card():
    assert read_card(ModelSpec("mine", "Mine", ("text",), "MIT", 1.0)) == ModelCard()


def test_a_vocabulary_lists_its_words_without_articles():
    assert Vocabulary(["Spots", "a", "of", "bright"]).words == ("bright", "spots")
