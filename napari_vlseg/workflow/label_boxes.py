"""Where each object of a labels array lies."""

from __future__ import annotations

import numpy as np
from scipy import ndimage as ndi

_COUNTABLE = 1_000_000
"""Largest label for which a list of all numbers is cheaper than sorting."""


def boxes_of(labels: np.ndarray) -> dict[int, tuple[slice, ...]]:
    """Bounding box of each label but 0.

    Parameters
    ----------
    labels : numpy.ndarray, integer
        Of any number of dimensions. The numbers may be large: what is needed grows with how
        many there are.
    """
    if labels.max(initial=0) <= _COUNTABLE and labels.min(initial=0) >= 0:
        found = enumerate(ndi.find_objects(labels.astype(np.int32, copy=False)), start=1)
        return {label: box for label, box in found if box is not None}
    values, numbers = np.unique(labels, return_inverse=True)
    boxes = ndi.find_objects(numbers.reshape(labels.shape) + 1)
    return {value: box for value, box in zip(values.tolist(), boxes, strict=True) if value}
