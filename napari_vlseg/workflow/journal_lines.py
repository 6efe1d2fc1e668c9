"""The journal of an image for reading: lines that are decoded when they are needed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from napari_vlseg.corrections.edits import Edit, decode_edit
from napari_vlseg.corrections.replay import resolved
from napari_vlseg.corrections.store import ImageEntry
from napari_vlseg.corrections.stored_edits import StoredLines, read_stored


@dataclass(frozen=True)
class JournalLines:
    """The journal of an image, not decoded.

    Attributes
    ----------
    lines : list of bytes
        The first edit first; empty where there is no journal.
    shape : tuple of int
        Of the labels.
    """

    lines: list[bytes]
    shape: tuple[int, ...] = ()

    def edits(self) -> Iterator[Edit]:
        """All edits; undoing and redoing is told as what it does."""
        return (self.resolved(decode_edit(line)) for line in self.lines)

    def resolved(self, record: Edit) -> Edit:
        """An edit as it is journalled, as what it does."""
        return resolved(record, lambda number: decode_edit(self.lines[number - 1]))


def read_journal(entry: ImageEntry) -> JournalLines:
    """Read the journal of an image.

    Raises
    ------
    ProjectError
        If the journal can't be read.
    """
    stored = read_stored(entry.folder)
    if stored is None:
        return JournalLines([])
    lines = StoredLines(entry.folder, stored.active).lines()
    return JournalLines(list(lines), stored.active.header.shape)
