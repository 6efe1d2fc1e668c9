"""Objects of a probability map as prompts for a click model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from scipy import ndimage as ndi

from napari_vlseg.masks import ObjectStats
from napari_vlseg.object_prompts import Box, MaskLogits, ObjectPrompt

_INSIDE_LOGIT = 6.0
_MARGIN = 0.5


@dataclass(frozen=True, eq=False)
class Seed:
    """One object that a map suggests, on its bounding box.

    Attributes
    ----------
    top, left : int
        Corner of the box, in pixels of the plane.
    mask : numpy.ndarray, shape (rows, cols), bool
    class_index : int
        Index of the class in the probabilities.
    """

    top: int
    left: int
    mask: npt.NDArray[np.bool_] = field(repr=False)
    class_index: int

    @property
    def box(self) -> Box:
        """(top, left, bottom, right) edges, (0, 0) being the centre of the first pixel."""
        rows, cols = self.mask.shape
        return self.top - 0.5, self.left - 0.5, self.top + rows - 0.5, self.left + cols - 0.5

    def surroundings(self, shape: tuple[int, int]) -> tuple[int, int, int, int]:
        """(top, left, height, width) of the part of a plane in which its outline may lie."""
        rows, cols = self.mask.shape
        margin = 2 + round(_MARGIN * max(rows, cols))
        top, left = max(self.top - margin, 0), max(self.left - margin, 0)
        bottom = min(self.top + rows + margin, shape[0])
        right = min(self.left + cols + margin, shape[1])
        return top, left, bottom - top, right - left


def find_seeds(labels: npt.NDArray[np.integer], objects: Sequence[ObjectStats]) -> list[Seed]:
    """One seed per object of a label image; `objects` as from `label_objects`."""
    boxes = ndi.find_objects(labels)
    return [
        Seed(
            boxes[known.label - 1][0].start,
            boxes[known.label - 1][1].start,
            labels[boxes[known.label - 1]] == known.label,
            known.class_index,
        )
        for known in objects
    ]


def point_prompt(seed: Seed) -> ObjectPrompt:
    """A click at the place farthest inside; it says nothing of where the map sees the border."""
    depth = ndi.distance_transform_edt(np.pad(seed.mask, 1))[1:-1, 1:-1]
    row, col = np.unravel_index(int(depth.argmax()), depth.shape)
    return ObjectPrompt(
        np.array([[seed.top + row, seed.left + col]], np.float32),
        np.ones(1, np.int64),
        near=seed.box,
    )


def box_prompt(seed: Seed) -> ObjectPrompt:
    """The bounding box."""
    return ObjectPrompt(box=seed.box, near=seed.box)


def mask_prompt(seed: Seed) -> ObjectPrompt:
    """The bounding box, and the object itself as logits."""
    padded = np.pad(seed.mask, 1)
    values = np.where(padded, _INSIDE_LOGIT, -_INSIDE_LOGIT).astype(np.float32)
    logits = MaskLogits(values, (seed.top - 1, seed.left - 1, *values.shape))
    return ObjectPrompt(box=seed.box, mask=logits, near=seed.box)
