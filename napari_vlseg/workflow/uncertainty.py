"""How far a model is from sure of each object, from the probabilities that were kept.

The entropy of a pixel is that of a coin whose odds are those of the pixel relative to the
threshold: 1 bit where the probability is the threshold, 0 where it is 0 or 1. Whether there is
an object is told by its own pixels, whether it ends where its outline says by those around it:
both count alike, however small the object. Where two objects meet the map is sure of both and
says nothing of where one ends: such pixels count 1 bit.

The rule and its sizes were chosen on training images of nuclei; docs/history.md has the figures
on others.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
from scipy.special import entr

from napari_vlseg.masks import ObjectStats

RIM = 4
"""Pixels around an object that count for it, in steps to the four neighbours."""

_SEAM_REACH = 2
"""Objects meet where each, grown by so many pixels, touches the other."""

_SUREST_THRESHOLD = 1e-3


def object_uncertainty(
    labels: npt.NDArray[np.int32],
    objects: Sequence[ObjectStats],
    probabilities: npt.NDArray[np.float32],
    thresholds: Sequence[float],
    disagreement: npt.NDArray[np.float16] | None = None,
) -> npt.NDArray[np.float64]:
    """Uncertainty of each object, in [0, 1].

    It is ``1 − (1 − H)(1 − D)``: H is the entropy in bits, half of it the mean of the object and
    half that of its rim; D is the difference between what text and what references say, in the
    same mean, and 0 where a class has only one of them. Each alone can make an object uncertain.

    Parameters
    ----------
    labels : numpy.ndarray, shape (H, W), int32
        0 is background.
    objects : sequence of ObjectStats
        Labels and their classes.
    probabilities : numpy.ndarray, shape (C, H, W), float32 in [0, 1]
    thresholds : sequence of float
        One per class, in [0, 1].
    disagreement : numpy.ndarray, shape (C, H, W), float16 in [0, 1], optional
        See `napari_vlseg.proposals.Proposals.disagreement`.

    Returns
    -------
    numpy.ndarray, shape (n,), float64
        In the order of `objects`.
    """
    if not objects:
        return np.zeros(0)
    grown, seam = with_rim(labels)
    pixels = np.flatnonzero(grown)
    owner = grown.ravel()[pixels]
    class_of = np.zeros(int(labels.max()) + 1, np.int64)
    class_of[[one.label for one in objects]] = [one.class_index for one in objects]
    entropy, differs = np.zeros((2, len(pixels)), np.float32)
    for index, here in _pixels_of_classes(class_of, owner, len(probabilities)):
        mine = pixels[here]
        entropy[here] = boundary_entropy(probabilities[index].ravel()[mine], thresholds[index])
        if disagreement is not None:
            differs[here] = disagreement[index].ravel()[mine]
    entropy[seam.ravel()[pixels]] = 1
    # An even number for the rim of an object, the odd one after it for the object itself.
    parts = 2 * owner.astype(np.int64) + (labels.ravel()[pixels] > 0)
    counts = np.bincount(parts, minlength=2 * len(class_of)).reshape(-1, 2)
    bits = _mean_of_parts(entropy, parts, counts)
    difference = 0 if disagreement is None else _mean_of_parts(differs, parts, counts)
    uncertain = 1 - (1 - bits) * (1 - difference)
    return np.clip(uncertain[[one.label for one in objects]], 0, 1)


def _mean_of_parts(
    values: npt.NDArray[np.float32], parts: npt.NDArray[np.int64], counts: npt.NDArray[np.int64]
) -> npt.NDArray[np.float64]:
    """Mean of the mean on the rim and the mean inside, by label."""
    totals = np.bincount(parts, values, counts.size).reshape(-1, 2)
    rim, inside = (totals / np.maximum(counts, 1)).T
    return (np.where(counts[:, 0] > 0, rim, inside) + inside) / 2


def boundary_entropy(
    probability: npt.NDArray[np.float32], threshold: float
) -> npt.NDArray[np.float32]:
    """Entropy in bits of pixels, 1 where their probability is the threshold.

    Parameters
    ----------
    probability : numpy.ndarray, float32 in [0, 1]
    threshold : float
        In [0, 1]; 0 and 1 stand for numbers close by.

    Examples
    --------
    >>> boundary_entropy(np.array([0, 0.4, 1], np.float32), 0.4).round(3).tolist()
    [0.0, 1.0, 0.0]
    """
    limit = np.float32(np.clip(threshold, _SUREST_THRESHOLD, 1 - _SUREST_THRESHOLD))
    inside = probability * (1 - limit)
    inside /= inside + (1 - probability) * limit
    bits = entr(inside)
    bits += entr(1 - inside)
    return np.asarray(bits / np.float32(np.log(2)), np.float32)


def with_rim(
    labels: npt.NDArray[np.int32],
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.bool_]]:
    """Labels grown by `RIM` pixels into the background, and where two of them meet.

    A pixel that two objects reach in equally many steps belongs to the higher label.

    Returns
    -------
    grown : numpy.ndarray, shape (H, W), int32
    seam : numpy.ndarray, shape (H, W), bool
    """
    grown, seam = labels, np.zeros(labels.shape, bool)
    for step in range(1, RIM + 1):
        grown = _grown(grown)
        if step == _SEAM_REACH:
            seam = _widened(_borders(grown))
    return grown, seam


def _pixels_of_classes(
    class_of: npt.NDArray[np.int64], owner: npt.NDArray[np.int32], n_classes: int
) -> Iterator[tuple[int, npt.NDArray[np.bool_] | slice]]:
    """Each class with the place of its objects' pixels in `owner`."""
    if n_classes == 1:
        yield 0, slice(None)
        return
    classes = class_of[owner]
    for index in range(n_classes):
        yield index, classes == index


def _neighbours(shape: tuple[int, ...]) -> Iterator[tuple[tuple[slice, ...], tuple[slice, ...]]]:
    """Slices of all pixels that have a next one down or to the right, and of those next ones."""
    for axis in range(len(shape)):
        whole = [slice(None)] * len(shape)
        first, second = whole.copy(), whole.copy()
        first[axis], second[axis] = slice(None, -1), slice(1, None)
        yield tuple(first), tuple(second)


def _grown(labels: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    reached = labels.copy()
    for first, second in _neighbours(labels.shape):
        np.maximum(reached[first], labels[second], out=reached[first])
        np.maximum(reached[second], labels[first], out=reached[second])
    return np.where(labels > 0, labels, reached)


def _borders(labels: npt.NDArray[np.int32]) -> npt.NDArray[np.bool_]:
    """Pixels of objects beside a pixel of another object."""
    found = np.zeros(labels.shape, bool)
    for first, second in _neighbours(labels.shape):
        a, b = labels[first], labels[second]
        meets = (a != b) & (a > 0) & (b > 0)
        found[first] |= meets
        found[second] |= meets
    return found


def _widened(mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    wide = mask.copy()
    for first, second in _neighbours(mask.shape):
        wide[first] |= mask[second]
        wide[second] |= mask[first]
    return wide
