"""Instances: one foreground mask taken apart into objects.

Objects that touch are separated by a marker-controlled watershed (Beucher & Meyer, 1993). The
landscape is the distance to the background, weighed with the probability. A marker is a peak
that stands out *in proportion*: two peaks are two objects where the pass between them is
lower than `PASS_RATIO` of the lower peak. Being a ratio, the rule treats objects of all sizes
alike; it is computed as an h-maxima transform of the logarithm of the landscape (Soille,
Morphological Image Analysis, 2003, section 6.3).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy import ndimage as ndi
from skimage.morphology import local_maxima, reconstruction
from skimage.segmentation import watershed

from napari_vlseg.events import Progress, Work, run

PASS_RATIO = 0.92
"""Height of a pass, relative to the lower of its two peaks, below which it divides objects."""

_EIGHT_NEIGHBOURS = np.ones((3, 3), bool)
_SIGMA = 1.0
"""Pixels; smooths the landscape so that a ragged outline makes no peaks."""

_THINNEST = 2.0
"""Pixels from the middle to the outline of the thinnest component that is divided: what is
thinner has no waist, only a ragged outline."""

_LOWEST_PROBABILITY = 1e-3
_OBJECTS_AT_ONCE = 50


def connected_components(mask: np.ndarray) -> np.ndarray:
    """Number the 8-connected components of a mask.

    Parameters
    ----------
    mask : numpy.ndarray, shape (H, W), bool

    Returns
    -------
    numpy.ndarray, shape (H, W), int32
        0 is background.
    """
    return ndi.label(mask, _EIGHT_NEIGHBOURS, output=np.int32)[0]


def split_touching(mask: np.ndarray, probability: np.ndarray, smallest: int = 0) -> np.ndarray:
    """Number the objects of a mask; objects that touch get numbers of their own.

    Parameters
    ----------
    mask : numpy.ndarray, shape (H, W), bool
        Foreground.
    probability : numpy.ndarray, shape (H, W), float32 in [0, 1]
        A dip in it is taken as a sign of a border between objects.
    smallest : int
        Pixels of the smallest object: what is too small to be two of them stays whole.

    Returns
    -------
    numpy.ndarray, shape (H, W), int32
        0 is background; every pixel of `mask` is labelled.
    """
    return run(split_steps(mask, probability, smallest))


def split_steps(mask: np.ndarray, probability: np.ndarray, smallest: int = 0) -> Work[np.ndarray]:
    """`split_touching` as a generator that yields `Progress` after every few objects."""
    components = connected_components(mask)
    divisible = np.bincount(components.ravel()) >= 2 * smallest
    labels = components.copy()
    n_objects = len(divisible) - 1
    total = len(divisible) - 1
    for number, window in _objects(components):
        if number % _OBJECTS_AT_ONCE == 0:
            yield Progress("separating objects", number, total)
        if not divisible[number]:
            continue
        around = _with_margin(window)
        pieces = _split_component(components[around] == number, probability[around])
        labels[around][pieces > 1] = pieces[pieces > 1] - 1 + n_objects
        n_objects += pieces.max() - 1
    return labels


def fill_holes(labels: np.ndarray) -> np.ndarray:
    """Give the background inside each object to the object; other objects stay.

    Parameters
    ----------
    labels : numpy.ndarray, shape (H, W), int32

    Returns
    -------
    numpy.ndarray, shape (H, W), int32
        A copy with the holes filled.
    """
    labels = labels.copy()
    for number, window in _objects(labels):
        region = labels[window]
        filled = ndi.binary_fill_holes(region == number)
        region[filled & (region == 0)] = number
    return labels


def drop_small(labels: np.ndarray, min_size: int) -> np.ndarray:
    """Labels without the objects of fewer than `min_size` pixels; the others keep their number."""
    kept = np.arange(labels.max(initial=0) + 1, dtype=labels.dtype)
    kept[np.bincount(labels.ravel(), minlength=len(kept)) < min_size] = 0
    return kept[labels]


def _objects(labels: np.ndarray) -> Iterator[tuple[int, tuple[slice, slice]]]:
    for number, window in enumerate(ndi.find_objects(labels), start=1):
        if window is not None:
            yield number, window


def _with_margin(window: tuple[slice, slice]) -> tuple[slice, slice]:
    """A pixel of background around a component, so that it has a distance to it.

    At the image border there is none: an object that is cut there is not taken to end there.
    """
    rows, cols = window
    return slice(max(rows.start - 1, 0), rows.stop + 1), slice(
        max(cols.start - 1, 0), cols.stop + 1
    )


def _split_component(component: np.ndarray, probability: np.ndarray) -> np.ndarray:
    """Number the pieces of one connected component, from 1."""
    whole = component.astype(np.int32)
    if component.all():
        return whole
    distance = ndi.distance_transform_edt(component)
    if distance.max() < _THINNEST:
        return whole
    landscape = _landscape(component, distance, probability)
    peaks = (landscape == ndi.maximum_filter(landscape, 3)) & component
    if ndi.label(peaks, _EIGHT_NEIGHBOURS)[1] == 1:
        return whole
    flooded = reconstruction(landscape + np.log(PASS_RATIO), landscape)
    markers, n_markers = ndi.label(local_maxima(flooded) & component, _EIGHT_NEIGHBOURS)
    if n_markers < 2:
        return whole
    return watershed(-landscape, markers, connectivity=2, mask=component)


def _landscape(component: np.ndarray, distance: np.ndarray, probability: np.ndarray) -> np.ndarray:
    """log((distance + 1) · √probability), high in the middle of objects.

    The pixel added to the distance keeps discs of few pixels in one piece, whose distances
    are rough. The root halves the weight of the probability, which is noisy between peaks.
    """
    distance = ndi.gaussian_filter(distance, _SIGMA)
    smooth = ndi.gaussian_filter(probability.astype(np.float64), _SIGMA)
    landscape = np.log(distance + 1) + 0.5 * np.log(np.maximum(smooth, _LOWEST_PROBABILITY))
    landscape[~component] = landscape.min() - 1
    return landscape
