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
    """Painting surface, square, RGB intensities in [0, 1].

    Attributes
    ----------
    image : ndarray of float32, shape (H, W, 3)
    labels : ndarray of int32, shape (H, W)
    objects : list of SceneObject
        One record per label painted.
    discs : list of (row, col, radius)
        Places that are taken.
    gray : bool
        Whether the camera sees intensities only.
    noise : tuple of float
        Range of the standard deviation of the camera's noise.
    """

    image: FloatArray
    labels: LabelArray
    objects: list[SceneObject] = field(default_factory=list)
    discs: list[tuple[float, float, float]] = field(default_factory=list)
    gray: bool = False
    noise: tuple[float, float] = (0.0, 0.022)

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
        recipe: str = "",
    ) -> int:
        """Paint one object, possibly of several stamps, and record it.

        Parameters
        ----------
        stamps : sequence of Stamp
            Where the object is.
        pixels : ndarray of float32, shape (3,), (H, W, 3) or (h, w, 3)
            Its colour, or a texture of the size of the canvas or of every stamp.
        kind, colour, size, parent, recipe
            As in `SceneObject`.

        Returns
        -------
        int
            The label given to the object.
        """
        label = self.record(kind, colour=colour, size=size, parent=parent, recipe=recipe)
        for stamp in stamps:
            window, alpha = self._cover(stamp, pixels)
            self.labels[window][alpha >= _OPAQUE] = label
        return label

    def record(
        self, kind: str, *, colour: str = "", size: str = "", parent: int = 0, recipe: str = ""
    ) -> int:
        """Record an object whose pixels the caller labels; returns its label."""
        label = len(self.objects) + 1
        self.objects.append(SceneObject(label, kind, colour, size, parent=parent, recipe=recipe))
        return label

    def shade(self, stamp: Stamp, pixels: FloatArray) -> None:
        """Paint without an object: halos, highlights, cytoplasm fringes."""
        self._cover(stamp, pixels)

    def colour_at(self, centre: tuple[float, float]) -> FloatArray:
        """The colour painted at a place, or at the border nearest to it, shape (3,)."""
        row, col = np.clip(np.round(centre).astype(int), 0, self.size - 1)
        return self.image[row, col].copy()

    def free_place(
        self, radius: float, rng: np.random.Generator, *, gap: float = 1.05, tries: int = 20
    ) -> tuple[float, float] | None:
        """A centre at which a disc touches no disc placed before, or None.

        A `gap` below 1 lets neighbours overlap. The place is reserved.
        """
        low = min(0.8 * radius, self.size / 2)
        return self._first_free(rng.uniform(low, self.size - low, (tries, 2)), radius, gap)

    def place_beside(
        self, radius: float, rng: np.random.Generator, *, gap: float, tries: int = 10
    ) -> tuple[float, float] | None:
        """A centre at which a disc nearly touches one placed before, or None."""
        if not self.discs:
            return self.free_place(radius, rng, gap=gap)
        row, col, other = self.discs[int(rng.integers(len(self.discs)))]
        angles = rng.uniform(0, 2 * np.pi, tries)
        reach = (radius + other) * rng.uniform(gap, gap + 0.15, tries)
        centres = np.c_[row + reach * np.sin(angles), col + reach * np.cos(angles)]
        inside = ((centres >= 0) & (centres < self.size)).all(axis=1)
        return self._first_free(centres[inside], radius, 0.999 * gap)

    def reserve(self, centre: npt.ArrayLike, radius: float, *, gap: float = 1.0) -> bool:
        """Take a place if a disc there touches no disc placed before."""
        return self._first_free(np.reshape(centre, (1, 2)), radius, gap) is not None

    def cell_at(self, centre: tuple[float, float]) -> int:
        """Label of the cell a place lies in, 0 where there is none."""
        row, col = np.clip(np.round(centre).astype(int), 0, self.size - 1)
        label = int(self.labels[row, col])
        return label if label and self.objects[label - 1].kind == "cell" else 0

    def _first_free(
        self, centres: npt.NDArray[np.float64], radius: float, gap: float
    ) -> tuple[float, float] | None:
        if self.discs:
            rows, cols, radii = np.transpose(self.discs)
            distances = np.hypot(centres[:, :1] - rows, centres[:, 1:] - cols)
            centres = centres[(distances > gap * (radius + radii)).all(axis=1)]
        if not len(centres):
            return None
        row, col = map(float, centres[0])
        self.discs.append((row, col, radius))
        return row, col

    def _cover(self, stamp: Stamp, pixels: FloatArray) -> tuple[tuple[slice, slice], FloatArray]:
        """Mix pixels in; returns the window of the canvas and the coverage there."""
        window, inner = self._clip(stamp)
        alpha = stamp.alpha[inner]
        if pixels.ndim == 3:
            pixels = pixels[inner if pixels.shape[:2] == stamp.alpha.shape else window]
        self.image[window] += alpha[..., np.newaxis] * (pixels - self.image[window])
        return window, alpha

    def _clip(self, stamp: Stamp) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
        """Where a stamp lies on the canvas: slices of the canvas and of the stamp."""
        height, width = stamp.alpha.shape
        top, left = max(stamp.top, 0), max(stamp.left, 0)
        bottom = max(min(stamp.top + height, self.size), top)
        right = max(min(stamp.left + width, self.size), left)
        inner = (
            slice(top - stamp.top, bottom - stamp.top),
            slice(left - stamp.left, right - stamp.left),
        )
        return (slice(top, bottom), slice(left, right)), inner
