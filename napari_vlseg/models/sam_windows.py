"""Where a click model looks: windows of the plane in steps of scale and position.

A model with a small input is not shown the whole plane but a window in which the object in
question has the size the model knows. Windows lie on a fixed lattice, so that prompts near
each other share them and each is encoded once.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from napari_vlseg.object_prompts import Box

_SCALE_STEP = math.sqrt(2)
_SMALLEST_SIDE = 16
_STEPS_PER_SIDE = 4


@dataclass(frozen=True, order=True)
class Window:
    """A rectangle of a plane; it may reach beyond the bottom and the right edge.

    Attributes
    ----------
    top, left, height, width : int
        In image pixels.
    mirror : int
        How the model sees it: 1 with left and right exchanged, 2 with top and bottom, 3 with
        both, 0 as it is.
    """

    top: int
    left: int
    height: int
    width: int
    mirror: int = 0

    @property
    def place(self) -> tuple[int, int, int, int]:
        """(top, left, height, width)."""
        return self.top, self.left, self.height, self.width

    @property
    def side(self) -> int:
        """The longer of height and width."""
        return max(self.height, self.width)

    def holds(self, box: Box) -> bool:
        """Whether a box (top, left, bottom, right) lies inside."""
        inside_top = self.top <= box[0] and self.left <= box[1]
        return inside_top and box[2] <= self.top + self.height and box[3] <= self.left + self.width


def flipped(maps: np.ndarray, mirror: int) -> np.ndarray:
    """Maps (..., rows, cols) as a view of `Window.mirror` shows them; its own inverse."""
    axes = tuple(axis for axis, bit in ((-1, 1), (-2, 2)) if mirror & bit)
    return np.ascontiguousarray(np.flip(maps, axes)) if axes else maps


@dataclass(frozen=True)
class WindowLattice:
    """All windows of one plane.

    Attributes
    ----------
    shape : tuple of int
        (H, W) of the plane.
    input_size : int
        Side of the model's input, in model pixels.
    zoom : bool
        False where the model sees the whole plane at once.
    stretch : bool
        The window of the whole plane has the plane's own shape, rather than a square's.
    """

    shape: tuple[int, int]
    input_size: int
    zoom: bool
    stretch: bool = False

    @property
    def whole(self) -> Window:
        """The window that shows the whole plane."""
        side = max(self.shape)
        return Window(0, 0, *self.shape) if self.stretch else Window(0, 0, side, side)

    def shows(self, window: Window) -> bool:
        """Whether a window may be one of this plane."""
        if not self.zoom:
            return window == self.whole
        starts_inside = 0 <= window.top < self.shape[0] and 0 <= window.left < self.shape[1]
        is_square = 0 < window.height == window.width <= max(self.shape)
        return starts_inside and is_square and 0 <= window.mirror < 4

    def sides(self) -> tuple[int, ...]:
        """Sides of windows, ascending; the last one shows the whole plane."""
        if not self.zoom:
            return (max(self.shape),)
        largest = max(self.shape)
        lowest = math.ceil(math.log(_SMALLEST_SIDE / self.input_size, _SCALE_STEP))
        sides = []
        for level in range(lowest, 64):
            side = round(self.input_size * _SCALE_STEP**level)
            if side >= largest:
                break
            sides.append(side)
        return (*sides, largest)

    def around(self, box: Box, side: int) -> Window:
        """The window of a side in which a box lies most centrally.

        Windows are moved into the plane as far as they fit.
        """
        if not self.zoom:
            return self.whole
        step = max(1, side // _STEPS_PER_SIDE)
        starts = []
        for low, high, extent in ((box[0], box[2], self.shape[0]), (box[1], box[3], self.shape[1])):
            wanted = (low + high - side) / 2
            snapped = round(wanted / step) * step
            starts.append(int(np.clip(snapped, 0, max(0, extent - side))))
        return Window(starts[0], starts[1], side, side)

    def for_object(self, box: Box, coverage: float) -> Window:
        """The window of which an object's longer side covers about a share.

        Parameters
        ----------
        box : tuple of float
            (top, left, bottom, right) of the object, in image pixels.
        coverage : float
        """
        longer = max(box[2] - box[0], box[3] - box[1], 1.0)
        wanted = math.log(longer / coverage)
        sides = sorted(self.sides(), key=lambda side: abs(math.log(side) - wanted))
        fitting = [side for side in sides if self.around(box, side).holds(box)]
        return self.around(box, fitting[0] if fitting else self.sides()[-1])
