"""Which image of the viewer is segmented, how it is looked at, and which plane is in view."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from napari.components import ViewerModel
from napari.layers import Image
from psygnal import Signal

from napari_vlseg.errors import ImageError
from napari_vlseg.events import Progress, Work
from napari_vlseg.images import (
    Channel,
    ImageView,
    default_channels,
    extract_plane,
    fixed_contrast,
    leading_axes,
    plane_shape,
)
from napari_vlseg.ui.geometry import image_array
from napari_vlseg.ui.layer_view import view_of
from napari_vlseg.ui.layers import is_heatmap
from napari_vlseg.ui.thinned import stored_levels

_TICK_S = 0.1


class Whole:
    """An image with more than one plane: its contrast is found once, beside the window.

    Parameters
    ----------
    data : array-like
    view : ImageView
        As the person looks at it; contrasts that they set are kept.
    levels : tuple of array-like
        Of a multiscale image, full resolution first.
    """

    def __init__(self, data: Any, view: ImageView, levels: tuple[Any, ...] = ()) -> None:
        self.data, self.view, self.levels = data, view, levels
        self._lock = threading.Lock()
        self._fixed: ImageView | None = None

    def fixed_view(self) -> ImageView:
        """The view with all contrasts filled in."""
        with self._lock:
            if self._fixed is None:
                self._fixed = fixed_contrast(self.data, self.view, self.levels)
            return self._fixed

    def look(self) -> Work[ImageView]:
        """As `fixed_view`, with events meanwhile: files may be slow."""
        reading = ThreadPoolExecutor(1, "contrast")
        found = reading.submit(self.fixed_view)
        reading.shutdown(wait=False)
        while not wait([found], timeout=_TICK_S).done:
            yield Progress("looking at the contrast", 0, 0)
        return found.result()


@dataclass(frozen=True, eq=False)
class Snapshot:
    """The plane to segment, taken on the main thread.

    Attributes
    ----------
    data : array-like
        A copy of the plane where the layer holds a NumPy array, with leading axes of length
        1; the lazy array itself otherwise.
    index : tuple of int
        Position of the plane in `data` on each leading axis.
    view : ImageView
    whole : Whole or None
        What the plane is one of; None for one that is alone.
    """

    data: Any
    index: tuple[int, ...]
    view: ImageView
    whole: Whole | None = None

    def plane(self) -> np.ndarray:
        """The plane as a model sees it, float32 (H, W, 3) in [0, 1]: as others of its stack.

        Raises
        ------
        ImageError
            See `napari_vlseg.images.extract_plane`.
        """
        view = self.view if self.whole is None else self.whole.fixed_view()
        return extract_plane(self.data, self.index, view)


class ImageChoice:
    """The image in use; follows the viewer's selection until there is something else to follow."""

    changed = Signal()

    def __init__(self, viewer: ViewerModel) -> None:
        self._viewer = viewer
        self._views: WeakKeyDictionary[Image, ImageView] = WeakKeyDictionary()
        self._wholes: WeakKeyDictionary[Image, Whole] = WeakKeyDictionary()
        self._layer: Image | None = None
        self._emitters = (
            (viewer.layers.events.inserted, self._on_layers),
            (viewer.layers.events.removed, self._on_layers),
            (viewer.layers.selection.events.active, self._on_active),
            (viewer.dims.events.current_step, self._on_step),
        )
        for emitter, callback in self._emitters:
            emitter.connect(callback)
        self._on_layers()
        self._on_active()

    def close(self) -> None:
        """Stop following the viewer."""
        for emitter, callback in self._emitters:
            emitter.disconnect(callback)
        self._layer = None

    @property
    def layers(self) -> tuple[Image, ...]:
        """Images that can be segmented, top layer last."""
        return tuple(
            layer
            for layer in self._viewer.layers
            if isinstance(layer, Image) and not is_heatmap(layer)
        )

    @property
    def layer(self) -> Image | None:
        """The image in use."""
        return self._layer

    def choose(self, layer: Image | None) -> None:
        """Use another image of the viewer."""
        if layer is self._layer or (layer is not None and layer not in self.layers):
            return
        self._layer = layer
        self.changed.emit()

    def require(self) -> Image:
        """The image in use.

        Raises
        ------
        ImageError
            If there is none.
        """
        if self._layer is None:
            raise ImageError("There is no image yet: open an image or a sample.")
        return self._layer

    def view(self, layer: Image) -> ImageView:
        """How a layer is looked at: as the person chose, else as its file or its axes say."""
        view = self._views.get(layer)
        return view_of(layer) if view is None else view

    def set_view(self, view: ImageView) -> None:
        """Look at the image in use in another way.

        Raises
        ------
        ImageError
            If the view does not fit the image.
        """
        layer = self.require()
        plane_shape(image_array(layer), view)
        self._views[layer] = view
        self.changed.emit()

    def set_channel_axis(self, axis: int | None) -> None:
        """Say which axis holds channels, and show the first ones in distinct colours."""
        layer = self.require()
        channels: tuple[Channel, ...] = ()
        if axis is not None:
            channels = default_channels(np.shape(image_array(layer))[axis])
        self.set_view(replace(self.view(layer), channel_axis=axis, channels=channels))

    def index(self, layer: Image) -> tuple[int, ...]:
        """Position of the plane in view on each leading axis of a layer."""
        data, view = image_array(layer), self.view(layer)
        where = layer.world_to_data(self._viewer.dims.point)
        shape = np.shape(data)
        return tuple(
            int(np.clip(round(float(where[axis])), 0, shape[axis] - 1))
            for axis in leading_axes(data, view)
        )

    def snapshot(self, layer: Image, index: Sequence[int] | None = None) -> Snapshot:
        """Take the plane in view, or another one, for a job."""
        data, view = image_array(layer), self.view(layer)
        index = self.index(layer) if index is None else tuple(index)
        is_alone = all(np.shape(data)[axis] == 1 for axis in leading_axes(data, view))
        whole = None if is_alone else self.whole(layer)
        if not isinstance(data, np.ndarray):
            return Snapshot(data, index, view, whole)
        key: list[slice] = [slice(None)] * data.ndim
        for axis, position in zip(leading_axes(data, view), index, strict=True):
            key[axis] = slice(position, position + 1)
        return Snapshot(data[tuple(key)].copy(), (0,) * len(index), view, whole)

    def whole(self, layer: Image) -> Whole:
        """The image with what is known about it as a whole; the same until either changes."""
        data, view = image_array(layer), self.view(layer)
        known = self._wholes.get(layer)
        if known is None or known.data is not data or known.view != view:
            levels = stored_levels(layer.data) if layer.multiscale else ()
            known = self._wholes[layer] = Whole(data, view, levels)
        return known

    def scope(self) -> str:
        """What Segment would work on, in a few words."""
        layer = self._layer
        if layer is None:
            return ""
        try:
            height, width = plane_shape(image_array(layer), self.view(layer))
            index = self.index(layer)
        except ImageError as error:
            return str(error)
        size = f"{height} × {width} px"
        if not index:
            return size
        axes = leading_axes(image_array(layer), self.view(layer))
        total = [np.shape(image_array(layer))[axis] for axis in axes]
        places = ", ".join(f"{i + 1} of {n}" for i, n in zip(index, total, strict=True))
        return f"plane {places} · {size}"

    def _on_layers(self, event: Any = None) -> None:
        layers = self.layers
        if self._layer not in layers:
            self._layer = layers[-1] if layers else None
        self.changed.emit()

    def _on_active(self, event: Any = None) -> None:
        active = self._viewer.layers.selection.active
        if active in self.layers:
            self.choose(active)

    def _on_step(self, event: Any = None) -> None:
        self.changed.emit()
