"""The journal of edits of an image as it is on the disk, for reading."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from napari_vlseg.corrections.ledger import Ledger
from napari_vlseg.corrections.segments import (
    ACTIVE_NAME,
    ClosedSegments,
    Header,
    Segment,
    closed_numbers,
    parse_segment,
    read_closed,
)
from napari_vlseg.corrections.undoing import UndoStack
from napari_vlseg.errors import LedgerError, ProjectError
from napari_vlseg.files import reading


class StoredLines:
    """Lines of a journal that is only read.

    Parameters
    ----------
    folder : Path
        Of the image, in the project.
    active : Segment
        The file that grows.
    """

    trouble = ""
    size = 0

    def __init__(self, folder: Path, active: Segment) -> None:
        self.on_trouble: Callable[[str], None] = _silent
        self._active = active
        self._closed = ClosedSegments(folder)

    def append(self, line: bytes) -> None:
        """Refused: nothing keeps other programs from writing."""
        raise ProjectError("The journal of edits is open for reading: open the image for editing.")

    def line(self, number: int) -> bytes:
        """The line of an edit."""
        return next(self.lines(number - 1))

    def lines(self, after: int = 0) -> Iterator[bytes]:
        """Lines of all edits after a number."""
        while after < self._active.header.after:
            segment = self._closed.holding(after + 1)
            yield from segment.lines(after)
            after = segment.last
        yield from self._active.lines(after)

    def flush(self) -> None:
        """Nothing to wait for."""

    def rotate(self, stack: UndoStack) -> bool:
        """Refused, as `append` is."""
        return False

    def close(self) -> None:
        """Nothing to let go of."""


@dataclass(frozen=True)
class StoredEdits:
    """A journal as it was found.

    Attributes
    ----------
    active : Segment
        The file that grows; an empty one where there is none, or where its header is damaged.
    is_file : bool
        Whether there is such a file.
    rest : bytes
        What follows its sound part.
    is_torn : bool
        Whether that is only a line that a crash cut short.
    """

    folder: Path
    active: Segment
    is_file: bool
    rest: bytes
    is_torn: bool

    def stack(self) -> UndoStack:
        """What can be taken back and done again."""
        stack = UndoStack(self.active.header.done, self.active.header.undone)
        for head in self.active.heads:
            stack.note(head)
        return stack

    def ledger(self) -> Ledger:
        """A ledger to read in."""
        header = self.active.header
        ledger = Ledger(header.shape, header.dtype)
        ledger.continue_in(
            StoredLines(self.folder, self.active), self.stack(), self.active.last, _nothing
        )
        return ledger


def has_edits(folder: Path) -> bool:
    """Whether the journal of an image holds any edit."""
    path = folder / ACTIVE_NAME
    if path.exists():
        with reading(path), path.open("rb") as stream:
            stream.readline()
            if stream.read(1):
                return True
    return folder.is_dir() and bool(closed_numbers(folder))


def read_stored(folder: Path, header: Header | None = None) -> StoredEdits | None:
    """Read the journal of an image; None if it has none.

    Parameters
    ----------
    folder : Path
        Of the image, in the project.
    header : Header, optional
        What takes the place of a first line that is damaged.

    Raises
    ------
    ProjectError
        If it can't be read at all, or is of a later version.
    """
    path = folder / ACTIVE_NAME
    if not path.exists():
        following = _following(folder)
        return None if following is None else StoredEdits(folder, following, False, b"", False)
    with reading(path):
        data = path.read_bytes()
    try:
        segment = parse_segment(data, path)
    except LedgerError:
        following = _following(folder) or _empty(header or Header("", (), "int32"))
        return StoredEdits(folder, following, True, data, False)
    return StoredEdits(folder, segment, True, segment.rest, segment.is_torn)


def _following(folder: Path) -> Segment | None:
    """The empty segment after the last closed one."""
    numbers = closed_numbers(folder)
    if not numbers:
        return None
    last = read_closed(folder, numbers[-1])
    stack = UndoStack(last.header.done, last.header.undone)
    for head in last.heads:
        stack.note(head)
    return _empty(last.header.following(last.last, stack))


def _empty(header: Header) -> Segment:
    data = header.encode()
    return Segment(header, data, [], [len(data)])


def _nothing() -> None:
    """Called when a ledger is closed that holds no lock."""


def _silent(trouble: str) -> None:
    """Reading gives no trouble of this kind."""
