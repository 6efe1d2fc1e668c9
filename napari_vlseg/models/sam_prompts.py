"""The prompt of one object as click models work with it: checked, in pixels from the edge."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from napari_vlseg.errors import PromptError
from napari_vlseg.models.sam_masks import positive_box
from napari_vlseg.models.sam_network import ModelPrompt
from napari_vlseg.models.sam_windows import Box, Window
from napari_vlseg.object_prompts import MaskLogits, ObjectPrompt


@dataclass(frozen=True, eq=False)
class PlacedPrompt:
    """What a person said about one object, in image pixels from the plane's edge.

    Attributes
    ----------
    points : numpy.ndarray, shape (k, 2), float32
        (row, col); k may be 0 where there is a box or a mask.
    labels : numpy.ndarray, shape (k,), int64
        1 to include, 0 to exclude.
    box : tuple of float or None
        (top, left, bottom, right).
    mask : MaskLogits or None
        To go on from.
    near : tuple of float or None
        (top, left, bottom, right) of about the object's size, where to look for it.
    """

    points: npt.NDArray[np.float32]
    labels: npt.NDArray[np.int64]
    box: Box | None = None
    mask: MaskLogits | None = field(default=None, repr=False)
    near: Box | None = None

    @property
    def is_one_click(self) -> bool:
        """Whether one click on the object is all that shows where it is."""
        return self.box is None and len(self.points) == 1 and bool(self.labels[0] == 1)

    def extent(self) -> Box:
        """The smallest box around everything that lies on the object for certain."""
        if self.box is not None:
            return self.box
        found = None if len(self.points) or self.mask is None else positive_box(self.mask)
        if found is not None:
            return found
        chosen = self.points[self.labels == 1] if (self.labels == 1).any() else self.points
        low, high = chosen.min(axis=0), chosen.max(axis=0)
        return float(low[0]), float(low[1]), float(high[0]), float(high[1])


def place_prompt(prompt: ObjectPrompt, shape: tuple[int, int]) -> PlacedPrompt:
    """A prompt checked against a plane of a shape (H, W); its box is cut to the plane.

    Raises
    ------
    PromptError
        If it says nothing, or something lies outside the plane.
    """
    if not len(prompt.points) and prompt.box is None:
        _check_mask_alone(prompt.mask)
    points = _placed_points(np.asarray(prompt.points, float).reshape(-1, 2), shape)
    box = None if prompt.box is None else _placed_box(prompt.box, shape)
    near = None if prompt.near is None else _placed_box(prompt.near, shape)
    return PlacedPrompt(points, np.asarray(prompt.labels, np.int64), box, prompt.mask, near)


def _check_mask_alone(mask: MaskLogits | None) -> None:
    if mask is None:
        raise PromptError(
            "There is neither a click nor a box nor a mask: click on an object or draw a box."
        )
    if not (mask.values > 0).any():
        raise PromptError(
            "The mask marks no pixel, and there is neither a click nor a box: click on the object."
        )


def _placed_points(
    points: npt.NDArray[np.float64], shape: tuple[int, int]
) -> npt.NDArray[np.float32]:
    clicks = points + 0.5
    inside = np.isfinite(clicks) & (clicks >= 0) & (clicks <= np.asarray(shape))
    if not inside.all():
        row, col = points[~inside.all(axis=1)][0]
        raise PromptError(
            f"The click at row {row:g}, column {col:g} lies outside the plane of "
            f"{shape[0]} × {shape[1]} pixels: click inside the image."
        )
    return clicks.astype(np.float32)


def _placed_box(box: Box, shape: tuple[int, int]) -> Box:
    edges = np.array(box, float)
    top, left, bottom, right = np.clip(edges + 0.5, 0, np.array([*shape, *shape], float))
    if not (np.isfinite(edges).all() and bottom > top and right > left):
        edge_text = ", ".join(f"{edge:g}" for edge in box)
        raise PromptError(
            f"The box ({edge_text}) holds no pixel of the plane of {shape[0]} × {shape[1]} pixels: "
            "give (top, left, bottom, right) with some area inside the image."
        )
    return float(top), float(left), float(bottom), float(right)


def in_window(prompt: PlacedPrompt, window: Window, input_size: int) -> ModelPrompt:
    """A prompt in model pixels of a window; clicks that it does not show are left out."""
    scale = np.array([input_size / window.height, input_size / window.width], np.float32)
    corner = np.array([window.top, window.left], np.float32)
    points = (prompt.points - corner) * scale
    shown = ((points >= 0) & (points <= input_size)).all(axis=1)
    box = None
    if prompt.box is not None:
        edges = (np.array(prompt.box, np.float32) - np.tile(corner, 2)) * np.tile(scale, 2)
        box = np.clip(edges, 0, input_size)
    for axis, bit in ((1, 1), (0, 2)):
        if window.mirror & bit:
            points[:, axis] = input_size - points[:, axis]
            if box is not None:
                box[[axis, axis + 2]] = input_size - box[[axis + 2, axis]]
    return ModelPrompt(points[shown], prompt.labels[shown], box)
