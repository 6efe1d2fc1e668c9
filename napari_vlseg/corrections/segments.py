"""The files of an image's journal of edits, as they are read.

``edits.jsonl`` grows. When it is large it becomes ``edits.0001.jsonl``, a closed segment, which
is then compressed to ``edits.0001.jsonl.gz``. Each begins with a header line.
"""

from __future__ import annotations

import gzip
import re
import zlib
from bisect import bisect_left
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from napari_vlseg.corrections.documents import VERSION, check_version
from napari_vlseg.corrections.edits import Head, read_head
from napari_vlseg.corrections.sealing import sealed, unsealed
from napari_vlseg.corrections.undoing import Span, UndoStack
from napari_vlseg.errors import LedgerError, ProjectError
from napari_vlseg.files import reading

ACTIVE_NAME = "edits.jsonl"
FORMAT = "napari-vlseg-edits"

_CLOSED = re.compile(r"edits\.(\d{4,})\.jsonl(\.gz)?")


@dataclass(frozen=True)
class Header:
    """What the first line of a segment says.

    Attributes
    ----------
    image : str
        Id of the image.
    shape : tuple of int
        Of the labels.
    dtype : str
        Type of the labels that the first edit finds.
    segment : int
        Number of the segment, from 1.
    after : int
        Number of the last edit of the segment before, 0 for the first.
    done, undone : tuple of (first, last)
        Edits that can be taken back at this point, and those that were, as spans of numbers.
    """

    image: str
    shape: tuple[int, ...]
    dtype: str
    segment: int = 1
    after: int = 0
    done: tuple[Span, ...] = ()
    undone: tuple[Span, ...] = ()

    def following(self, last: int, stack: UndoStack) -> Header:
        """Header of the next segment.

        Parameters
        ----------
        last : int
            Number of the last edit of this one.
        stack : UndoStack
            What can be taken back and done again after it.
        """
        done, undone = stack.spans()
        return replace(
            self, segment=self.segment + 1, after=last, done=tuple(done), undone=tuple(undone)
        )

    def encode(self) -> bytes:
        """The header as a line, with its line end."""
        body = {
            "format": FORMAT,
            "version": VERSION,
            "image": self.image,
            "shape": list(self.shape),
            "dtype": self.dtype,
            "segment": self.segment,
            "after": self.after,
            "done": [list(span) for span in self.done],
            "undone": [list(span) for span in self.undone],
        }
        return sealed(body).encode("ascii") + b"\n"


def decode_header(line: bytes, path: Path) -> Header:
    """Inverse of `Header.encode`.

    Raises
    ------
    LedgerError
        If the line is damaged.
    ProjectError
        If it is of a later version.
    """
    body: dict[str, Any] = unsealed(line)
    try:
        if body["format"] != FORMAT:
            raise ValueError(body["format"])
        check_version(int(body["version"]), path)
        return Header(
            str(body["image"]),
            tuple(int(side) for side in body["shape"]),
            str(body["dtype"]),
            int(body["segment"]),
            int(body["after"]),
            tuple((int(first), int(last)) for first, last in body["done"]),
            tuple((int(first), int(last)) for first, last in body["undone"]),
        )
    except (KeyError, TypeError, ValueError) as failure:
        raise LedgerError(
            f"The first line of “{path}” is damaged: put the file back from a backup."
        ) from failure


@dataclass(frozen=True)
class Segment:
    """The sound part of one file: all lines up to the first that is damaged or cut short.

    Attributes
    ----------
    header : Header
    heads : list of Head
        One for each edit.
    offsets : list of int
        Where the line of each edit begins, and where the last one ends.
    rest : bytes
        What follows.
    """

    header: Header
    data: bytes = field(repr=False)
    heads: list[Head]
    offsets: list[int]

    @property
    def last(self) -> int:
        """Number of the last edit, that of the segment before where there is none."""
        return self.header.after + len(self.heads)

    @property
    def rest(self) -> bytes:
        """What follows the sound part; empty in a sound file."""
        return self.data[self.offsets[-1] :]

    @property
    def is_torn(self) -> bool:
        """Whether what follows is one line that a crash cut short, and nothing more."""
        return bool(self.rest) and b"\n" not in self.rest.rstrip(b"\n\0")

    def lines(self, after: int = 0) -> Iterator[bytes]:
        """Lines of the edits after a number, without line ends."""
        first = max(after - self.header.after, 0)
        for start, end in zip(self.offsets[first:-1], self.offsets[first + 1 :], strict=True):
            yield self.data[start : end - 1]


def parse_segment(data: bytes, path: Path) -> Segment:
    """Split a file into its lines, without decoding what they hold.

    Raises
    ------
    LedgerError
        If there is no header.
    ProjectError
        If it is of a later version.
    """
    position = data.find(b"\n") + 1
    header = decode_header(data[: max(position - 1, 0)], path)
    heads: list[Head] = []
    offsets = [position]
    while (end := data.find(b"\n", position)) >= 0:
        try:
            head = read_head(data[position:end])
        except LedgerError:
            break
        if head.number != header.after + len(heads) + 1:
            break
        heads.append(head)
        position = end + 1
        offsets.append(position)
    return Segment(header, data, heads, offsets)


def closed_numbers(folder: Path) -> list[int]:
    """Numbers of the closed segments, in order."""
    with reading(folder):
        found = [_CLOSED.fullmatch(path.name) for path in folder.iterdir()]
    return sorted({int(match[1]) for match in found if match})


def closed_path(folder: Path, number: int) -> Path:
    """Where a closed segment is before it is compressed."""
    return folder / f"edits.{number:04d}.jsonl"


def compressed_path(folder: Path, number: int) -> Path:
    """Where a closed segment is after it was compressed."""
    return folder / f"edits.{number:04d}.jsonl.gz"


def read_closed(folder: Path, number: int) -> Segment:
    """Read a closed segment.

    Raises
    ------
    ProjectError
        If it is missing or damaged.
    """
    path = closed_path(folder, number)
    # The plain file is removed after the compressed one is whole: one of them is always there.
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        path = compressed_path(folder, number)
        with _unpacking(path):
            data = gzip.decompress(path.read_bytes())
    segment = parse_segment(data, path)
    if segment.rest:
        raise _damaged(path)
    return segment


class ClosedSegments:
    """The closed segments of an image; the one read last is kept in memory.

    Parameters
    ----------
    folder : Path
        Of the image, in the project.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._kept: Segment | None = None
        self._afters: dict[int, int] = {}

    def holding(self, number: int) -> Segment:
        """The segment that has the edit of a number.

        Raises
        ------
        ProjectError
            If there is none, or a segment is damaged.
        """
        kept = self._kept
        if kept is not None and kept.header.after < number <= kept.last:
            return kept
        numbers = closed_numbers(self._folder)
        place = bisect_left(numbers, number, key=self._after) - 1
        if place >= 0:
            segment = read_closed(self._folder, numbers[place])
            if segment.header.after < number <= segment.last:
                self._kept = segment
                return segment
        raise LedgerError(
            f"Edit {number} is missing in the journal of “{self._folder}”: put its files back "
            "from a backup."
        )

    def _after(self, segment_number: int) -> int:
        """Number of the last edit before a segment, from its first line alone."""
        if segment_number not in self._afters:
            path, line = _first_line(self._folder, segment_number)
            self._afters[segment_number] = decode_header(line[:-1], path).after
        return self._afters[segment_number]


def _first_line(folder: Path, number: int) -> tuple[Path, bytes]:
    path = closed_path(folder, number)
    try:
        with path.open("rb") as stream:
            return path, stream.readline()
    except FileNotFoundError:
        path = compressed_path(folder, number)
        with _unpacking(path), gzip.open(path) as stream:
            return path, stream.readline()


@contextmanager
def _unpacking(path: Path) -> Iterator[None]:
    with reading(path):
        try:
            yield
        except (gzip.BadGzipFile, EOFError, zlib.error) as failure:
            raise _damaged(path) from failure


def _damaged(path: Path) -> ProjectError:
    return LedgerError(f"“{path}” is damaged: put it back from a backup.")
