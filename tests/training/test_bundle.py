"""From a finished run to the folder that ships: defaults, split, report and card."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from napari_vlseg.events import run
from napari_vlseg.models import registry
from napari_vlseg.training.bundle import bundle
from napari_vlseg.training.bundle import main as bundle_main
from napari_vlseg.training.dsb2018 import read_index, split_by_group
from napari_vlseg.training.evaluate import main as evaluate_main
from napari_vlseg.training.pretrain import pretrain
from napari_vlseg.training.settings import PretrainSettings


@pytest.fixture(scope="module")
def folder(
    tiny_settings: PretrainSettings,
    nuclei_folder: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """A bundled tiny model that has hardly learned anything."""
    parent = tmp_path_factory.mktemp("bundle")
    run(pretrain(nuclei_folder, parent / "run", replace(tiny_settings, steps=2)))
    run(bundle(parent / "run", nuclei_folder, parent / "tiny", scenes=3))
    return parent / "tiny"


def test_the_product_loads_it_with_its_defaults(folder: Path) -> None:
    model = registry.load(str(folder), device="cpu")
    written = json.loads((folder / "vlseg.json").read_text())
    assert model.default_threshold == written["threshold"]
    assert written["working_scale"] == 1
    assert model.unknown_words("purple elephant") == ["elephant"]


def test_the_split_beside_it_is_the_split_it_was_trained_with(
    folder: Path, nuclei_folder: Path
) -> None:
    _, validation = split_by_group(read_index(nuclei_folder))
    assert json.loads((folder / "split.json").read_text())["validation"] == validation


def test_the_card_says_what_the_report_says(folder: Path) -> None:
    card = (folder / "README.md").read_text()
    report = json.loads((folder / "report.json").read_text())
    assert report["weights_sha256"] in card
    assert "CC0 1.0" in card
    for name, row in report["nuclei"]["present"].items():
        line = next(line for line in card.splitlines() if line.startswith(f"| {name} |"))
        assert f"{row['iou']:.3f}" in line


def test_evaluation_repeats_the_report(folder: Path, nuclei_folder: Path, tmp_path: Path) -> None:
    target = tmp_path / "again.json"
    data = ["--dsb2018", str(nuclei_folder), "--scenes", "3"]
    assert evaluate_main([*data, "--model", str(folder), "--json", str(target)]) == 0
    report = json.loads((folder / "report.json").read_text())
    assert json.loads(target.read_text())["nuclei"] == report["nuclei"]


def test_bad_folders_end_the_commands_with_one(folder: Path, tmp_path: Path) -> None:
    data = ["--dsb2018", str(tmp_path)]
    assert evaluate_main([*data, "--model", str(folder)]) == 1
    assert bundle_main([*data, "--run", str(tmp_path), "--to", str(tmp_path / "x")]) == 1


def test_a_refined_run_starts_from_the_average(
    tiny_settings: PretrainSettings, nuclei_folder: Path, tmp_path: Path
) -> None:
    short = replace(tiny_settings, steps=2)
    run(pretrain(nuclei_folder, tmp_path / "first", short))
    start = str(tmp_path / "first" / "checkpoint.pt")
    still = replace(short, start=start, rate=0.0)
    refined = run(pretrain(nuclei_folder, tmp_path / "second", still))
    weights = "model.safetensors"
    first = (tmp_path / "first" / "model" / weights).read_bytes()
    assert (refined / weights).read_bytes() == first
