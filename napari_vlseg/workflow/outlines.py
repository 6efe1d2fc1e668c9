"""What is said about one object, step by step, and the outlines that answer it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt
from scipy import ndimage as ndi

from napari_vlseg.object_prompts import Box, MaskLogits

Tool = Literal["point", "box", "scribble", "lasso"]
Points = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]

SCRIBBLE_POINTS = 6
SCRIBBLE_SPACING = 3.0


class Proposed(Protocol):
    """What a session needs of a `napari_vlseg.models.base.MaskProposal`."""

    @property
    def logits(self) -> MaskLogits:
        """What a further click goes on from."""
        ...

    @property
    def score(self) -> float:
        """IoU that the model predicts."""
        ...

    def crop(self) -> tuple[int, int, Mask]:
        """Top, left and pixels of the bounding region."""
        ...


@dataclass(frozen=True, eq=False)
class Outline:
    """A candidate, cut out of its plane.

    Attributes
    ----------
    top, left : int
        Where the cut-out begins on the plane.
    mask : numpy.ndarray, shape (h, w), bool
        May be empty.
    score : float
        IoU that the model predicts; NaN for a mask that was drawn.
    logits : MaskLogits
        What a further click goes on from.
    """

    top: int
    left: int
    mask: Mask = field(repr=False)
    score: float
    logits: MaskLogits = field(repr=False)

    @classmethod
    def of_proposal(cls, proposal: Proposed) -> Outline:
        """Cut a model's proposal out of its plane."""
        top, left, mask = proposal.crop()
        return cls(top, left, mask, proposal.score, proposal.logits)

    @classmethod
    def of_mask(cls, mask: Mask) -> Outline:
        """Cut a drawn mask (H, W) out of its plane.

        Raises
        ------
        PromptError
            If it marks nothing.
        """
        logits = MaskLogits.of_mask(mask)
        rows, cols = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        top, left = int(rows[0]), int(cols[0])
        return cls(top, left, mask[top : rows[-1] + 1, left : cols[-1] + 1], np.nan, logits)

    def on_plane(self, shape: tuple[int, int]) -> Mask:
        """The mask of the whole plane, bool (H, W)."""
        plane = np.zeros(shape, bool)
        height, width = self.mask.shape
        plane[self.top : self.top + height, self.left : self.left + width] = self.mask
        return plane


@dataclass(frozen=True, eq=False)
class Stroke:
    """One thing that was drawn, to be shown again.

    Attributes
    ----------
    tool : {"point", "box", "scribble", "lasso"}
    places : numpy.ndarray, shape (k, 2), float32
        (row, col) of the click, or along the line; a box and a lasso are closed.
    includes : bool
        Whether the object is there.
    """

    tool: Tool
    places: Points = field(repr=False)
    includes: bool


@dataclass(frozen=True, eq=False)
class Step:
    """Everything said up to a step, and the answer.

    Attributes
    ----------
    number : int
        Of the question; no two steps of a session share one.
    tool : {"point", "box", "scribble", "lasso"}
        What the step was made with.
    points, labels
        As in `napari_vlseg.object_prompts.ObjectPrompt`.
    box : tuple of float or None
    mask : MaskLogits or None
        Drawn in this step; replaces what earlier steps gave.
    candidates : tuple of Outline
        Best first; empty until the answer comes.
    chosen : int
        Which candidate a person looks at.
    strokes : tuple of Stroke
        What was drawn so far.
    """

    number: int
    tool: Tool = "point"
    points: Points = field(default_factory=lambda: np.zeros((0, 2), np.float32))
    labels: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    box: Box | None = None
    mask: MaskLogits | None = None
    candidates: tuple[Outline, ...] = ()
    chosen: int = 0
    strokes: tuple[Stroke, ...] = ()

    @property
    def outline(self) -> Outline | None:
        """The candidate that a person looks at."""
        return self.candidates[self.chosen] if self.candidates else None


def box_outline(first: npt.ArrayLike, second: npt.ArrayLike) -> Points:
    """The closed outline (5, 2) of a box between two opposite corners (row, col)."""
    (top, left), (bottom, right) = np.asarray(first), np.asarray(second)
    corners = [(top, left), (top, right), (bottom, right), (bottom, left), (top, left)]
    return np.array(corners, np.float32)


def middle_of(logits: MaskLogits, away_from: Points) -> Points | None:
    """The place (1, 2) deepest inside a mask, and far from some places; None for an empty one.

    Parameters
    ----------
    logits : MaskLogits
    away_from : numpy.ndarray, shape (k, 2)
        (row, col) of clicks on what the object is not.
    """
    top, left, height, width = logits.window
    inside = np.pad(logits.values > 0, 1)
    scale = np.array(logits.values.shape) / (height, width)
    cells = np.floor((away_from + 0.5 - (top, left)) * scale).astype(int) + 1
    known = ((cells >= 0) & (cells < inside.shape)).all(axis=1)
    inside[tuple(cells[known].T)] = False
    if not inside.any():
        return None
    depth = ndi.distance_transform_edt(inside)
    cell = np.array(np.unravel_index(int(depth.argmax()), depth.shape)) - 1
    return ((cell + 0.5) / scale + (top, left) - 0.5).astype(np.float32)[None]


def sample_line(line: npt.ArrayLike, most: int = SCRIBBLE_POINTS) -> Points:
    """Points (k, 2) spread evenly along a line (n, 2), its ends not among them.

    Parameters
    ----------
    line : array_like, shape (n, 2)
        (row, col) in pixels, n ≥ 1.
    most : int
        Upper bound of k; a short line gives fewer, and at least one.
    """
    places = np.asarray(line, float).reshape(-1, 2)
    steps = np.hypot(*np.diff(places, axis=0).T)
    along = np.concatenate([[0.0], np.cumsum(steps)])
    count = int(np.clip(along[-1] / SCRIBBLE_SPACING, 1, most))
    wanted = (np.arange(count) + 0.5) / count * along[-1]
    return np.stack([np.interp(wanted, along, places[:, axis]) for axis in (0, 1)], 1).astype(
        np.float32
    )
