"""Labels of planes that are too large to be edited as a whole: a pyramid on the disk."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
from napari.layers import Image, Labels

from napari_vlseg.errors import ImageError
from napari_vlseg.images import ImageView, plane_shape
from napari_vlseg.ui.geometry import geometry, image_array, plane_key
from napari_vlseg.ui.layers import METADATA_KEY, insert_above
from napari_vlseg.ui.objects import is_one_of
from napari_vlseg.ui.volumes import make_volume

LONGEST_SIDE = 16_384
MOST_PIXELS = 50_000_000
"""Beyond either a plane is shown as a pyramid: graphics cards hold no longer side, and drawing
all of a larger plane anew holds the window up."""

_COARSEST = 1024


def is_huge(image: Image, view: ImageView) -> bool:
    """Whether planes of an image are too large to be edited as a whole."""
    try:
        height, width = plane_shape(image_array(image), view)
    except ImageError:
        return False
    return max(height, width) > LONGEST_SIDE or height * width > MOST_PIXELS


class Overview:
    """Labels of an image at several resolutions, and the layer that shows them.

    They may be written from a job; the layer is touched on the main thread alone.

    Parameters
    ----------
    image : napari.layers.Image
    view : ImageView

    Attributes
    ----------
    layer : napari.layers.Labels
        Multiscale, which napari can't edit.
    highest : int
        No label is greater.
    protected : set of int
        Labels that a person drew, changed or decided about: no run alters them.
    """

    dtype = np.dtype(np.int32)

    def __init__(self, image: Image, view: ImageView) -> None:
        place = geometry(image, view)
        self._image, self._view = image, view
        self._lock = threading.Lock()
        self.levels = [make_volume(place.shape)]
        while max(self.levels[-1].shape[-2:]) > _COARSEST:
            *leading, height, width = self.levels[-1].shape
            self.levels.append(make_volume((*leading, (height + 1) // 2, (width + 1) // 2)))
        self.highest = 0
        self.protected: set[int] = set()
        self.layer = Labels(
            self.levels,
            multiscale=True,
            name=f"{image.name} — vlseg",
            opacity=0.5,
            metadata={METADATA_KEY: {"image": image.name, "overview": True}},
            **place.placement,
        )

    def show(self, viewer: Any) -> None:
        """Show the layer above its image, and what was written since."""
        if self.layer not in viewer.layers:
            insert_above(viewer, self._image, self.layer)
        self.layer.refresh(extent=False)

    def read(self, index: tuple[int, ...], rows: slice, cols: slice) -> np.ndarray:
        """Labels (h, w) of a part of a plane."""
        return np.asarray(self.levels[0][self._where(index, rows, cols)])

    def write(
        self,
        index: tuple[int, ...],
        rows: slice,
        cols: slice,
        labels: np.ndarray,
        spared: frozenset[int] = frozenset(),
    ) -> None:
        """Write a part of a plane at all resolutions.

        Parameters
        ----------
        index : tuple of int
        rows, cols : slice
        labels : numpy.ndarray, shape (h, w)
        spared : frozenset of int
            Labels that stay where they are.
        """
        with self._lock:
            if spared:
                present = self.read(index, rows, cols)
                labels = np.where(is_one_of(present, spared), present, labels)
            self.highest = max(self.highest, int(labels.max(initial=0)))
            for number, level in enumerate(self.levels):
                step = 2**number
                parts, within = [], []
                for part in (rows, cols):
                    first = -(-part.start // step)
                    parts.append(slice(first, -(-part.stop // step)))
                    within.append(slice(first * step - part.start, None, step))
                shrunk = labels[tuple(within)]
                if shrunk.size:
                    level[self._where(index, *parts)] = shrunk.astype(self.dtype)

    def _where(self, index: tuple[int, ...], rows: slice, cols: slice) -> tuple[Any, ...]:
        parts = iter((rows, cols))
        key = plane_key(self._image, self._view, index)
        return tuple(next(parts) if position is None else position for position in key)


class Taking:
    """Takes the labels of a run, above the numbers of those that are there.

    Parameters
    ----------
    overview : Overview
    offset : int
        Added to every number.
    """

    dtype = Overview.dtype

    def __init__(self, overview: Overview, offset: int) -> None:
        self._overview = overview
        self.offset = offset
        self._spared = frozenset(overview.protected)

    def put(self, index: tuple[int, ...], rows: slice, cols: slice, labels: np.ndarray) -> None:
        """A part of a plane has these labels of the run."""
        numbered = np.where(labels > 0, labels.astype(np.int64) + self.offset, 0)
        self._overview.write(index, rows, cols, numbered, self._spared)

    def __setitem__(self, key: tuple[Any, ...], labels: np.ndarray) -> None:
        self.put(key[:-2], key[-2], key[-1], labels)
