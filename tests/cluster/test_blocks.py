"""Blocks of a large image on two workers."""

from __future__ import annotations

import time

import numpy as np
import pytest

from napari_vlseg.errors import CacheError, ModelError
from napari_vlseg.events import Notice, run
from napari_vlseg.images import ImageView, SourceImage, extract_plane
from napari_vlseg.models.base import LatticeSegmenter
from napari_vlseg.models.registry import load, require_dense
from napari_vlseg.prompts import PromptTable, ReferencePrompt
from napari_vlseg.samples import load_sample
from napari_vlseg.workflow.blocks import grid
from napari_vlseg.workflow.blocks.segmenting import segment_blocks
from napari_vlseg.workflow.cache import EmbeddingCache
from napari_vlseg.workflow.distributed.blocks import DaskRunner
from napari_vlseg.workflow.distributed.models import prepare_steps
from napari_vlseg.workflow.distributed.recipes import ModelRecipe
from napari_vlseg.workflow.distributed.remote import remote_segmenter
from napari_vlseg.workflow.propose import propose

PROMPTS = PromptTable.build("nuclei")


@pytest.fixture
def source(monkeypatch):
    """Two planes of a mosaic, and blocks so small that there are several."""
    monkeypatch.setattr(grid, "BLOCK_SIDE", 256)
    sample, _ = load_sample("fluorescence")
    mosaic = np.block([[sample, sample.T], [sample[::-1], sample]])
    return SourceImage(np.stack([mosaic, mosaic[::-1]]), "mosaic", ImageView())


@pytest.fixture
def remote(cluster, mini):
    return remote_segmenter(cluster, mini)


def test_labels_are_those_of_the_local_run(cluster, mini, remote, source, tmp_path):
    local = run(segment_blocks(source, load("vlseg-mini"), PROMPTS, folder=tmp_path / "local"))
    runner = DaskRunner(cluster, mini)
    found = run(segment_blocks(source, remote, PROMPTS, folder=tmp_path / "cluster", runner=runner))
    np.testing.assert_array_equal(np.asarray(found.labels), np.asarray(local.labels))
    assert len(found.objects) == len(local.objects) > 50
    new = ["object_uid", "created_at"]
    assert found.objects.drop(columns=new).equals(local.objects.drop(columns=new))


def test_what_a_cluster_began_goes_on_locally_and_cancelling_is_quick(
    cluster, mini, remote, source, tmp_path
):
    runner = DaskRunner(cluster, mini)
    work = segment_blocks(source, remote, PROMPTS, folder=tmp_path, runner=runner)
    for event in work:
        if getattr(event, "stage", "") == "segmenting blocks" and event.done >= 3:
            break
    start = time.monotonic()
    work.close()
    assert time.monotonic() - start < 0.5
    assert not cluster.client.futures
    blocks = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.block")}
    assert len(blocks) >= 3
    run(segment_blocks(source, load("vlseg-mini"), PROMPTS, folder=tmp_path))
    assert {path: path.stat().st_mtime_ns for path in blocks} == blocks


def test_a_remote_model_answers_as_the_one_here(remote):
    image, truth = load_sample("fluorescence")
    plane = extract_plane(image)
    shown = ReferencePrompt.from_region(plane, truth == 3)
    prompts = PromptTable.build("nuclei=nuclei;-unicorn", {"nuclei": [shown]})
    cache, here = EmbeddingCache(), load("vlseg-mini")
    notices = []
    found = run(propose(require_dense(remote), plane, prompts, cache=cache), notices.append)
    local = run(propose(here, plane, prompts))
    np.testing.assert_array_equal(found.probabilities, local.probabilities)
    np.testing.assert_array_equal(found.labels, local.labels)
    assert found.thresholds == local.thresholds
    assert (found.notices, found.working_scale) == (local.notices, local.working_scale)
    assert [e.message for e in notices if isinstance(e, Notice)] == list(local.notices)
    assert len(cache) == 1
    assert isinstance(remote, LatticeSegmenter)
    assert remote.lattice((500, 400)) == here.lattice((500, 400))


def test_a_plane_whose_worker_is_lost_is_encoded_again(remote):
    plane = extract_plane(load_sample("fluorescence")[0])
    embedding = remote.encode(plane)
    wanted, _ = remote.condition(PROMPTS.rows[0])
    first = remote.predict(embedding, [wanted])
    remote._homes[embedding.key] = "tcp://127.0.0.1:1"  # nobody
    np.testing.assert_array_equal(remote.predict(embedding, [wanted]), first)
    with pytest.raises(CacheError, match="stays on"):
        remote.pack(embedding)


def test_click_models_take_no_text(cluster):
    clicks = run(prepare_steps(cluster, ModelRecipe.of("sam-mini")))
    with pytest.raises(ModelError, match="clicks and boxes"):
        remote_segmenter(cluster, clicks)
