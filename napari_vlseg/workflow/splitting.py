"""One object taken apart into several."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage as ndi
from skimage.morphology import local_maxima, reconstruction
from skimage.segmentation import watershed

from napari_vlseg.errors import PromptError
from napari_vlseg.instances import connected_components

_SIGMA = 1.0
_SHALLOWEST = 0.1
_PASS_RATIO = 0.98
"""Less is asked of a waist here than in `napari_vlseg.instances`: a person says that it is one."""


def split_object(mask: npt.NDArray[np.bool_]) -> np.ndarray:
    """Number the parts of an object: its separate pieces, or else two parts at its waist.

    In one piece it is divided by a watershed of its distance map (Beucher & Meyer, 1993) from
    two markers: its deepest place, and of the other peaks one that is deep and far away.

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
    depth = ndi.gaussian_filter(ndi.distance_transform_edt(np.pad(mask, 1)), _SIGMA)[1:-1, 1:-1]
    peaks, n_peaks = ndi.label(_peaks(depth, mask))
    if n_peaks < 2:
        raise PromptError(
            "The object is in one piece and has no waist to split it at: draw a line through it "
            "with the eraser, then split it."
        )
    numbers = np.arange(1, n_peaks + 1)
    heights = ndi.maximum(depth, peaks, numbers)
    places = np.array(ndi.center_of_mass(peaks > 0, peaks, numbers))
    first = int(np.argmax(heights))
    second = int(np.argmax(np.linalg.norm(places - places[first], axis=1) * heights))
    markers = (peaks == first + 1) + 2 * (peaks == second + 1)
    return watershed(-depth, markers, connectivity=2, mask=mask)


def _peaks(depth: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Peaks that stand out in proportion: the pass to any higher one is lower than a share."""
    landscape = np.log(np.maximum(depth, _SHALLOWEST))
    flooded = reconstruction(landscape + np.log(_PASS_RATIO), landscape)
    return local_maxima(flooded) & mask


def _largest_first(parts: np.ndarray) -> np.ndarray:
    areas = np.bincount(parts.ravel())
    areas[0] = 0
    order = np.argsort(-areas, kind="stable")[: int(parts.max())]
    numbers = np.zeros(len(areas), np.int32)
    numbers[order] = np.arange(1, len(order) + 1)
    return numbers[parts]
