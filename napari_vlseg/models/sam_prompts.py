"""Clicks and boxes of a person, checked and in edge coordinates."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_vlseg.errors import PromptError
from napari_vlseg.models.sam_network import ModelPrompt
from napari_vlseg.models.sam_windows import Box, Window


@dataclass(frozen=True, eq=False)
class ObjectPrompt:
    """What a person said about one object, in image pixels from the plane's edge.

    Attributes
    ----------
    points : numpy.ndarray, shape (k, 2), float32
        (row, col); k may be 0 where there is a box.
    labels : numpy.ndarray, shape (k,), int64
        1 to include, 0 to exclude.
    box : tuple of float or None
        (top, left, bottom, right).
    """

    points: npt.NDArray[np.float32]
    labels: npt.NDArray[np.int64]
    box: Box | None = None

    @property
    def is_one_click(self) -> bool:
        """Whether one click on the object is all there is."""
        return self.box is None and len(self.points) == 1 and bool(self.labels[0] == 1)

    def extent(self) -> Box:
        """The smallest box around everything that lies on the object for certain."""
        if self.box is not None:
            return self.box
        chosen = self.points[self.labels == 1] if (self.labels == 1).any() else self.points
        low, high = chosen.min(axis=0), chosen.max(axis=0)
        return float(low[0]), float(low[1]), float(high[0]), float(high[1])


def read_prompts(
    shape: tuple[int, int],
    points: npt.ArrayLike | None,
    labels: npt.ArrayLike | None,
    boxes: npt.ArrayLike | None,
) -> list[ObjectPrompt]:
    """One prompt per object.

    Parameters
    ----------
    shape : tuple of int
        (H, W) of the plane.
    points, labels, boxes : array_like or None
        As in `PromptableSegmenter.predict`.

    Raises
    ------
    PromptError
        If there is nothing to go by, or something does not fit the plane or each other.
    """
    clicks, signs = _read_points(shape, points, labels)
    frames = _read_boxes(shape, boxes)
    if not len(clicks) and not frames:
        raise PromptError("There is neither a click nor a box: click on an object or draw a box.")
    if len(clicks) and len(frames) > 1:
        raise PromptError(
            f"There are clicks together with {len(frames)} boxes: clicks refine one object, so "
            "give one box with them, or boxes alone."
        )
    if not frames:
        return [ObjectPrompt(clicks, signs)]
    return [ObjectPrompt(clicks, signs, box) for box in frames]


def _read_points(
    shape: tuple[int, int], points: npt.ArrayLike | None, labels: npt.ArrayLike | None
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
    clicks = np.zeros((0, 2)) if points is None else np.asarray(points, float)
    if clicks.size == 0:
        clicks = clicks.reshape(0, 2)
    if clicks.ndim != 2 or clicks.shape[1] != 2:
        raise PromptError(
            f"The clicks have shape {clicks.shape}: give one (row, col) per click, shape (n, 2)."
        )
    signs = np.ones(len(clicks), int) if labels is None else np.asarray(labels)
    if signs.shape != (len(clicks),):
        raise PromptError(
            f"There are {len(clicks)} clicks and labels of shape {signs.shape}: give one label "
            "per click."
        )
    if not np.isin(signs, (0, 1)).all():
        raise PromptError("A click has another label than 0 and 1: 1 includes, 0 excludes.")
    clicks = clicks + 0.5
    inside = np.isfinite(clicks) & (clicks >= 0) & (clicks <= np.asarray(shape))
    if not inside.all():
        row, col = (clicks - 0.5)[~inside.all(axis=1)][0]
        raise PromptError(
            f"The click at row {row:g}, column {col:g} lies outside the plane of "
            f"{shape[0]} × {shape[1]} pixels: click inside the image."
        )
    return clicks.astype(np.float32), signs.astype(np.int64)


def _read_boxes(shape: tuple[int, int], boxes: npt.ArrayLike | None) -> list[Box]:
    """Boxes in edge coordinates, cut to the plane."""
    frames = np.zeros((0, 4)) if boxes is None else np.atleast_2d(np.asarray(boxes, float))
    if frames.size == 0:
        return []
    if frames.ndim != 2 or frames.shape[1] != 4:
        raise PromptError(
            f"The boxes have shape {frames.shape}: give (top, left, bottom, right) per box, "
            "shape (n, 4)."
        )
    limits = np.array([*shape, *shape], float)
    cut = np.clip(frames + 0.5, 0, limits)
    usable = np.isfinite(frames).all(axis=1) & (cut[:, 2:] > cut[:, :2]).all(axis=1)
    if not usable.all():
        edges = ", ".join(f"{edge:g}" for edge in frames[~usable][0])
        raise PromptError(
            f"The box ({edges}) holds no pixel of the plane of {shape[0]} × {shape[1]} pixels: "
            "give (top, left, bottom, right) with some area inside the image."
        )
    return [(float(t), float(le), float(b), float(r)) for t, le, b, r in cut]


def in_window(prompt: ObjectPrompt, window: Window, input_size: int) -> ModelPrompt:
    """A prompt in model pixels of a window; clicks that it does not show are left out."""
    scale = input_size / window.side
    corner = np.array([window.top, window.left], np.float32)
    points = (prompt.points - corner) * np.float32(scale)
    shown = ((points >= 0) & (points <= input_size)).all(axis=1)
    box = None
    if prompt.box is not None:
        edges = (np.array(prompt.box, np.float32) - np.tile(corner, 2)) * np.float32(scale)
        box = np.clip(edges, 0, input_size)
    for axis, bit in ((1, 1), (0, 2)):
        if window.mirror & bit:
            points[:, axis] = input_size - points[:, axis]
            if box is not None:
                box[[axis, axis + 2]] = input_size - box[[axis + 2, axis]]
    return ModelPrompt(points[shown], prompt.labels[shown], box)
