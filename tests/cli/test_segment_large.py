"""Stacks and large images on the command line: blocks, OME-Zarr, and going on."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest
import tifffile
import zarr

from napari_vlseg.events import run
from napari_vlseg.images import read_image
from napari_vlseg.prompts import PromptTable
from napari_vlseg.workflow import selecting
from napari_vlseg.workflow.batch import segment_files
from napari_vlseg.workflow.jobs import plan_jobs
from napari_vlseg.workflow.selecting import Selection

BLOCKS = "probabilities/**/[0-9]*.block"


@pytest.fixture
def stack(tmp_path, scene):
    """Four planes with three discs each, shifted; 2 µm apart, 0.5 × 0.25 µm per pixel."""
    path = tmp_path / "stack.tif"
    planes = np.stack([np.roll(scene[0], 4 * number, axis=1) for number in range(4)])
    metadata = {"axes": "ZYX", "PhysicalSizeZ": 2.0, "PhysicalSizeZUnit": "µm"}
    metadata |= {"PhysicalSizeY": 0.5, "PhysicalSizeYUnit": "µm"}
    metadata |= {"PhysicalSizeX": 0.25, "PhysicalSizeXUnit": "µm"}
    tifffile.imwrite(path, planes, ome=True, metadata=metadata)
    return path


@pytest.fixture
def small_limit(monkeypatch):
    """Images of 96 pixels are large."""
    monkeypatch.setattr(selecting, "LARGEST_SIDE", 64)


def records(out):
    return json.loads((out / "proposals.json").read_text("utf-8"))


def test_all_planes_become_one_zarr_with_rows_for_each(cli, model, stack, tmp_path):
    out = tmp_path / "out"
    done = cli("segment", stack, "-t", "bright", "--planes", "all", "--json", "--out", out)
    assert done.code == 0
    written = read_image(out / "stack.ome.zarr")
    assert written.axes == "zyx"
    assert written.placement.scale == (2.0, 0.5, 0.25)
    labels = np.asarray(written.data[:])
    (image,) = done.document["images"]
    assert image["n_objects"] == len(records(out)) == len(np.unique(labels)) - 1
    assert image["coverage"] == pytest.approx(np.count_nonzero(labels) / labels.size)
    for record in records(out):
        rows, cols = np.nonzero(labels[int(record["plane"])] == record["label"])
        assert record["area"] == len(rows)
        assert record["bbox"] == [rows.min(), cols.min(), rows.max() + 1, cols.max() + 1]
    summary = pd.read_csv(out / "summary.csv")
    assert summary["plane"].tolist() == [0, 1, 2, 3]
    assert summary["count"].sum() == len(records(out))
    assert summary["area_total"].sum() == pytest.approx(0.125 * np.count_nonzero(labels))
    first = np.count_nonzero(labels[0])
    assert summary["coverage"][0] == pytest.approx(first / labels[0].size)
    assert pd.read_parquet(out / "objects.parquet")["plane"].nunique() == 4
    assert not list(out.glob("*.blocks"))


@pytest.mark.parametrize(("planes", "chosen"), [("0,3", [0, 3]), ("1-2", [1, 2]), ("2", [2])])
def test_some_planes(cli, model, stack, tmp_path, planes, chosen):
    out = tmp_path / "out"
    assert cli("segment", stack, "-t", "bright", "--planes", planes, "--out", out).code == 0
    if len(chosen) == 1:
        assert tifffile.imread(out / "stack.tif").max() == 3
    else:
        labels = np.asarray(read_image(out / "stack.ome.zarr").data[:])
        assert [n for n, plane in enumerate(labels) if plane.any()] == chosen


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--planes", "7"], "from 0 to 3"),
        (["--planes", "3-1"], "a range"),
        (["--planes", "all;all"], "1 leading axes"),
        (["--planes", "all", "--plane", "1"], "leave out one"),
        (["--planes", "all", "--refine", "sam-mini"], "leave out --refine"),
        (["--planes", "all", "--probabilities"], "leave out --probabilities"),
        (["--scale", "-1", "--plane", "0"], "micrometres"),
        (["--axes", "AB", "--plane", "0"], "AB"),
    ],
)
def test_choices_that_are_none(cli, model, stack, tmp_path, options, said):
    done = cli("segment", stack, "-t", "bright", "--out", tmp_path / "out", *options)
    assert done.code == 1
    assert said in done.err
    assert "--debug" not in done.err


def test_axes_and_scale_are_what_the_person_says(cli, model, scene, tmp_path):
    path, out = tmp_path / "two.tif", tmp_path / "out"
    tifffile.imwrite(path, np.stack([np.full_like(scene[0], 7), scene[0]]))
    options = ["--axes", "CYX", "--channel", "1", "--scale", "0.5,2"]
    assert cli("segment", path, "-t", "bright", "--out", out, *options).code == 0
    assert tifffile.imread(out / "two.tif").max() == 3
    assert read_image(out / "two.tif").pixel_size == (0.5, 2.0)
    summary = pd.read_csv(out / "summary.csv")
    assert summary["area_total"][0] == summary["area_px_total"][0]


def test_a_large_image_gives_the_labels_of_a_small_one(cli, model, cells, tmp_path, monkeypatch):
    command = ["segment", cells, "-t", "bright", "--json", "--out"]
    small = cli(*command, tmp_path / "small").document["images"][0]
    monkeypatch.setattr(selecting, "LARGEST_SIDE", 64)
    large = cli(*command, tmp_path / "large").document["images"][0]
    labels = np.asarray(zarr.open(tmp_path / "large" / "cells.ome.zarr", mode="r")["0"][:])
    np.testing.assert_array_equal(labels, tifffile.imread(tmp_path / "small" / "cells.tif"))
    assert [large[k] for k in ("classes", "coverage")] == [
        small[k] for k in ("classes", "coverage")
    ]
    one, other = records(tmp_path / "small"), records(tmp_path / "large")
    assert [r["bbox"] for r in one] == [r["bbox"] for r in other]
    again = cli(*command, tmp_path / "large").document["images"][0]
    assert again == {**large, "status": "kept"}


def test_labels_from_elsewhere_are_kept(cli, model, cells, tmp_path, small_limit):
    theirs = tmp_path / "out" / "cells.ome.zarr"
    zarr.create_array(theirs, shape=(2, 2), dtype="uint8")
    done = cli("segment", cells, "-t", "bright", "--out", tmp_path / "out")
    assert done.code == 1
    assert "not overwritten" in done.err
    assert zarr.open(theirs, mode="r").shape == (2, 2)


def test_an_image_is_never_overwritten_by_its_labels(cli, model, tmp_path, scene):
    image = zarr.create_array(tmp_path / "x.ome.zarr", shape=(96, 96), dtype="uint8")
    image[:] = scene[0]
    done = cli("segment", tmp_path / "x.ome.zarr", "-t", "bright", "--out", tmp_path)
    assert done.code == 1
    assert "would overwrite the input" in done.err


def test_labels_that_lost_a_chunk_are_made_anew(cli, model, stack, tmp_path):
    out = tmp_path / "out"
    command = ["segment", stack, "-t", "bright", "--planes", "all", "--json", "--out", out]
    cli(*command)
    chunk = next(p for p in (out / "stack.ome.zarr" / "0" / "c").rglob("*") if p.is_file())
    chunk.unlink()
    assert cli(*command).document["images"][0]["status"] == "done"
    assert chunk.exists()


def test_interrupting_tells_what_is_done_and_how_to_go_on(cli, model, stack, tmp_path, monkeypatch):
    predict, calls = model.predict_steps, []

    def once(*args, **kwargs):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return predict(*args, **kwargs)

    monkeypatch.setattr(model, "predict_steps", once)
    command = ["segment", stack, "-t", "bright", "--planes", "all", "--out", tmp_path / "out"]
    done = cli(*command)
    assert done.code == 130
    assert "2 of 4 blocks" in done.err
    assert "the same command goes on" in done.err
    assert cli(*command).code == 0
    assert len(calls) == 5  # the third once more, and the fourth


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="there is no kill -9 here")
def test_a_stack_that_was_killed_goes_on_with_its_blocks(stack, tmp_path):
    out = tmp_path / "out"
    program = (
        "import sys, time; from pathlib import Path; import tests.cli.test_segment_large as t\n"
        "work, _ = t.all_planes(Path(sys.argv[1]), Path(sys.argv[2]))\n"
        "for event in work: time.sleep(0.02)"
    )
    command = [sys.executable, "-c", program, str(stack), str(out)]
    waited = time.monotonic() + 60
    with subprocess.Popen(command) as killed:
        while len(list(out.rglob(BLOCKS))) < 2:
            assert time.monotonic() < waited
            time.sleep(0.01)
        killed.kill()
    done = len(list(out.rglob(BLOCKS)))
    assert 2 <= done < 4
    work, found = all_planes(stack, out)
    run(work)
    assert found.n_encoded == 4 - done
    assert (out / "stack.ome.zarr").is_dir()


def all_planes(image, out):
    from tests.fakes import BrightnessSegmenter

    found, prompts = BrightnessSegmenter(), PromptTable.build("bright")
    jobs = plan_jobs([image], out)
    return segment_files(jobs, found, prompts, selection=Selection(planes=(None,))), found


def test_small_images_come_before_large_ones(model, cells, stack, tmp_path):
    jobs = plan_jobs([stack, cells], tmp_path / "out")
    selection = Selection(planes=(None,))
    work = segment_files(jobs, model, PromptTable.build("bright"), selection=selection)
    outcomes = run(work)
    assert [outcome.status for outcome in outcomes] == ["done", "done"]
    assert (tmp_path / "out" / "cells.tif").exists()


@pytest.mark.parametrize(
    ("planes", "chosen"),
    [("1;0,2", [(1, 0), (1, 2)]), ("all;1", [(0, 1), (1, 1)]), ("all", None)],
)
def test_planes_of_two_leading_axes(cli, model, scene, tmp_path, planes, chosen):
    path, out = tmp_path / "movie.tif", tmp_path / "out"
    pixels = np.broadcast_to(scene[0], (2, 3, *scene[0].shape))
    tifffile.imwrite(path, pixels, ome=True, metadata={"axes": "TZYX"})
    done = cli("segment", path, "-t", "bright", "--planes", planes, "--out", out)
    assert done.code == 0
    written = read_image(out / "movie.ome.zarr")
    assert written.axes == "tzyx"
    labels = np.asarray(written.data[:])
    found = [index for index in np.ndindex(2, 3) if labels[index].any()]
    assert found == (chosen or list(np.ndindex(2, 3)))
    summary = pd.read_csv(out / "summary.csv", dtype={"plane": str})
    assert summary["plane"].tolist() == [f"{t},{z}" for t, z in found]


def test_classes_of_a_stack_have_one_row_for_all_planes(cli, model, stack, tmp_path):
    out = tmp_path / "out"
    options = ["--planes", "all", "--semantic", "--json", "--out", out]
    done = cli("segment", stack, "-t", "bright", "-t", "nothing", *options)
    labels = np.asarray(read_image(out / "stack.ome.zarr").data[:])
    assert np.unique(labels).tolist() == [0, 1]
    assert done.document["images"][0]["classes"] == {"bright": 1, "nothing": 0}
    summary = pd.read_csv(out / "summary.csv")
    assert summary["class"].tolist() == ["bright", "nothing"]
    assert summary["area_px_total"].tolist() == [np.count_nonzero(labels), 0]
    assert summary["coverage"][0] == pytest.approx(np.count_nonzero(labels) / labels.size)
