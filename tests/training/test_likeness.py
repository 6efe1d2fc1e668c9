"""Likeness of patches: low where kinds of object are told apart, in words or not."""

from __future__ import annotations

import numpy as np
import torch

from napari_vlseg.training.examples import Example
from napari_vlseg.training.likeness import likeness_loss, look_groups
from napari_vlseg.training.scenes import SceneObject

PATCH = 8


def two_images() -> torch.Tensor:
    """Kinds 1 and 2 in the corners of two images of 4 × 4 patches."""
    groups = torch.zeros(2, 32, 32, dtype=torch.int64)
    groups[0, :16, :16] = groups[1, 16:, 16:] = 1
    groups[0, 16:, :8] = groups[1, :8, :8] = 2
    return groups


def test_told_apart_is_better_than_alike() -> None:
    groups = two_images()
    owner = groups[:, ::PATCH, ::PATCH].flatten(1)
    distinct = torch.eye(8)[owner]
    alike = torch.eye(8)[owner.clamp(max=1)]
    assert likeness_loss(distinct, groups, PATCH) < 0.01
    assert likeness_loss(alike, groups, PATCH) > 0.5


def test_a_kind_of_one_image_asks_for_nothing() -> None:
    groups = torch.zeros(2, 32, 32, dtype=torch.int64)
    groups[0, :16, :16] = 1
    features = torch.ones(2, 16, 8, requires_grad=True)
    loss = likeness_loss(features, groups, PATCH)
    loss.backward()
    assert loss.item() == 0
    assert features.grad is not None


def test_the_same_look_has_the_same_number_in_all_images() -> None:
    labels = np.zeros((32, 32), np.int32)
    labels[:16], labels[16:, :16] = 1, 2
    image = np.zeros((32, 32, 3), np.float32)
    first = (SceneObject(1, "", recipe="a"), SceneObject(2, "circle", "red"))
    second = (SceneObject(1, "circle", "red"), SceneObject(2, "circle", "blue"))
    groups = look_groups([Example(image, labels, things) for things in (first, second)])
    assert groups[0, 20, 0] == groups[1, 0, 0] > 0
    assert len(groups.unique()) == 4
    assert (groups[:, 20, 20] == 0).all()
