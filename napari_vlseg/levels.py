"""Which resolution of an image a model should see."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from napari_vlseg.planes import ImageView, plane_shape

_TOLERANCE = 1.02  # levels are rounded to whole pixels


def level_for(
    levels: Sequence[Any], view: ImageView, working_scale: float
) -> tuple[int, tuple[float, float]]:
    """The coarsest level that is not coarser than a model wants.

    Parameters
    ----------
    levels : sequence of array-like
        The image at several resolutions, the full one first, with the same axes.
    view : ImageView
        Which axes are rows and columns.
    working_scale : float
        Pixels of the full image per model pixel.

    Returns
    -------
    int
        Number of the level; 0 is the full resolution.
    tuple of float
        (row, col) pixels of the full image per pixel of that level.

    Examples
    --------
    >>> import numpy as np
    >>> levels = [np.zeros((800, 1200)), np.zeros((400, 600)), np.zeros((200, 300))]
    >>> level_for(levels, ImageView(), 3.0)
    (1, (2.0, 2.0))
    """
    full = plane_shape(levels[0], view)
    best, chosen = 0, (1.0, 1.0)
    for number, level in enumerate(levels):
        shape = plane_shape(level, view)
        factors = (full[0] / shape[0], full[1] / shape[1])
        if max(chosen) < max(factors) <= working_scale * _TOLERANCE:
            best, chosen = number, factors
    return best, chosen
