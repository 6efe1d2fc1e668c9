"""How well objects were followed: overlap, identities, and how far they were followed."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Labels = npt.NDArray[np.integer]


@dataclass(frozen=True)
class SequenceScore:
    """Agreement of followed objects with the truth, over objects and planes.

    Attributes
    ----------
    iou : float
        Mean IoU over every object and plane on which either the truth or the prediction has
        it; where only one of them has, it counts as 0.
    switches : int
        Objects and planes where most labelled pixels of the prediction are another object.
    lost : float
        Share of objects and planes of the truth without any prediction.
    pairs : int
        Objects and planes that were compared.
    """

    iou: float
    switches: int
    lost: float
    pairs: int


def score_sequence(
    truth: Labels,
    predicted: Callable[[int], Labels],
    numbers: Collection[int],
    *,
    without: Collection[int] = (),
) -> SequenceScore:
    """Compare followed objects with the truth, plane by plane.

    Parameters
    ----------
    truth : numpy.ndarray, shape (n, H, W), integer
    predicted : callable
        ``predicted(plane)``: labels (H, W) with the numbers of the truth.
    numbers : collection of int
        Objects that were followed.
    without : collection of int
        Planes that are not compared, such as the one that was given.
    """
    ious: list[float] = []
    switches = missed = present = 0
    for plane, real in enumerate(truth):
        if plane in without:
            continue
        found = predicted(plane)
        for number in numbers:
            there, here = real == number, found == number
            union = np.count_nonzero(there | here)
            if not union:
                continue
            ious.append(np.count_nonzero(there & here) / union)
            switches += _is_switched(real[here], number)
            present += bool(there.any())
            missed += bool(there.any() and not here.any())
    return SequenceScore(
        float(np.mean(ious)) if ious else float("nan"),
        switches,
        missed / present if present else 0.0,
        len(ious),
    )


def _is_switched(truth_there: Labels, number: int) -> bool:
    values, counts = np.unique(truth_there[truth_there > 0], return_counts=True)
    return bool(len(values)) and int(values[counts.argmax()]) != number
