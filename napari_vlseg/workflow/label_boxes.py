"""Where each object of a labels array lies."""

from __future__ import annotations

import numpy as np
from scipy import ndimage as ndi


def boxes_of(labels: np.ndarray) -> dict[int, tuple[slice, ...]]:
    """Bounding box of each label, 0 among them where it occurs.

    Parameters
    ----------
    labels : numpy.ndarray, integer
        Of any number of dimensions. The numbers may be large: what is needed grows with how
        many there are.
    """
    values, numbers = np.unique(labels, return_inverse=True)
    boxes = ndi.find_objects(numbers.reshape(labels.shape) + 1)
    return dict(zip(values.tolist(), boxes, strict=True))
