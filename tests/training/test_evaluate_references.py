"""Ranking of objects by references, with models whose answers are known."""

from __future__ import annotations

import numpy as np
import pytest

from napari_vlseg.events import run
from napari_vlseg.training.evaluate_references import (
    HELD_OUT,
    KNOWN,
    evaluate_references,
    object_auc,
)
from napari_vlseg.training.novel_pairs import generate_novel_pairs
from napari_vlseg.training.sample_objects import SAMPLES, sample_halves
from tests.fakes import BrightnessSegmenter


@pytest.fixture
def labels() -> np.ndarray:
    """Three objects in a row."""
    return np.repeat([[0, 1, 2, 3]], 2, axis=0)


@pytest.mark.parametrize(
    ("means", "expected"), [((0.9, 0.1, 0.2), 1), ((0.1, 0.5, 0.9), 0), ((0.5, 0.5, 0.1), 0.75)]
)
def test_the_share_of_pairs_in_the_right_order(
    labels: np.ndarray, means: tuple[float, ...], expected: float
) -> None:
    probability = np.array([0.99, *means])[labels]
    assert object_auc(probability, labels, [1], [2, 3]) == expected


def test_a_model_that_sees_brightness_alone_ranks_bright_things_only() -> None:
    report = run(evaluate_references(BrightnessSegmenter(), 2, size=64))
    assert list(report) == [KNOWN, HELD_OUT, *SAMPLES]
    assert report[KNOWN]["n"] == report[HELD_OUT]["n"] == 2
    assert report["galaxies"]["auc"] > 0.95
    assert report["stained tissue"]["auc"] < 0.5


@pytest.mark.parametrize("name", SAMPLES)
def test_background_patches_have_the_outlines_of_objects(name: str) -> None:
    _, half = sample_halves(name)
    labels, objects, patches = half.with_background_patches(np.random.default_rng(0))
    assert len(objects) >= 5
    assert len(patches) >= len(objects) / 3
    areas = np.bincount(labels.ravel())
    assert set(areas[patches]) <= set(areas[objects])
    assert half.empty[np.isin(labels, patches)].all()
    assert not half.empty[np.isin(labels, objects)].any()


def test_workers_do_not_change_the_pairs() -> None:
    alone, together = (generate_novel_pairs(3, 26, 64, workers) for workers in (1, 2))
    for first, second in zip(alone, together, strict=True):
        for one, other in zip(first, second, strict=True):
            np.testing.assert_array_equal(one.image, other.image)
