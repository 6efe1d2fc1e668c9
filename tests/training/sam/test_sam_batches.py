"""Batches are a function of seed and step, and prompts fit the masks they ask for."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_vlseg.training.sam.batches import SamBatch, ViewSource, make_batch
from napari_vlseg.training.sam.settings import PIXEL_MEAN, SamBatchShape
from napari_vlseg.training.sam.views import LabelledImage, ViewShape, from_scene, random_view
from napari_vlseg.training.scenes import generate_scene

SHAPE = SamBatchShape(images=3, objects=2, real_share=0.5)
VIEW = ViewShape(32, 16, PIXEL_MEAN)


def _image_with_disks(kind: str = "fluorescence") -> LabelledImage:
    """Two bright disks, one of them in a ring of another label, on a dark plane."""
    rows, cols = np.indices((60, 90))
    labels = np.zeros((60, 90), np.int32)
    labels[np.hypot(rows - 20, cols - 25) <= 9] = 1
    labels[np.hypot(rows - 40, cols - 65) <= 14] = 2
    labels[np.hypot(rows - 40, cols - 65) <= 6] = 3
    image = np.repeat(np.where(labels > 0, 180, 20).astype(np.uint8)[..., None], 3, axis=-1)
    boxes = np.array([[11, 16, 30, 35], [26, 51, 55, 80], [34, 59, 47, 72]])
    members = ((1,), (2, 3), (3,))
    areas = np.array([np.isin(labels, parts).sum() for parts in members])
    return LabelledImage(image, labels, members, boxes, areas, kind)


@pytest.fixture(scope="module")
def source() -> ViewSource:
    scenes = [from_scene(generate_scene(seed, size=80)) for seed in range(4)]
    return ViewSource([_image_with_disks()], scenes, VIEW)


def _tensors(batch: SamBatch) -> tuple[torch.Tensor, ...]:
    return batch.pictures, batch.masks, batch.points, batch.boxes, batch.hidden


def test_equal_seeds_and_steps_give_equal_batches(source: ViewSource) -> None:
    first, again = make_batch(source, SHAPE, 3, 7), make_batch(source, SHAPE, 3, 7)
    assert all(torch.equal(a, b) for a, b in zip(_tensors(first), _tensors(again), strict=True))
    other = make_batch(source, SHAPE, 3, 8)
    assert not torch.equal(first.pictures, other.pictures)


def test_the_parts_fit_each_other(source: ViewSource) -> None:
    batch = make_batch(source, SHAPE, 0, 0)
    assert batch.pictures.shape == (3, 3, 32, 32)
    assert batch.masks.shape == (6, 16, 16)
    assert (batch.points.shape, batch.boxes.shape) == ((6, 2), (6, 4))
    assert float(batch.pictures.min()) >= 0
    assert float(batch.pictures.max()) <= 1
    assert float(batch.masks.min()) >= 0
    assert float(batch.masks.max()) <= 1


def test_clicks_lie_on_their_masks(source: ViewSource) -> None:
    for step in range(10):
        batch = make_batch(source, SHAPE, 0, step)
        for mask, (row, col) in zip(batch.masks, batch.points, strict=True):
            assert mask[int(row / 2), int(col / 2)] > 0.5


def test_a_cell_includes_its_nucleus() -> None:
    image = _image_with_disks()
    rng = np.random.default_rng(0)
    sizes = {float(random_view(image, VIEW, 1, rng).masks[0].mean()) for _ in range(20)}
    assert len(sizes) > 5
    cell = np.isin(image.labels, image.members[1])
    assert cell[40, 65]


def test_boxes_are_tight_around_the_masks() -> None:
    rng = np.random.default_rng(1)
    for _ in range(20):
        view = random_view(_image_with_disks(), VIEW, 2, rng)
        for mask, box in zip(view.masks, view.boxes, strict=True):
            rows, cols = np.nonzero(mask > 0.5)
            edges = np.array([rows.min(), cols.min(), rows.max() + 1, cols.max() + 1]) * 2
            assert np.abs(edges - box).max() <= 3


def test_bright_disks_are_bright_where_their_masks_are() -> None:
    rng = np.random.default_rng(2)
    agreements = []
    for _ in range(30):
        view = random_view(_image_with_disks(), VIEW, 4, rng)
        gray = view.image.mean(axis=-1).reshape(16, 2, 16, 2).mean(axis=(1, 3))
        union = view.masks.max(axis=0)
        if 0.1 < union.mean() < 0.9:
            agreements.append(abs(np.corrcoef(gray.ravel(), union.ravel())[0, 1]))
    assert len(agreements) > 10
    assert np.median(agreements) > 0.85


def test_views_know_how_much_of_an_object_they_leave_out() -> None:
    image, rng = _image_with_disks(), np.random.default_rng(0)
    views = [random_view(image, VIEW, 1, rng) for _ in range(80)]
    shown = np.array([float(view.shown[0]) for view in views])
    assert ((shown > 0) & (shown <= 1)).all()
    assert (shown == 1).any()
    assert (shown < 0.7).any()
    for view in views:
        touches = view.masks[0][[0, -1]].any() or view.masks[0][:, [0, -1]].any()
        assert view.shown[0] == 1 or touches
