"""What a run over blocks reads: an image of any size through one view."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from napari_vlseg.images import (
    ImageView,
    SourceImage,
    extract_plane,
    extract_window,
    fixed_contrast,
    leading_axes,
    plane_shape,
)
from napari_vlseg.planes import plane_axes, shown_channels

Index = tuple[int, ...]


@dataclass(frozen=True, eq=False)
class BlockSource:
    """An image, lazy or not, and how it is looked at.

    Build one with `of`, which fixes the contrast.

    Attributes
    ----------
    data : array-like
        As in `napari_vlseg.images.extract_plane`; of a lazy array only windows are read.
    view : ImageView
        With contrasts for all channels.
    levels : tuple of array-like
        The same at falling resolution, `data` first.
    """

    data: Any
    view: ImageView
    levels: tuple[Any, ...] = ()

    @classmethod
    def of(
        cls, image: SourceImage | Any, view: ImageView | None = None, levels: Sequence[Any] = ()
    ) -> BlockSource:
        """A source with its contrast computed once, from a sample of the whole image.

        Parameters
        ----------
        image : SourceImage or array-like
        view : ImageView, optional
            Contrasts that it has are kept; None takes that of the file.
        levels : sequence of array-like
            Of a multiscale image, full resolution first; those of the file if omitted.

        Raises
        ------
        ImageError
            If this is not an image, or the view does not fit it.
        """
        data = image.data if isinstance(image, SourceImage) else image
        if isinstance(image, SourceImage):
            view = view or image.view
            levels = levels or getattr(image, "levels", ())
        view, levels = view or ImageView(), tuple(levels) or (data,)
        return cls(data, fixed_contrast(data, view, levels), levels)

    @property
    def shape(self) -> tuple[int, int]:
        """(H, W) of its planes."""
        return plane_shape(self.data, self.view)

    @property
    def leading(self) -> tuple[int, ...]:
        """How many planes there are along each leading axis."""
        return tuple(int(self.data.shape[axis]) for axis in leading_axes(self.data, self.view))

    def read(self, index: Index, rows: slice, cols: slice) -> np.ndarray:
        """Pixels of a window as the image holds them, of the channels that are shown.

        Returns
        -------
        numpy.ndarray
            Leading axes of length 1; look at it through `window_view`.
        """
        window: list[slice] = [slice(None)] * len(self.data.shape)
        for axis, place in zip(leading_axes(self.data, self.view), index, strict=True):
            window[axis] = slice(place, place + 1)
        axes = plane_axes(self.data, self.view)
        window[axes.rows], window[axes.cols] = rows, cols
        if axes.channel is None:
            return np.asarray(self.data[tuple(window)])
        parts = []
        for channel in shown_channels(self.view, int(self.data.shape[axes.channel])):
            window[axes.channel] = slice(channel.index, channel.index + 1)
            parts.append(np.asarray(self.data[tuple(window)]))
        return np.concatenate(parts, axes.channel)

    @cached_property
    def window_view(self) -> ImageView:
        """The view of what `read` gives: its channels are the shown ones alone."""
        channel = plane_axes(self.data, self.view).channel
        if channel is None:
            return self.view
        shown = shown_channels(self.view, int(self.data.shape[channel]))
        numbered = [replace(one, index=number) for number, one in enumerate(shown)]
        return replace(self.view, channels=tuple(numbered))

    def show(self, pixels: np.ndarray) -> np.ndarray:
        """What was read as a model sees it, float32 (h, w, 3) in [0, 1]."""
        return extract_plane(pixels, (0,) * len(self.leading), self.window_view)

    def look(self, index: Index, rows: slice, cols: slice) -> np.ndarray:
        """A window as a model sees it, float32 (h, w, 3) in [0, 1]."""
        return extract_window(self.data, index, rows, cols, self.view)


def pixels_key(pixels: np.ndarray) -> str:
    """Hash that tells whether a block was computed from these very pixels."""
    digest = hashlib.blake2b(f"{pixels.shape} {pixels.dtype.str}".encode(), digest_size=16)
    digest.update(np.ascontiguousarray(pixels).data)
    return digest.hexdigest()
