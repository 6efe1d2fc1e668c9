"""Where the objects in review are, and their thumbnails; both are found beside the window."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Labels
from psygnal import Signal

from napari_vlseg.events import Event
from napari_vlseg.pixel_changes import PixelChange
from napari_vlseg.ui.review.columns import Columns
from napari_vlseg.ui.review.extents import Extents, extents_of_runs
from napari_vlseg.ui.review.places import Places, scan
from napari_vlseg.ui.review.sights import Sight, find, shoot
from napari_vlseg.ui.review.thumbnails import Album, Shot, develop
from napari_vlseg.ui.runner import Handlers

if TYPE_CHECKING:
    from napari_vlseg.ui.controller import Controller

PLACES_LANE, PICTURES_LANE = "places", "thumbnails"
_MANY_RUNS = 100_000
"""From so many runs on, an edit is not followed but looked up by another scan."""
_AT_ONCE = 16
_COPY_SECONDS = 0.01  # on the main thread, before the window gets its turn


class Gallery:
    """Boxes and thumbnails of the objects of one labels layer."""

    drawn = Signal(object)
    """Ids of objects whose thumbnails are there now; empty when all have to be looked at."""

    def __init__(self, controller: Controller) -> None:
        self._controller = controller
        self._layer: Labels | None = None
        self._columns: Columns | None = None
        self._places: Places | None = None
        self._late: list[Extents] = []
        self._wanted: list[str] = []
        self._looks: tuple[Any, ...] = ()
        self.album = Album()

    def follow(self, layer: Labels | None, columns: Columns | None) -> None:
        """Go over to the objects of another layer, or to another table of this one."""
        self.forget()
        self._layer, self._columns = layer, columns
        image = self._controller.images.layer
        if layer is not None and image is not None:
            self._places = Places(layer.data.shape)
            self._looks = (image.events.contrast_limits, layer.events.colormap)
            for look in self._looks:
                look.connect(self._on_look)
            self._scan(layer)

    def forget(self) -> None:
        """Drop everything."""
        self._controller.runner.cancel(PLACES_LANE)
        self._controller.runner.cancel(PICTURES_LANE)
        for look in self._looks:
            look.disconnect(self._on_look)
        self._looks = ()
        self._layer = self._columns = self._places = None
        self._wanted, self._late = [], []
        self.album.clear()

    def follow_edit(self, pixels: PixelChange) -> None:
        """Widen boxes by what an edit wrote."""
        if self._layer is None or self._places is None:
            return
        if len(pixels.starts) > _MANY_RUNS:
            self._scan(self._layer)
            return
        shape = self._places.shape
        written = extents_of_runs(pixels.starts, pixels.lengths, pixels.new, shape)
        self._places.add(written)
        if self._controller.runner.busy(PLACES_LANE):
            self._late.append(written)

    def outdate(self, uids: Iterable[str]) -> None:
        """Have thumbnails drawn anew."""
        self.album.outdate(uids)

    def find(self, uid: str) -> Sight | None:
        """Look for an object; None where it never had pixels, or they are not found yet."""
        image = self._controller.images.layer
        if self._layer is None or self._places is None or self._columns is None or image is None:
            return None
        if self._layer.data.shape != self._places.shape or uid not in self._columns.rows:
            return None
        label = self._columns.label(uid)
        return find(self._layer, self._places, label, self._controller.key(image))

    def want(self, uids: Iterable[str]) -> None:
        """Draw the thumbnails of objects that are in view, where they are missing or old."""
        self._wanted = [uid for uid in uids if self.album.needs(uid)]
        if not self._controller.runner.busy(PICTURES_LANE):
            self._draw_next()

    def _scan(self, layer: Labels) -> None:
        def done(places: Places) -> None:
            if layer is not self._layer:
                return
            for written in self._late:
                places.add(written)
            self._places, self._late = places, []
            self.drawn.emit(frozenset())

        self._late = []
        handlers = Handlers(_unheard, done, self._on_failed, _unheard)
        self._controller.runner.start(PLACES_LANE, scan(layer.data, layer.data.shape), handlers)

    def _draw_next(self) -> None:
        shots = self._shots()
        if not shots:
            return
        layer = self._layer

        def done(pictures: dict[str, np.ndarray | None]) -> None:
            if layer is self._layer:
                self.album.put(pictures)
                self.drawn.emit(frozenset(pictures))
            self._draw_next()

        self.album.begin(shot.uid for shot in shots)
        # Cancelled for the sake of another image, whose thumbnails wait for the lane.
        handlers = Handlers(_unheard, done, self._on_failed, self._draw_next)
        self._controller.runner.start(PICTURES_LANE, develop(shots), handlers)

    def _shots(self) -> list[Shot]:
        """Copies of the next few objects, as long as that does not hold up the window."""
        shots: list[Shot] = []
        image, layer, started = self._controller.images.layer, self._layer, time.monotonic()
        if image is None or layer is None or self._columns is None:
            return shots
        while self._wanted and len(shots) < _AT_ONCE:
            if time.monotonic() - started > _COPY_SECONDS:
                break
            uid = self._wanted.pop(0)
            sight = self.find(uid)
            if sight is not None:
                label = self._columns.label(uid)
                shots.append(shoot(uid, layer, image, self._controller.images, sight, label))
        return shots

    def _on_look(self, event: Any) -> None:
        """Contrast or colours are others now."""
        self.album.outdate_all()
        self.drawn.emit(frozenset())

    def _on_failed(self, text: str) -> None:
        self._controller.tell(text, "error")


def _unheard(event: Event | None = None) -> None:
    """Progress of a moment is shown by the pictures themselves."""
