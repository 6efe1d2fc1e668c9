"""``segment --refine`` and ``segment --everything``."""

from __future__ import annotations

import json

import numpy as np
import pytest
import tifffile

from napari_vlseg.metrics import average_precision
from napari_vlseg.proposals import OUTLINE_COLUMNS
from napari_vlseg.workflow.records import RECORD_KEYS


def records(folder):
    return json.loads((folder / "proposals.json").read_text("utf-8"))


def test_objects_found_by_text_are_outlined_by_the_click_model(cli, model, cells, scene, tmp_path):
    out = tmp_path / "out"
    done = cli("segment", cells, "-t", "bright", "--refine", "sam-mini", "--out", out)
    assert done.code == 0
    assert average_precision(scene[1], tifffile.imread(out / "cells.tif"), 0.95) == 1
    for record in records(out):
        assert tuple(record) == (*RECORD_KEYS, *OUTLINE_COLUMNS)
        assert record["model"] == "brightness@1 + knowing@1"
        assert record["refine_score"] == 0.9
        assert record["outline"] == "knowing@1"


def test_everything_needs_no_prompt(cli, model, cells, scene, tmp_path):
    out = tmp_path / "out"
    done = cli("segment", cells, "--everything", "--json", "--out", out)
    assert done.code == 0
    assert done.document["images"][0]["classes"] == {"object": 3}
    assert done.document["model"] == "knowing@1"
    labels = tifffile.imread(out / "cells.tif")
    assert average_precision(scene[1], labels, 0.95) == 1
    assert {record["prompt"] for record in records(out)} == {"everything"}


def test_with_everything_the_threshold_is_a_score(cli, model, cells, tmp_path):
    for threshold, found in ((0.89, 3), (0.91, 0)):
        out = tmp_path / str(threshold)
        done = cli(
            "segment", cells, "--everything", "--threshold", threshold, "--json", "--out", out
        )
        assert done.document["images"][0]["n_objects"] == found


@pytest.mark.parametrize(
    "options",
    [
        ("--text", "bright"),
        ("--reference", "a.tif:b.tif"),
        ("--semantic",),
        ("--refine", "sam-mini"),
        ("--working-scale", "1"),
        ("--no-edges",),
    ],
)
def test_what_everything_has_no_use_for_is_refused(cli, model, cells, tmp_path, options):
    done = cli("segment", cells, "--everything", *options, "--out", tmp_path / "out")
    assert done.code == 1
    assert options[0].replace("--no-", "--") in done.err
    assert "leave out one of the two" in done.err
    assert not (tmp_path / "out").exists()


def test_classes_can_not_be_outlined_one_by_one(cli, model, cells, tmp_path):
    options = ("-t", "bright", "--semantic", "--refine", "sam-mini")
    done = cli("segment", cells, *options, "--out", tmp_path / "out")
    assert done.code == 1
    assert "choose instances" in done.err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "options",
    [
        ("-t", "bright", "--refine", "vlseg-mini"),
        ("--everything", "--model", "vlseg-mini"),
    ],
)
def test_a_text_model_is_refused_where_clicks_are_asked_for(cli, model, cells, tmp_path, options):
    done = cli("segment", cells, *options, "--out", tmp_path / "out")
    assert done.code == 1
    assert "not clicks" in done.err
    assert "sam-mini" in done.err


def test_the_maps_of_everything_hold_the_scores(cli, model, cells, tmp_path):
    out = tmp_path / "out"
    cli("segment", cells, "--everything", "--probabilities", "--out", out)
    maps = tifffile.imread(out / "cells_probabilities.tif")
    labels = tifffile.imread(out / "cells.tif")
    np.testing.assert_allclose(maps.reshape(labels.shape), np.where(labels > 0, 0.9, 0))
