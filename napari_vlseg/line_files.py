"""Journals: text files that only grow, one record per line, and survive a torn last line."""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO

from napari_vlseg.errors import ProjectError, VlsegError
from napari_vlseg.files import flush_folder, reading, writing

_BLOCK = 1 << 20


def append_line(path: Path, line: str, *, error: type[VlsegError] = ProjectError) -> None:
    """Append one line to a journal and wait until it is on the disk.

    A torn last line (the program died while writing it) is first moved to
    ``<name>.torn``, so that the new line starts on its own.

    Parameters
    ----------
    path : Path
        Text file in UTF-8, one record per line; made if missing.
    line : str
        Without a line break.
    error : type of VlsegError
        Class of the error for what the operating system refuses.

    Raises
    ------
    ValueError
        If `line` holds a line break.
    """
    if "\n" in line or "\r" in line:
        raise ValueError("A journal line can't hold a line break")
    path = Path(path)
    with writing(path, error):
        is_new = not path.exists()
        if not is_new:
            _set_torn_line_aside(path)
        _append(path, line.encode("utf-8") + b"\n")
        if is_new:
            flush_folder(path.parent)


def read_lines(path: Path, *, error: type[VlsegError] = ProjectError) -> tuple[list[str], str]:
    """Read a journal: its complete lines, and what is left of a torn last one.

    Returns
    -------
    lines : list of str
        Without line ends.
    torn : str
        What follows the last line end; empty for a sound file.

    Raises
    ------
    VlsegError
        Of class `error`, if the file is missing or a complete line is no text.
    """
    with reading(path, error):
        *whole, torn = Path(path).read_bytes().split(b"\n")
    try:
        lines = [line.decode("utf-8") for line in whole]
    except UnicodeDecodeError as failure:
        raise error(f"“{path}” is damaged: put it back from a backup.") from failure
    return lines, torn.decode("utf-8", errors="replace")


def keep_torn(path: Path, data: bytes) -> None:
    """Append what is no line of a journal to ``<name>.torn``, and wait until it is on the disk."""
    _append(path.with_name(f"{path.name}.torn"), data + b"\n")


def _append(path: Path, data: bytes) -> None:
    rest = memoryview(data)
    with path.open("ab", buffering=0) as stream:
        while rest:  # a nearly full disk takes a part, and refuses the next
            rest = rest[stream.write(rest) :]
        os.fsync(stream.fileno())


def _set_torn_line_aside(path: Path) -> None:
    with path.open("r+b") as stream:
        size = stream.seek(0, os.SEEK_END)
        start = _end_of_last_line(stream, size)
        if start == size:
            return
        stream.seek(start)
        # Saved before it is cut off: dying in between leaves it twice, never nowhere.
        keep_torn(path, stream.read())
        stream.truncate(start)
        stream.flush()
        os.fsync(stream.fileno())


def _end_of_last_line(stream: BinaryIO, size: int) -> int:
    """Offset just after the last line end, searched backwards in blocks."""
    stop = size
    while stop > 0:
        start = max(0, stop - _BLOCK)
        stream.seek(start)
        found = stream.read(stop - start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        stop = start
    return 0
