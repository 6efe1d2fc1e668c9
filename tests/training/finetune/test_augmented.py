"""Variants of corrected planes: alike, encoded once, used where they are at hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from napari_vlseg.events import run
from napari_vlseg.models.clipseg import ClipSegSegmenter
from napari_vlseg.models.registry import load
from napari_vlseg.training.finetune.augmented import encode_variants, encoded_variants, variant
from napari_vlseg.training.finetune.preparing import Course, prepare
from napari_vlseg.training.finetune.replay import ReplayBank
from napari_vlseg.training.finetune.settings import FinetuneSettings
from napari_vlseg.workflow.cache import EmbeddingCache

from .helpers import TABLE, corrected

PLANE = corrected(0, 100)
PLAIN = FinetuneSettings(replay_share=0, held_out_share=0)


@pytest.fixture(scope="module")
def model() -> ClipSegSegmenter:
    return load("vlseg-mini", device="cpu", precision="float32")


@pytest.fixture
def passes(model: ClipSegSegmenter, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Tiles of each pass of the vision tower."""
    counted: list[int] = []
    activations = model.network.activations

    def counting(tiles: np.ndarray) -> object:
        counted.append(len(tiles))
        return activations(tiles)

    monkeypatch.setattr(model.network, "activations", counting)
    return counted


def _course(
    model: ClipSegSegmenter, cache: EmbeddingCache | None, settings: FinetuneSettings
) -> Course:
    work = prepare(model, TABLE, [PLANE], settings, cache=cache, bank=ReplayBank.empty())
    return run(work)


def test_a_variant_moves_labels_with_pixels() -> None:
    red = replace(PLANE, plane=np.repeat((PLANE.labels > 0)[..., None], 3, 2).astype(np.float32))
    places = set()
    for number in range(9):
        changed = variant(red, number)
        inside = changed.labels > 0
        assert changed.plane[inside].min() > changed.plane[~inside].max()
        assert changed.plane.min() >= 0
        assert changed.plane.max() <= 1
        assert changed.objects == red.objects
        assert changed.reviewed.shape == changed.labels.shape
        places.add(changed.labels.tobytes())
        np.testing.assert_array_equal(variant(red, number).plane, changed.plane)
    assert len(places) == 7
    assert red.labels.tobytes() not in places
    assert not np.array_equal(variant(PLANE, 0).plane, variant(PLANE, 7).plane), "lit otherwise"


def test_variants_are_encoded_once_and_work_may_stop(
    model: ClipSegSegmenter, passes: list[int]
) -> None:
    cache = EmbeddingCache()
    stopped = encode_variants(model, [PLANE], cache, 3)
    while len(cache) < 1:
        next(stopped)
    stopped.close()
    assert len(list(encoded_variants(model, PLANE, cache, 3))) == 1
    assert run(encode_variants(model, [PLANE], cache, 3)) == 2
    n_passes = len(passes)
    assert run(encode_variants(model, [PLANE], cache, 3)) == 0
    assert len(passes) == n_passes
    for changed, embedding in encoded_variants(model, PLANE, cache, 3):
        assert embedding.key == model.embedding_key(changed.plane)


def test_training_takes_the_variants_that_are_there_and_runs_no_tower(
    model: ClipSegSegmenter, passes: list[int]
) -> None:
    cache = EmbeddingCache()
    alone = _course(model, cache, PLAIN)
    run(encode_variants(model, [PLANE], cache, 2))
    passes.clear()
    course = _course(model, cache, replace(PLAIN, augment=5))
    assert passes == []
    assert course.n_variants == 2
    assert len(course.training) == 3 * len(alone.training)
    assert len(course.measured) == len(alone.training), "measured on what the person saw"
    assert course.sha256 == alone.sha256
    assert _course(model, None, replace(PLAIN, augment=5)).n_variants == 0


def test_a_tower_that_learns_takes_all_variants(model: ClipSegSegmenter, passes: list[int]) -> None:
    course = _course(model, None, replace(PLAIN, method="lora", augment=3))
    assert passes == []
    assert course.n_variants == 3
    assert len(course.training.sets) == 4
    for tiles in course.training.sets:
        (pixels,) = tiles.activations
        assert pixels.shape == (len(tiles), 3, 128, 128)
