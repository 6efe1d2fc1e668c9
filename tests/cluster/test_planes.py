"""Images of a folder on two workers: the labels of the local run, also when one is killed."""

from __future__ import annotations

import json
import time

import numpy as np
import pytest
import torch
from skimage.io import imread, imsave

from napari_vlseg.events import Notice, run
from napari_vlseg.models.registry import load
from napari_vlseg.prompts import PromptTable
from napari_vlseg.samples import load_sample
from napari_vlseg.workflow.batch import segment_files, write_proposals
from napari_vlseg.workflow.distributed.planes import DaskPlanes
from napari_vlseg.workflow.distributed.worker import loaded
from napari_vlseg.workflow.inputs import find_inputs
from napari_vlseg.workflow.jobs import plan_jobs
from napari_vlseg.workflow.plane_tasks import TextQuestion

N_IMAGES = 12
QUESTION = TextQuestion(PromptTable.build(["nuclei", "unicorn"]))


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    folder = tmp_path_factory.mktemp("images")
    sample, _ = load_sample("fluorescence")
    for number in range(N_IMAGES):
        imsave(folder / f"{number}.png", np.roll(sample, 9 * number, axis=0), check_contrast=False)
    (folder / "broken.png").write_text("no image")
    return folder


@pytest.fixture(scope="module")
def local(images, tmp_path_factory):
    """Labels and records as this process makes them."""
    out = tmp_path_factory.mktemp("local")
    run(segment_files(jobs(images, out), load("vlseg-mini"), QUESTION.prompts))
    return out


def jobs(images, out, **options):
    return plan_jobs(find_inputs([images], out)[0], out, **options)


def assert_same(out, local):
    assert sorted(p.name for p in out.glob("*.tif")) == sorted(p.name for p in local.glob("*.tif"))
    for path in local.glob("*.tif"):
        np.testing.assert_array_equal(imread(path), imread(out / path.name))
    one, other = (json.loads((f / "proposals.json").read_text("utf-8")) for f in (out, local))
    for record in (*one, *other):
        del record["object_uid"]
    assert one == other
    assert one


def test_two_workers_give_what_one_process_gives(cluster, mini, images, local, tmp_path):
    notices = []
    work = write_proposals(jobs(images, tmp_path / "out"), QUESTION, DaskPlanes(cluster, [mini]))
    outcomes = run(work, lambda e: notices.append(e.message) if isinstance(e, Notice) else None)
    assert [outcome.status for outcome in outcomes].count("done") == N_IMAGES
    assert_same(tmp_path / "out", local)
    assert any("“unicorn”" in text for text in notices)
    assert any("broken.png" in text for text in notices)


def test_what_a_cluster_has_done_is_kept_by_a_local_run(cluster, mini, images, tmp_path):
    planned = jobs(images, tmp_path / "out")[:2]
    run(write_proposals(planned, QUESTION, DaskPlanes(cluster, [mini])))
    outcomes = run(segment_files(planned, load("vlseg-mini"), QUESTION.prompts))
    assert [outcome.status for outcome in outcomes] == ["kept", "kept"]


def test_a_model_is_loaded_once_by_each_worker(cluster, mini, images, tmp_path):
    planned = jobs(images, tmp_path / "out")
    cluster.client.run(loaded.cache_clear)
    run(write_proposals(planned, QUESTION, DaskPlanes(cluster, [mini])))
    loads = cluster.client.run(how_often_loaded)
    assert len(loads) == 2
    assert set(loads.values()) == {1}


def how_often_loaded():
    return loaded.cache_info().misses


@pytest.mark.slow
def test_a_worker_that_is_killed_costs_no_image(machines, cluster, mini, images, local, tmp_path):
    planned = jobs(images, tmp_path / "out")
    work = write_proposals(planned, QUESTION, DaskPlanes(cluster, [mini]))
    for event in work:
        is_due = getattr(event, "stage", "") == "images" and event.done == 4
        if is_due and len(machines.workers) == 2:
            machines.kill_worker()
    assert len(machines.workers) == 1
    machines.start_worker()
    assert_same(tmp_path / "out", local)


def test_cancelling_takes_effect_at_once_and_leaves_nothing_behind(cluster, mini, images, tmp_path):
    work = write_proposals(jobs(images, tmp_path / "out"), QUESTION, DaskPlanes(cluster, [mini]))
    longest = 0.0
    for _ in range(5):
        start = time.monotonic()
        next(work)
        longest = max(longest, time.monotonic() - start)
    start = time.monotonic()
    work.close()
    assert time.monotonic() - start < 0.5
    assert longest < 0.5
    assert not cluster.client.futures


def test_probabilities_come_along_where_they_are_asked_for(cluster, mini, images, tmp_path):
    planned = jobs(images, tmp_path / "out", probabilities=True)[:1]
    run(write_proposals(planned, QUESTION, DaskPlanes(cluster, [mini])))
    model = load("vlseg-mini")
    again = jobs(images, tmp_path / "local", probabilities=True)[:1]
    run(segment_files(again, model, QUESTION.prompts))
    name = planned[0].probabilities.name
    maps = imread(tmp_path / "out" / name)
    np.testing.assert_array_equal(maps, imread(tmp_path / "local" / name))


def test_tasks_compute_with_as_many_threads_as_this_process(cluster, mini):
    assert mini.threads == torch.get_num_threads()
    assert mini.info.precision != "auto"
    assert mini.recipe.precision == mini.info.precision
