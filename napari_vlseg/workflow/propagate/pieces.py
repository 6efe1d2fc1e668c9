"""The outline of an object on one plane, in as little memory as it needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from scipy import ndimage as ndi

from napari_vlseg.errors import PromptError
from napari_vlseg.object_prompts import Box
from napari_vlseg.workflow.label_boxes import boxes_of

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Piece:
    """One object on one plane: its bounding box, one bit per pixel.

    Attributes
    ----------
    top, left : int
        Corner of the box, in pixels of the plane.
    shape : tuple of int
        (rows, cols) of the box.
    bits : numpy.ndarray, shape (n,), uint8
        Pixels in row-major order, packed as by `numpy.packbits`.
    """

    top: int
    left: int
    shape: tuple[int, int]
    bits: npt.NDArray[np.uint8] = field(repr=False)

    @classmethod
    def of(cls, top: int, left: int, mask: npt.ArrayLike) -> Piece:
        """From a mask whose first pixel lies at a place; trimmed to what it marks.

        Raises
        ------
        PromptError
            If it marks nothing.
        """
        drawn = np.asarray(mask, bool)
        rows, cols = np.flatnonzero(drawn.any(1)), np.flatnonzero(drawn.any(0))
        if not len(rows):
            raise PromptError("The mask marks no pixel: draw over the object.")
        tight = drawn[rows[0] : rows[-1] + 1, cols[0] : cols[-1] + 1]
        shape = (int(tight.shape[0]), int(tight.shape[1]))
        return cls(top + int(rows[0]), left + int(cols[0]), shape, np.packbits(tight))

    @property
    def mask(self) -> Mask:
        """The object on its box, bool (rows, cols)."""
        count = self.shape[0] * self.shape[1]
        return np.unpackbits(self.bits, count=count).astype(bool).reshape(self.shape)

    @property
    def area(self) -> int:
        """Pixels."""
        return int(np.count_nonzero(self.mask))

    @property
    def centre(self) -> tuple[float, float]:
        """Centroid (row, col) on the plane."""
        row, col = ndi.center_of_mass(self.mask)
        return float(row + self.top), float(col + self.left)

    @property
    def window(self) -> tuple[slice, slice]:
        """Its box in arrays of the plane's shape."""
        rows, cols = self.shape
        return slice(self.top, self.top + rows), slice(self.left, self.left + cols)

    @property
    def box(self) -> Box:
        """(top, left, bottom, right) edges, (0, 0) being the centre of the first pixel."""
        rows, cols = self.shape
        return self.top - 0.5, self.left - 0.5, self.top + rows - 0.5, self.left + cols - 0.5

    def moved(self, shift: tuple[float, float], shape: tuple[int, int]) -> Piece | None:
        """The same outline elsewhere, cut off at the border of a plane (H, W); None outside."""
        mask = self.mask
        top, left = self.top + round(shift[0]), self.left + round(shift[1])
        inside = mask[
            max(0, -top) : max(0, shape[0] - top), max(0, -left) : max(0, shape[1] - left)
        ]
        return Piece.of(max(0, top), max(0, left), inside) if inside.any() else None

    def grown(self, share: float) -> Piece:
        """The same shape with about `share` times the area: its border moved in or out evenly.

        The last pixels of a piece are never taken away.
        """
        mask = self.mask
        by = (share**0.5 - 1) * (np.count_nonzero(mask) / np.pi) ** 0.5
        margin = max(0, int(np.ceil(by))) + 1
        padded = np.pad(mask, margin)
        inwards, outwards = (ndi.distance_transform_edt(side) for side in (padded, ~padded))
        depth = np.where(padded, inwards - 0.5, 0.5 - outwards)
        return Piece.of(self.top - margin, self.left - margin, depth > min(-by, depth.max() - 0.5))

    def iou(self, other: Piece) -> float:
        """Intersection over union with another."""
        both = (self, other)
        rows = slice(max(p.top for p in both), min(p.top + p.shape[0] for p in both))
        cols = slice(max(p.left for p in both), min(p.left + p.shape[1] for p in both))
        if rows.start >= rows.stop or cols.start >= cols.stop:
            return 0.0
        first, second = (
            p.mask[rows.start - p.top : rows.stop - p.top, cols.start - p.left : cols.stop - p.left]
            for p in both
        )
        shared = int(np.count_nonzero(first & second))
        return shared / (self.area + other.area - shared)

    def on_plane(self, shape: tuple[int, int]) -> Mask:
        """The mask of a whole plane, bool (H, W)."""
        plane = np.zeros(shape, bool)
        plane[self.window] = self.mask
        return plane


def pieces_of(labels: npt.NDArray[np.integer]) -> dict[int, Piece]:
    """Every object of a label image (H, W) by its label."""
    return {
        label: Piece.of(box[0].start, box[1].start, labels[box] == label)
        for label, box in boxes_of(labels).items()
    }


def painted(
    pieces: Mapping[int, Piece], shape: tuple[int, int], dtype: npt.DTypeLike = np.int32
) -> npt.NDArray[np.integer]:
    """Labels (H, W) of pieces that share no pixel; of those that do the later ones win."""
    labels = np.zeros(shape, dtype)
    for label, piece in pieces.items():
        labels[piece.window][piece.mask] = label
    return labels
