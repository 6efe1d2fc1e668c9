"""Which planes, channels and axes of an image file are looked at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from napari_vlseg.errors import ImageError
from napari_vlseg.images import (
    Channel,
    ImageView,
    SourceImage,
    leading_axes,
    plane_shape,
    read_image,
)
from napari_vlseg.planes import plane_axes

Index: TypeAlias = tuple[int, ...]
Positions: TypeAlias = tuple[int, ...] | None
"""Positions on a leading axis; None for all of them."""

LARGEST_SIDE = 4096
LARGEST_PIXELS = 64_000_000
"""Planes with a longer side, or more pixels, are segmented block by block."""


@dataclass(frozen=True)
class Selection:
    """What of each image file is segmented.

    Attributes
    ----------
    index : tuple of int
        One plane: a position on each leading axis.
    planes : tuple of tuple of int or None
        Several planes: positions on each leading axis, None for all. Empty where `index` says
        which; one None alone is every plane, however many leading axes there are.
    channels : tuple of Channel
        Which channels are looked at, and in which colours; all of them when empty.
    axes : str or None
        Letters of the axes in the file, in place of what the file says.
    pixel_size : tuple of float or None
        (row, col) in micrometres, in place of what the file says.
    """

    index: Index = ()
    planes: tuple[Positions, ...] = ()
    channels: tuple[Channel, ...] = ()
    axes: str | None = None
    pixel_size: tuple[float, float] | None = None

    def facts(self) -> dict[str, Any]:
        """JSON values, for whoever has to know whether something else was looked at."""
        return asdict(self)

    def open(self, path: Path) -> SourceImage:
        """An image as it is to be looked at; large ones are not read.

        Raises
        ------
        ImageError
            If it is no image, or the letters don't fit it.
        """
        source = read_image(path, self.axes)
        return source if self.pixel_size is None else _with_pixel_size(source, self.pixel_size)

    def view(self, source: SourceImage) -> ImageView:
        """How an image is looked at.

        Raises
        ------
        ImageError
            If there are no channels to choose from.
        """
        if not self.channels:
            return source.view
        if source.view.channel_axis is None:
            raise ImageError(f"“{source.name}” has no channel axis: leave out --channel.")
        return replace(source.view, channels=self.channels)

    def positions(self, source: SourceImage) -> tuple[Index, ...]:
        """The planes of an image that are segmented.

        Raises
        ------
        ImageError
            If there is no such plane, or the choice does not fit the leading axes.
        """
        counts = leading_shape(source, self.view(source))
        planes = self.planes
        if not planes:
            _check_index(source, self.view(source), self.index, counts)
            planes = tuple((place,) for place in self.index)
        elif planes == (None,):
            planes = (None,) * len(counts)
        elif len(planes) != len(counts):
            raise ImageError(
                f"“{source.name}” has {len(counts)} leading axes but --planes names positions on "
                f"{len(planes)}: give them for each, with semicolons between, or “all”."
            )
        chosen = [
            range(count) if places is None else places
            for places, count in zip(planes, counts, strict=True)
        ]
        for axis, (places, count) in enumerate(zip(chosen, counts, strict=True)):
            outside = next((place for place in places if not 0 <= place < count), None)
            if outside is not None:
                raise ImageError(
                    f"There is no plane {outside} on leading axis {axis} of “{source.name}”: "
                    f"choose one from 0 to {count - 1}."
                )
        return tuple(product(*chosen))


def leading_shape(source: SourceImage, view: ImageView) -> tuple[int, ...]:
    """How many planes there are along each leading axis."""
    return tuple(int(source.data.shape[axis]) for axis in leading_axes(source.data, view))


def is_large(source: SourceImage, view: ImageView) -> bool:
    """Whether planes are too large to be segmented as a whole."""
    height, width = plane_shape(source.data, view)
    return max(height, width) > LARGEST_SIDE or height * width > LARGEST_PIXELS


def plane_pixels(source: SourceImage, view: ImageView, index: Index) -> np.ndarray:
    """A plane as the image holds it, leading axes of length 1; nothing else is read."""
    window: list[slice] = [slice(None)] * len(source.data.shape)
    for axis, place in zip(leading_axes(source.data, view), index, strict=True):
        window[axis] = slice(place, place + 1)
    return np.asarray(source.data[tuple(window)])


def _check_index(
    source: SourceImage, view: ImageView, index: Sequence[int], counts: Sequence[int]
) -> None:
    if len(index) == len(counts):
        return
    shape = " × ".join(map(str, counts))
    raise ImageError(
        f"“{source.name}” is a stack of {shape} planes: choose one with --plane, for example "
        f"--plane {','.join('0' * len(counts))}, or several with --planes, for example all."
        if counts
        else f"“{source.name}” is a single plane of {plane_shape(source.data, view)} "
        "pixels: leave out --plane."
    )


def _with_pixel_size(source: SourceImage, size: tuple[float, float]) -> SourceImage:
    axes = plane_axes(source.data, source.view)
    scale, units = list(source.placement.scale), list(source.placement.units)
    for axis, step in zip((axes.rows, axes.cols), size, strict=True):
        scale[axis], units[axis] = step, "µm"
    placement = replace(source.placement, scale=tuple(scale), units=tuple(units))
    return replace(source, pixel_size=size, unit="µm", placement=placement)
