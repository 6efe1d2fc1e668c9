"""Examples and batches: reproducible, and true to their labels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from napari_vlseg.training.augment import real_view, stretch_contrast
from napari_vlseg.training.batches import BatchShape, make_batch
from napari_vlseg.training.dsb2018 import load_images
from napari_vlseg.training.examples import ExampleSource, text_example
from napari_vlseg.training.references import reference_example
from napari_vlseg.training.scene_bank import SceneBank, generate_scenes


@pytest.fixture(scope="module")
def source(nuclei_folder: Path) -> ExampleSource:
    images = load_images(nuclei_folder, [f"image{n}" for n in range(12)])
    return ExampleSource(images, SceneBank.of(generate_scenes(0, 16, 80, 1)), 64)


def test_a_batch_depends_on_seed_and_step_alone(source: ExampleSource) -> None:
    shape = BatchShape(images=2, phrases=3, references=2)
    first, second = make_batch(source, shape, 0, 5), make_batch(source, shape, 0, 5)
    assert first.phrases == second.phrases
    assert torch.equal(first.pictures, second.pictures)
    assert torch.equal(first.masks, second.masks)
    assert first.phrases != make_batch(source, shape, 0, 6).phrases


def test_shapes_of_a_batch(source: ExampleSource) -> None:
    batch = make_batch(source, BatchShape(images=3, phrases=4, references=2), 0, 0)
    assert batch.pictures.shape == (5, 3, 64, 64)
    assert batch.masks.shape == (14, 64, 64)
    assert len(batch.phrases) == 14
    assert batch.image_of_prompt.tolist() == [0] * 4 + [1] * 4 + [2] * 4 + [0, 1]
    assert batch.dense_codes.shape == (3, 64, 64, 3)
    assert batch.pictures.min() >= 0
    assert batch.pictures.max() <= 1


def test_phrases_for_nuclei_ask_for_the_nuclei(source: ExampleSource) -> None:
    rng = np.random.default_rng(0)
    found = 0
    for _ in range(200):
        example = source.real(rng)
        prompt = text_example(example, rng)
        if prompt.phrase == "nuclei":
            np.testing.assert_array_equal(prompt.mask, example.labels > 0)
            found += 1
        if prompt.phrase == "background":
            np.testing.assert_array_equal(prompt.mask, example.labels == 0)
    assert found


def test_a_good_part_of_the_prompts_is_absent(source: ExampleSource) -> None:
    rng = np.random.default_rng(0)
    empty = [not text_example(source.scene(rng), rng).mask.any() for _ in range(300)]
    assert 0.2 < np.mean(empty) < 0.5


def test_references_show_what_their_mask_asks_for(source: ExampleSource) -> None:
    rng = np.random.default_rng(0)
    answers = []
    for _ in range(60):
        reference = reference_example(source.scene(rng), source, rng)
        assert reference.picture.shape == (64, 64, 3)
        assert reference.picture.max() > 0
        answers.append(reference.mask.any())
    assert 0.4 < np.mean(answers) < 1


def test_a_view_keeps_image_and_labels_together(nuclei_folder: Path) -> None:
    (image,) = load_images(nuclei_folder, ["image1"])
    rng = np.random.default_rng(0)
    brighter = []
    for _ in range(20):
        view = real_view(image, 64, rng, on_object=True)
        gray, inside = view.image.mean(axis=-1), view.labels > 0
        if view.look != "dark" and inside.any() and not inside.all():
            brighter.append(gray[inside].mean() > gray[~inside].mean())
    assert np.mean(brighter) > 0.9


def test_contrast_is_stretched_between_percentiles() -> None:
    ramp = np.linspace(50, 150, 1001)[np.newaxis]
    stretched = stretch_contrast(ramp, 10, 90)
    assert stretched.min() == 0
    assert stretched.max() == 1
    assert stretched[0, 500] == pytest.approx(0.5, abs=1e-3)


def test_workers_do_not_change_the_scenes() -> None:
    alone, together = generate_scenes(3, 60, 64, 1), generate_scenes(3, 60, 64, 2)
    for first, second in zip(alone, together, strict=True):
        np.testing.assert_array_equal(first.image, second.image)
