"""What is to be seen of one object: its plane, its box there, and its pixels."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image, Labels

from napari_vlseg.images import ImageView, leading_axes
from napari_vlseg.ui.geometry import Key, image_array, plane_axes, plane_index
from napari_vlseg.ui.review.places import Box, Places, best_plane
from napari_vlseg.ui.review.thumbnails import Shot

if TYPE_CHECKING:
    from napari_vlseg.ui.image_choice import ImageChoice

_MARGIN = 0.35  # of the longer side of an object, on each side of its thumbnail
_LEAST_SIDE = 24  # pixels of the image that a thumbnail shows at least
_ENOUGH = 128  # pixels on each side that a thumbnail is made of at most

Region = tuple[slice, slice]


@dataclass(frozen=True, eq=False)
class Sight:
    """An object on a plane.

    Attributes
    ----------
    key
        The plane, see `napari_vlseg.ui.geometry.plane_key`.
    region : tuple of slice
        Rows and columns of the box around the object on the plane.
    mask : numpy.ndarray of bool
        Its pixels in the box; none where the object has no pixels any more.
    """

    key: Key
    region: Region
    mask: np.ndarray

    @property
    def is_there(self) -> bool:
        """Whether the object has pixels."""
        return bool(self.mask.any())


def find(layer: Labels, places: Places, label: int, in_view: Key) -> Sight | None:
    """Look for an object; None for a label that never was anywhere.

    None too while one image goes and another comes, and the plane in view is not of the layer.

    Parameters
    ----------
    layer : napari.layers.Labels
    places : Places
        Its boxes; that of the object is made to fit.
    label : int
    in_view
        The plane in view. It is the one that is looked at where the object is on it.
    """
    box = places.box(label)
    if box is None or not len(box.first) == len(in_view) == layer.data.ndim:
        return None
    axes = _plane_axes(in_view)
    key = _plane_of(layer, label, box, in_view, axes)
    pixels = _read(layer, key, _region(box, axes))
    if pixels.ndim == len(box.first):  # the whole box is on one plane
        fitting = places.tighten(pixels, label, box)
        if fitting is not None and fitting != box:
            box = fitting
            pixels = _read(layer, key, _region(box, axes))
    return _trimmed(Sight(key, _region(box, axes), pixels == label))


def shoot(
    uid: str, layer: Labels, image: Image, images: ImageChoice, sight: Sight, label: int
) -> Shot:
    """Copy what a thumbnail is made of: a square around the object, thinned where it is large."""
    view = images.view(image)
    shape = tuple(layer.data.shape[axis] for axis in _plane_axes(sight.key))
    region = _around(sight.region, shape)
    step = max(1, max(side.stop - side.start for side in region) // _ENOUGH)
    thin = (slice(*_ends(region[0]), step), slice(*_ends(region[1]), step))
    color = layer.get_color(label)
    return Shot(
        uid,
        _crop(image, view, plane_index(image, view, sight.key), thin),
        replace(view, contrast=_limits(image)),
        (_read(layer, sight.key, thin) == label),
        (1.0, 1.0, 1.0) if color is None else tuple(float(part) for part in color[:3]),
    )


def _plane_axes(key: Key) -> tuple[int, int]:
    rows, cols = (axis for axis, position in enumerate(key) if position is None)
    return rows, cols


def _plane_of(layer: Labels, label: int, box: Box, in_view: Key, axes: tuple[int, int]) -> Key:
    """The plane in view where the object is on it, else the one that shows most of it."""
    on_it = all(
        position is None or low <= position < high
        for position, low, high in zip(in_view, box.first, box.stop, strict=True)
    )
    one_plane = all(
        position is None or high - low == 1
        for position, low, high in zip(in_view, box.first, box.stop, strict=True)
    )
    if on_it and (one_plane or (_read(layer, in_view, _region(box, axes)) == label).any()):
        return in_view
    leading = iter(best_plane(layer.data, label, box, axes))
    return tuple(None if position is None else next(leading) for position in in_view)


def _region(box: Box, axes: tuple[int, int]) -> Region:
    rows, cols = (box.slices[axis] for axis in axes)
    return rows, cols


def _read(layer: Labels, key: Key, region: Region) -> np.ndarray:
    sides = iter(region)
    index = tuple(next(sides) if position is None else position for position in key)
    return np.asarray(layer.data[index])


def _trimmed(sight: Sight) -> Sight:
    """Without empty rows and columns around the object."""
    if not sight.is_there:
        return sight
    spans = []
    for axis in (1, 0):
        held = np.flatnonzero(sight.mask.any(axis=axis))
        spans.append(slice(int(held[0]), int(held[-1]) + 1))
    rows, cols = (
        slice(side.start + span.start, side.start + span.stop)
        for side, span in zip(sight.region, spans, strict=True)
    )
    return Sight(sight.key, (rows, cols), sight.mask[spans[0], spans[1]])


def _around(region: Region, shape: tuple[int, ...]) -> Region:
    """A square around a region with a margin, moved or cut where it would leave the plane."""
    longest = max(side.stop - side.start for side in region)
    wanted = max(round(longest * (1 + 2 * _MARGIN)), _LEAST_SIDE)
    rows, cols = (
        _span((side.start + side.stop) // 2, wanted, length)
        for side, length in zip(region, shape, strict=True)
    )
    return rows, cols


def _span(middle: int, wanted: int, length: int) -> slice:
    size = min(wanted, length)
    start = min(max(middle - size // 2, 0), length - size)
    return slice(start, start + size)


def _ends(side: slice) -> tuple[int, int]:
    return side.start, side.stop


def _crop(image: Image, view: ImageView, index: tuple[int, ...], region: Region) -> Any:
    """A region of a plane, copied where the image is in memory; leading axes have length 1."""
    data = image_array(image)
    where: list[slice] = [slice(None)] * len(data.shape)
    for axis, position in zip(leading_axes(data, view), index, strict=True):
        where[axis] = slice(position, position + 1)
    for axis, side in zip(plane_axes(image, view), region, strict=True):
        where[axis] = side
    part = data[tuple(where)]
    return part.copy() if isinstance(part, np.ndarray) else part


def _limits(image: Image) -> tuple[float, float]:
    """Values that the person sees as black and as white."""
    if not image.rgb:
        low, high = image.contrast_limits
        return float(low), float(high)
    dtype = np.dtype(image_array(image).dtype)
    return (0.0, float(np.iinfo(dtype).max)) if dtype.kind in "iu" else (0.0, 1.0)
