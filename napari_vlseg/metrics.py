"""How well a prediction agrees with the truth: overlap of masks, matching of instances."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import maximum_bipartite_matching

from napari_vlseg.errors import ImageError, SettingsError


@dataclass(frozen=True, eq=False)
class Matching:
    """Which predicted object is which true one.

    Attributes
    ----------
    truth_labels, pred_labels : numpy.ndarray, shape (n_matches,), int64
        Label values of matched objects, pair by pair.
    ious : numpy.ndarray, shape (n_matches,), float64
        Intersection over union of each pair.
    n_truth, n_pred : int
        Objects in all.
    """

    truth_labels: np.ndarray
    pred_labels: np.ndarray
    ious: np.ndarray
    n_truth: int
    n_pred: int

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
    if not 0 < threshold <= 1:
        raise SettingsError(
            f"The IoU threshold is {threshold:g}: choose a number above 0 and up to 1."
        )
    _check_labels(truth, pred)
    truth_values, truth_index = np.unique(truth, return_inverse=True)
    pred_values, pred_index = np.unique(pred, return_inverse=True)
    rows, cols, ious = _overlapping_pairs(truth_index.ravel(), pred_index.ravel())
    possible = (truth_values[rows] != 0) & (pred_values[cols] != 0) & (ious >= threshold)
    rows, cols, ious = rows[possible], cols[possible], ious[possible]
    shape = (len(truth_values), len(pred_values))
    candidates = sparse.csr_matrix((ious, (rows, cols)), shape)
    chosen = maximum_bipartite_matching(candidates, perm_type="column")[rows] == cols
    return Matching(
        truth_values[rows[chosen]].astype(np.int64),
        pred_values[cols[chosen]].astype(np.int64),
        ious[chosen],
        int(np.count_nonzero(truth_values)),
        int(np.count_nonzero(pred_values)),
    )


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
    shared = sparse.coo_matrix((np.ones(len(a), np.int64), (a, b)))
    shared.sum_duplicates()
    union = np.bincount(a)[shared.row] + np.bincount(b)[shared.col] - shared.data
    return shared.row, shared.col, shared.data / union


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
