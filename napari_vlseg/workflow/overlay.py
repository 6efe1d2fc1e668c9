"""Outlines of labels drawn over their image, for a look without a viewer."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from skimage.segmentation import find_boundaries

from napari_vlseg.errors import ImageError

Color = tuple[int, int, int]

PROPOSED: Color = (60, 230, 100)
CORRECTED: Color = (255, 160, 40)


def draw_outlines(
    plane: np.ndarray,
    labels: np.ndarray,
    colors: Mapping[int, Color] | None = None,
    *,
    zoom: int = 1,
    default: Color = PROPOSED,
) -> np.ndarray:
    """Draw the inner outline of every label over an image.

    Parameters
    ----------
    plane : numpy.ndarray, shape (H, W, 3), float32 in [0, 1]
    labels : numpy.ndarray, shape (H, W), integer
    colors : mapping of int to (red, green, blue), optional
        Colours of single labels, 0 to 255; the others take `default`.
    zoom : int
        Whole number by which pixels are repeated, so that outlines stay thin.
    default : (red, green, blue)

    Returns
    -------
    numpy.ndarray, shape (zoom · H, zoom · W, 3), uint8

    Raises
    ------
    ImageError
        If the shapes differ.
    """
    if plane.shape[:2] != labels.shape:
        raise ImageError(
            f"The image has shape {plane.shape[:2]} and its labels {labels.shape}: "
            "draw labels over their own image."
        )
    pixels = np.round(np.clip(plane, 0, 1) * 255).astype(np.uint8)
    drawn = pixels.repeat(zoom, axis=0).repeat(zoom, axis=1)
    large = labels.repeat(zoom, axis=0).repeat(zoom, axis=1)
    outline = find_boundaries(large, mode="inner")
    drawn[outline] = default
    for label, color in (colors or {}).items():
        drawn[outline & (large == label)] = color
    return drawn
