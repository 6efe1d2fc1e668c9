"""The current labels and objects of an image: what was saved last, and the edits after it.

Where files are damaged, what can be proved is put together from the others: labels as they
were saved, the journal from its beginning, and of what follows on a damaged place every edit
that finds the pixels it says it changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import takewhile

import numpy as np
import pandas as pd

from napari_vlseg.corrections.edits import Edit, decode_edit, read_head
from napari_vlseg.corrections.large_arrays import blank, copied
from napari_vlseg.corrections.ledger import Ledger
from napari_vlseg.corrections.replay import replay_onto
from napari_vlseg.errors import LedgerError, ProjectError
from napari_vlseg.object_table import ObjectTable


@dataclass(frozen=True, eq=False)
class State:
    """Labels and objects of an image.

    Attributes
    ----------
    labels : numpy.ndarray
    objects : pandas.DataFrame
    number : int
        Number of the last edit in them.
    notices : tuple of str
        What is damaged, and what was done about it; empty where all is sound.
    """

    labels: np.ndarray
    objects: pd.DataFrame
    number: int
    notices: tuple[str, ...] = ()


def state_of(saved: State | None, ledger: Ledger, notices: tuple[str, ...] = ()) -> State:
    """The state after all edits of a ledger.

    Parameters
    ----------
    saved : State or None
        What was saved last.
    ledger : Ledger
    notices : tuple of str
        What was found out so far.

    Raises
    ------
    ProjectError
        If neither what was saved nor the journal gives a state.
    """
    if saved is not None:
        if saved.number == ledger.last:
            return State(saved.labels, saved.objects, saved.number, notices)
        if saved.number > ledger.last:
            return State(saved.labels, saved.objects, saved.number, (*notices, _BEHIND))
        try:
            return _later(saved, ledger, notices)
        except LedgerError as failure:
            notices = (*notices, f"The saved labels were left aside: {failure}")
    if not ledger.shape and saved is None:
        raise LedgerError(
            "The first line of the journal of edits is damaged, and no labels were saved: open "
            "the image for editing, or put the journal back from a backup."
        )
    start = State(blank(ledger.shape, ledger.dtype), ObjectTable().to_frame(), 0)
    try:
        return _later(start, ledger, notices)
    except LedgerError as failure:
        base, last = saved or start, ledger.last
        state, left = _as_far_as_they_fit(base, _until(last, ledger, base), ledger.edit)
        notice = f"{left} edits of the journal could not be made again: {failure}"
    return replace(state, number=last, notices=(*notices, notice))


def with_spare_lines(state: State, rest: bytes, ledger: Ledger) -> State:
    """The state after those edits, of lines behind a damaged one, that fit what is there.

    An edit names the pixels that it changes and what they were. One that finds them so is
    sure to do what the person did; others depend on what was lost.

    Parameters
    ----------
    state : State
    rest : bytes
        What follows the sound part of the journal.
    ledger : Ledger
        The sound part.
    """
    edits = dict(_spare(rest))
    later = [edit for number, edit in edits.items() if number > state.number]
    lost = rest.count(b"\n") + (not rest.endswith(b"\n")) - len(edits)

    def lookup(number: int) -> Edit:
        return edits[number] if number in edits else ledger.edit(number)

    found, left = _as_far_as_they_fit(state, later, lookup)
    notice = (
        f"The journal of edits is damaged: {lost + left} of its lines can't be used, and "
        f"{len(later) - left} after the damage were. All are kept in edits.jsonl.torn: look "
        "the labels over."
    )
    others = (told for told in state.notices if told != _BEHIND)  # it ends there by the damage
    return replace(found, notices=(*others, notice))


_BEHIND = (
    "The journal of edits ends before the saved labels, as one from a backup does: the labels "
    "are as they were saved."
)


def _later(state: State, ledger: Ledger, notices: tuple[str, ...]) -> State:
    labels, table, last = state.labels, ObjectTable.from_frame(state.objects), ledger.last
    labels = replay_onto(copied(labels), table, _until(last, ledger, state), ledger.edit)
    return State(labels, table.to_frame(), last, notices)


def _until(last: int, ledger: Ledger, state: State) -> Iterator[Edit]:
    """Edits after a state, without those that others append meanwhile."""
    return takewhile(lambda edit: edit.number <= last, ledger.edits(state.number))


def _as_far_as_they_fit(
    state: State, edits: Iterable[Edit], lookup: Callable[[int], Edit]
) -> tuple[State, int]:
    """The state after those edits that fit, and the number of the others."""
    labels, table, left = copied(state.labels), ObjectTable.from_frame(state.objects), 0
    for edit in edits:
        try:
            labels = replay_onto(labels, table, [edit], lookup)
        except ProjectError:
            left += 1
    return replace(state, labels=labels, objects=table.to_frame()), left


def _spare(rest: bytes) -> Iterator[tuple[int, Edit]]:
    for line in rest.split(b"\n"):
        try:
            yield read_head(line).number, decode_edit(line)
        except LedgerError:
            continue
