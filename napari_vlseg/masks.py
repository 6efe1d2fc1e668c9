"""From probabilities to labels, and from new labels into the ones a person already has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage as ndi

from napari_vlseg.errors import SettingsError
from napari_vlseg.events import Work, run
from napari_vlseg.instances import connected_components, drop_small, fill_holes, split_steps
from napari_vlseg.merging import MergePolicy, MergeResult, merge_labels
from napari_vlseg.proposals import PostProcess

__all__ = [
    "MergePolicy",
    "MergeResult",
    "ObjectStats",
    "assign_classes",
    "compete",
    "label_objects",
    "merge_labels",
]

_ROWS_AT_ONCE = 64


@dataclass(frozen=True)
class ObjectStats:
    """What is known of one label.

    Attributes
    ----------
    label : int
        Value in the label image.
    class_index : int
        Index of the class in the probabilities.
    score : float
        Mean probability of the class on the object.
    area : int
        Pixels.
    """

    label: int
    class_index: int
    score: float
    area: int


def compete(positive: np.ndarray, negatives: np.ndarray) -> np.ndarray:
    """Take from a class the pixels that suit one of its negative phrases better.

    Parameters
    ----------
    positive : numpy.ndarray, shape (H, W), float32 in [0, 1]
        Probability of the class.
    negatives : numpy.ndarray, shape (n, H, W), float32 in [0, 1]
        Probabilities of its negatives; `n` may be 0.

    Returns
    -------
    numpy.ndarray, shape (H, W), float32
        `positive`, and 0 where a negative is greater.
    """
    if not len(negatives):
        return positive
    return np.where(np.max(negatives, axis=0) > positive, positive.dtype.type(0), positive)


def assign_classes(probabilities: np.ndarray, thresholds: Sequence[float]) -> np.ndarray:
    """Give each pixel to the most probable of the classes that reach their threshold.

    Parameters
    ----------
    probabilities : numpy.ndarray, shape (C, H, W), float32 in [0, 1]
    thresholds : sequence of float
        One per class. A pixel of probability 0 is background whatever the threshold.

    Returns
    -------
    numpy.ndarray, shape (H, W), uint8 (uint16 from 256 classes on)
        0 is background, ``1 + class index`` elsewhere; of equal classes the first wins.

    Raises
    ------
    SettingsError
        If there is not one threshold per class.

    Notes
    -----
    It runs while a slider moves, so it works on bands of rows that fit the processor's cache.
    """
    _check_thresholds(probabilities, thresholds)
    floor = float(np.finfo(np.float32).tiny)
    limits = [max(float(threshold), floor) for threshold in thresholds]
    dtype = np.uint8 if len(limits) < 256 else np.uint16
    _, height, width = probabilities.shape
    classes = np.zeros((height, width), dtype)
    for start in range(0, height, _ROWS_AT_ONCE):
        rows = slice(start, start + _ROWS_AT_ONCE)
        _assign_band(probabilities[:, rows], limits, classes[rows])
    return classes


def label_objects(
    probabilities: np.ndarray, thresholds: Sequence[float], post: PostProcess
) -> tuple[np.ndarray, list[ObjectStats]]:
    """Turn probabilities into labels.

    Parameters
    ----------
    probabilities : numpy.ndarray, shape (C, H, W), float32 in [0, 1]
    thresholds : sequence of float
        One per class.
    post : PostProcess
        Instances or classes, how instances are separated, and what is cleaned up. Sizes
        are compared before holes are filled.

    Returns
    -------
    labels : numpy.ndarray, shape (H, W), int32
        0 is background. Instances are numbered 1…n in raster order of their first pixel;
        in semantic mode the values are ``1 + class index``.
    objects : list of ObjectStats
        One per label value, ascending. Scores come from the probabilities as given.

    Raises
    ------
    SettingsError
        If there is not one threshold per class.
    """
    return run(label_steps(probabilities, thresholds, post))


def label_steps(
    probabilities: np.ndarray, thresholds: Sequence[float], post: PostProcess
) -> Work[tuple[np.ndarray, list[ObjectStats]]]:
    """`label_objects` as a generator of events, for work that can be cancelled."""
    _check_thresholds(probabilities, thresholds)
    smooth = _smoothed(probabilities, post.smoothing)
    classes = assign_classes(smooth, thresholds)
    semantic = post.mode == "semantic"
    separate = not semantic and post.split == "watershed"
    instances = _instances(smooth, classes, post.min_size if separate else None)
    labels, class_of = yield from instances
    labels = drop_small(labels, post.min_size)
    if post.fill_holes:
        labels = fill_holes(labels)
    if semantic:
        labels = np.concatenate([[0], class_of + 1]).astype(np.int32)[labels]
        class_of = np.arange(len(probabilities))
    else:
        labels, class_of = number_in_raster_order(labels, class_of)
    return labels, describe_objects(labels, class_of, probabilities)


def _assign_band(probabilities: np.ndarray, limits: list[float], classes: np.ndarray) -> None:
    """Fill `classes` for a band of rows, class by class; a winner has the highest number so far.

    Products and maxima instead of masked writes: those are several times slower.
    """
    np.greater_equal(probabilities[0], limits[0], out=classes, casting="unsafe")
    best = probabilities[0] * classes if len(limits) > 1 else probabilities[0]
    for index in range(1, len(limits)):
        wins = (probabilities[index] >= limits[index]) & (probabilities[index] > best)
        np.maximum(classes, wins * classes.dtype.type(index + 1), out=classes)
        np.maximum(best, probabilities[index] * wins, out=best)


def _smoothed(probabilities: np.ndarray, sigma: float) -> np.ndarray:
    if sigma == 0:
        return probabilities
    return np.stack([ndi.gaussian_filter(p, sigma, mode="nearest") for p in probabilities])


def _instances(
    probabilities: np.ndarray, classes: np.ndarray, smallest: int | None
) -> Work[tuple[np.ndarray, np.ndarray]]:
    """Objects of all classes in one image, and the class index of objects 1, 2, …

    `smallest` is that of `split_touching`; None leaves touching objects together.
    """
    labels = np.zeros(classes.shape, np.int32)
    class_of: list[int] = []
    for index, probability in enumerate(probabilities):
        mask = classes == index + 1
        if smallest is None:
            objects = connected_components(mask)
        else:
            objects = yield from split_steps(mask, probability, smallest)
        labels[mask] = objects[mask] + len(class_of)
        class_of += [index] * int(objects.max(initial=0))
    return labels, np.array(class_of, np.int64)


def number_in_raster_order(
    labels: np.ndarray, class_of: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Number labels 1…n by their first pixel, rows first.

    Parameters
    ----------
    labels : numpy.ndarray, shape (H, W), int32
    class_of : numpy.ndarray, shape (m,), int64
        Something about each of the labels 1 … m, such as the class index; labels that occur
        nowhere are left out.

    Returns
    -------
    labels : numpy.ndarray, shape (H, W), int32
    class_of : numpy.ndarray, shape (n,), int64
        In the new order.
    """
    pixels = np.flatnonzero(labels)
    first = np.full(len(class_of) + 1, labels.size)
    first[labels.flat[pixels[::-1]]] = pixels[::-1]  # the first pixel is written last
    order = np.argsort(first[1:], kind="stable")[: np.count_nonzero(first < labels.size)]
    number = np.zeros(len(first), np.int32)
    number[order + 1] = np.arange(1, len(order) + 1)
    return number[labels], class_of[order]


def describe_objects(
    labels: np.ndarray, class_of: np.ndarray, probabilities: np.ndarray
) -> list[ObjectStats]:
    """What is known of each label value that occurs.

    Parameters
    ----------
    labels : numpy.ndarray, shape (H, W), int32
    class_of : numpy.ndarray, shape (n,), int64
        Class index of the labels 1 … n.
    probabilities : numpy.ndarray, shape (C, H, W), float32
    """
    inside = labels > 0
    values = labels[inside]
    areas = np.bincount(values, minlength=len(class_of) + 1)
    objects = []
    sums = [np.bincount(values, p[inside], minlength=len(areas)) for p in probabilities]
    for label, index in enumerate(class_of.tolist(), start=1):
        if areas[label]:
            score = float(sums[index][label] / areas[label])
            objects.append(ObjectStats(label, index, score, int(areas[label])))
    return objects


def _check_thresholds(probabilities: np.ndarray, thresholds: Sequence[float]) -> None:
    if probabilities.ndim != 3 or len(thresholds) != len(probabilities):
        raise SettingsError(
            f"Probabilities of shape {probabilities.shape} and {len(thresholds)} thresholds do "
            "not fit: give probabilities of shape (classes, H, W) and one threshold per class."
        )
