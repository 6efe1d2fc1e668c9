"""Parts of a plane that are there before the plane is: shown on a layer of their own.

They have no journal and can't be edited; the plane takes their place once it is done.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image, Labels

from napari_vlseg.events import Partial
from napari_vlseg.images import plane_shape
from napari_vlseg.ui.geometry import geometry, image_array, linear, plane_key
from napari_vlseg.ui.layers import METADATA_KEY, empty_labels, insert_above

if TYPE_CHECKING:
    from napari_vlseg.ui.controller import Controller


class Coming:
    """The plane in view while its blocks come in.

    Parameters
    ----------
    controller : Controller
    """

    def __init__(self, controller: Controller) -> None:
        self._controller = controller
        self._layer: Labels | None = None
        self._index: tuple[int, ...] | None = None

    def show(self, image: Image, part: Partial) -> None:
        """Show a part, where it is of the plane in view and not all of it."""
        if image not in self._controller.viewer.layers or part.index != self._in_view(image):
            return
        layer = self._layer_for(image, part)
        if layer is None:
            return
        parts = iter((part.rows, part.cols))
        key = plane_key(image, self._controller.images.view(image), part.index)
        where = tuple(next(parts) if position is None else 0 for position in key)
        layer.data[where] = part.labels.astype(np.int32)
        layer.refresh(extent=False, thumbnail=False)

    def put_away(self, index: tuple[int, ...] | None = None) -> None:
        """A plane is done, or the run is over: take away what was shown of it."""
        if self._layer is None or (index is not None and index != self._index):
            return
        layer, self._layer = self._layer, None
        if layer in self._controller.viewer.layers:
            self._controller.viewer.layers.remove(layer)

    def _in_view(self, image: Image) -> tuple[int, ...]:
        return self._controller.images.index(image)

    def _layer_for(self, image: Image, part: Partial) -> Labels | None:
        view = self._controller.images.view(image)
        if part.labels.shape == plane_shape(image_array(image), view):
            return None
        if self._layer is not None and self._index == part.index:
            return self._layer if self._layer in self._controller.viewer.layers else None
        self.put_away()
        place, key = geometry(image, view), plane_key(image, view, part.index)
        self._index = part.index
        self._layer = self._add(image, place.placement, place.shape, key)
        return self._layer

    def _add(
        self, image: Image, placement: dict[str, Any], shape: tuple[int, ...], key: Any
    ) -> Labels:
        placement = dict(placement)
        offset = np.array([position or 0 for position in key], float)
        placement["translate"] = placement["translate"] + linear(placement) @ offset
        layer = Labels(
            empty_labels([n if k is None else 1 for k, n in zip(key, shape, strict=True)]),
            name=f"{image.name} — coming in",
            opacity=0.4,
            metadata={METADATA_KEY: {"coming": image.name}},
            **placement,
        )
        layer.editable = False
        return insert_above(self._controller.viewer, image, layer)
