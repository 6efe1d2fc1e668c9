from __future__ import annotations

from pathlib import Path

from napari_vlseg.errors import ModelError
from napari_vlseg.events import Notice
from napari_vlseg.models import registry


def test_models_are_listed_with_what_they_need(cli):
    rows = {row["name"]: row for row in cli("models", "--json").document["models"]}
    assert {"vlseg-mini", "clipseg-rd64-refined", "clipseg-rd64", "clipseg-rd16"} <= rows.keys()
    mini = rows["vlseg-mini"]
    assert mini["prompts"] == ["text", "reference"]
    assert mini["default"]
    assert mini["source"] == "bundled"
    assert mini["size_mb"] <= 8
    assert isinstance(mini["present"], bool)
    assert rows["clipseg-rd64"]["licence"] == "Apache-2.0"


def test_the_table_has_every_name_in_full(cli):
    shown = cli("models").out
    assert all(spec.name in shown for spec in registry.specs())


def test_a_plugin_that_fails_is_a_notice(cli, monkeypatch):
    found = (registry.BUILT_IN, (Notice("The model “x” can't be used."),))
    monkeypatch.setattr(registry, "discover", lambda: found)
    done = cli("models", "--json")
    assert done.code == 0
    assert done.document["notices"] == ["The model “x” can't be used."]


def test_two_models_of_one_name_are_one_sentence(cli, monkeypatch):
    def fail():
        raise ModelError("Two models are named “x”: remove one.")

    monkeypatch.setattr(registry, "discover", fail)
    done = cli("models")
    assert done.code == 1
    assert done.err == "Error: Two models are named “x”: remove one.\n"


def test_one_model_is_shown_with_vocabulary_and_card(cli):
    document = cli("models", "vlseg-mini", "--json").document
    assert {"nuclei", "crack"} <= set(document["vocabulary"])
    assert "zeppelin" not in document["vocabulary"]
    assert document["licence"] == "BSD-3-Clause"
    assert document["card"]["text"].startswith("# vlseg-mini\n")
    assert Path(document["card"]["place"]).read_text("utf-8") == document["card"]["text"]
    shown = cli("models", "vlseg-mini").out
    assert document["card"]["place"] in shown
    assert "nuclei, nucleus" in shown
    assert "trained from scratch" in shown.replace("\n", " ")


def test_a_model_of_the_hub_is_shown_by_its_address(cli, monkeypatch):
    monkeypatch.setattr("napari_vlseg.models.hub.cached_folder", lambda repository: None)
    document = cli("models", "clipseg-rd64", "--json").document
    assert document["card"] == {"place": "https://huggingface.co/CIDAS/clipseg-rd64", "text": ""}
    assert not document["present"]
    assert "words    any" in cli("models", "clipseg-rd64").out


def test_an_unknown_model_names_the_others(cli):
    done = cli("models", "clip")
    assert done.code == 1
    assert "There is no model “clip”: choose vlseg-mini, sam-mini, clipseg-rd64-refined" in done.err
