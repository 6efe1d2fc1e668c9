"""Where the lines of a journal of edits are kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol

from napari_vlseg.corrections.undoing import UndoStack


class Lines(Protocol):
    """Where the lines of a journal are kept."""

    on_trouble: Callable[[str], None]

    @property
    def trouble(self) -> str:
        """Why lines wait in memory, "" if none does."""

    @property
    def size(self) -> int:
        """Bytes in the file that grows."""

    def append(self, line: bytes) -> None:
        """Append a line."""

    def line(self, number: int) -> bytes:
        """The line of an edit."""

    def lines(self, after: int = 0) -> Iterator[bytes]:
        """Lines of all edits after a number."""

    def flush(self) -> None:
        """Wait until all are on the disk."""

    def rotate(self, stack: UndoStack) -> bool:
        """Close the file that grows and begin another; False if that can't be done now."""

    def close(self) -> None:
        """Flush and let go of the files."""


class MemoryLines:
    """Lines of a journal that no project holds yet."""

    trouble = ""
    size = 0

    def __init__(self) -> None:
        self.on_trouble: Callable[[str], None] = _nothing
        self._lines: list[bytes] = []

    def append(self, line: bytes) -> None:
        """Append a line."""
        self._lines.append(line)

    def line(self, number: int) -> bytes:
        """The line of an edit."""
        return self._lines[number - 1]

    def lines(self, after: int = 0) -> Iterator[bytes]:
        """Lines of all edits after a number."""
        return iter(self._lines[after:])

    def flush(self) -> None:
        """Nothing to wait for."""

    def rotate(self, stack: UndoStack) -> bool:
        """There is no file."""
        return False

    def close(self) -> None:
        """Nothing to let go of."""


def _nothing(trouble: str) -> None:
    """Memory gives no trouble."""
