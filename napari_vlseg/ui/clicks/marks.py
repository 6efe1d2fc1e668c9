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
from napari_vlseg.ui.geometry import Key, geometry, linear
from napari_vlseg.ui.layers import METADATA_KEY
from napari_vlseg.workflow.clicking import ClickSession, Outline, Tool
from napari_vlseg.workflow.clicking import Points as Places

INCLUDE_COLOR, EXCLUDE_COLOR = "#22dd66", "#ff4444"
_FILL, _EDGE = 1, 2
_FILL_OPACITY = 0.35
_EDGE_PIXELS = 1.5  # of the canvas, on each side of the outline
_LINE_PIXELS = 2.0
_MARK_PIXELS = 13

Stroke = tuple[Tool, Places, bool]


class Marks:
    """Three layers that are there while a tool is on; a person can't edit them.

    Parameters
    ----------
    viewer : napari.components.ViewerModel
    """

    def __init__(self, viewer: ViewerModel) -> None:
        self._viewer = viewer
        self._place: tuple[Image, ImageView] | None = None
        self._layers: tuple[Labels, Vectors, Points] | None = None
        self._pixel = 1.0

    @property
    def layers(self) -> tuple[Layer, ...]:
        """Candidate, lines and clicks, where they are shown."""
        return self._layers or ()

    def lie_on(self, image: Image, view: ImageView) -> None:
        """Make the layers for an image, above all others."""
        if self._place == (image, view) and all(one in self._viewer.layers for one in self.layers):
            return
        self.remove()
        place = geometry(image, view)
        options: dict[str, Any] = {**place.placement, "metadata": {METADATA_KEY: {"clicks": True}}}
        n_axes = len(place.shape)
        labels = Labels(
            np.zeros((1,) * n_axes, np.uint8), name="clicks: outline", opacity=1.0, **options
        )
        lines = Vectors(
            np.zeros((0, 2, n_axes)), ndim=n_axes, name="clicks: lines", opacity=1.0, **options
        )
        points = Points(
            np.zeros((0, n_axes)),
            ndim=n_axes,
            name="clicks: points",
            size=1e3,
            canvas_size_limits=(_MARK_PIXELS, _MARK_PIXELS),
            border_width=0.12,
            border_color="white",
            **options,
        )
        self._place, self._layers = (image, view), (labels, lines, points)
        self._pixel = _pixel_size(place.placement)
        selected = set(self._viewer.layers.selection)
        for layer in self._layers:
            layer.editable = False
            self._viewer.layers.append(layer)
        self._viewer.layers.selection = selected

    def remove(self) -> None:
        """Take the layers away."""
        for layer in self.layers:
            if layer in self._viewer.layers:
                self._viewer.layers.remove(layer)
        self._place = self._layers = None

    def show(self, session: ClickSession | None, key: Key, color: str) -> None:
        """Show where a session stands, on the plane of a key."""
        self.show_outline(None if session is None else session.outline, key, color)
        self.show_strokes(() if session is None else session.step.strokes, key)

    def show_outline(self, outline: Outline | None, key: Key, color: str) -> None:
        """Show a candidate: its area lightly, its edge clearly."""
        if self._layers is None or self._place is None:
            return
        layer = self._layers[0]
        if outline is None or not outline.mask.size:
            layer.visible = False
            return
        layer.colormap = _colors(color)
        rows, cols = (axis for axis, position in enumerate(key) if position is None)
        shape = [1] * len(key)
        shape[rows], shape[cols] = outline.mask.shape
        offset = np.array([position or 0 for position in key], float)
        offset[rows], offset[cols] = outline.top, outline.left
        placement = geometry(*self._place).placement
        layer.data = _drawn(outline.mask, self._edge()).reshape(shape)
        layer.translate = placement["translate"] + linear(placement) @ offset
        layer.visible = True

    def show_strokes(self, strokes: Sequence[Stroke], key: Key) -> None:
        """Show clicks as marks and everything else as lines: green includes, red does not."""
        if self._layers is None:
            return
        _, lines, points = self._layers
        clicks = [(places, sign) for tool, places, sign in strokes if tool == "point"]
        drawn = [(places, sign) for tool, places, sign in strokes if tool != "point"]
        _set_points(points, clicks, key)
        _set_lines(lines, drawn, key, self._pixels(_LINE_PIXELS))

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


def _set_points(layer: Points, clicks: Sequence[tuple[Places, bool]], key: Key) -> None:
    signs = [sign for places, sign in clicks for _ in places]
    layer.data = _lifted([places for places, _ in clicks], key)
    if signs:
        layer.face_color = [INCLUDE_COLOR if sign else EXCLUDE_COLOR for sign in signs]
        layer.symbol = ["disc" if sign else "x" for sign in signs]
    layer.selected_data = set()


def _set_lines(
    layer: Vectors, strokes: Sequence[tuple[Places, bool]], key: Key, width: float
) -> None:
    starts = _lifted([places[:-1] for places, _ in strokes], key)
    ends = _lifted([places[1:] for places, _ in strokes], key)
    layer.data = np.stack([starts, ends - starts], axis=1)
    if len(starts):
        colors = [
            INCLUDE_COLOR if sign else EXCLUDE_COLOR for places, sign in strokes for _ in places[1:]
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
