"""The sheet a scene is painted on: image, instance labels and object records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]
LabelArray = npt.NDArray[np.int32]

_OPAQUE = 0.5


@dataclass(frozen=True)
class Stamp:
    """Coverage of one object on a window of the canvas.

    Attributes
    ----------
    alpha : ndarray of float32, shape (h, w)
        Coverage in [0, 1]; 0.5 is the outline.
    top, left : int
        Position of the window's first pixel on the canvas; may be negative.
    """

    alpha: FloatArray
    top: int
    left: int


@dataclass(frozen=True)
class SceneObject:
    """What is known of one object of a scene.

    Attributes
    ----------
    label : int
        Its value in the label image.
    kind : str
        Name in the registry of object kinds.
    colour, size, brightness : str
        Words that hold for it, "" where none does.
    parent : int
        Label of the object it is a part of (a cell, for a nucleus), or 0.
    recipe : str
        What an object that no word names is made of: outline, texture and colour; ""
        for named kinds.
    """

    label: int
    kind: str
    colour: str = ""
    size: str = ""
    brightness: str = ""
    parent: int = 0
    recipe: str = ""


@dataclass
class Canvas:
    """Painting surface, square, RGB intensities in [0, 1]."""

    image: FloatArray
    labels: LabelArray
    objects: list[SceneObject] = field(default_factory=list)
    discs: list[tuple[float, float, float]] = field(default_factory=list)

    @classmethod
    def on(cls, background: FloatArray) -> Canvas:
        """An empty canvas over a background of shape (H, W, 3)."""
        return cls(background.astype(np.float32), np.zeros(background.shape[:2], np.int32))

    @property
    def size(self) -> int:
        """Side in pixels."""
        return self.labels.shape[0]

    def paint(
        self,
        stamps: Sequence[Stamp],
        pixels: FloatArray,
        kind: str,
        *,
        colour: str = "",
        size: str = "",
        parent: int = 0,
    ) -> int:
        """Paint one object, possibly of several stamps, and record it.

        Parameters
        ----------
        stamps : sequence of Stamp
            Where the object is.
        pixels : ndarray of float32, shape (3,) or (H, W, 3)
            Its colour, or a texture of the canvas' size.
        kind, colour, size, parent
            As in `SceneObject`.

        Returns
        -------
        int
            The label given to the object.
        """
        label = len(self.objects) + 1
        texture = np.broadcast_to(pixels, self.image.shape)
        for stamp in stamps:
            window, alpha = self._clip(stamp)
            if alpha.size:
                cover = alpha[..., np.newaxis]
                self.image[window] += cover * (texture[window] - self.image[window])
                self.labels[window][alpha >= _OPAQUE] = label
        self.objects.append(SceneObject(label, kind, colour, size, parent=parent))
        return label

    def shade(self, stamp: Stamp, pixels: FloatArray) -> None:
        """Paint without an object: halos, highlights, cytoplasm fringes."""
        window, alpha = self._clip(stamp)
        cover = alpha[..., np.newaxis]
        self.image[window] += cover * (pixels - self.image[window])

    def free_place(
        self, radius: float, rng: np.random.Generator, *, gap: float = 1.05, tries: int = 20
    ) -> tuple[float, float] | None:
        """A centre at which a disc touches no disc placed before, or None.

        A `gap` below 1 lets neighbours overlap. The place is reserved.
        """
        low = min(0.8 * radius, self.size / 2)
        for _ in range(tries):
            row, col = rng.uniform(low, self.size - low, 2)
            if all(
                np.hypot(row - r, col - c) > gap * (radius + other) for r, c, other in self.discs
            ):
                self.discs.append((row, col, radius))
                return row, col
        return None

    def _clip(self, stamp: Stamp) -> tuple[tuple[slice, slice], FloatArray]:
        """The window of a stamp that lies on the canvas, and its coverage there."""
        height, width = stamp.alpha.shape
        top, left = max(stamp.top, 0), max(stamp.left, 0)
        bottom = max(min(stamp.top + height, self.size), top)
        right = max(min(stamp.left + width, self.size), left)
        alpha = stamp.alpha[
            top - stamp.top : bottom - stamp.top, left - stamp.left : right - stamp.left
        ]
        return (slice(top, bottom), slice(left, right)), alpha
