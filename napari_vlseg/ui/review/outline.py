"""The line around the object in review, on a layer of its own that is made once and reused."""

from __future__ import annotations

from typing import Any

import numpy as np
from napari.components import ViewerModel
from napari.layers import Labels, Vectors

from napari_vlseg.ui.layers import METADATA_KEY
from napari_vlseg.ui.review.sights import Sight

COLOR = "#ffcc00"  # seen on black and on white
_PIXELS = 3.0  # of the canvas
_SAME = 0.8  # of a width that the eye does not tell from it
_MOST = 20_000  # pieces of line, beyond which the box is drawn
_PLACEMENT = ("scale", "translate", "rotate", "shear", "units", "axis_labels")


class ReviewOutline:
    """A vectors layer, so that neither exports nor tools for labels take it for a result.

    Parameters
    ----------
    viewer : napari.components.ViewerModel
    """

    def __init__(self, viewer: ViewerModel) -> None:
        self._viewer = viewer
        self._labels: Labels | None = None
        self._lines: Vectors | None = None

    @property
    def layer(self) -> Vectors | None:
        """The layer, while there is one."""
        return self._lines

    def show(self, labels: Labels, sight: Sight | None) -> None:
        """Draw around an object of a labels layer; None draws nothing."""
        self.lie_on(labels)
        if self._lines is None or (sight is None and not len(self._lines.data)):
            return
        width = self._width(labels)
        if not _SAME < width / self._lines.edge_width < 1 / _SAME:
            self._lines.edge_width = width
        with self._lines.events.data.blocker():  # the viewer's axes stay as they are
            self._lines.data = np.zeros((0, 2, labels.ndim)) if sight is None else _lifted(sight)

    def lie_on(self, labels: Labels) -> None:
        """Make the layer before an object needs it: that takes napari longer than to draw."""
        if self._labels is not labels or self._lines not in self._viewer.layers:
            self.remove()
            self._make(labels)

    def remove(self) -> None:
        """Take the layer away."""
        if self._lines is not None and self._lines in self._viewer.layers:
            self._viewer.layers.remove(self._lines)
        self._lines = self._labels = None

    def _make(self, labels: Labels) -> None:
        options: dict[str, Any] = {
            name: getattr(labels, name) for name in _PLACEMENT if hasattr(labels, name)
        }
        self._labels = labels
        self._lines = Vectors(
            np.zeros((1, 2, labels.ndim)),  # a point, so that the first object finds it drawn
            ndim=labels.ndim,
            name="review: outline",
            vector_style="line",
            edge_color=COLOR,
            opacity=1.0,
            affine=labels.affine.affine_matrix.copy(),
            metadata={METADATA_KEY: {"review": True}},
            **options,
        )
        self._lines.editable = False
        self._lines._max_vectors_thumbnail = 1  # or each line is drawn for it point by point
        selected = set(self._viewer.layers.selection)
        self._viewer.layers.append(self._lines)
        self._viewer.layers.selection = selected

    def _width(self, labels: Labels) -> float:
        """Width of the line in pixels of the image."""
        scene: Any = getattr(self._viewer, "scene", self._viewer)
        here, there = (labels.data_to_world([step] * labels.ndim)[-1] for step in (0, 1))
        return _PIXELS / max(float(scene.camera.zoom) * (abs(there - here) or 1.0), 1e-9)


def edges(mask: np.ndarray) -> np.ndarray:
    """The sides of pixels that part a mask from the rest.

    Parameters
    ----------
    mask : numpy.ndarray of bool, shape (H, W)

    Returns
    -------
    numpy.ndarray, shape (n, 2, 2), float64
        Begin and length of each piece, as (row, col); the centre of the first pixel is (0, 0).
    """
    framed = np.pad(mask, 1)
    level = np.argwhere(framed[1:, :] != framed[:-1, :]) - (0.5, 1.5)
    upright = np.argwhere(framed[:, 1:] != framed[:, :-1]) - (1.5, 0.5)
    pieces = [
        np.stack([begin, np.broadcast_to(step, begin.shape)], axis=1)
        for begin, step in ((level, (0.0, 1.0)), (upright, (1.0, 0.0)))
    ]
    return np.concatenate(pieces)


def _lifted(sight: Sight) -> np.ndarray:
    """The outline of an object in the coordinates of the whole array."""
    mask = sight.mask if sight.is_there else np.ones_like(sight.mask)
    pieces = edges(mask)
    if len(pieces) > _MOST:
        pieces = edges(np.ones_like(mask))
    rows, cols = sight.region
    pieces[:, 0] += (rows.start, cols.start)
    lifted = np.zeros((len(pieces), 2, len(sight.key)))
    lifted[:, 0] = [float(position or 0) for position in sight.key]
    lifted[:, :, [axis for axis, position in enumerate(sight.key) if position is None]] = pieces
    return lifted
