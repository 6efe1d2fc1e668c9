"""A region of the plane in view, with what two models propose there."""

from __future__ import annotations

import math

import numpy as np
from PIL import Image as Picture
from PIL import ImageColor
from scipy import ndimage as ndi
from skimage.segmentation import find_boundaries

from napari_vlseg.proposals import Proposals

SIDE = 288
"""Pixels of a picture, which a screen of twice the density shows at half the size."""
_LEAST = 96
_DIAMETERS = 6


def region_of_change(before: Proposals, after: Proposals) -> tuple[slice, slice]:
    """The square in which two answers differ most.

    It is as wide as several objects are.

    Returns
    -------
    rows, cols : slice
    """
    first, second = before.labels > 0, after.labels > 0
    shape = first.shape
    side = min(*shape, max(_LEAST, round(_DIAMETERS * _diameter(before, after))))
    changed = first ^ second
    wanted = changed if changed.any() else first | second
    share = ndi.uniform_filter(wanted.astype(np.float32), side, mode="constant")
    best = np.unravel_index(int(share.argmax()), shape)
    region = _square((float(best[0]), float(best[1])), side, shape)
    inside = np.nonzero(wanted[region])
    if not len(inside[0]):
        return region
    # Many squares hold all of it; in the middle one it is in the middle.
    rows, cols = (
        float(places.mean()) + part.start for places, part in zip(inside, region, strict=True)
    )
    return _square((rows, cols), side, shape)


def _square(centre: tuple[float, float], side: int, shape: tuple[int, ...]) -> tuple[slice, slice]:
    """The square around a place, shifted into the plane."""
    starts = [
        min(max(round(place) - side // 2, 0), length - side)
        for place, length in zip(centre, shape, strict=True)
    ]
    return slice(starts[0], starts[0] + side), slice(starts[1], starts[1] + side)


def outlined(plane: np.ndarray, said: Proposals, region: tuple[slice, slice]) -> np.ndarray:
    """A region with the outlines of what is proposed, in the colours of the classes.

    Parameters
    ----------
    plane : numpy.ndarray, shape (H, W, 3), float32 in [0, 1]
    said : Proposals
    region : (slice, slice)

    Returns
    -------
    numpy.ndarray, shape (SIDE, SIDE, 3), uint8
    """
    pixels = np.round(plane[region] * 255).astype(np.uint8)
    labels = said.labels[region].astype(np.int32)
    size = (SIDE, SIDE)
    shown = np.array(Picture.fromarray(pixels).resize(size, Picture.Resampling.BILINEAR))
    large = np.array(Picture.fromarray(labels).resize(size, Picture.Resampling.NEAREST))
    colors = _colors(said)
    edge = find_boundaries(large, mode="thick")
    # The outer half of a thick edge has the label of the background.
    owner = np.where(large > 0, large, ndi.maximum_filter(large, 3))
    shown[edge] = colors[owner[edge]]
    return shown


def _colors(said: Proposals) -> np.ndarray:
    """Colour of each label, uint8 (labels + 1, 3)."""
    rows = {row.name: row.color for row in said.prompts.rows}
    table = np.full((int(said.labels.max(initial=0)) + 1, 3), 255, np.uint8)
    for label, name in zip(said.objects["label"], said.objects["class"], strict=True):
        table[int(label)] = ImageColor.getrgb(rows.get(name, "#ffffff"))[:3]
    return table


def _diameter(*answers: Proposals) -> float:
    """Of a usual object, in pixels; 0 where there is none."""
    areas = np.concatenate([said.objects["area"].to_numpy(float) for said in answers])
    return 2 * math.sqrt(float(np.median(areas)) / math.pi) if len(areas) else 0.0
