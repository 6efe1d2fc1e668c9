"""Which windows to ask, and which of the answers to believe."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from napari_vlseg.models.sam_masks import deepest_place, is_cut, positive_box
from napari_vlseg.models.sam_prompts import PlacedPrompt
from napari_vlseg.models.sam_windows import Box, Window, WindowLattice
from napari_vlseg.object_prompts import MaskLogits

COVERAGE = 0.65
"""Share of a window's side that an object of known size is given."""

CREDIBLE = 0.5
"""Credibility from which coarser windows are not asked."""

# Chosen on training images, as the three numbers above and below them.
_FINE_SIDE = 1.5
_CUT_PENALTY = 0.3
_SMALLNESS_PENALTY = 0.03
_OFF_CENTRE_PENALTY = 0.35
_NOTHING = -10.0
_CUT_COVERAGE = 0.35
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


def first_windows(
    lattice: WindowLattice, prompt: PlacedPrompt, input_size: int
) -> list[list[Window]]:
    """Windows for an object that nothing but its prompt is known of, in order of trial.

    A box tells the size. Clicks do not: they are shown at every scale at which the model
    sees detail, and at coarser ones if none of these shows a whole object.
    """
    extent = prompt.extent()
    if prompt.box is not None:
        return [[lattice.for_object(extent, COVERAGE)]]
    holding = [
        window
        for window in (lattice.around(extent, side) for side in lattice.sides())
        if all(window.holds((row, col, row, col)) for row, col in prompt.points)
    ]
    fine = [window for window in holding if window.side <= _FINE_SIDE * input_size]
    coarse = [window for window in holding if window not in fine]
    return [windows for windows in (fine, coarse) if windows] or [[lattice.whole]]


def later_window(lattice: WindowLattice, prompt: PlacedPrompt, mask: MaskLogits) -> Window:
    """The window in which to correct a mask: the object large, a cut one with more around it."""
    found = positive_box(mask)
    extent = found if found is not None else prompt.extent()
    for row, col in prompt.points[prompt.labels == 1]:
        extent = _joined(extent, (float(row), float(col), float(row), float(col)))
    return lattice.for_object(extent, _CUT_COVERAGE if is_cut(mask, lattice.shape) else COVERAGE)


def credibility(candidate: Candidate, lattice: WindowLattice, prompt: PlacedPrompt) -> float:
    """How far to believe a candidate: its score, less what speaks against it.

    A mask that its window cuts off may be a part; one that is small in its window is drawn
    coarsely, and a closer window may draw it better; and people click into the middle of
    what they mean.
    """
    box = positive_box(candidate.logits)
    if box is None:
        return _NOTHING
    share = max(box[2] - box[0], box[3] - box[1]) / candidate.logits.window[2]
    penalty = _SMALLNESS_PENALTY * max(0.0, math.log(COVERAGE / share))
    if is_cut(candidate.logits, lattice.shape):
        penalty += _CUT_PENALTY
    if prompt.is_one_click:
        row, col = deepest_place(candidate.logits)
        away = math.hypot(row - prompt.points[0, 0], col - prompt.points[0, 1])
        penalty += _OFF_CENTRE_PENALTY * away / max(box[2] - box[0], box[3] - box[1])
    return candidate.score - penalty


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
    others: list[Candidate] = []
    for candidate in candidates:
        is_new = all(_box_iou(candidate, earlier) < _SAME_OBJECT for earlier in chosen)
        (chosen if is_new else others).append(candidate)
    return [*chosen, *others][:count]


def _joined(a: Box, b: Box) -> Box:
    return min(a[0], b[0]), min(a[1], b[1]), max(a[2], b[2]), max(a[3], b[3])


def _box_iou(a: Candidate, b: Candidate) -> float:
    first, second = positive_box(a.logits), positive_box(b.logits)
    if first is None or second is None:
        return 0.0
    rows = min(first[2], second[2]) - max(first[0], second[0])
    cols = min(first[3], second[3]) - max(first[1], second[1])
    shared = max(rows, 0.0) * max(cols, 0.0)
    return shared / (_area(first) + _area(second) - shared)


def _area(box: Box) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])
