"""Outlines that overlap: which are the same object, and whose a contested pixel is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, eq=False)
class SoftOutline:
    """One object on its own rectangle of a plane.

    Attributes
    ----------
    top, left : int
        Corner of the rectangle, in pixels of the plane.
    logits : numpy.ndarray, shape (rows, cols), float32
        The object is where they are positive; the greater, the surer.
    score : float
        How good the outline is, for choosing between duplicates.
    """

    top: int
    left: int
    logits: npt.NDArray[np.float32] = field(repr=False)
    score: float

    @property
    def window(self) -> tuple[slice, slice]:
        """Where the rectangle lies in arrays of the plane's shape."""
        rows, cols = self.logits.shape
        return slice(self.top, self.top + rows), slice(self.left, self.left + cols)

    @property
    def mask(self) -> npt.NDArray[np.bool_]:
        """Where the object is, on the rectangle."""
        return self.logits > 0


def distinct(outlines: Sequence[SoftOutline], most: float) -> list[int]:
    """Indices of outlines of which no two are the same object, best score first.

    Greedy non-maximum suppression on masks: of two outlines that share more than a part of
    their union, the one of the lower score goes; of equal scores the later one.

    Parameters
    ----------
    outlines : sequence of SoftOutline
    most : float
        Largest intersection over union of two that are kept, in [0, 1].
    """
    boxes = np.array([_box(outline) for outline in outlines]).reshape(-1, 4)
    areas = np.array([np.count_nonzero(outline.mask) for outline in outlines])
    order = np.argsort([-outline.score for outline in outlines], kind="stable")
    kept: list[int] = []
    for index in order[areas[order] > 0].tolist():
        near = [kept[k] for k in _touching(boxes[index], boxes[kept])]
        if all(_iou(outlines[index], outlines[k], areas[[index, k]]) <= most for k in near):
            kept.append(index)
    return kept


def paint(outlines: Sequence[SoftOutline], shape: tuple[int, int]) -> npt.NDArray[np.int32]:
    """Labels 1, 2, … of outlines in their order; a contested pixel goes to the highest logit.

    Parameters
    ----------
    outlines : sequence of SoftOutline
    shape : tuple of int
        (H, W) of the plane.

    Returns
    -------
    numpy.ndarray, shape (H, W), int32
        0 is background. Where logits are equal the earlier outline wins.
    """
    labels = np.zeros(shape, np.int32)
    highest = np.zeros(shape, np.float32)
    for number, outline in enumerate(outlines, start=1):
        wins = outline.logits > highest[outline.window]
        labels[outline.window][wins] = number
        highest[outline.window][wins] = outline.logits[wins]
    return labels


def agreement(a: SoftOutline, b: SoftOutline) -> float:
    """Intersection over union of two outlines; 0 where both are empty."""
    areas = np.array([np.count_nonzero(a.mask), np.count_nonzero(b.mask)])
    return _iou(a, b, areas) if areas.any() else 0.0


def _box(outline: SoftOutline) -> tuple[int, int, int, int]:
    rows, cols = outline.logits.shape
    return outline.top, outline.left, outline.top + rows, outline.left + cols


def _touching(box: npt.NDArray[np.int64], others: npt.NDArray[np.int64]) -> list[int]:
    """Which of other boxes (n, 4) share a pixel with a box."""
    meets = (others[:, :2] < box[2:]).all(axis=1) & (others[:, 2:] > box[:2]).all(axis=1)
    return np.flatnonzero(meets).tolist()


def _iou(a: SoftOutline, b: SoftOutline, areas: npt.NDArray[np.int64]) -> float:
    (top, left, bottom, right), other = _box(a), _box(b)
    top, left = max(top, other[0]), max(left, other[1])
    bottom, right = max(min(bottom, other[2]), top), max(min(right, other[3]), left)
    shared = np.count_nonzero(
        _part(a, top, left, bottom, right) & _part(b, top, left, bottom, right)
    )
    return float(shared / (areas.sum() - shared))


def _part(
    outline: SoftOutline, top: int, left: int, bottom: int, right: int
) -> npt.NDArray[np.bool_]:
    rows = slice(top - outline.top, bottom - outline.top)
    return outline.mask[rows, left - outline.left : right - outline.left]
