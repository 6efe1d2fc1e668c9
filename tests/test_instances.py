"""Touching objects are told apart; elongated, large and ragged ones stay whole."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage as ndi
from skimage.draw import disk, ellipse, polygon

from napari_vlseg.images import read_mask
from napari_vlseg.instances import connected_components, drop_small, fill_holes, split_touching
from napari_vlseg.masks import label_objects
from napari_vlseg.metrics import average_precision
from napari_vlseg.proposals import PostProcess

SHAPE = (160, 200)


def canvas(*parts: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    mask = np.zeros(SHAPE, bool)
    for part in parts:
        mask[part] = True
    return mask


def soft(mask: np.ndarray) -> np.ndarray:
    return ndi.gaussian_filter(mask.astype(np.float32), 1)


@pytest.mark.parametrize("radius", [5, 8, 15, 30])
@pytest.mark.parametrize("distance", [1.6, 1.8])
def test_two_touching_discs_are_two_objects(radius: float, distance: float) -> None:
    centres = [(80, 100 + sign * radius * distance / 2) for sign in (-1, 1)]
    mask = canvas(*(disk(centre, radius + 0.5) for centre in centres))
    labels = split_touching(mask, mask.astype(np.float32))
    assert labels.max() == 2
    left, right = (labels[80, round(col)] for _, col in centres)
    assert left != right
    assert labels[80, :100][labels[80, :100] > 0].tolist().count(left) >= radius
    np.testing.assert_array_equal(labels > 0, mask)


def test_what_is_too_small_to_be_two_objects_stays_whole() -> None:
    mask = canvas(disk((80, 90), 8.5), disk((80, 104), 8.5))
    probability = mask.astype(np.float32)
    assert split_touching(mask, probability, mask.sum() // 2).max() == 2
    assert split_touching(mask, probability, mask.sum() // 2 + 1).max() == 1


def test_a_small_disc_is_told_from_the_large_one_that_it_touches() -> None:
    mask = canvas(disk((80, 70), 30), disk((80, 109), 11))
    assert split_touching(mask, mask.astype(np.float32)).max() == 2


def test_a_dip_of_the_probability_is_a_border() -> None:
    mask = canvas(np.s_[60:100, 40:160])
    probability = mask.astype(np.float32)
    assert split_touching(mask, probability).max() == 1
    probability[:, 98:102] = 0.5
    assert split_touching(mask, probability).max() == 2


def rough_disc() -> np.ndarray:
    rows, cols = np.mgrid[: SHAPE[0], : SHAPE[1]]
    edge = ndi.gaussian_filter(np.random.default_rng(3).standard_normal(SHAPE), 6)
    return np.hypot(rows - 80, cols - 100) + edge / edge.std() * 4 < 55


def worm() -> np.ndarray:
    steps = np.linspace(0, 1, 400)
    return canvas(*(disk((80 + 30 * np.sin(9 * t), 20 + 160 * t), 5) for t in steps))


WHOLE = {
    "one pixel": canvas(np.s_[5:6, 5:6]),
    "bar": canvas(np.s_[70:73, 10:190]),
    "broad bar": canvas(np.s_[70:82, 10:190]),
    "thin diagonal": np.eye(*SHAPE, dtype=bool),
    "ellipse": canvas(ellipse(80, 100, 12, 60)),
    "large ellipse": canvas(ellipse(80, 100, 75, 90)),
    "ragged disc": rough_disc(),
    "worm": worm(),
    "square": canvas(np.s_[20:140, 40:160]),
    "polygon": canvas(polygon([10, 20, 150, 150], [70, 130, 140, 60])),
    "ring": canvas(disk((80, 100), 50)) & ~canvas(disk((80, 100), 40)),
    "whole plane": np.ones(SHAPE, bool),
    "cut by the border": canvas(disk((0, 100), 40, shape=SHAPE)),
}


@pytest.mark.parametrize("name", WHOLE)
def test_one_object_stays_one(name: str) -> None:
    for probability in (WHOLE[name].astype(np.float32), soft(WHOLE[name])):
        np.testing.assert_array_equal(split_touching(WHOLE[name], probability), WHOLE[name])


def test_separate_objects_get_numbers_of_their_own() -> None:
    mask = canvas(np.s_[5:10, 5:10], np.s_[10:12, 10:14], np.s_[50:60, 20:40])
    assert connected_components(mask).max() == 2
    labels = split_touching(mask, mask.astype(np.float32))
    assert sorted(np.unique(labels)) == list(range(labels.max() + 1))
    assert labels.max() >= 2


def test_holes_between_objects_are_not_filled() -> None:
    labels = np.zeros((9, 9), np.int32)
    labels[1:8, 1:4], labels[1:8, 5:8] = 1, 2
    labels[1, 4], labels[7, 4] = 1, 2
    labels[3, 2] = 0
    filled = fill_holes(labels)
    assert filled[3, 2] == 1
    assert (filled[2:7, 4] == 0).all()
    assert labels[3, 2] == 0


def test_small_objects_are_dropped_and_the_others_keep_their_numbers() -> None:
    labels = np.array([[1, 0, 2, 2], [0, 0, 0, 0], [3, 3, 3, 0]], np.int32)
    assert np.unique(drop_small(labels, 2)).tolist() == [0, 2, 3]
    assert np.unique(drop_small(labels, 4)).tolist() == [0]
    assert np.unique(drop_small(labels, 0)).tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("kind", ["fluorescence", "purple_on_white", "purple_on_purple"])
def test_watershed_finds_more_real_nuclei_than_components(dsb2018: Path, kind: str) -> None:
    with (dsb2018 / "index.csv").open() as file:
        names = [row["id"] for row in csv.DictReader(file) if row["kind"] == kind][:6]
    precision: dict[str, list[float]] = {"components": [], "watershed": []}
    for name in names:
        truth = read_mask(dsb2018 / "labels" / f"{name}.png")
        for split, values in precision.items():
            labels, _ = label_objects(soft(truth > 0)[np.newaxis], [0.5], PostProcess(split=split))
            values.append(average_precision(truth, labels))
    assert np.mean(precision["watershed"]) > np.mean(precision["components"])
    assert np.mean(precision["watershed"]) > 0.75
