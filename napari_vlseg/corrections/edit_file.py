"""The journal of edits of an image as a file that grows, and what happens when it can't.

A line is given to the operating system at once, by which it survives the end of the program;
it is on the disk, and survives a power cut, soon after. Until then it is kept here too, and
written again if the disk was full or gone.
"""

from __future__ import annotations

import os
import threading
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

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
from napari_vlseg.line_files import keep_torn

_FLAGS = os.O_RDWR | os.O_APPEND | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
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
        self._begin(active.header, active.offsets, zlib.crc32(active.data))
        with writing(self._path):
            self._descriptor = os.open(self._path, _FLAGS)

    def _begin(self, header: Header, offsets: list[int], checksum: int) -> None:
        self.header = header
        self._offsets = list(offsets)  # of the lines on the disk, and their end
        self._checksum = checksum  # of all that is on the disk
        self._written = 0  # lines of those waiting that the system has taken
        self._size = self._reach = offsets[-1]  # with these, and with a line half written

    @property
    def _path(self) -> Path:
        return self.folder / ACTIVE_NAME

    @property
    def size(self) -> int:
        """Bytes in the file that grows."""
        return self._size

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
            self._release()

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
                    return self._read(start, end - start - 1)
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
            self._release()  # some systems don't rename open files
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
        self._begin(header, [len(data)], zlib.crc32(data))
        self._descriptor = os.open(self._path, _FLAGS)

    def _release(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _read(self, start: int, length: int) -> bytes:
        os.lseek(self._descriptor, start, os.SEEK_SET)
        parts = []
        while length > 0:
            part = os.read(self._descriptor, length)
            if not part:
                raise LedgerError(f"“{self._path}” was cut short: put it back from a backup.")
            parts.append(part)
            length -= len(part)
        return b"".join(parts)

    def _write(self) -> bool:
        """Write what waits; whether `trouble` is another than before."""
        with self._lock:
            before = self.trouble
            try:
                with writing(self._path):
                    self._check_place()
                    while self._written < len(self._waiting):
                        self._write_line(self._waiting[self._written])
                        self._written += 1
                self.trouble = ""
            except ProjectError as failure:
                self.trouble = f"{failure} {_MEANWHILE}"
            return self.trouble != before

    def _write_line(self, line: bytes) -> None:
        rest = memoryview(line)
        self._reach = self._size + len(line)
        try:
            while rest:  # a nearly full disk takes a part, and refuses the next
                rest = rest[os.write(self._descriptor, rest) :]
        except OSError:
            if len(rest) < len(line):
                os.ftruncate(self._descriptor, self._size)
            raise
        self._size += len(line)

    def _check_place(self) -> None:
        """Look whether the file at its place is the one that is open, and as it was left."""
        if self._ended:
            raise LedgerError(f"“{self._path}” was closed: open the image again.")
        if self._descriptor < 0:
            self._take_up()
            return
        mine = os.fstat(self._descriptor)
        try:
            there = os.stat(self._path)  # noqa: PTH116
        except FileNotFoundError:
            # Removed, but still open, so that all of it can be written once more.
            atomic_write_bytes(self._path, self._read(0, self._offsets[-1]))
            self._take_up()
            return
        if (there.st_ino, there.st_dev) != (mine.st_ino, mine.st_dev):
            self._take_up()
        elif there.st_size != self._size:
            self._cut_off(there.st_size)

    def _take_up(self) -> None:
        """Open what is in the place now, as after a drive was connected again."""
        self._release()
        self._descriptor = os.open(self._path, _FLAGS)
        size = os.fstat(self._descriptor).st_size
        known = self._offsets[-1]
        if size < known or zlib.crc32(self._read(0, known)) != self._checksum:
            self._release()
            raise LedgerError(
                f"“{self._path}” was exchanged for another file: put back the one that was there."
            )
        self._cut_off(size)

    def _cut_off(self, size: int) -> None:
        """Cut off all that is not surely on the disk; it is written again from memory."""
        known = self._offsets[-1]
        if size < known:
            raise LedgerError(f"“{self._path}” was cut short: put it back from a backup.")
        if size > self._reach:  # not from here
            keep_torn(self._path, self._read(self._reach, size - self._reach))
        os.ftruncate(self._descriptor, known)
        self._again()
        self._reach = known

    def _again(self) -> None:
        self._written, self._size = 0, self._offsets[-1]
        self._round += 1

    def _sync(self) -> None:
        """Wait until the disk has what the system has taken, without keeping others waiting."""
        with self._lock:
            if self._descriptor < 0 or not self._written:
                return
            number, this_round = self._synced + self._written, self._round
        try:
            with writing(self._path):
                self._fsync()
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

    def _fsync(self) -> None:
        with self._lock:
            descriptor = os.dup(self._descriptor)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def _settle(self, count: int) -> None:
        for line in self._waiting[: max(count, 0)]:  # none, if another thread was quicker
            self._offsets.append(self._offsets[-1] + len(line))
            self._checksum = zlib.crc32(line, self._checksum)
            self._written -= 1
        del self._waiting[: max(count, 0)]

    def _refused(self, trouble: str) -> bool:
        with self._lock:
            change = trouble != self.trouble
            self.trouble = trouble
            self._again()
            return change

    def _tell(self, change: bool) -> None:
        if change:
            self.on_trouble(self.trouble)
