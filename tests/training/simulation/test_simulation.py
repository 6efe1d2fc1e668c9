"""The simulated annotator: what it corrects, what is learned from it, how that is told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_vlseg.errors import SettingsError
from napari_vlseg.events import run
from napari_vlseg.models.registry import load
from napari_vlseg.training.finetune.settings import FinetuneSettings
from napari_vlseg.training.simulation.annotator import annotate
from napari_vlseg.training.simulation.learning import Point, score_objects, simulate_learning
from napari_vlseg.training.simulation.pools import NOVEL_WORD, TrueImage, nuclei_pool, painted_pool
from napari_vlseg.training.simulation.summary import means, plot


def _image(name: str, n_objects: int) -> TrueImage:
    labels = np.zeros((20, 12 * n_objects), np.int32)
    for number in range(n_objects):
        labels[5:12, 12 * number + 2 : 12 * number + 9] = number + 1
    return TrueImage(name, name, np.zeros((*labels.shape, 3), np.float32), labels)


def test_the_annotator_stops_at_its_budget() -> None:
    images = [_image("a", 3), _image("b", 4), _image("c", 5)]
    planes = annotate(images, [2, 0, 1], 7, "cell")
    assert [plane.name for plane in planes] == ["c", "a"]
    assert [len(plane.objects) for plane in planes] == [5, 2]
    assert planes[0].reviewed.all(), "a finished image counts everywhere"
    begun = planes[1]
    left = [v for v in (1, 2, 3) if v not in begun.objects]
    assert not begun.reviewed[images[0].labels == left[0]].any(), "nobody looked at it"
    assert len(annotate(images, [0], 99, "cell")) == 1
    few = annotate(images, [2, 0, 1], 7, "cell", per_image=3)
    assert [len(plane.objects) for plane in few] == [3, 3, 1]


def test_a_score_counts_what_was_missed() -> None:
    truth = _image("a", 4).labels
    assert score_objects(truth, truth) == (1.0, 1.0)
    half = np.where(truth <= 2, truth, 0)
    assert score_objects(truth, half) == (0.5, 0.5)
    assert score_objects(np.zeros_like(truth), np.zeros_like(truth)) == (1.0, 1.0)


def test_what_was_corrected_makes_the_model_better() -> None:
    pool = painted_pool(1, n_work=3, n_test=2)
    assert pool.class_name == NOVEL_WORD
    model = load("vlseg-mini", device="cpu", precision="float32")
    settings = FinetuneSettings(epochs=2, steps=8, batch=6, replay_scenes=2)
    work = simulate_learning(
        model, pool, budgets=(6,), orders=("random",), seeds=(0,), settings=settings
    )
    points = run(work)
    assert [(point.arm, point.budget) for point in points] == [
        ("none", 0),
        ("random", 6),
        ("all objects", -1),
    ]
    assert points[1].n_objects == 6
    assert points[2].n_objects > 6
    assert points[0].dice == 0, "the base model has never heard the word"
    assert points[1].dice > 0.1


def test_seeds_become_a_mean_with_its_interval(tmp_path: Path) -> None:
    points = [Point("random", seed, 5, 5, 0.5 + 0.1 * seed, 0.8) for seed in range(3)]
    points.append(Point("none", 0, 0, 0, 0.1, 0.2))
    first, base = means(points)
    assert first.ap50 == pytest.approx(0.6)
    assert first.ap50_half == pytest.approx(2.92 * 0.1 / 3**0.5, rel=1e-3)
    assert np.isnan(base.ap50_half)
    pytest.importorskip("matplotlib")
    plot(points, "a title", tmp_path / "a.png")
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


def test_an_unknown_staining_is_refused(nuclei_folder: Path) -> None:
    with pytest.raises(SettingsError, match="no images of"):
        nuclei_pool(nuclei_folder, "green")


def test_a_staining_that_no_training_saw_is_split_by_slide(nuclei_folder: Path) -> None:
    pool = nuclei_pool(nuclei_folder, "fluorescence", unseen=True)
    work, test = ({image.group for image in side} for side in (pool.work, pool.test))
    assert work
    assert test
    assert not work & test
    assert len(pool.work) + len(pool.test) == 6
    assert len(pool.work) >= len(pool.test)
