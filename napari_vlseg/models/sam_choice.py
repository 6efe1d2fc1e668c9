"""Which windows to ask, and which of the answers to believe."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from napari_vlseg.models.base import MaskLogits
from napari_vlseg.models.sam_masks import is_cut, positive_box
from napari_vlseg.models.sam_prompts import ObjectPrompt
from napari_vlseg.models.sam_windows import Box, Window, WindowLattice

COVERAGE = 0.5
"""Share of a window's side that an object of known size is given."""

_FIRST_SIDES = 2
_CUT_PENALTY = 0.3
_FAR_SIZE_PENALTY = 0.15
_USUAL_COVERAGE = (0.2, 0.8)
_SAME_OBJECT = 0.8
_LARGEST_FOR_CLICKS = 8


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


def first_windows(lattice: WindowLattice, prompt: ObjectPrompt, input_size: int) -> list[Window]:
    """Windows for an object that nothing but its prompt is known of.

    A box tells the size; clicks are shown at several scales, a factor of 2 apart.
    """
    extent = prompt.extent()
    if prompt.box is not None:
        return [lattice.for_object(extent, COVERAGE)]
    sides = lattice.sides()
    shown = [
        side for side in sides[::-1][::_FIRST_SIDES] if side <= _LARGEST_FOR_CLICKS * input_size
    ]
    windows = [lattice.around(extent, side) for side in shown or sides[-1:]]
    holding = [w for w in windows if all(w.holds((r, c, r, c)) for r, c in prompt.points)]
    return holding or [lattice.whole]


def later_window(lattice: WindowLattice, prompt: ObjectPrompt, mask: MaskLogits) -> Window:
    """The window in which to correct a mask: its own, as long as that shows enough."""
    found = positive_box(mask)
    extent = found if found is not None else prompt.extent()
    for row, col in prompt.points[prompt.labels == 1]:
        extent = _joined(extent, (float(row), float(col), float(row), float(col)))
    window = Window(*mask.window)
    cut = is_cut(mask, lattice.shape)
    share = max(extent[2] - extent[0], extent[3] - extent[1]) / window.side
    if not cut and window.holds(extent) and share >= _USUAL_COVERAGE[0]:
        return window
    return lattice.for_object(extent, COVERAGE / 2 if cut else COVERAGE)


def best_first(
    candidates: Sequence[Candidate], lattice: WindowLattice, count: int
) -> list[Candidate]:
    """The most credible candidates that differ, the best first.

    A mask that its window cuts off, or that is very small or large in it, is believed less:
    another window shows the object better. Where too few differ, others follow.

    Parameters
    ----------
    candidates : sequence of Candidate
    lattice : WindowLattice
    count : int
        How many to return, at most.
    """
    order = sorted(candidates, key=lambda c: _credibility(c, lattice), reverse=True)
    chosen: list[Candidate] = []
    others: list[Candidate] = []
    for candidate in order:
        is_new = all(_box_iou(candidate, earlier) < _SAME_OBJECT for earlier in chosen)
        (chosen if is_new else others).append(candidate)
    best = (*chosen, *others)[:count]
    return sorted(best, key=order.index)


def _credibility(candidate: Candidate, lattice: WindowLattice) -> float:
    box = positive_box(candidate.logits)
    if box is None:
        return -1.0
    if not lattice.zoom:
        return candidate.score
    share = max(box[2] - box[0], box[3] - box[1]) / candidate.logits.window[2]
    low, high = _USUAL_COVERAGE
    penalty = 0.0 if low <= share <= high else _FAR_SIZE_PENALTY
    if is_cut(candidate.logits, lattice.shape):
        penalty += _CUT_PENALTY
    return candidate.score - penalty


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
