"""How well a prediction agrees with the truth: overlap of masks, matching of instances."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import maximum_bipartite_matching

from napari_vlseg.errors import ImageError, SettingsError

_COUNTABLE = 10_000_000
"""Largest label for which a table of counts is cheaper than sorting."""


@dataclass(frozen=True, eq=False)
class Overlaps:
    """Pairs of a true and a predicted object that share pixels.

    Attributes
    ----------
    truth_labels, pred_labels : numpy.ndarray, shape (n_pairs,), int64
        Label values, pair by pair.
    ious : numpy.ndarray, shape (n_pairs,), float64
        Intersection over union of each pair.
    n_truth, n_pred : int
        Objects in all.
    """

    truth_labels: np.ndarray
    pred_labels: np.ndarray
    ious: np.ndarray
    n_truth: int
    n_pred: int


@dataclass(frozen=True, eq=False)
class Matching(Overlaps):
    """Which predicted object is which true one: pairs in which each object occurs once at most."""

    @property
    def true_positives(self) -> int:
        """True objects that were found."""
        return len(self.ious)

    @property
    def false_positives(self) -> int:
        """Predicted objects that are no true one."""
        return self.n_pred - self.true_positives

    @property
    def false_negatives(self) -> int:
        """True objects that were not found."""
        return self.n_truth - self.true_positives


def iou(a: np.ndarray, b: np.ndarray) -> float:
    """Intersection over union (Jaccard index) of two masks.

    Parameters
    ----------
    a, b : numpy.ndarray of equal shape
        Non-zero is inside.

    Returns
    -------
    float
        In [0, 1]; 1 where both masks are empty.

    Raises
    ------
    ImageError
        If the shapes differ.

    Examples
    --------
    >>> iou(np.array([1, 1, 0]), np.array([0, 1, 1]))
    0.3333333333333333
    """
    intersection, union = _overlap(a, b)
    return intersection / union if union else 1.0


def dice(a: np.ndarray, b: np.ndarray) -> float:
    """Dice coefficient (F1 of pixels) of two masks; parameters and errors as for `iou`.

    Examples
    --------
    >>> dice(np.array([1, 1, 0]), np.array([0, 1, 1]))
    0.5
    """
    intersection, union = _overlap(a, b)
    return 2 * intersection / (union + intersection) if union else 1.0


def match_instances(truth: np.ndarray, pred: np.ndarray, threshold: float = 0.5) -> Matching:
    """Pair true and predicted objects, one to one, as many as possible.

    Parameters
    ----------
    truth, pred : numpy.ndarray of equal shape, integer
        Label images; 0 is background, values need not be consecutive.
    threshold : float
        Smallest IoU at which two objects may be a pair, in (0, 1].

    Returns
    -------
    Matching

    Raises
    ------
    ImageError
        If the shapes differ or an array holds no integers.
    SettingsError
        If `threshold` is out of range.
    """
    _check_threshold(threshold)
    return pair_up(overlaps(truth, pred), threshold)


def overlaps(truth: np.ndarray, pred: np.ndarray) -> Overlaps:
    """Which true and predicted objects share pixels.

    Parameters
    ----------
    truth, pred : numpy.ndarray of equal shape, integer
        Label images; 0 is background, values need not be consecutive.

    Raises
    ------
    ImageError
        If the shapes differ or an array holds no integers.
    """
    _check_labels(truth, pred)
    labelled = np.flatnonzero((truth != 0).ravel() | (pred != 0).ravel())
    a_values, a = _numbered(truth.ravel()[labelled])
    b_values, b = _numbered(pred.ravel()[labelled])
    rows, cols, ious = _overlapping_pairs(a, b)
    both = (a_values[rows] != 0) & (b_values[cols] != 0)
    return Overlaps(
        a_values[rows[both]].astype(np.int64),
        b_values[cols[both]].astype(np.int64),
        ious[both],
        int(np.count_nonzero(a_values)),
        int(np.count_nonzero(b_values)),
    )


def pair_up(found: Overlaps, threshold: float = 0.5) -> Matching:
    """Pair objects, one to one, as many as possible; see `match_instances`.

    Raises
    ------
    SettingsError
        If `threshold` is out of range.
    """
    _check_threshold(threshold)
    possible = found.ious >= threshold
    truth, pred = found.truth_labels[possible], found.pred_labels[possible]
    rows, cols = (np.unique(labels, return_inverse=True)[1] for labels in (truth, pred))
    shape = (int(rows.max(initial=0)) + 1, int(cols.max(initial=0)) + 1)
    candidates = sparse.csr_matrix((found.ious[possible], (rows, cols)), shape)
    chosen = maximum_bipartite_matching(candidates, perm_type="column")[rows] == cols
    ious = found.ious[possible][chosen]
    return Matching(truth[chosen], pred[chosen], ious, found.n_truth, found.n_pred)


def average_precision(truth: np.ndarray, pred: np.ndarray, threshold: float = 0.5) -> float:
    """TP / (TP + FP + FN) of matched objects, the “AP” of StarDist and Cellpose.

    Parameters and errors as for `match_instances`. 1 where neither image has an object.
    """
    matching = match_instances(truth, pred, threshold)
    every = matching.n_truth + matching.n_pred - matching.true_positives
    return matching.true_positives / every if every else 1.0


def f1(truth: np.ndarray, pred: np.ndarray, threshold: float = 0.5) -> float:
    """Harmonic mean of precision and recall of objects: 2 TP / (2 TP + FP + FN).

    Parameters and errors as for `match_instances`. 1 where neither image has an object.
    """
    matching = match_instances(truth, pred, threshold)
    every = matching.n_truth + matching.n_pred
    return 2 * matching.true_positives / every if every else 1.0


def _overlap(a: np.ndarray, b: np.ndarray) -> tuple[int, int]:
    a, b = np.asarray(a) != 0, np.asarray(b) != 0
    _check_shapes(a, b)
    return int(np.count_nonzero(a & b)), int(np.count_nonzero(a | b))


def _overlapping_pairs(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Values of `a` and of `b` that share pixels, and the IoU of each such pair."""
    shape = (int(a.max(initial=0)) + 1, int(b.max(initial=0)) + 1)
    shared = sparse.coo_matrix((np.ones(len(a), np.int64), (a, b)), shape)
    shared.sum_duplicates()
    union = np.bincount(a)[shared.row] + np.bincount(b)[shared.col] - shared.data
    return shared.row, shared.col, shared.data / union


def _numbered(labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Values that occur, ascending, and for each label its place among them."""
    if labels.dtype.kind == "b" or not labels.size:
        labels = labels.astype(np.uint8)
    if not 0 <= labels.min(initial=0) <= labels.max(initial=0) <= _COUNTABLE:
        values, places = np.unique(labels, return_inverse=True)
        return values, places.ravel()
    labels = labels.astype(np.int64, copy=False)
    values = np.flatnonzero(np.bincount(labels))
    place_of = np.zeros(int(labels.max(initial=0)) + 1, np.int64)
    place_of[values] = np.arange(len(values))
    return values, place_of[labels]


def _check_threshold(threshold: float) -> None:
    if not 0 < threshold <= 1:
        raise SettingsError(
            f"The IoU threshold is {threshold:g}: choose a number above 0 and up to 1."
        )


def _check_labels(truth: np.ndarray, pred: np.ndarray) -> None:
    _check_shapes(truth, pred)
    for name, labels in (("true", truth), ("predicted", pred)):
        if labels.dtype.kind not in "biu":
            raise ImageError(
                f"The {name} labels have dtype {labels.dtype}: give an integer label image."
            )


def _check_shapes(a: np.ndarray, b: np.ndarray) -> None:
    if a.shape != b.shape:
        raise ImageError(
            f"The shapes {a.shape} and {b.shape} differ: compare masks of one and the same image."
        )
