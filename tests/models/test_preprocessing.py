"""Normalisation and resizing of planes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from transformers import ViTImageProcessor

from napari_vlseg.errors import ModelError
from napari_vlseg.models.preprocessing import Preprocessing, resize_channels, resize_plane


def write(folder: Path, name: str, **config: object) -> None:
    (folder / name).write_text(json.dumps(config))


def test_normalisation_equals_the_image_processor_of_transformers(tmp_path: Path) -> None:
    processor = ViTImageProcessor(
        size={"height": 24, "width": 24}, image_mean=[0.1, 0.5, 0.6], image_std=[0.3, 0.2, 0.4]
    )
    processor.save_pretrained(tmp_path)
    picture = np.random.default_rng(0).integers(0, 256, (24, 24, 3), np.uint8)
    expected = processor(picture, return_tensors="pt")["pixel_values"]
    ours = Preprocessing.from_folder(tmp_path, 99)
    assert ours.size == 24
    found = ours.normalize((picture / 255).astype(np.float32)[np.newaxis])
    np.testing.assert_allclose(found.numpy(), expected.numpy(), atol=1e-5)


@pytest.mark.parametrize("size", [64, {"height": 64, "width": 64}, {"shortest_edge": 64}])
def test_the_size_may_be_written_in_three_ways(tmp_path: Path, size: object) -> None:
    write(tmp_path, "preprocessor_config.json", size=size)
    assert Preprocessing.from_folder(tmp_path, 99).size == 64


def test_the_section_of_a_processor_configuration_is_read(tmp_path: Path) -> None:
    write(tmp_path, "processor_config.json", image_processor={"image_mean": [0.1, 0.2, 0.3]})
    found = Preprocessing.from_folder(tmp_path, 99)
    assert (found.size, found.mean) == (99, (0.1, 0.2, 0.3))


def test_normalisation_can_be_switched_off(tmp_path: Path) -> None:
    write(tmp_path, "preprocessor_config.json", do_normalize=False)
    pictures = np.random.default_rng(0).random((1, 8, 8, 3), np.float32)
    found = Preprocessing.from_folder(tmp_path, 8).normalize(pictures)
    np.testing.assert_array_equal(found.numpy(), pictures.transpose(0, 3, 1, 2))


@pytest.mark.parametrize(
    "config",
    [{"image_std": [0, 1, 1]}, {"image_mean": [0.5]}, {"size": "large"}, {"image_mean": 3}],
)
def test_a_broken_configuration_is_named(tmp_path: Path, config: dict[str, object]) -> None:
    write(tmp_path, "preprocessor_config.json", **config)
    with pytest.raises(ModelError, match="image-processor configuration"):
        Preprocessing.from_folder(tmp_path, 32)


def test_shrinking_averages_what_it_drops() -> None:
    board = np.indices((64, 64)).sum(axis=0) % 2
    small = resize_channels(board[np.newaxis].astype(np.float32), (16, 16))
    np.testing.assert_allclose(small[0, 2:-2, 2:-2], 0.5, atol=0.01)


def test_growing_is_linear_between_pixel_centres() -> None:
    ramp = np.tile(np.arange(8, dtype=np.float32), (8, 1))[np.newaxis]
    grown = resize_channels(ramp, (16, 16))[0]
    np.testing.assert_allclose(grown[:, 1:-1], np.tile(np.arange(14) / 2 + 0.25, (16, 1)))


def test_a_plane_of_the_right_size_is_left_alone() -> None:
    plane = np.random.default_rng(0).random((9, 7, 3), np.float32)
    np.testing.assert_array_equal(resize_plane(plane, (9, 7)), plane)
