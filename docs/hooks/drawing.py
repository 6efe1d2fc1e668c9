"""Panels side by side: a plane, what was found on it, and what was asked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from io import BytesIO
from math import ceil

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from napari_vlseg.workflow.overlay import Color, draw_outlines

Window = tuple[int, int, int, int]
"""(row0, col0, row1, col1) in pixels, the ends excluded."""

ASKED = "#ff4dd2"
COLOURS: tuple[Color, ...] = (
    (60, 230, 100),
    (255, 120, 200),
    (80, 200, 255),
    (255, 190, 60),
    (190, 140, 255),
    (255, 90, 90),
)
_GAP, _FILL = 8, 0.35
_ARM, _DOT = 5, 3


class Pen:
    """Draws prompts over an enlarged picture, in pixels of the plane as (row, col).

    Parameters
    ----------
    picture : PIL.Image.Image
    zoom : int
        Pixels of the picture for one of the plane.
    corner : tuple of int
        (row, col) of the plane where the picture begins.
    """

    def __init__(self, picture: Image.Image, zoom: int, corner: tuple[int, int] = (0, 0)) -> None:
        self.pen = ImageDraw.Draw(picture)
        self.zoom = zoom
        self._corner = np.array(corner, float)

    def line(self, places: npt.ArrayLike, color: str = ASKED, width: int = 2) -> None:
        """Join places (n, 2)."""
        ends = self._places(places).ravel().tolist()
        self.pen.line(ends, fill=color, width=width)

    def dot(self, row: float, col: float, color: str) -> None:
        """A small disc."""
        ((x, y),) = self._places([(row, col)])
        self.pen.ellipse((x - _DOT, y - _DOT, x + _DOT, y + _DOT), fill=color, outline="black")

    def click(self, row: float, col: float, include: bool = True) -> None:
        """A plus where the object is, a minus where it is not."""
        ((x, y),) = self._places([(row, col)])
        self.pen.line((x - _ARM, y, x + _ARM, y), fill=ASKED, width=2)
        if include:
            self.pen.line((x, y - _ARM, x, y + _ARM), fill=ASKED, width=2)

    def box(self, window: Window) -> None:
        """A rectangle around pixels."""
        corners = (np.reshape(window, (2, 2)) - self._corner) * self.zoom
        (top, left), (bottom, right) = corners
        self.pen.rectangle((left, top, right - 1, bottom - 1), outline=ASKED, width=2)

    def _places(self, places: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """(x, y) of the centres of pixels."""
        rows_cols = np.asarray(places, float) - self._corner
        return (rows_cols[:, ::-1] + 0.5) * self.zoom


def nothing(pen: Pen) -> None:
    """No prompt to draw."""


@dataclass(frozen=True, eq=False)
class Panel:
    """One picture of several.

    Attributes
    ----------
    plane : numpy.ndarray, shape (H, W, 3), float32 in [0, 1]
    labels : numpy.ndarray, shape (H, W), integer, or None
        What was found.
    draw : callable
        Draws what was asked.
    window : tuple of int or None
        The part to show.
    """

    plane: np.ndarray
    labels: np.ndarray | None = None
    draw: Callable[[Pen], None] = nothing
    window: Window | None = None


def side_by_side(panels: Sequence[Panel], width: int) -> bytes:
    """All panels in one row, as a WebP file.

    Parameters
    ----------
    panels : sequence of Panel
    width : int
        Largest side of one of them, in pixels.
    """
    drawn = [_draw(panel, width) for panel in panels]
    across = sum(one.width for one in drawn) + _GAP * (len(drawn) - 1)
    row = Image.new("RGB", (across, max(one.height for one in drawn)), "white")
    left = 0
    for one in drawn:
        row.paste(one, (left, 0))
        left += one.width + _GAP
    file = BytesIO()
    row.save(file, "WEBP", quality=82, method=4)
    return file.getvalue()


def _draw(panel: Panel, width: int) -> Image.Image:
    row0, col0, row1, col1 = panel.window or (0, 0, *panel.plane.shape[:2])
    part = np.s_[row0:row1, col0:col1]
    plane = panel.plane[part]
    labels = np.zeros(plane.shape[:2], int) if panel.labels is None else panel.labels[part]
    zoom = ceil(width / max(labels.shape))
    values = np.unique(labels[labels > 0]).tolist()
    colours = {label: COLOURS[i % len(COLOURS)] for i, label in enumerate(values)}
    tinted = _tint(plane, labels, colours)
    picture = Image.fromarray(draw_outlines(tinted, labels, colours, zoom=zoom))
    panel.draw(Pen(picture, zoom, (row0, col0)))
    picture.thumbnail((width, width))
    return picture


def _tint(plane: np.ndarray, labels: np.ndarray, colours: dict[int, Color]) -> np.ndarray:
    """The plane with a veil of its colour over every label."""
    tinted = plane.copy()
    for label, colour in colours.items():
        inside = labels == label
        tinted[inside] = (1 - _FILL) * plane[inside] + _FILL * np.float32(colour) / 255
    return tinted
