"""Parts of a plane that are there before the plane is: shown on a layer of their own.

They have no journal and can't be edited; the plane takes their place once it is done.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from napari.layers import Image, Labels

from napari_vlseg.events import Partial
from napari_vlseg.images import plane_shape
from napari_vlseg.ui.geometry import Key, geometry, image_array, linear, plane_key
from napari_vlseg.ui.layers import METADATA_KEY, insert_above

_LEAST_SIDE = 2048
_MOST_SIDE = 4096
"""Pixels along what is shown of a plane."""

if TYPE_CHECKING:
    from napari_vlseg.ui.controller import Controller


class Coming:
    """What is in view while its blocks come in.

    Parameters
    ----------
    controller : Controller
    """

    def __init__(self, controller: Controller) -> None:
        self._controller = controller
        self._layer: Labels | None = None
        self._index: tuple[int, ...] | None = None
        self._window = slice(0, 0), slice(0, 0)

    def show(self, image: Image, part: Partial) -> None:
        """Show what a part has of the window in view, where it is not all of its plane."""
        images = self._controller.images
        if image not in self._controller.viewer.layers or part.index != images.index(image):
            return
        if part.labels.shape == plane_shape(image_array(image), images.view(image)):
            return
        if self._layer is None or self._index != part.index:
            self._begin(image, part.index)
        layer = self._layer
        if layer is None or layer not in self._controller.viewer.layers:
            return
        shared = [_shared(part.rows, self._window[0]), _shared(part.cols, self._window[1])]
        if any(here.start >= here.stop for here, _ in shared):
            return
        pixels = part.labels[tuple(here for here, _ in shared)].astype(np.int32)
        there = iter(there for _, there in shared)
        key = plane_key(image, images.view(image), part.index)
        layer.data[tuple(next(there) if position is None else 0 for position in key)] = pixels
        layer.refresh(extent=False, thumbnail=False)

    def put_away(self, index: tuple[int, ...] | None = None) -> None:
        """A plane is done, or the run is over: take away what was shown of it."""
        if index is not None and index != self._index:
            return
        layer, self._layer, self._index = self._layer, None, None
        if layer is not None and layer in self._controller.viewer.layers:
            self._controller.viewer.layers.remove(layer)

    def _begin(self, image: Image, index: tuple[int, ...]) -> None:
        self.put_away()
        controller = self._controller
        view, window = controller.images.view(image), controller.scope.window(image)
        height, width = plane_shape(image_array(image), view)
        self._window = _wide(window[0], height), _wide(window[1], width)
        self._index = index
        self._layer = self._add(image, plane_key(image, view, index))

    def _add(self, image: Image, key: Key) -> Labels:
        view = self._controller.images.view(image)
        placement = dict(geometry(image, view).placement)
        window = iter(self._window)
        box = [next(window) if k is None else slice(k, k + 1) for k in key]
        offset = np.array([part.start for part in box], float)
        placement["translate"] = placement["translate"] + linear(placement) @ offset
        layer = Labels(
            np.zeros([part.stop - part.start for part in box], np.int32),
            name=f"{image.name} — coming in",
            opacity=0.4,
            metadata={METADATA_KEY: {"coming": image.name}},
            **placement,
        )
        layer.editable = False
        return insert_above(self._controller.viewer, image, layer)


def _wide(part: slice, extent: int) -> slice:
    """What is in view with what is around it, within bounds."""
    side = max(_LEAST_SIDE, min(part.stop - part.start, _MOST_SIDE))
    first = min(max((part.start + part.stop - side) // 2, 0), max(extent - side, 0))
    return slice(first, min(first + side, extent))


def _shared(part: slice, window: slice) -> tuple[slice, slice]:
    """What two stretches share, in pixels of either."""
    low, high = max(part.start, window.start), min(part.stop, window.stop)
    return slice(low - part.start, high - part.start), slice(
        low - window.start, high - window.start
    )
