"""What is marked on a picture, and how a result compares with that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from drawing import Pen
from skimage.draw import polygon2mask

from napari_vlseg.metrics import match_instances

Grade = Literal["good", "mixed", "poor"]
Point = tuple[int, int]

_WANTED, _UNWANTED = "#ffe14d", "#4db8ff"


@dataclass(frozen=True)
class Verdict:
    """How well a result agrees with the marks; `sentence` has the numbers."""

    grade: Grade
    sentence: str


class Marks(Protocol):
    """Marks of a picture, in pixels of that picture as (row, col)."""

    def judge(self, labels: np.ndarray) -> Verdict:
        """Compare labels (H, W) with the marks."""
        ...

    def draw(self, pen: Pen) -> None:
        """Draw the marks over a picture."""
        ...


@dataclass(frozen=True)
class Objects:
    """Ellipses around objects, each (row, col, half height, half width, degrees counter-clockwise).

    `complete` says that no object of the picture is without a mark, `overlap` from which IoU an
    object counts as found: more where the prompt itself gives much of the outline away.
    """

    ellipses: Sequence[tuple[float, ...]]
    complete: bool = True
    overlap: float = 0.5

    @property
    def centres(self) -> tuple[tuple[float, float], ...]:
        """The middle of every ellipse, (row, col)."""
        return tuple((row, col) for row, col, *_ in self.ellipses)

    def judge(self, labels: np.ndarray) -> Verdict:
        """Count the objects found, and what else was outlined."""
        matching = match_instances(self._truth(labels.shape), labels, self.overlap)
        found, marked = matching.true_positives, len(self.ellipses)
        sentence = f"{found} of {marked} marked objects are outlined (IoU ≥ {self.overlap:g})"
        others = matching.false_positives if self.complete else 0
        if self.complete:
            sentence += f"; {others} of the outlines found are no marked object"
        return Verdict(_grade(found / marked, others / marked), sentence)

    def draw(self, pen: Pen) -> None:
        """Draw the ellipses."""
        for mark in self.ellipses:
            pen.line(_outline(mark), _WANTED, width=1)

    def _truth(self, shape: tuple[int, ...]) -> np.ndarray:
        truth = np.zeros(shape, np.int32)
        for label, mark in enumerate(self.ellipses, 1):
            truth[polygon2mask(shape, _outline(mark))] = label
        return truth


@dataclass(frozen=True)
class Points:
    """Points that a result should cover, and points that it should leave out."""

    inside: Sequence[Point]
    outside: Sequence[Point]

    def judge(self, labels: np.ndarray) -> Verdict:
        """Count the points of both sorts that labels cover."""
        hits = sum(bool(labels[point]) for point in self.inside)
        slips = sum(bool(labels[point]) for point in self.outside)
        sentence = (
            f"{hits} of {len(self.inside)} points on what was asked for are covered, "
            f"and {slips} of {len(self.outside)} points beside it"
        )
        return Verdict(_grade(hits / len(self.inside), slips / len(self.outside)), sentence)

    def draw(self, pen: Pen) -> None:
        """Draw a dot at each point."""
        for points, colour in ((self.inside, _WANTED), (self.outside, _UNWANTED)):
            for row, col in points:
                pen.dot(row, col, colour)


@dataclass(frozen=True)
class Nothing:
    """What was asked for is not in the picture."""

    def judge(self, labels: np.ndarray) -> Verdict:
        """Good up to one thousandth of the area, mixed up to twenty."""
        covered = float(np.mean(labels > 0))
        grade: Grade = "good" if covered <= 0.001 else "mixed" if covered <= 0.02 else "poor"
        return Verdict(grade, f"the right answer is nothing; {covered:.1%} of the area is covered")

    def draw(self, pen: Pen) -> None:
        """There is nothing to draw."""


def _grade(found: float, wrong: float) -> Grade:
    """Good: at least 80 % found and 20 % wrong at most; poor: the balance is below 40 %."""
    if found >= 0.8 and wrong <= 0.2:
        return "good"
    return "poor" if found - wrong < 0.4 else "mixed"


def _outline(mark: tuple[float, ...]) -> np.ndarray:
    """Corners of a polygon close to an ellipse, shape (61, 2), as (row, col)."""
    row, col, height, width, degrees = (*mark, 0.0)[:5]
    turn, tilt = np.linspace(0, 2 * np.pi, 61), np.deg2rad(degrees)
    up, right = height * np.sin(turn), width * np.cos(turn)
    rows = row - (right * np.sin(tilt) + up * np.cos(tilt))
    cols = col + (right * np.cos(tilt) - up * np.sin(tilt))
    return np.stack([rows, cols], axis=1)
