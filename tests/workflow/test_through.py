"""The Python face: follow and link."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import napari_vlseg
from napari_vlseg.errors import ImageError, ModelError
from napari_vlseg.events import run
from napari_vlseg.images import ImageView
from napari_vlseg.models.video import VideoSegmenter
from napari_vlseg.workflow.stack_planes import StackPlanes
from napari_vlseg.workflow.through import anchors_of, load_follower
from tests.models.tiny_video import save_video
from tests.workflow.propagate.sequences import Stack, crossing


class Lazy:
    """An array that notes which planes are read."""

    def __init__(self, data: np.ndarray) -> None:
        self._data, self.shape, self.dtype = data, data.shape, data.dtype
        self.read: list[tuple[object, ...]] = []

    def __getitem__(self, window: tuple[object, ...]) -> np.ndarray:
        self.read.append(window)
        return self._data[window]


def gray() -> tuple[np.ndarray, np.ndarray]:
    truth = crossing(6)
    stack = Stack(truth)
    return (np.stack([stack(n)[..., 0] for n in range(6)]) * 255).astype(np.uint8), truth


def test_the_package_follows_objects_with_the_bundled_model() -> None:
    image, truth = gray()
    found = napari_vlseg.propagate(image, truth[2], 2, model="sam-mini", device="cpu")
    for plane, labels in enumerate(truth):
        for number in (1, 2, 3):
            a, b = labels == number, found.labels(plane) == number
            assert (a & b).sum() / (a | b).sum() > 0.75


def test_planes_are_read_one_at_a_time_with_one_contrast() -> None:
    image, _ = gray()
    image[3] //= 2
    lazy = Lazy(np.stack([image, image[::-1]]))
    planes = StackPlanes(lazy, ImageView(), axis=1, index=(0,))
    assert (len(planes), planes.shape, planes.position(4)) == (6, (64, 64), (0, 4))
    lazy.read.clear()
    bright, dark = planes(0), planes(3)
    assert lazy.read == [(0, 0, slice(None), slice(None)), (0, 3, slice(None), slice(None))]
    assert dark.max() < 0.6 * bright.max()


def test_labels_of_all_planes_are_all_known() -> None:
    image, truth = gray()
    planes = StackPlanes(image, ImageView())
    drawn = np.zeros_like(truth)
    drawn[1], drawn[4] = truth[1], truth[4] * (truth[4] == 2)
    anchors = anchors_of(drawn, None, planes)
    assert {n: sorted(of) for n, of in anchors.items()} == {1: [1], 2: [1, 4], 3: [1]}
    only = anchors_of(drawn, 4, planes)
    assert {n: sorted(of) for n, of in only.items()} == {2: [4]}


def test_what_does_not_fit_is_refused() -> None:
    image, truth = gray()
    planes = StackPlanes(image, ImageView())
    with pytest.raises(ImageError, match="single plane"):
        StackPlanes(image[0], ImageView())
    with pytest.raises(ImageError, match="say which one to follow"):
        StackPlanes(image[None], ImageView())
    with pytest.raises(ImageError, match="give \\(64, 64\\) for one plane"):
        anchors_of(truth[0, :10], 0, planes)
    with pytest.raises(ImageError, match="integer label image"):
        anchors_of(truth[0] / 2, 0, planes)


def test_a_model_with_a_memory_is_loaded_with_it(tmp_path: Path) -> None:
    folder = save_video("sam2_video", tmp_path)
    assert isinstance(run(load_follower(str(folder), "cpu")), VideoSegmenter)
    with pytest.raises(ModelError, match="not clicks"):
        run(load_follower("vlseg-mini", "cpu"))


def test_linking_gives_labels_and_tracks() -> None:
    _, truth = gray()
    joined, linked = napari_vlseg.link(truth)
    assert linked.n_objects == 3
    assert linked.tracks().shape == (18, 4)
    np.testing.assert_array_equal(joined > 0, truth > 0)
