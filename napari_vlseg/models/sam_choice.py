"""Which windows to ask, and which of the answers to believe."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from napari_vlseg.models.sam_masks import deepest_place, is_cut, positive_box
from napari_vlseg.models.sam_prompts import PlacedPrompt
from napari_vlseg.models.sam_windows import Box, Window, WindowLattice
from napari_vlseg.object_prompts import MaskLogits

COVERAGE = 0.65
"""Share of a window's side that an object of known size is given."""

CREDIBLE = 0.5
"""Credibility from which coarser windows are not asked."""

# Windows for clicks of unknown size; sides are shares of the model's input.
_FINEST_SIDE, _COARSEST_SIDE = 0.25, 1.0
_CUT_COVERAGE = 0.35

# A linear rule, fitted by gradient descent on 1400 training nuclei and 300 procedural objects
# so that the IoU of the chosen candidate is high and the rule's value near it.
_BASE = -0.11
_SCORE, _CUT, _OFF_CENTRE, _SMALL, _STABLE, _SURE = 0.53, -0.14, -0.87, -0.1, 0.63, 0.11

_STABLE_LOGIT = 1.0
_SURE_LOGIT = 6.0
_NOTHING = -10.0
_SAME_OBJECT = 0.8


@dataclass(frozen=True, eq=False)
class Candidate:
    """One mask that the decoder proposes.

    Attributes
    ----------
    logits : MaskLogits
    score : float
        Predicted IoU.
    """

    logits: MaskLogits
    score: float


def windows_at_clicks(
    lattice: WindowLattice, prompt: PlacedPrompt, input_size: int
) -> list[list[Window]]:
    """Windows for an object of which nothing but clicks is known, in order of trial.

    Clicks don't tell the size: they are shown at every scale at which the model sees detail,
    and at coarser ones if none of these shows a whole object.
    """
    holding = [
        window
        for window in (lattice.around(prompt.extent(), side) for side in lattice.sides())
        if all(window.holds((row, col, row, col)) for row, col in prompt.points)
        and window.width >= _FINEST_SIDE * input_size
    ]
    fine = [window for window in holding if window.width <= _COARSEST_SIDE * input_size]
    coarse = [window for window in holding if window not in fine]
    return [windows for windows in (fine, coarse) if windows] or [[lattice.whole]]


def later_window(lattice: WindowLattice, prompt: PlacedPrompt, mask: MaskLogits) -> Window:
    """The window in which to correct a mask: the object large, a cut one with more around it."""
    found = positive_box(mask)
    extent = found if found is not None else prompt.extent()
    for row, col in prompt.points[prompt.labels == 1]:
        extent = _joined(extent, (float(row), float(col), float(row), float(col)))
    return lattice.for_object(extent, _CUT_COVERAGE if is_cut(mask, lattice.shape) else COVERAGE)


@dataclass(frozen=True)
class Evidence:
    """What a candidate shows of its own worth.

    Attributes
    ----------
    score : float
        Predicted IoU.
    cut : float
        1 where the window cuts the mask off, which may then be a part of an object; else 0.
    off_centre : float
        Distance of a single click from the deepest place of the mask, over its longer side:
        people click into the middle of what they mean.
    small : float
        Logarithm of how much smaller the mask is than what its window draws best.
    stable : float
        IoU of the masks at a higher and a lower threshold (Kirillov et al. 2023).
    sure : float
        How clearly the mask holds the clicks to include and leaves out the others, -1 to 1.
    """

    score: float
    cut: float
    off_centre: float
    small: float
    stable: float
    sure: float

    @classmethod
    def of(
        cls, candidate: Candidate, box: Box, lattice: WindowLattice, prompt: PlacedPrompt
    ) -> Evidence:
        """Evidence of a candidate whose positive logits lie in a box."""
        logits, longer = candidate.logits, max(box[2] - box[0], box[3] - box[1])
        off_centre = 0.0
        if prompt.is_one_click:
            row, col = deepest_place(logits)
            away = math.hypot(row - prompt.points[0, 0], col - prompt.points[0, 1])
            off_centre = min(1.0, away / longer)
        likely, certain = (logits.values > bar for bar in (-_STABLE_LOGIT, _STABLE_LOGIT))
        return cls(
            score=candidate.score,
            cut=float(is_cut(logits, lattice.shape)),
            off_centre=off_centre,
            small=max(0.0, math.log(COVERAGE * logits.window[2] / longer)),
            stable=float(certain.sum() / max(1, likely.sum())),
            sure=_sureness(logits, prompt),
        )


def credibility(candidate: Candidate, lattice: WindowLattice, prompt: PlacedPrompt) -> float:
    """The IoU to expect with what was meant, by a linear rule of `Evidence`."""
    box = positive_box(candidate.logits)
    if box is None:
        return _NOTHING
    found = Evidence.of(candidate, box, lattice, prompt)
    return (
        _BASE
        + _SCORE * found.score
        + _CUT * found.cut
        + _OFF_CENTRE * found.off_centre
        + _SMALL * found.small
        + _STABLE * found.stable
        + _SURE * found.sure
    )


def _sureness(logits: MaskLogits, prompt: PlacedPrompt) -> float:
    if not len(prompt.points):
        return 0.0
    size = np.array(logits.values.shape)
    top, left, height, width = logits.window
    places = (prompt.points - np.array([top, left])) / np.array([height, width]) * size
    rows, cols = np.clip(places.astype(int), 0, size - 1).T
    signs = np.where(prompt.labels == 1, 1.0, -1.0)
    return float(np.mean(signs * np.tanh(logits.values[rows, cols] / _SURE_LOGIT)))


def best_first(
    candidates: Sequence[Candidate], lattice: WindowLattice, prompt: PlacedPrompt
) -> list[Candidate]:
    """Candidates by credibility; by score alone where the model sees the whole plane."""

    def belief(candidate: Candidate) -> float:
        return credibility(candidate, lattice, prompt) if lattice.zoom else candidate.score

    return sorted(candidates, key=belief, reverse=True)


def different_first(candidates: Sequence[Candidate], count: int) -> list[Candidate]:
    """The first candidate, then those that differ from all before, then the others."""
    chosen: list[Candidate] = []
    boxes: list[Box | None] = []
    others: list[Candidate] = []
    for candidate in candidates:
        if len(chosen) == count:
            break
        box = positive_box(candidate.logits)
        if all(_box_iou(box, earlier) < _SAME_OBJECT for earlier in boxes):
            chosen.append(candidate)
            boxes.append(box)
        else:
            others.append(candidate)
    return [*chosen, *others][:count]


def _joined(a: Box, b: Box) -> Box:
    return min(a[0], b[0]), min(a[1], b[1]), max(a[2], b[2]), max(a[3], b[3])


def _box_iou(first: Box | None, second: Box | None) -> float:
    if first is None or second is None:
        return 0.0
    rows = min(first[2], second[2]) - max(first[0], second[0])
    cols = min(first[3], second[3]) - max(first[1], second[1])
    shared = max(rows, 0.0) * max(cols, 0.0)
    return shared / (_area(first) + _area(second) - shared)


def _area(box: Box) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])
