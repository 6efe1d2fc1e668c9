"""``napari-vlseg finetune``: a project's corrections become an adapter that `segment` takes."""

from __future__ import annotations

from pathlib import Path

import pytest
import tifffile

from napari_vlseg.corrections.store import Project
from napari_vlseg.models.adapters import read_adapter
from napari_vlseg.training.finetune import preparing
from napari_vlseg.training.finetune.clicks import preparing as clicks_preparing
from napari_vlseg.training.finetune.clicks.replay import click_bank
from napari_vlseg.training.finetune.replay import replay_bank
from tests.training.finetune.helpers import WORD, corrected_project, scene

from .conftest import Command


@pytest.fixture(autouse=True)
def _short_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few painted scenes instead of dozens."""
    monkeypatch.setattr(
        clicks_preparing, "click_bank", lambda model, n, *seed, cache: click_bank(model, 4)
    )
    monkeypatch.setattr(
        preparing, "replay_bank", lambda model, n, seed: replay_bank(model, 2, seed)
    )


def test_corrections_become_an_adapter_that_segments(cli: Command, tmp_path: Path) -> None:
    project, out = corrected_project(tmp_path / "project"), tmp_path / "mine.safetensors"
    done = cli("finetune", project.folder, "--out", out, "--epochs", 1, "--json")
    assert done.code == 0, done.err
    card = done.document
    assert card["before"]["dice"][WORD] < card["after"]["dice"][WORD]
    assert [path.name for path in tmp_path.iterdir() if "training" in path.name] == []
    painted, _ = scene(7)
    tifffile.imwrite(tmp_path / "new.tif", painted.image, photometric="rgb")
    found = cli(
        "segment", tmp_path / "new.tif", "--text", WORD, "--model", out, "--out",
        tmp_path / "labels", "--json",
    )  # fmt: skip
    assert found.code == 0, found.err
    labels = tifffile.imread(next((tmp_path / "labels").glob("*.tif")))
    assert labels.any()


def test_a_person_reads_a_table(cli: Command, tmp_path: Path) -> None:
    project = corrected_project(tmp_path / "project")
    done = cli("finetune", project.folder, "-o", tmp_path / "a.safetensors", "--epochs", 1)
    assert done.code == 0
    assert "Dice after" in done.out
    assert WORD in done.out


def test_corrections_teach_a_click_model_too(cli: Command, tmp_path: Path) -> None:
    project, out = corrected_project(tmp_path / "project"), tmp_path / "clicks.safetensors"
    teach = ("finetune", project.folder, "--model", "sam-mini", "--out", out, "--epochs", 1)
    done = cli(*teach)
    assert done.code == 0, done.err
    assert "IoU after" in done.out
    assert "3 clicks" in done.out
    adapter = read_adapter(out)
    assert adapter.card["task"] == "clicks"
    assert adapter.card["trained"] == ["mask_decoder", "prompt_encoder"]
    painted, _ = scene(7)
    tifffile.imwrite(tmp_path / "new.tif", painted.image, photometric="rgb")
    segment = ("segment", tmp_path / "new.tif", "--text", "nuclei", "--out", tmp_path / "labels")
    found = cli(*segment, "--refine", out, "--json")
    assert found.code == 0, found.err
    records = (tmp_path / "labels" / "proposals.json").read_text()
    assert f"+{adapter.sha256[:8]}" in records, "what was outlined names the adapter"
    wrong = cli(*segment, "--model", out)
    assert "takes clicks and boxes" in wrong.err.replace("\n", " ")
    film = cli(*teach, "--method", "film")
    assert "does not suit click models" in film.err.replace("\n", " ")


def test_nothing_corrected_and_wrong_names_are_told(cli: Command, tmp_path: Path) -> None:
    project = Project.create(tmp_path / "project")
    empty = cli("finetune", project.folder, "-o", tmp_path / "a.safetensors")
    assert empty.code != 0
    assert "accept, correct or draw" in empty.err.replace("\n", " ")
    wrong = cli("finetune", project.folder, "-o", tmp_path / "a.txt")
    assert "let it end in" in wrong.err.replace("\n", " ")
