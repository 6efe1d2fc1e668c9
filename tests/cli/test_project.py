"""Making a project of a folder of images, and saying how far it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from napari_vlseg.corrections.worklist import WorklistFile


@pytest.fixture
def plate(tmp_path: Path) -> Path:
    folder = tmp_path / "plate"
    folder.mkdir()
    for name in "ab":
        tifffile.imwrite(folder / f"{name}.tif", np.zeros((8, 9), np.uint8))
    return folder


def test_a_folder_becomes_a_project(cli: Any, plate: Path, tmp_path: Path) -> None:
    made = cli("project", plate, "--out", tmp_path / "p", "--json")
    assert made.document["counts"] == {"new": 2, "in progress": 0, "done": 0, "skipped": 0}
    assert [image["name"] for image in made.document["images"]] == ["a.tif", "b.tif"]


def test_its_place_is_beside_the_folder(cli: Any, plate: Path) -> None:
    assert cli("project", plate).code == 0
    assert "stopped at   a.tif" in cli("status", plate.with_name("plate-vlseg")).out


def test_files_need_a_place(cli: Any, plate: Path) -> None:
    done = cli("project", plate / "a.tif")
    assert done.code == 1
    assert "--out" in done.err


def test_status_tells_how_far_it_is(cli: Any, plate: Path, tmp_path: Path) -> None:
    cli("project", plate, "--out", tmp_path / "p")
    WorklistFile(tmp_path / "p").change(lambda found: found.with_item(0, status="done"))
    tifffile.imwrite(plate / "c.tif", np.zeros((8, 9), np.uint8))
    told = cli("status", tmp_path / "p").out
    assert [line.split() for line in told.splitlines()[1:4]] == [
        ["images", "2"],
        ["new", "1"],
        ["done", "1"],
    ]
    assert "1 new in the folder" in told
    assert cli("project", plate, "--out", tmp_path / "p", "--json").document["counts"]["new"] == 2
    assert cli("status", tmp_path / "p", "--json").document["new_files"] == 0


def test_no_project_is_said(cli: Any, plate: Path) -> None:
    done = cli("status", plate)
    assert done.code == 1
    assert "is not a napari-vlseg project" in done.err
