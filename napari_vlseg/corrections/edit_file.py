"""The journal of edits of an image as a file that grows, and what happens when it can't.

A line is given to the operating system at once, by which it survives the end of the program;
it is on the disk, and survives a power cut, soon after. Until then it is kept here too, and
written again if the disk was full or gone.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from napari_vlseg.corrections.growing_file import GrowingFile
from napari_vlseg.corrections.segments import (
    ACTIVE_NAME,
    ClosedSegments,
    Header,
    Segment,
    closed_path,
)
from napari_vlseg.corrections.syncing import Syncer
from napari_vlseg.corrections.undoing import UndoStack
from napari_vlseg.errors import LedgerError, ProjectError
from napari_vlseg.files import atomic_write_bytes, reading, writing

_MEANWHILE = "Edits wait in memory until then."


class EditFile:
    """Journal of one image, open for appending by this program alone.

    Parameters
    ----------
    folder : Path
        Of the image, in the project.
    active : Segment
        What ``edits.jsonl`` holds; nothing follows its sound part.
    on_trouble : callable
        Called with a sentence when writing begins to fail, or fails for another reason, and
        with "" when all is written again; maybe on another thread.

    Raises
    ------
    ProjectError
        If the file can't be opened for writing.
    """

    def __init__(self, folder: Path, active: Segment, on_trouble: Callable[[str], None]) -> None:
        self.folder = folder
        self.trouble = ""
        self.on_trouble = on_trouble
        self._lock = threading.RLock()
        self._syncer = Syncer(self._sync)
        self._closed = ClosedSegments(folder)
        self._ended = False
        self._waiting: list[bytes] = []  # not yet known to be on the disk
        self._round = 0  # grows when what waits has to be written once more
        with writing(self._path):
            self._begin(active.header, active.offsets, active.data)

    def _begin(self, header: Header, offsets: list[int], data: bytes) -> None:
        self._file = GrowingFile(self._path, data)
        self.header = header
        self._offsets = list(offsets)  # of the lines on the disk, and their end
        self._written = 0  # lines of those waiting that the system has taken

    @property
    def _path(self) -> Path:
        return self.folder / ACTIVE_NAME

    @property
    def size(self) -> int:
        """Bytes in the file that grows."""
        return self._file.size

    @property
    def last(self) -> int:
        """Number of the last line."""
        with self._lock:
            return self._synced + len(self._waiting)

    @property
    def _synced(self) -> int:
        return self.header.after + len(self._offsets) - 1

    def append(self, line: bytes) -> None:
        """Append a line; if it can't be written it waits, and `trouble` says why."""
        with self._lock:
            self._waiting.append(line + b"\n")
        self._tell(self._write())
        self._syncer.ask()

    def flush(self) -> None:
        """Write what waits, and wait until it is on the disk; `trouble` says if it is not."""
        self._tell(self._write())
        self._sync()

    def close(self) -> None:
        """Flush and let go of the file."""
        self.flush()
        with self._lock:
            self._ended = True
            self._file.close()

    def line(self, number: int) -> bytes:
        """The line of an edit.

        Raises
        ------
        ProjectError
            If it can't be read any more.
        """
        with self._lock:
            if number > self._synced:
                return self._waiting[number - self._synced - 1][:-1]
            if number > self.header.after:
                place = number - self.header.after
                start, end = self._offsets[place - 1], self._offsets[place]
                with reading(self._path):
                    return self._file.read(start, end - start - 1)
        return next(self._closed.holding(number).lines(number - 1))

    def lines(self, after: int = 0) -> Iterator[bytes]:
        """Lines of all edits after a number that are there now.

        Raises
        ------
        ProjectError
            If they can't be read any more.
        """
        last = self.last
        while after < min(last, self.header.after):
            segment = self._closed.holding(after + 1)
            yield from segment.lines(after)
            after = segment.last
        for number in range(after + 1, last + 1):
            yield self.line(number)

    def rotate(self, stack: UndoStack) -> bool:
        """Close the file that grows and begin another; False if that can't be done now.

        Parameters
        ----------
        stack : UndoStack
            What can be taken back and done again at this point.
        """
        with self._lock:
            self.flush()
            if self._waiting or self.trouble or self.last == self.header.after:
                return False
            self._file.close()  # some systems don't rename open files
            try:
                with writing(self._path):
                    self._exchange(self.header.following(self.last, stack))
            except ProjectError:
                return False  # appending opens the file again, and tells what is wrong
        return True

    def _exchange(self, header: Header) -> None:
        closed = closed_path(self.folder, self.header.segment)
        self._path.rename(closed)
        data = header.encode()
        try:
            atomic_write_bytes(self._path, data)
        except BaseException:
            closed.rename(self._path)
            raise
        self._begin(header, [len(data)], data)

    def _write(self) -> bool:
        """Write what waits; whether `trouble` is another than before."""
        with self._lock:
            before = self.trouble
            try:
                with writing(self._path):
                    if self._ended:
                        raise LedgerError(f"“{self._path}” was closed: open the image again.")
                    if not self._file.check():
                        self._again()
                    while self._written < len(self._waiting):
                        self._file.append(self._waiting[self._written])
                        self._written += 1
                self.trouble = ""
            except ProjectError as failure:
                self.trouble = f"{failure} {_MEANWHILE}"
            return self.trouble != before

    def _again(self) -> None:
        self._written = 0
        self._round += 1

    def _sync(self) -> None:
        """Wait until the disk has what the system has taken, without keeping others waiting."""
        try:
            with writing(self._path):
                with self._lock:
                    if not self._file.is_open or not self._written:
                        return
                    file, descriptor = self._file, self._file.duplicate()
                    number, this_round = self._synced + self._written, self._round
                file.flush(descriptor)
        except ProjectError as failure:
            self._tell(self._refused(f"{failure} {_MEANWHILE}"))
            return
        change = self._write()  # finds out if the file is still at its place
        with self._lock:
            if self._round == this_round:
                self._settle(number - self._synced)
            elif not self.trouble:
                self._syncer.ask()
        self._tell(change)

    def _settle(self, count: int) -> None:
        for line in self._waiting[: max(count, 0)]:  # none, if another thread was quicker
            self._file.settle(line)
            self._offsets.append(self._file.known)
            self._written -= 1
        del self._waiting[: max(count, 0)]

    def _refused(self, trouble: str) -> bool:
        with self._lock:
            change = trouble != self.trouble
            self.trouble = trouble
            self._file.doubt()
            self._again()
            return change

    def _tell(self, change: bool) -> None:
        if change:
            self.on_trouble(self.trouble)
