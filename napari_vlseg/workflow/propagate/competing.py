"""Several objects, one plane: who has which outline, and whose a contested pixel is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from napari_vlseg.workflow.linking import best_pairs
from napari_vlseg.workflow.overlaps import SoftOutline, agreement, distinct, paint
from napari_vlseg.workflow.propagate.candidates import Candidate
from napari_vlseg.workflow.propagate.pieces import Mask, Piece

_SAME = 0.5


def settle(
    candidates: Mapping[int, Sequence[Candidate]], most_overlap: float
) -> tuple[dict[int, Candidate], dict[int, int]]:
    """One candidate for each object so that no two objects have the same thing.

    Where the best candidates of two objects lie on each other, everything that either might be
    is shared out between them so that the sum of scores is greatest; identities don't swap,
    because what an object might be scores by where it was expected.

    Parameters
    ----------
    candidates : mapping of int to sequence of Candidate
        Object → its candidates, best first.
    most_overlap : float
        Share of the smaller of two outlines from which they claim one thing.

    Returns
    -------
    chosen : dict of int to Candidate
    claimed : dict of int to int
        Objects that got nothing, and which object has what they claimed.
    """
    chosen = {number: of[0] for number, of in candidates.items() if of}
    claimed: dict[int, int] = {}
    for group in _rivals(chosen, most_overlap):
        shared = _shared_out({number: candidates[number] for number in group})
        for number in group:
            if number in shared:
                chosen[number] = shared[number]
        losers = [number for number in group if number not in shared]
        for number in losers:
            lost = chosen.pop(number)
            others = [n for n in group if n in chosen]
            claimed[number] = max(others, key=lambda n: _overlap(lost, chosen[n]))
    return chosen, claimed


def divide(
    outlines: Mapping[int, SoftOutline], shape: tuple[int, int], occupied: Mask | None
) -> dict[int, Piece]:
    """What each object has of a plane: contested pixels go to the higher logit.

    Parameters
    ----------
    outlines : mapping of int to SoftOutline
    shape : tuple of int
        (H, W) of the plane.
    occupied : numpy.ndarray, shape (H, W), bool, or None
        Pixels that none of them may have.

    Returns
    -------
    dict of int to Piece
        Without those that have nothing.
    """
    numbers = list(outlines)
    labels = paint([outlines[number] for number in numbers], shape)
    if occupied is not None:
        labels[occupied] = 0
    pieces: dict[int, Piece] = {}
    for place, number in enumerate(numbers, start=1):
        outline = outlines[number]
        mask = labels[outline.window] == place
        if mask.any():
            pieces[number] = Piece.of(outline.top, outline.left, mask)
    return pieces


def _rivals(chosen: Mapping[int, Candidate], most_overlap: float) -> list[list[int]]:
    """Groups of objects that claim the same pixels."""
    groups: list[set[int]] = []
    numbers = list(chosen)
    boxes = np.array([_box(chosen[number].outline) for number in numbers]).reshape(-1, 4)
    for place, first in enumerate(numbers):
        later = boxes[place + 1 :]
        meets = (later[:, :2] < boxes[place, 2:]).all(1) & (later[:, 2:] > boxes[place, :2]).all(1)
        for second in (numbers[place + 1 + n] for n in np.flatnonzero(meets)):
            if _overlap(chosen[first], chosen[second]) > most_overlap:
                touching = [group for group in groups if group & {first, second}]
                groups = [group for group in groups if group not in touching]
                groups.append(set().union({first, second}, *touching))
    return [sorted(group) for group in groups]


def _shared_out(candidates: Mapping[int, Sequence[Candidate]]) -> dict[int, Candidate]:
    """The candidate of each object that gets a thing of its own."""
    every = [candidate for of in candidates.values() for candidate in of]
    things = [every[n].outline for n in distinct([one.outline for one in every], _SAME)]
    best: dict[tuple[int, int], Candidate] = {}
    for number, of in candidates.items():
        for candidate in of:
            if candidate.score <= 0:
                continue
            thing = int(np.argmax([agreement(candidate.outline, other) for other in things]))
            pair = number, thing
            if pair not in best or candidate.score > best[pair].score:
                best[pair] = candidate
    pairs = best_pairs({pair: candidate.score for pair, candidate in best.items()})
    return {number: best[number, thing] for number, thing in pairs}


def _overlap(first: Candidate, second: Candidate) -> float:
    """Pixels that two candidates share, as a share of the smaller."""
    a, b = first.outline, second.outline
    (rows_a, cols_a), (rows_b, cols_b) = a.window, b.window
    rows = slice(max(rows_a.start, rows_b.start), min(rows_a.stop, rows_b.stop))
    cols = slice(max(cols_a.start, cols_b.start), min(cols_a.stop, cols_b.stop))
    if rows.start >= rows.stop or cols.start >= cols.stop:
        return 0.0
    smaller = min(np.count_nonzero(a.mask), np.count_nonzero(b.mask))
    shared = np.count_nonzero(_part(a, rows, cols) & _part(b, rows, cols))
    return float(shared / smaller) if smaller else 0.0


def _box(outline: SoftOutline) -> tuple[int, int, int, int]:
    rows, cols = outline.window
    return rows.start, cols.start, rows.stop, cols.stop


def _part(outline: SoftOutline, rows: slice, cols: slice) -> npt.NDArray[np.bool_]:
    inner = (
        slice(rows.start - outline.top, rows.stop - outline.top),
        slice(cols.start - outline.left, cols.stop - outline.left),
    )
    return outline.mask[inner]
