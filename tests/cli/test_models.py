from __future__ import annotations

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
