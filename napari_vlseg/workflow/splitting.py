"""One object taken apart into several."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage as ndi
from skimage.feature import peak_local_max
from skimage.segmentation import watershed

from napari_vlseg.errors import PromptError
from napari_vlseg.instances import connected_components

_SIGMA = 1.0
_SMALLEST = 0.02
"""Of the object: a peak whose part is smaller is a ragged outline."""


def split_object(mask: npt.NDArray[np.bool_]) -> np.ndarray:
    """Number the parts of an object: its separate pieces, or else two parts at its waist.

    In one piece it is divided by a watershed of its distance map (Beucher & Meyer, 1993) from
    two markers: its deepest place, and of the other peaks the one that is deepest and farthest.

    Parameters
    ----------
    mask : numpy.ndarray, shape (H, W), bool

    Returns
    -------
    numpy.ndarray, shape (H, W), int32
        0 outside; 1 is the largest part.

    Raises
    ------
    PromptError
        If the object is empty or has no waist.
    """
    window = ndi.find_objects(mask.astype(np.uint8))
    if not window:
        raise PromptError("The object has no pixels: there is nothing to split.")
    region = tuple(slice(max(side.start - 1, 0), side.stop + 1) for side in window[0])
    parts = connected_components(mask[region])
    if parts.max() == 1:
        parts = _at_waist(mask[region])
    labels = np.zeros(mask.shape, np.int32)
    labels[region] = _largest_first(parts)
    return labels


def _at_waist(mask: np.ndarray) -> np.ndarray:
    distance = ndi.gaussian_filter(ndi.distance_transform_edt(np.pad(mask, 1)), _SIGMA)[1:-1, 1:-1]
    peaks = peak_local_max(distance, labels=mask.astype(np.int32), exclude_border=False)
    if len(peaks) < 2:
        raise _no_waist()
    depth = distance[tuple(peaks.T)]
    first = int(depth.argmax())
    away = np.linalg.norm(peaks - peaks[first], axis=1) * depth
    markers = np.zeros(mask.shape, np.int32)
    markers[tuple(peaks[first])], markers[tuple(peaks[int(away.argmax())])] = 1, 2
    parts = watershed(-distance, markers, connectivity=2, mask=mask)
    if np.bincount(parts[mask])[1:].min() < _SMALLEST * mask.sum():
        raise _no_waist()
    return parts


def _largest_first(parts: np.ndarray) -> np.ndarray:
    areas = np.bincount(parts.ravel())
    areas[0] = 0
    order = np.argsort(-areas, kind="stable")[: int(parts.max())]
    numbers = np.zeros(len(areas), np.int32)
    numbers[order] = np.arange(1, len(order) + 1)
    return numbers[parts]


def _no_waist() -> PromptError:
    return PromptError(
        "The object is in one piece and has no waist to split it at: draw a line through it with "
        "the eraser, then split it."
    )
