"""A file that only grows, on a disk that may be full, gone for a while, or changed by others."""

from __future__ import annotations

import os
import zlib
from pathlib import Path

from napari_vlseg.errors import LedgerError
from napari_vlseg.files import atomic_write_bytes
from napari_vlseg.line_files import keep_torn

_FLAGS = os.O_RDWR | os.O_APPEND | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)


class GrowingFile:
    """Bytes at the end of a file: those surely on the disk, and those the system has taken.

    Not safe for several threads by itself.

    Parameters
    ----------
    path : Path
        An existing file.
    data : bytes
        What it holds, on the disk.

    Attributes
    ----------
    known : int
        Bytes that are surely on the disk.
    size : int
        Bytes with those that the system has taken.

    Raises
    ------
    OSError
        If it can't be opened for writing.
    """

    def __init__(self, path: Path, data: bytes) -> None:
        self._path = path
        self.known = self.size = self._reach = len(data)
        self._checksum = zlib.crc32(data)
        self._descriptor = os.open(path, _FLAGS)

    @property
    def is_open(self) -> bool:
        """Whether there is a descriptor to read and write by."""
        return self._descriptor >= 0

    def close(self) -> None:
        """Let go of the file; `check` opens it again."""
        if self.is_open:
            os.close(self._descriptor)
            self._descriptor = -1

    def read(self, start: int, length: int) -> bytes:
        """Bytes of the file, also of one that was removed from its folder.

        Raises
        ------
        OSError
            If the system refuses.
        LedgerError
            If they are not there any more.
        """
        os.lseek(self._descriptor, start, os.SEEK_SET)
        parts = []
        while length > 0:
            part = os.read(self._descriptor, length)
            if not part:
                raise LedgerError(f"“{self._path}” was cut short: put it back from a backup.")
            parts.append(part)
            length -= len(part)
        return b"".join(parts)

    def append(self, data: bytes) -> None:
        """Give bytes to the system, all or none.

        Raises
        ------
        OSError
            If it refuses. What it took of them is cut off, by the next `check` at the latest.
        """
        rest = memoryview(data)
        self._reach = self.size + len(data)
        try:
            while rest:  # a nearly full disk takes a part, and refuses the next
                rest = rest[os.write(self._descriptor, rest) :]
        except OSError:
            if len(rest) < len(data):
                os.ftruncate(self._descriptor, self.size)
            raise
        self.size += len(data)

    def check(self) -> bool:
        """Look whether the file at its place is the one that is open, and as it was left.

        Returns
        -------
        bool
            False where all that is not surely on the disk was cut off, to be written again.

        Raises
        ------
        OSError
            If the system refuses.
        ProjectError
            If another file is in the place, or the file can't be mended.
        """
        if not self.is_open:
            self._take_up()
            return False
        mine = os.fstat(self._descriptor)
        try:
            there = os.stat(self._path)  # noqa: PTH116
        except FileNotFoundError:
            # Removed, but still open, so that all of it can be written once more.
            atomic_write_bytes(self._path, self.read(0, self.known))
            self._take_up()
            return False
        if (there.st_ino, there.st_dev) != (mine.st_ino, mine.st_dev):
            self._take_up()
            return False
        if there.st_size != self.size:
            self._cut_off(there.st_size)
            return False
        return True

    def flush(self, descriptor: int) -> None:
        """Wait until the disk has what the system has taken, and close a `duplicate`.

        Raises
        ------
        OSError
            If the disk refuses.
        """
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def duplicate(self) -> int:
        """A descriptor for `flush`, which takes long, in another thread."""
        return os.dup(self._descriptor)

    def settle(self, data: bytes) -> None:
        """Take note that the next bytes are surely on the disk."""
        self.known += len(data)
        self._checksum = zlib.crc32(data, self._checksum)

    def doubt(self) -> None:
        """Take note that the disk refused what the system had taken."""
        self.size = self.known

    def _take_up(self) -> None:
        """Open what is in the place now, as after a drive was connected again."""
        self.close()
        self._descriptor = os.open(self._path, _FLAGS)
        size = os.fstat(self._descriptor).st_size
        if size < self.known or zlib.crc32(self.read(0, self.known)) != self._checksum:
            self.close()
            raise LedgerError(
                f"“{self._path}” was exchanged for another file: put back the one that was there."
            )
        self._cut_off(size)

    def _cut_off(self, size: int) -> None:
        """Cut off all that is not surely on the disk; what is not from here is kept."""
        if size < self.known:
            raise LedgerError(f"“{self._path}” was cut short: put it back from a backup.")
        if size > self._reach:
            keep_torn(self._path, self.read(self._reach, size - self._reach))
        os.ftruncate(self._descriptor, self.known)
        self.size = self._reach = self.known
