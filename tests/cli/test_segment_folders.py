"""Folders and patterns on the command line, and how a run goes on."""

from __future__ import annotations

import json

import pandas as pd
import pytest
from skimage.io import imsave

from napari_vlseg.workflow import outcomes


@pytest.fixture
def plate(tmp_path, scene):
    """Two wells with images of the same names, and things that are no images."""
    for well in ("A1", "B1"):
        folder = tmp_path / "plate" / well
        folder.mkdir(parents=True)
        for number in (10, 2):
            imsave(folder / f"{number}.png", scene[0], check_contrast=False)
    (tmp_path / "plate" / "A1" / "readme.md").write_text("not an image")
    return tmp_path / "plate"


def summary(out):
    return pd.read_csv(out / "summary.csv")


def test_a_pattern_is_mirrored_below_the_folder_of_labels(cli, model, plate, tmp_path):
    out = tmp_path / "out"
    done = cli("segment", f"{plate}/**/*", "-t", "bright", "--json", "--out", out)
    assert done.code == 0
    names = ["A1/2.tif", "A1/10.tif", "B1/2.tif", "B1/10.tif"]
    assert summary(out)["labels"].tolist() == names
    assert all((out / name).is_file() for name in names)
    assert [n for n in done.document["notices"] if "readme.md" in n]
    records = json.loads((out / "proposals.json").read_text("utf-8"))
    assert [record["labels"] for record in records[::3]] == names


def test_a_second_call_goes_on_and_redo_begins_anew(cli, model, plate, tmp_path):
    command = ["segment", plate / "A1", "-t", "bright", "--out", tmp_path / "out"]
    cli(*command)
    assert model.n_encoded == 2
    assert cli(*command).code == 0
    assert model.n_encoded == 2
    cli(*command, "--redo")
    assert model.n_encoded == 4
    cli(*command, "--min-size", "20")  # another question
    assert model.n_encoded == 6
    cli(*command, "--probabilities", "--min-size", "20")  # files that are not there yet
    assert model.n_encoded == 8


def test_everything_goes_on_too(cli, model, cells, tmp_path):
    command = ["segment", cells, "--everything", "--json", "--out", tmp_path / "out"]
    statuses = [cli(*command).document["images"][0]["status"] for _ in range(2)]
    assert statuses == ["done", "kept"]


def test_a_file_in_a_folder_that_is_no_image_is_told_of_once(cli, model, plate, tmp_path):
    for name in ("3.png", "4.png"):
        (plate / "A1" / name).write_text("no picture")
    out = tmp_path / "out"
    done = cli("segment", plate / "A1", "-t", "bright", "--json", "--out", out)
    assert done.code == 0
    (notice,) = [text for text in done.document["notices"] if "can't be read" in text]
    assert "3.png, 4.png" in notice
    rows = summary(out)
    assert rows[rows["status"] == "unreadable"]["image"].str[-5:].tolist() == ["3.png", "4.png"]
    named = cli("segment", plate / "A1", plate / "A1" / "3.png", "-t", "bright", "--out", out)
    assert named.code == 1


def test_an_image_that_is_mended_loses_its_error(cli, model, plate, scene, tmp_path):
    broken, out = plate / "A1" / "3.png", tmp_path / "out"
    broken.write_text("no picture")
    command = ["segment", plate / "A1", "-t", "bright", "--out", out]
    cli(*command)
    assert summary(out)["status"].tolist().count("unreadable") == 1
    imsave(broken, scene[0], check_contrast=False)
    cli(*command)
    assert summary(out)["status"].tolist() == ["done"] * 3


@pytest.mark.parametrize("name", ["summary.csv", "objects.parquet", "run.jsonl"])
def test_files_from_elsewhere_are_not_replaced(cli, model, cells, tmp_path, name):
    out = tmp_path / "out"
    out.mkdir()
    (out / name).write_text("mine")
    done = cli("segment", cells, "-t", "bright", "--out", out)
    assert done.code == 1
    assert name in done.err
    assert [path.name for path in out.iterdir()] == [name]
    assert (out / name).read_text() == "mine"


def test_without_parquet_the_remedy_is_told(cli, model, cells, tmp_path, monkeypatch):
    monkeypatch.setattr(outcomes, "has_parquet", lambda: False)
    done = cli("segment", cells, "-t", "bright", "--out", tmp_path / "out")
    assert done.code == 0
    assert "napari-vlseg[tables]" in done.err


def test_records_of_a_version_without_journals_are_kept(cli, model, cells, scene, tmp_path):
    other, out = tmp_path / "other.png", tmp_path / "out"
    imsave(other, scene[0], check_contrast=False)
    cli("segment", other, "-t", "bright", "--out", out)
    for path in out.iterdir():
        if path.name not in ("other.tif", "proposals.json"):
            path.unlink()
    before = json.loads((out / "proposals.json").read_text("utf-8"))
    cli("segment", cells, "-t", "bright", "--out", out)
    after = json.loads((out / "proposals.json").read_text("utf-8"))
    assert [record for record in after if record["labels"] == "other.tif"] == before
    assert summary(out)["labels"].tolist() == ["cells.tif", "other.tif"]


def test_areas_are_physical(cli, model, cells, tmp_path):
    cli("segment", cells, "-t", "bright", "--out", tmp_path / "out")
    (row,) = summary(tmp_path / "out").to_dict("records")
    assert row["area_unit"] == "µm²"
    assert row["area_total"] == pytest.approx(0.5 * 0.25 * row["area_px_total"])
    assert row["area_median"] == pytest.approx(0.5 * 0.25 * row["area_px_median"])
