"""The labels of one image of a project: the journal of their edits, and what was saved last."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from filelock import FileLock, Timeout

from napari_vlseg.corrections.compaction import compress_closed
from napari_vlseg.corrections.differences import difference, imported, with_uids
from napari_vlseg.corrections.edit_file import EditFile
from napari_vlseg.corrections.edits import Edit
from napari_vlseg.corrections.journal import Journal
from napari_vlseg.corrections.labels import FROM_JOURNAL, LabelsFile, check_labels
from napari_vlseg.corrections.ledger import Ledger
from napari_vlseg.corrections.mending import mended
from napari_vlseg.corrections.records import ImageRecord
from napari_vlseg.corrections.segments import Header
from napari_vlseg.corrections.states import State, state_of, with_spare_lines
from napari_vlseg.corrections.stored_edits import has_edits, read_stored
from napari_vlseg.errors import ConflictError, ProjectError
from napari_vlseg.events import Work, run
from napari_vlseg.files import writing
from napari_vlseg.label_planes import LabelPlanes
from napari_vlseg.proposals import empty_objects

EDITING_NAME = ".editing"

LARGE_BYTES = 8 << 20
"""Size from which the file that grows is closed and compressed at the next checkpoint.

Undo reads a closed segment whole, which must not be felt.
"""


class ImageEdits:
    """Labels of one image; knows the edit up to which this program has seen them.

    Parameters
    ----------
    folder : Path
        The image's folder in the project.
    journal : Journal
        Of the project.
    """

    def __init__(self, folder: Path, journal: Journal) -> None:
        self._folder = folder
        self._journal = journal
        self._labels = LabelsFile(folder, journal)
        # Opened in one thread and closed in another.
        self._lock = FileLock(folder / EDITING_NAME, thread_local=False)
        self._ledger: Ledger | None = None
        self._known: int | None = None

    @property
    def exists(self) -> bool:
        """Whether there are labels."""
        return self._labels.exists or has_edits(self._folder)

    def open(self, record: ImageRecord, shape: Sequence[int] | None, dtype: Any) -> Ledger:
        """Open the journal for writing; see `ImageEntry.open_ledger`."""
        self._acquire(record)
        try:
            ledger = self._open(record, record.labels_shape if shape is None else shape, dtype)
        except BaseException:
            self._lock.release()
            raise
        self._ledger = ledger
        return ledger

    def bind(self, record: ImageRecord, ledger: Ledger, force: bool) -> None:
        """Write a ledger into this journal; see `ImageEntry.bind_ledger`."""
        check_labels(record, np.broadcast_to(np.zeros((), ledger.dtype), ledger.shape))
        here = self.open(record, ledger.shape, ledger.dtype)
        try:
            if here.last:
                self._clear(record, here, ledger, force)
            lines, let_go = here.hand_over(ledger)
            ledger.move_to(lines, let_go, here.last)
        except BaseException:
            here.close()
            raise
        self._ledger = ledger

    def load(self) -> State | None:
        """The current state; None where there are no labels."""
        ledger, rest = self._ledger, b""
        if ledger is None:
            stored = read_stored(self._folder)
            if stored is not None:
                ledger, rest = stored.ledger(), b"" if stored.is_torn else stored.rest
        if ledger is None or (not ledger.last and not rest):
            state = self._labels.read()
            self._known = 0
            return None if state is None else replace(state, number=0)
        saved, notices = self._saved(ledger)
        state = state_of(saved, ledger, notices)
        if rest:
            state = with_spare_lines(state, rest, ledger)
        self._known = state.number
        return state

    def checkpoint(
        self,
        record: ImageRecord,
        labels: np.ndarray | LabelPlanes,
        objects: pd.DataFrame,
        number: int,
    ) -> None:
        """Save labels as they are after an edit; see `ImageEntry.checkpoint`."""
        ledger = self._ledger
        if ledger is not None:
            ledger.flush()
        self._labels.write(record, labels, objects, number)
        self._known = number
        if ledger is not None and ledger.size > LARGE_BYTES:
            run(self.compact(record))

    def save(
        self, record: ImageRecord, labels: np.ndarray, objects: pd.DataFrame, force: bool
    ) -> None:
        """Journal what differs, and save; see `ImageEntry.save_labels`."""
        check_labels(record, labels)
        with self._writing(record, labels) as ledger:
            known = self._known
            before = self.load() or _nothing(ledger)
            if known != before.number and before.number and not force:
                raise ConflictError(
                    f"The labels of “{record.name}” were {'changed' if known else 'saved'} by "
                    "another program or window: open them again, or save by force; the journal "
                    "of edits keeps both."
                )
            if before.labels.shape != labels.shape:
                raise ProjectError(
                    f"The labels have shape {labels.shape} but those in the project have shape "
                    f"{before.labels.shape}: save them to the image they were drawn on."
                )
            objects = with_uids(objects, before.objects)
            edit = difference(before.labels, before.objects, labels, objects)
            self._journal_and_write(record, ledger, edit, State(labels, objects, before.number))

    def compact(self, record: ImageRecord) -> Work[None]:
        """Close and compress the file that grows; see `ImageEntry.compact`."""
        if self._ledger is not None:
            self._ledger.rotate()
            yield from compress_closed(self._folder, record.id, self._journal)
            return
        ledger = self.open(record, None, np.int32)
        try:
            ledger.rotate()
            yield from compress_closed(self._folder, record.id, self._journal)
        finally:
            ledger.close()

    @contextmanager
    def kept(self, record: ImageRecord) -> Iterator[None]:
        """Keep others from editing; see `ImageEntry.kept_from_editing`."""
        self._acquire(record)
        try:
            yield
        finally:
            self._lock.release()

    def _acquire(self, record: ImageRecord) -> None:
        if self._ledger is not None:
            raise ProjectError(f"“{record.name}” is open for editing already: close it first.")
        self._journal.require_folder(self._folder)
        with writing(self._folder):
            try:
                self._lock.acquire(timeout=0)
            except Timeout as failure:
                raise ProjectError(
                    f"“{record.name}” is open for editing in another window or program: "
                    "close it there, or go on with another image."
                ) from failure

    def _open(self, record: ImageRecord, shape: Sequence[int], dtype: Any) -> Ledger:
        saved = None if has_edits(self._folder) else self._labels.read()
        if saved is not None:
            shape, dtype = saved.labels.shape, saved.labels.dtype
        header = Header(record.id, tuple(int(side) for side in shape), np.dtype(dtype).name)
        with self._journal.locked(self._folder):
            number, notices = self._labels.number()
            found = mended(self._folder, header, self._saved, number, self._journal.annotator)
        active = found.stored.active
        ledger = Ledger(active.header.shape, active.header.dtype, annotator=self._journal.annotator)
        lines = EditFile(self._folder, active, ledger.told)
        ledger.continue_in(lines, found.stored.stack(), active.last, self._closed)
        ledger.notices = (*notices, *found.notices)
        try:
            if found.state is not None:
                self._labels.write(record, found.state.labels, found.state.objects, ledger.last)
            elif saved is not None:
                self._import(record, ledger, saved)
        except BaseException:
            lines.close()
            raise
        return ledger

    def _import(self, record: ImageRecord, ledger: Ledger, saved: State) -> None:
        """Begin the journal with labels of a project of version 1."""
        objects = with_uids(saved.objects, saved.objects)
        ledger.append(imported(saved.labels, objects, {"format_version": 1}))
        self._labels.write(record, saved.labels, objects, ledger.last)
        if self._known == 0:
            self._known = ledger.last

    def _closed(self) -> None:
        self._ledger = None
        self._lock.release()

    def _saved(self, ledger: Ledger) -> tuple[State | None, tuple[str, ...]]:
        """What was saved last, and what is wrong with it."""
        try:
            state = self._labels.read()
        except ProjectError as failure:
            return None, (f"{failure} {FROM_JOURNAL}",)
        if state is not None and state.number < 0:  # the import of version 1 was cut short
            state = replace(state, number=min(1, ledger.last))
        return state, ()

    @contextmanager
    def _writing(self, record: ImageRecord, labels: np.ndarray) -> Iterator[Ledger]:
        if self._ledger is not None:
            yield self._ledger
            return
        ledger = self.open(record, labels.shape, labels.dtype)
        try:
            yield ledger
        finally:
            ledger.close()

    def _journal_and_write(
        self, record: ImageRecord, ledger: Ledger, edit: Edit | None, state: State
    ) -> None:
        if edit is not None:
            ledger.append(edit)
            ledger.flush()
        try:
            if ledger.trouble:
                raise ProjectError(ledger.trouble)
            self._labels.write(record, state.labels, state.objects, ledger.last)
        except ProjectError:
            if edit is not None:
                ledger.undo()
            self._known = ledger.last
            raise
        self._known = ledger.last

    def _clear(self, record: ImageRecord, here: Ledger, ledger: Ledger, force: bool) -> None:
        """Before edits that begin without labels are put behind others, take those away."""
        if not force:
            raise ConflictError(
                f"“{record.name}” has labels in this project already: open it there, or save by "
                "force; the journal of edits keeps both."
            )
        if here.shape != ledger.shape:
            raise ProjectError(
                f"The labels have shape {ledger.shape} but those in the project have shape "
                f"{here.shape}: save them to the image they were drawn on."
            )
        before = state_of(self._saved(here)[0], here)
        nothing = _nothing(ledger)
        edit = difference(before.labels, before.objects, nothing.labels, nothing.objects)
        if edit is not None:
            here.append(edit)


def _nothing(ledger: Ledger) -> State:
    return State(np.zeros(ledger.shape, ledger.dtype), empty_objects(), 0)
