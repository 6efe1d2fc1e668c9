"""Encoding ahead, and finding what was encoded."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile

from napari_vlseg.models import registry
from napari_vlseg.models.sam_weights import load_sam
from tests.models.tiny_sam import ZOOM, save_sam


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """The user's cache of encoded images, empty."""
    monkeypatch.delenv("NAPARI_VLSEG_CACHE_GB")
    monkeypatch.setenv("NAPARI_VLSEG_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def stack(tmp_path, scene):
    path = tmp_path / "stack.tif"
    planes = np.stack([scene[0], scene[0][::-1], scene[0][:, ::-1]])
    tifffile.imwrite(path, planes, ome=True, metadata={"axes": "ZYX"})
    return path


def test_segment_finds_what_was_encoded(cli, model, cells, folder, tmp_path):
    done = cli("encode", cells, "--json")
    assert done.code == 0
    assert done.document["cache"] == str(folder)
    (by_model,) = done.document["models"]
    assert by_model == {
        "model": "vlseg-mini",
        "images": [{"image": str(cells), "planes": 1, "computed": 1, "error": None}],
    }
    assert model.n_encoded == len(list(folder.iterdir())) == 1
    for _ in range(2):
        command = ["segment", cells, "-t", "bright", "--redo", "--out", tmp_path / "out"]
        assert cli(*command).code == 0
    assert tifffile.imread(tmp_path / "out" / "cells.tif").max() == 3
    again = cli("encode", cells, "--json").document["models"][0]["images"][0]
    assert (again["planes"], again["computed"]) == (1, 0)
    assert model.n_encoded == 1


def test_segment_keeps_what_it_encodes_unless_told_not_to(cli, model, cells, folder, tmp_path):
    def segment(*options):
        command = ["segment", cells, "-t", "bright", "--redo", "--out", tmp_path / "out"]
        assert cli(*command, *options).code == 0
        return model.n_encoded

    assert segment("--no-cache") == 1
    assert not folder.exists()
    assert (segment(), segment()) == (2, 2)
    assert (segment("--no-cache"), segment("--working-scale", "2")) == (3, 4)
    elsewhere = tmp_path / "project" / "embeddings"
    assert (segment("--cache", elsewhere), segment("--cache", elsewhere)) == (5, 5)
    assert (len(list(folder.iterdir())), len(list(elsewhere.iterdir()))) == (2, 1)


def test_all_planes_of_a_stack_are_encoded(cli, model, stack, tmp_path):
    assert cli("encode", stack, "--plane", "1").code == 0
    assert model.n_encoded == 1
    (image,) = cli("encode", stack, "--json").document["models"][0]["images"]
    assert (image["planes"], image["computed"]) == (3, 2)
    cli("segment", stack, "-t", "bright", "--plane", "2", "--out", tmp_path / "out")
    assert model.n_encoded == 3


def test_an_image_that_fails_is_named_and_the_others_are_encoded(cli, model, cells, tmp_path):
    bad = tmp_path / "bad.tif"
    bad.write_bytes(b"no image")
    done = cli("encode", bad, cells, "--json")
    assert done.code == 1
    first, second = done.document["models"][0]["images"]
    assert first["planes"] == 0
    assert str(bad) in done.err
    assert first["error"]
    assert (second["computed"], second["error"]) == (1, None)


def test_several_models_of_both_kinds(cli, cells, folder, tmp_path, model, monkeypatch):
    clicks = load_sam(save_sam(tmp_path / "sam", ZOOM), "tiny-sam", device="cpu")
    dense = registry.load_steps

    def load_steps(name, **options):
        found = yield from dense(name, **options)
        return clicks if name == "tiny-sam" else found

    monkeypatch.setattr(registry, "load_steps", load_steps)
    done = cli("encode", cells, "--model", "vlseg-mini", "--model", "tiny-sam", "--json")
    assert done.code == 0
    assert [entry["model"] for entry in done.document["models"]] == ["vlseg-mini", "tiny-sam"]
    listed = cli("cache", "--json").document["models"]
    assert {name: entry["planes"] for name, entry in listed.items()} == {
        "brightness": 1,
        "tiny-sam": 1,
    }


def test_a_folder_that_cannot_be_written_is_a_failure(cli, model, cells, tmp_path):
    done = cli("encode", cells, "--cache", cells / "cache")
    assert done.code == 1
    assert "can't be written" in done.err


def test_nothing_is_encoded_for_a_cache_that_is_off(cli, model, cells, monkeypatch):
    monkeypatch.setenv("NAPARI_VLSEG_CACHE_GB", "0")
    done = cli("encode", cells)
    assert done.code == 1
    assert "NAPARI_VLSEG_CACHE_GB" in done.err
    assert model.n_encoded == 0
    assert "switched off" in cli("cache").out


def test_the_cache_is_shown_and_cleared(cli, model, cells, folder):
    assert cli("cache", "--json").document == {
        "folder": str(folder),
        "limit_bytes": cli("cache", "--json").document["limit_bytes"],
        "bytes": 0,
        "planes": 0,
        "models": {},
        "deleted": 0,
    }
    cli("encode", cells)
    (file,) = folder.iterdir()
    shown = cli("cache").out
    assert str(folder) in shown
    assert "brightness" in shown
    assert cli("cache", "--json").document["bytes"] == file.stat().st_size
    cleared = cli("cache", "--clear", "--json").document
    assert (cleared["deleted"], cleared["planes"]) == (1, 0)
    assert list(folder.iterdir()) == []
