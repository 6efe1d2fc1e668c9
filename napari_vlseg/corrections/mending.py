"""Opening a journal of edits for writing, whatever the last program left of it."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from napari_vlseg.corrections.differences import imported, with_uids
from napari_vlseg.corrections.edits import encode_edit
from napari_vlseg.corrections.ledger import Ledger
from napari_vlseg.corrections.people import clock
from napari_vlseg.corrections.segments import ACTIVE_NAME, Header
from napari_vlseg.corrections.states import State, state_of, with_spare_lines
from napari_vlseg.corrections.stored_edits import StoredEdits, read_stored
from napari_vlseg.errors import ProjectError
from napari_vlseg.files import atomic_write_bytes, writing
from napari_vlseg.line_files import keep_torn

Saved = Callable[[Ledger], tuple[State | None, tuple[str, ...]]]


@dataclass(frozen=True)
class Mended:
    """A journal that can be appended to.

    Attributes
    ----------
    stored : StoredEdits
        The journal; its file is there and sound.
    state : State or None
        Labels to be saved before anything else, because the journal was begun anew with them.
    notices : tuple of str
        What the person should know.
    """

    stored: StoredEdits
    state: State | None = None
    notices: tuple[str, ...] = ()


def mended(folder: Path, header: Header, saved: Saved, saved_number: int, annotator: str) -> Mended:
    """Make or mend the file that grows. The caller keeps other programs from writing.

    A line that a crash cut short is set aside. If more is damaged, or the journal ends before
    the saved labels, everything unusable is set aside, and an “import” of all that can be
    proved is where history begins anew.

    Parameters
    ----------
    folder : Path
        Of the image, in the project.
    header : Header
        Of a new journal.
    saved : callable
        Gives the labels that were saved last, and what is wrong with them.
    saved_number : int
        Number of the last edit in them; 0 if they can't be read.
    annotator : str
        Opaque id of the person.

    Raises
    ------
    ProjectError
        If the files can't be read or written.
    """
    stored = read_stored(folder, header)
    path = folder / ACTIVE_NAME
    if stored is None or not (stored.active.last or stored.rest):
        atomic_write_bytes(path, header.encode())  # its labels may be of another type now
        stored = _read_again(folder)
    elif not stored.is_file:
        atomic_write_bytes(path, stored.active.data)
        stored = _read_again(folder)
    if stored.is_torn:
        _cut_off(path, stored)
        stored = _read_again(folder)
    if not stored.rest and saved_number <= stored.active.last:
        return Mended(stored)
    ledger = stored.ledger()
    state = state_of(*_found(saved(ledger), ledger))
    if stored.rest:
        state = with_spare_lines(state, stored.rest, ledger)
    _begin_anew(path, stored, state, annotator)
    return Mended(_read_again(folder), state, state.notices)


def _found(
    found: tuple[State | None, tuple[str, ...]], ledger: Ledger
) -> tuple[State | None, Ledger, tuple[str, ...]]:
    return found[0], ledger, found[1]


def _read_again(folder: Path) -> StoredEdits:
    stored = read_stored(folder)
    if stored is None or (stored.rest and not stored.is_torn):
        raise ProjectError(f"“{folder}” was changed by another program just now: try again.")
    return stored


def _cut_off(path: Path, stored: StoredEdits) -> None:
    with writing(path):
        # Kept before it is cut off: dying in between leaves it twice, never nowhere.
        keep_torn(path, stored.rest)
        with path.open("r+b") as stream:
            stream.truncate(stored.active.offsets[-1])
            os.fsync(stream.fileno())


def _begin_anew(path: Path, stored: StoredEdits, state: State, annotator: str) -> None:
    """Put an “import” of a state behind the sound part of a journal, in one step."""
    objects = with_uids(state.objects, state.objects)
    edit = imported(state.labels, objects, {"restart": " ".join(state.notices)})
    active = stored.active
    stamped = replace(edit, number=active.last + 1, time=clock()(), annotator=annotator)
    sound = active.data[: active.offsets[-1]]
    if stored.rest:
        with writing(path):
            keep_torn(path, stored.rest)
    atomic_write_bytes(path, sound + encode_edit(stamped).encode("ascii") + b"\n")
