"""What is asked about an object on the next plane, and which of the answers is believed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
from scipy import ndimage as ndi

from napari_vlseg.logit_masks import logits_within
from napari_vlseg.models.base import MaskProposal
from napari_vlseg.object_prompts import ObjectPrompt
from napari_vlseg.workflow.overlaps import SoftOutline
from napari_vlseg.workflow.propagate.appearance import Appearance, appearance
from napari_vlseg.workflow.propagate.pieces import Piece
from napari_vlseg.workflow.seeds import Seed, box_prompt, mask_prompt, point_prompt

Plane = npt.NDArray[np.float32]

_KINDS = (mask_prompt, box_prompt, point_prompt)
_THERE = 0.5
"""Probability from which a model with a memory says that an object is there."""


@dataclass(frozen=True, eq=False)
class Candidate:
    """One answer about one object.

    Attributes
    ----------
    outline : SoftOutline
        Its score is the product of what is below.
    predicted : float
        IoU that the model predicts.
    overlap : float
        IoU with the place that was expected.
    likeness : float
        How much it looks as before, in [0, 1].
    growth : float
        Area relative to that on the plane before.
    look : Appearance or None
        None where there is no mask.
    """

    outline: SoftOutline = field(repr=False)
    predicted: float
    overlap: float
    likeness: float
    growth: float
    look: Appearance | None = field(repr=False, default=None)

    @property
    def score(self) -> float:
        """How much it is believed, in [0, 1]."""
        return self.outline.score


def prompts_at(expected: Piece) -> list[ObjectPrompt]:
    """What to ask about an object that is expected at a place: by mask, by box, by a click."""
    seed = _seed(expected)
    return [kind(seed) for kind in _KINDS]


def candidates_at(
    expected: Piece,
    answers: Sequence[MaskProposal],
    plane: Plane,
    *,
    area: int,
    look: Appearance,
    taken: npt.NDArray[np.bool_] | None = None,
) -> list[Candidate]:
    """The answers, and their mean, with how much each is believed.

    Parameters
    ----------
    expected : Piece
        The object where it is expected.
    answers : sequence of MaskProposal
        To `prompts_at`.
    plane : numpy.ndarray, shape (H, W, 3), float32 in [0, 1]
    area : int
        Pixels of the object on the plane before.
    look : Appearance
        Of the object before.
    taken : numpy.ndarray, shape (H, W), bool, optional
        Where other objects are expected.

    Returns
    -------
    list of Candidate
        Best first.
    """
    window = _seed(expected).surroundings(plane.shape[:2])
    logits = [logits_within(answer.logits, window) for answer in answers]
    scores = [min(1.0, max(0.0, answer.score)) for answer in answers]
    logits.append(np.mean(logits, axis=0))
    scores.append(float(np.mean(scores)))
    found = [
        _judged(values, score, window, expected, plane, area, look, taken)
        for values, score in zip(logits, scores, strict=True)
    ]
    return sorted(found, key=lambda candidate: -candidate.score)


def remembered(
    before: Piece,
    answer: MaskProposal,
    plane: Plane,
    *,
    area: int,
    look: Appearance,
    taken: npt.NDArray[np.bool_] | None = None,
) -> list[Candidate]:
    """What a model with a memory found, with how much it is believed.

    The memory knows where to look, so that the place does not count.

    Parameters
    ----------
    before : Piece
        The object on the plane before.
    answer : MaskProposal
        Its score is the probability that the object is there.
    plane, area, look, taken
        See `candidates_at`.

    Returns
    -------
    list of Candidate
        One, or none where the object is not there.
    """
    top, left, mask = answer.crop()
    if answer.score < _THERE or not mask.any():
        return []
    first = max(0, top - 1), max(0, left - 1)
    last = (
        min(plane.shape[0], top + mask.shape[0] + 1),
        min(plane.shape[1], left + mask.shape[1] + 1),
    )
    window = (*first, last[0] - first[0], last[1] - first[1])
    logits = logits_within(answer.logits, window)
    found = _judged(logits, answer.score, window, before, plane, area, look, taken)
    score = found.predicted * found.likeness * _steadiness(found.growth)
    return [replace(found, outline=replace(found.outline, score=score))]


def _judged(
    logits: npt.NDArray[np.float32],
    predicted: float,
    window: tuple[int, int, int, int],
    expected: Piece,
    plane: Plane,
    area: int,
    look: Appearance,
    taken: npt.NDArray[np.bool_] | None,
) -> Candidate:
    top, left = window[:2]
    logits = whole(logits)
    mask = logits > 0
    pixels = int(np.count_nonzero(mask))
    if not pixels:
        return Candidate(SoftOutline(top, left, logits, 0.0), predicted, 0.0, 0.0, 0.0)
    overlap = Piece.of(top, left, mask).iou(expected)
    seen = appearance(plane, top, left, mask, taken)
    likeness, growth = look.likeness(seen), pixels / area
    score = predicted * overlap * likeness * _steadiness(growth)
    outline = SoftOutline(top, left, logits, score)
    return Candidate(outline, predicted, overlap, likeness, growth, seen)


def _steadiness(growth: float) -> float:
    """1 for an area that stays, and the smaller of the two over the larger for others."""
    return min(growth, 1 / growth)


def whole(logits: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Logits of one object: the largest part alone, without holes."""
    parts, count = ndi.label(logits > 0)
    if count > 1:
        sizes = np.bincount(parts.ravel())[1:]
        logits = np.where((parts > 0) & (parts != 1 + sizes.argmax()), -1, logits)
    inside = logits > 0
    filled = ndi.binary_fill_holes(inside) & ~inside
    return np.where(filled, np.float32(1), logits).astype(np.float32)


def _seed(piece: Piece) -> Seed:
    return Seed(piece.top, piece.left, piece.mask, 0)
