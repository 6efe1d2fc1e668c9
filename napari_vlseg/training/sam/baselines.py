"""What a click and box model must beat: classical answers to a click and to a box."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage as ndi
from skimage.color import rgb2gray
from skimage.feature import peak_local_max
from skimage.filters import threshold_otsu
from skimage.segmentation import watershed

Mask = npt.NDArray[np.bool_]
Plane = npt.NDArray[np.float32]
PixelBox = tuple[int, int, int, int]

_SEED_DISTANCE = 7
_MARGIN = 0.1


class WatershedByClick:
    """Otsu's threshold and a watershed of the distance transform; a click picks one basin.

    Parameters
    ----------
    plane : ndarray of float32, shape (H, W, 3)
    """

    def __init__(self, plane: Plane) -> None:
        self._gray = rgb2gray(plane)
        flat = self._gray.min() == self._gray.max()
        self._threshold = float(self._gray.max() if flat else threshold_otsu(self._gray))
        self._basins: dict[bool, npt.NDArray[np.int32]] = {}

    def mask(self, row: int, col: int) -> Mask:
        """The basin of a pixel, of the side of the threshold that the pixel is on."""
        bright = bool(self._gray[row, col] > self._threshold)
        if bright not in self._basins:
            self._basins[bright] = _basins((self._gray > self._threshold) == bright)
        basins = self._basins[bright]
        return (basins == basins[row, col]) & (basins > 0)


def _basins(foreground: Mask) -> npt.NDArray[np.int32]:
    depth = ndi.gaussian_filter(ndi.distance_transform_edt(foreground), 1)
    components, _ = ndi.label(foreground)
    peaks = peak_local_max(depth, min_distance=_SEED_DISTANCE, labels=components)
    seeds = np.zeros(foreground.shape, np.int32)
    seeds[tuple(peaks.T)] = np.arange(1, len(peaks) + 1)
    return np.asarray(watershed(-depth, seeds, mask=foreground), np.int32)


def otsu_in_box(plane: Plane, box: PixelBox) -> Mask:
    """The largest component inside a box on its centre's side of a local threshold, filled.

    The threshold is Otsu's in the box with a margin of a tenth.
    """
    top, left, bottom, right = box
    gray = rgb2gray(plane)
    margin = max(2, round(_MARGIN * max(bottom - top, right - left)))
    around = gray[max(0, top - margin) : bottom + margin, max(0, left - margin) : right + margin]
    mask = np.zeros(gray.shape, bool)
    if around.min() == around.max():
        return mask
    bright = gray[top:bottom, left:right] > threshold_otsu(around)
    middle = bright[bright.shape[0] // 3 :, bright.shape[1] // 3 :]
    middle = middle[: bright.shape[0] // 3 + 1, : bright.shape[1] // 3 + 1]
    components, count = ndi.label(bright == (middle.mean() > 0.5))
    if count:
        largest = int(np.bincount(components.ravel())[1:].argmax()) + 1
        mask[top:bottom, left:right] = ndi.binary_fill_holes(components == largest)
    return mask


def ellipse_in_box(shape: tuple[int, int], box: PixelBox) -> Mask:
    """The ellipse that touches the four sides of a box."""
    top, left, bottom, right = box
    rows = (np.arange(shape[0]) + 0.5 - (top + bottom) / 2) / ((bottom - top) / 2)
    cols = (np.arange(shape[1]) + 0.5 - (left + right) / 2) / ((right - left) / 2)
    return np.asarray(rows[:, None] ** 2 + cols[None, :] ** 2 <= 1)
