"""What a person sees of an object in progress: the candidate, the clicks and the lines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
from napari.components import ViewerModel
from napari.layers import Image, Labels, Layer, Points, Vectors
from napari.utils.colormaps import DirectLabelColormap
from napari.utils.transforms import Affine
from scipy import ndimage as ndi

from napari_vlseg.images import ImageView
from napari_vlseg.ui.clicks.spots import Spot
from napari_vlseg.ui.geometry import Key, geometry, linear
from napari_vlseg.ui.layers import METADATA_KEY
from napari_vlseg.workflow.clicking import ClickSession
from napari_vlseg.workflow.outlines import Outline, Stroke
from napari_vlseg.workflow.outlines import Points as Places

INCLUDE_COLOR, EXCLUDE_COLOR = "#22dd66", "#ff4444"
_FILL, _EDGE = 1, 2
_FILL_OPACITY = 0.35
_EDGE_PIXELS = 1.5  # of the canvas, on each side of the outline
_LINE_PIXELS = 2.0
_MARK_PIXELS = 12


class Marks:
    """Three layers that are there while a tool is on; a person can't edit them.

    Only what differs from what is shown is drawn anew: it has to follow a click at once.

    Parameters
    ----------
    viewer : napari.components.ViewerModel
    """

    def __init__(self, viewer: ViewerModel) -> None:
        self._viewer = viewer
        self._place: tuple[Image, ImageView] | None = None
        self._layers: tuple[Labels, Vectors, Points] | None = None
        self._key: Key = ()
        self._outline: Outline | None = None
        self._color = ""
        self._strokes: tuple[Stroke, ...] = ()
        self._pixel = 1.0

    @property
    def layers(self) -> tuple[Layer, ...]:
        """Candidate, lines and clicks, where they are shown."""
        return self._layers or ()

    def lie_on(self, spot: Spot) -> None:
        """Make the layers for a plane of an image, above all others."""
        place = spot.image, spot.view
        if self._place != place or not all(one in self._viewer.layers for one in self.layers):
            self.remove()
            self._make(*place, spot.key)
        if spot.key != self._key and self._layers is not None:
            self.clear()
            self._key = spot.key
            self._layers[0].translate = _shifted(geometry(*place).placement, spot.key)

    def remove(self) -> None:
        """Take the layers away."""
        for layer in self.layers:
            if layer in self._viewer.layers:
                self._viewer.layers.remove(layer)
        self._place = self._layers = self._outline = None
        self._key, self._strokes = (), ()

    def clear(self) -> None:
        """Show nothing."""
        self.show_outline(None, self._color)
        self.show_strokes(())

    def show(self, session: ClickSession | None, color: str) -> None:
        """Show where a session stands."""
        self.show_outline(None if session is None else session.outline, color)
        self.show_strokes(() if session is None else session.step.strokes)

    def show_outline(self, outline: Outline | None, color: str) -> None:
        """Show a candidate: its area lightly, its edge clearly."""
        if self._layers is None:
            return
        layer = self._layers[0]
        if color != self._color:
            self._color = color
            layer.colormap = _colors(color)
        if outline is self._outline:
            return
        self._outline, before = outline, self._outline
        region = _around([one for one in (before, outline) if one is not None])
        drawn = np.zeros([side.stop - side.start for side in region], np.uint8)
        if outline is not None:
            top, left = outline.top - region[0].start, outline.left - region[1].start
            rows, cols = outline.mask.shape
            drawn[top : top + rows, left : left + cols] = _drawn(outline.mask, self._edge())
        self._write(layer, region, drawn)

    def show_strokes(self, strokes: Sequence[Stroke]) -> None:
        """Show clicks as marks and everything else as lines: green includes, red does not."""
        if self._layers is None or tuple(strokes) == self._strokes:
            return
        _, lines, points = self._layers
        clicks, drawn = _apart(strokes)
        clicks_before, drawn_before = _apart(self._strokes)
        self._strokes = tuple(strokes)
        if clicks != clicks_before:
            _set_points(points, clicks, self._key, self._pixels(_MARK_PIXELS))
        if drawn != drawn_before:
            _set_lines(lines, drawn, self._key, self._pixels(_LINE_PIXELS))

    def _make(self, image: Image, view: ImageView, key: Key) -> None:
        place = geometry(image, view)
        options: dict[str, Any] = {**place.placement, "metadata": {METADATA_KEY: {"clicks": True}}}
        n_axes = len(place.shape)
        shape = [n if k is None else 1 for k, n in zip(key, place.shape, strict=True)]
        labels = Labels(
            np.zeros(shape, np.uint8),
            name="clicks: outline",
            opacity=1.0,
            **{**options, "translate": _shifted(place.placement, key)},
        )
        lines = Vectors(
            np.zeros((0, 2, n_axes)),
            ndim=n_axes,
            name="clicks: lines",
            vector_style="line",
            opacity=1.0,
            **options,
        )
        points = Points(
            np.zeros((0, n_axes)),
            ndim=n_axes,
            name="clicks: points",
            border_width=0.1,
            border_color="black",
            **options,
        )
        self._place, self._layers = (image, view), (labels, lines, points)
        self._key, self._color, self._pixel = key, "", _pixel_size(place.placement)
        selected = set(self._viewer.layers.selection)
        for layer in self._layers:
            layer.editable = False
            self._viewer.layers.append(layer)
        self._viewer.layers.selection = selected

    def _write(self, layer: Labels, region: tuple[slice, slice], values: np.ndarray) -> None:
        """Draw a region of the plane; napari sends that region alone to the screen."""
        if not values.size:
            return
        rows, cols = np.mgrid[region]
        pixels = iter((rows.ravel(), cols.ravel()))
        zeros = np.zeros(values.size, np.intp)
        where = tuple(next(pixels) if position is None else zeros for position in self._key)
        layer.data_setitem(where, values.ravel())
        layer._reset_history()  # or it would keep every candidate

    def _edge(self) -> int:
        """Width of the edge in pixels of the image."""
        return max(1, round(self._pixels(_EDGE_PIXELS)))

    def _pixels(self, on_canvas: float) -> float:
        """Length in pixels of the image of a length on the canvas."""
        scene: Any = getattr(self._viewer, "scene", self._viewer)
        return float(on_canvas / (scene.camera.zoom * self._pixel))


def is_mark(layer: Layer) -> bool:
    """Whether a layer is one of `Marks`."""
    return bool(layer.metadata.get(METADATA_KEY, {}).get("clicks"))


def _colors(color: str) -> DirectLabelColormap:
    red, green, blue = (int(color[start : start + 2], 16) / 255 for start in (1, 3, 5))
    return DirectLabelColormap(
        color_dict={
            None: np.zeros(4),
            0: np.zeros(4),
            _FILL: np.array([red, green, blue, _FILL_OPACITY]),
            _EDGE: np.array([red, green, blue, 1.0]),
        }
    )


def _drawn(mask: np.ndarray, edge: int) -> np.ndarray:
    """The mask as uint8, with its inner rim apart."""
    inside = ndi.binary_erosion(np.pad(mask, 1), iterations=edge)[1:-1, 1:-1]
    return np.where(mask, np.where(inside, _FILL, _EDGE), 0).astype(np.uint8)


def _around(outlines: Sequence[Outline]) -> tuple[slice, slice]:
    """The smallest region of the plane that holds all outlines."""
    found = [one for one in outlines if one.mask.size]
    if not found:
        return slice(0, 0), slice(0, 0)
    return (
        slice(min(o.top for o in found), max(o.top + o.mask.shape[0] for o in found)),
        slice(min(o.left for o in found), max(o.left + o.mask.shape[1] for o in found)),
    )


def _apart(strokes: Sequence[Stroke]) -> tuple[list[Stroke], list[Stroke]]:
    """Clicks, and what was drawn as a line."""
    clicks = [stroke for stroke in strokes if stroke.tool == "point"]
    return clicks, [stroke for stroke in strokes if stroke.tool != "point"]


def _shifted(placement: dict[str, Any], key: Key) -> np.ndarray:
    """Where a layer of one plane begins."""
    offset = np.array([position or 0 for position in key], float)
    return np.asarray(placement["translate"] + linear(placement) @ offset)


def _set_points(layer: Points, clicks: Sequence[Stroke], key: Key, size: float) -> None:
    signs = [click.includes for click in clicks for _ in click.places]
    with layer.events.data.blocker():  # the viewer's axes stay as they are
        layer.data = _lifted([click.places for click in clicks], key)
    if signs:
        layer.face_color = [INCLUDE_COLOR if sign else EXCLUDE_COLOR for sign in signs]
        layer.symbol = ["disc" if sign else "x" for sign in signs]
        layer.size = size
    layer.selected_data = set()


def _set_lines(layer: Vectors, strokes: Sequence[Stroke], key: Key, width: float) -> None:
    starts = _lifted([stroke.places[:-1] for stroke in strokes], key)
    ends = _lifted([stroke.places[1:] for stroke in strokes], key)
    with layer.events.data.blocker():
        layer.data = np.stack([starts, ends - starts], axis=1)
    if len(starts):
        colors = [
            INCLUDE_COLOR if stroke.includes else EXCLUDE_COLOR
            for stroke in strokes
            for _ in stroke.places[1:]
        ]
        layer.edge_color = colors
        layer.edge_width = width


def _lifted(places: Sequence[Places], key: Key) -> np.ndarray:
    """Places (n, 2) of a plane in the coordinates of the whole array."""
    flat = np.concatenate([*places, np.zeros((0, 2), np.float32)])
    lifted = np.tile([float(position or 0) for position in key], (len(flat), 1))
    lifted[:, [axis for axis, position in enumerate(key) if position is None]] = flat
    return lifted


def _pixel_size(placement: dict[str, Any]) -> float:
    """Length of the side of an image pixel in world units, of a square of the same area."""
    affine = Affine(affine_matrix=placement["affine"]).linear_matrix
    matrix = cast("np.ndarray", affine @ linear(placement))[-2:, -2:]
    return float(np.sqrt(abs(np.linalg.det(matrix)))) or 1.0
