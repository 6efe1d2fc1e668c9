"""All edits of one image, as they happen: journalled, taken back, done again.

Nothing of an edit stays in memory once it is in a file: what undo needs is read again.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from napari_vlseg.corrections.edits import (
    OPS,
    Edit,
    Head,
    decode_edit,
    encode_edit,
)
from napari_vlseg.corrections.lines import Lines, MemoryLines
from napari_vlseg.corrections.people import clock
from napari_vlseg.corrections.replay import resolved
from napari_vlseg.corrections.sealing import sealed, unsealed
from napari_vlseg.corrections.undoing import UndoStack
from napari_vlseg.errors import ProjectError


class Ledger:
    """Journal of the edits of one image's labels, with undo and redo.

    It may be used from several threads. It lives in memory until it is bound to an image of
    a project, see `napari_vlseg.corrections.entry.ImageEntry`.

    Parameters
    ----------
    shape : sequence of int
        Of the labels.
    dtype : data type
        Of the labels before the first edit.
    annotator : str
        Opaque id noted with each edit; may be empty.

    Attributes
    ----------
    shape : tuple of int
    dtype : numpy.dtype
    notices : tuple of str
        What the person should know about how the journal was found when it was opened.
    on_trouble : callable or None
        Called with `trouble` when it changes, maybe on another thread.
    """

    def __init__(self, shape: Sequence[int], dtype: Any = np.int32, *, annotator: str = "") -> None:
        self.shape = tuple(int(side) for side in shape)
        self.dtype = np.dtype(dtype)
        self.annotator = annotator
        self.notices: tuple[str, ...] = ()
        self.on_trouble: Callable[[str], None] | None = None
        self._clock = clock()
        self._lock = threading.RLock()
        self._lines: Lines = MemoryLines()
        self._stack = UndoStack()
        self._last = 0
        self._read: Edit | None = None  # the one that was read last: undo reads it again
        self._on_close: Callable[[], None] = _nothing

    @property
    def last(self) -> int:
        """Number of the last edit, 0 where there is none."""
        return self._last

    @property
    def trouble(self) -> str:
        """Why edits wait in memory, "" if all are written."""
        return self._lines.trouble

    @property
    def size(self) -> int:
        """Bytes in the file that grows, 0 in memory."""
        return self._lines.size

    @property
    def can_undo(self) -> bool:
        """Whether there is an edit to take back."""
        return bool(self._stack.done)

    @property
    def can_redo(self) -> bool:
        """Whether there is an edit to do again."""
        return bool(self._stack.undone)

    @property
    def undo_number(self) -> int:
        """Number of the edit that `undo` would take back, 0 where there is none."""
        return self._stack.done[-1] if self._stack.done else 0

    @property
    def redo_number(self) -> int:
        """Number of the edit that `redo` would do again, 0 where there is none."""
        return self._stack.undone[-1] if self._stack.undone else 0

    @property
    def next_undo(self) -> Edit | None:
        """The edit that `undo` would take back."""
        with self._lock:
            return self.edit(self._stack.done[-1]) if self.can_undo else None

    @property
    def next_redo(self) -> Edit | None:
        """The edit that `redo` would do again."""
        with self._lock:
            return self.edit(self._stack.undone[-1]) if self.can_redo else None

    def append(self, edit: Edit) -> Edit:
        """Journal an edit that was made.

        Parameters
        ----------
        edit : Edit
            Its number, time and annotator are filled in.

        Returns
        -------
        Edit
            As journalled. If it could not be written, `trouble` says so, and it is written
            with the next one or by `flush`.

        Raises
        ------
        ValueError
            If its kind is unknown, or is “undo” or “redo”.
        """
        if edit.op not in OPS or edit.op in ("undo", "redo"):
            raise ValueError(f"“{edit.op}” is no kind of edit that can be appended")
        return self._journal(edit)

    def undo(self) -> Edit | None:
        """Take back the last edit: journals that, and returns what is to be applied.

        Raises
        ------
        ProjectError
            If the edit can't be read any more. Nothing is journalled then.
        """
        return self._step("undo", self._stack.done)

    def redo(self) -> Edit | None:
        """Do again what was taken back last; otherwise as `undo`."""
        return self._step("redo", self._stack.undone)

    def edit(self, number: int) -> Edit:
        """The edit of a number, as journalled.

        Raises
        ------
        ProjectError
            If it can't be read any more.
        """
        with self._lock:
            read = self._read
            if read is None or read.number != number:
                self._read = read = decode_edit(self._lines.line(number))
            return read

    def edits(self, after: int = 0) -> Iterator[Edit]:
        """All edits after a number, as journalled, “undo” and “redo” records among them.

        Raises
        ------
        ProjectError
            If they can't be read any more.
        """
        return map(decode_edit, self._lines.lines(after))

    def flush(self) -> None:
        """Write what waits, and wait until it is on the disk; `trouble` says if it is not."""
        self._lines.flush()

    def close(self) -> None:
        """Flush, and let go of files and locks."""
        with self._lock:
            self._lines.close()
            on_close, self._on_close = self._on_close, _nothing
        on_close()

    def continue_in(
        self, lines: Lines, stack: UndoStack, last: int, on_close: Callable[[], None]
    ) -> None:
        """Begin where a journal that was opened ends.

        Parameters
        ----------
        lines : Lines
        stack : UndoStack
        last : int
            Number of its last edit.
        on_close : callable
            Lets go of what keeps other programs from writing.
        """
        self._lines, self._stack, self._last, self._on_close = lines, stack, last, on_close

    def move_to(self, lines: Lines, on_close: Callable[[], None], offset: int = 0) -> None:
        """Write everything into another journal and go on there; others may append meanwhile.

        Parameters
        ----------
        lines : Lines
        on_close : callable
            Lets go of what keeps other programs from writing.
        offset : int
            Edits that the other journal has already; those of this one are numbered after.

        Raises
        ------
        ProjectError
            If it can't be written. The ledger stays where it is.
        """
        copied = self._copy(lines, 0, offset)
        with self._lock:
            self._copy(lines, copied, offset)
            lines.flush()
            if lines.trouble:
                raise ProjectError(lines.trouble)
            done, undone = self._stack.done, self._stack.undone
            self._stack.done = [number + offset for number in done]
            self._stack.undone = [number + offset for number in undone]
            self._last += offset
            before, let_go = self._lines, self._on_close
            self._lines, self._on_close = lines, on_close
            self._read = None
        before.close()
        let_go()

    def _copy(self, lines: Lines, after: int, offset: int) -> int:
        for line in self._lines.lines(after):
            lines.append(renumbered(line, offset) if offset else line)
            after += 1
        return after

    def hand_over(self, ledger: Ledger) -> tuple[Lines, Callable[[], None]]:
        """Files and locks, for another ledger to go on with; this one is not to be used then."""
        self._lines.on_trouble = ledger.told
        return self._lines, self._on_close

    def rotate(self) -> bool:
        """Close the file that grows and begin another; False if that can't be done now."""
        self.flush()  # not while others wait to append
        with self._lock:
            return self._lines.rotate(self._stack)

    def told(self, trouble: str) -> None:
        """Pass on what is wrong with writing."""
        if self.on_trouble is not None:
            self.on_trouble(trouble)

    def _step(self, op: str, stack: list[int]) -> Edit | None:
        with self._lock:
            if not stack:
                return None
            about = self.edit(stack[-1])
            record = self._journal(Edit(op, plane=about.plane, cause={"of": about.number}))
            return resolved(record, lambda _number: about)

    def _journal(self, edit: Edit) -> Edit:
        with self._lock:
            stamped = replace(
                edit, number=self._last + 1, time=self._clock(), annotator=self.annotator
            )
            line = encode_edit(stamped).encode("ascii")
            self._lines.append(line)
            self._last += 1
            of = int(stamped.cause["of"]) if stamped.op in ("undo", "redo") else 0
            self._stack.note(Head(stamped.number, stamped.op, of))
            return stamped


def renumbered(line: bytes, offset: int) -> bytes:
    """The line of an edit, and of the one that it is about, with higher numbers."""
    body = unsealed(line)
    return sealed(
        {key: value + offset if key in ("n", "of") else value for key, value in body.items()}
    ).encode("ascii")


def _nothing() -> None:
    """Called when a ledger is closed that holds no lock."""
