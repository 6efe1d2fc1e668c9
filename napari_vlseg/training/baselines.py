"""What a model must beat: Otsu's threshold on gray values."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from skimage.color import rgb2gray
from skimage.filters import threshold_otsu


def otsu_foreground(plane: npt.NDArray[np.float32]) -> npt.NDArray[np.bool_]:
    """The smaller of the two classes of Otsu's threshold (Otsu 1979).

    Parameters
    ----------
    plane : ndarray of float32, shape (H, W, 3)
        Intensities in [0, 1].

    Returns
    -------
    ndarray of bool, shape (H, W)
        Objects are taken to cover less than half of the image, whether they are
        brighter or darker than the rest.
    """
    gray = rgb2gray(plane)
    if gray.min() == gray.max():
        return np.zeros(gray.shape, bool)
    bright = gray > threshold_otsu(gray)
    return bright if bright.mean() <= 0.5 else ~bright
