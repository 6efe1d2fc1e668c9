from __future__ import annotations

import json
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest
from skimage.io import imread, imsave

from napari_vlseg.events import Notice, Progress
from napari_vlseg.prompts import PromptTable
from napari_vlseg.workflow import run_tables
from napari_vlseg.workflow.batch import segment_files
from napari_vlseg.workflow.inputs import find_inputs
from napari_vlseg.workflow.jobs import plan_jobs
from napari_vlseg.workflow.outcomes import BatchLedger
from napari_vlseg.workflow.results_folder import JOURNAL_NAME
from tests.fakes import BrightnessSegmenter
from tests.workflow.killed_batch import segment_folder

N_IMAGES = 12
TABLES = ("summary", "objects")


@pytest.fixture
def images(tmp_path, scene):
    """Images that differ: ever more rows of the scene are dark."""
    folder = tmp_path / "images"
    folder.mkdir()
    for number in range(N_IMAGES):
        image = scene[0].copy()
        image[: 4 * number] = 40
        imsave(folder / f"{number}.png", image, check_contrast=False)
    return folder


def contents(out):
    """All that a run makes, without what is new each time: ids of objects."""
    labels = {path.name: imread(path) for path in out.glob("*.tif")}
    records = json.loads((out / "proposals.json").read_text("utf-8"))
    tables = {name: pd.read_csv(out / f"{name}.csv") for name in TABLES}
    frames = {f"{name}.parquet": pd.read_parquet(out / f"{name}.parquet") for name in TABLES}
    for record in records:
        del record["object_uid"]
    everything = tables | frames
    kept = {k: t.drop(columns="object_uid", errors="ignore") for k, t in everything.items()}
    return labels, records, kept


def assert_same(one, other):
    for first, second in zip(contents(one)[::2], contents(other)[::2], strict=True):
        assert first.keys() == second.keys()
        for name, value in first.items():
            if isinstance(value, np.ndarray):
                np.testing.assert_array_equal(value, second[name])
            else:
                pd.testing.assert_frame_equal(value, second[name])
    assert contents(one)[1] == contents(other)[1]


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="there is no kill -9 here")
def test_killed_in_mid_run_it_goes_on_and_ends_as_if_it_had_not_been(images, tmp_path):
    out, whole = tmp_path / "out", tmp_path / "whole"
    command = [sys.executable, "-m", "tests.workflow.killed_batch", str(images), str(out)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as killed:
        for line in killed.stdout:
            if f"stage='images', done={N_IMAGES // 2}" in line:
                killed.kill()
                break
    assert killed.returncode == -signal.SIGKILL
    complete = (out / JOURNAL_NAME).read_bytes().count(b"\n") - 1
    assert N_IMAGES // 2 <= complete < N_IMAGES

    outcomes = segment_folder(images, out)
    segment_folder(images, whole)
    assert [outcome.status for outcome in outcomes].count("kept") == complete
    assert_same(out, whole)


def test_a_torn_last_line_costs_its_image_alone(images, tmp_path):
    out, whole = tmp_path / "out", tmp_path / "whole"
    segment_folder(images, whole)
    segment_folder(images, out)
    journal = out / JOURNAL_NAME
    journal.write_bytes(journal.read_bytes()[:-20])
    outcomes = segment_folder(images, out)
    assert [outcome.status for outcome in outcomes].count("done") == 1
    assert_same(out, whole)


def test_a_folder_that_is_done_is_kept_and_costs_no_reading(images, tmp_path):
    out, notices = tmp_path / "out", []
    first = segment_folder(images, out)
    again = segment_folder(images, out, notices.append)
    assert {outcome.status for outcome in again} == {"kept"}
    assert [o.n_objects for o in again] == [o.n_objects for o in first]
    assert [o.coverage for o in again] == [o.coverage for o in first]
    assert {e.stage for e in notices if isinstance(e, Progress)} == {"images"}
    (notice,) = [event for event in notices if isinstance(event, Notice)]
    assert "--redo" in notice.message


def test_looking_for_what_is_done_can_be_cancelled_at_once(images, tmp_path, monkeypatch):
    out = tmp_path / "out"
    segment_folder(images, out)
    kept = BatchLedger.kept

    def slowly(*args):
        time.sleep(0.2)
        return kept(*args)

    monkeypatch.setattr(BatchLedger, "kept", slowly)
    found, _ = find_inputs([images], out)
    jobs = plan_jobs(found, out)
    work = segment_files(jobs, BrightnessSegmenter(), PromptTable.build("bright"))
    for _ in range(6):  # 12 images take 2.4 s
        start = time.monotonic()
        next(work)
        assert time.monotonic() - start < 0.5


def test_tables_are_written_anew_only_where_something_is_new(images, tmp_path):
    out = tmp_path / "out"
    segment_folder(images, out)
    before = (out / "summary.csv").stat().st_mtime_ns
    segment_folder(images, out)
    assert (out / "summary.csv").stat().st_mtime_ns == before
    (out / "objects.csv").unlink()
    segment_folder(images, out)
    assert (out / "objects.csv").exists()
    (images / "3.png").unlink()
    (out / "3.tif").unlink()
    segment_folder(images, out)
    assert "3.tif" not in pd.read_csv(out / "summary.csv")["labels"].tolist()


def test_an_image_or_labels_that_changed_are_done_again(images, tmp_path):
    out = tmp_path / "out"
    segment_folder(images, out)
    imsave(images / "3.png", np.zeros((50, 50), np.uint8), check_contrast=False)
    (out / "5.tif").unlink()
    shorter = (out / "7.tif").read_bytes()[:-1]
    (out / "7.tif").write_bytes(shorter)
    outcomes = segment_folder(images, out)
    assert [o.image.rsplit("/", 1)[-1] for o in outcomes if o.status == "done"] == [
        "3.png",
        "5.png",
        "7.png",
    ]


def test_tables_tell_of_classes_and_objects(images, tmp_path, monkeypatch):
    out = tmp_path / "out"
    segment_folder(images, out)
    summary, objects = (pd.read_csv(out / f"{name}.csv") for name in TABLES)
    assert list(summary) == list(run_tables.SUMMARY_COLUMNS)
    assert list(objects) == list(run_tables.OBJECTS_COLUMNS)
    assert len(summary) == N_IMAGES
    assert summary["count"].sum() == len(objects)
    for row in summary.itertuples():
        own = objects[objects["labels"] == row.labels]
        labels = imread(out / row.labels)
        assert row.area_px_total == own["area_px"].sum() == np.count_nonzero(labels)
        assert row.coverage == pytest.approx(np.count_nonzero(labels) / labels.size)
        assert row.count == 0 or row.score_mean == pytest.approx(own["score"].mean())
    assert summary["area_total"].isna().all()
    frame = pd.read_parquet(out / "objects.parquet")
    assert frame["area_px"].tolist() == objects["area_px"].tolist()

    monkeypatch.setattr(run_tables, "has_parquet", lambda: False)
    (out / "3.tif").unlink()
    segment_folder(images, out)
    assert sorted(path.suffix for path in out.glob("summary.*")) == [".csv"]


def test_areas_are_physical_where_pixels_have_a_size():
    assert run_tables.pixel_area((0.5, 0.25), "micron") == (0.125, "µm²")
    assert run_tables.pixel_area((2.0, 3.0), "nm")[0] == pytest.approx(6e-6)
    assert run_tables.pixel_area((2.0, 3.0), "ell") == (6.0, "ell²")
    assert run_tables.pixel_area((2.0, 3.0), "") == (None, None)
