"""A folder of results and its journal, from which an interrupted run goes on.

``run.jsonl`` grows by one line when the files of an image are complete, or when an image
failed. ``proposals.json`` and the tables are made of it, so that a killed program loses no more
than the image it was at.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Any

from napari_vlseg.errors import ExportError
from napari_vlseg.files import atomic_write_text, reading
from napari_vlseg.line_files import append_line
from napari_vlseg.workflow.records import RECORDS_NAME, read_records, write_records
from napari_vlseg.workflow.run_entry import RunEntry
from napari_vlseg.workflow.run_tables import TABLE_FILES, table_files, write_tables
from napari_vlseg.workflow.worklist import natural_key

JOURNAL_NAME = "run.jsonl"
FORMAT = "napari-vlseg-run"
VERSION = 1

_REST_FACTOR = 20
"""Tables are written anew once this many times the time has passed that it took."""


@dataclass(frozen=True)
class _Line:
    """Where an entry is in the journal, and the entry without its records."""

    entry: RunEntry
    offset: int
    length: int


@dataclass
class _Scan:
    """The last line of each image by its label file: of those done, and of those that failed."""

    done: dict[str, _Line] = field(default_factory=dict)
    failed: dict[str, _Line] = field(default_factory=dict)
    has_gone: bool = False

    def sort_in(self, line: _Line, folder: Path) -> None:
        """Take the next line; labels that are gone from the folder are left out."""
        name = line.entry.labels
        if line.entry.status != "done":
            self.failed[name] = line
            return
        self.failed.pop(name, None)
        if (folder / name).exists():
            self.done[name] = line
        else:
            self.has_gone = True


class ResultsFolder:
    """The journal of a folder of results, and the files that are made of it.

    Parameters
    ----------
    folder : pathlib.Path
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._pending: list[RunEntry] = []
        self._publish_at = 0.0

    @property
    def journal(self) -> Path:
        """Path of the journal."""
        return self.folder / JOURNAL_NAME

    def check(self) -> None:
        """Refuse a folder whose files of these names come from elsewhere.

        Raises
        ------
        ExportError
        """
        if self.journal.exists():
            self._check_header()
            return
        read_records(self.folder)
        for name in TABLE_FILES:
            path = self.folder / name
            if path.exists():
                raise ExportError(
                    f"“{path}” exists and belongs to no run of napari-vlseg, so it is not "
                    "overwritten: move it away or choose another folder."
                )

    def finished(self) -> dict[str, RunEntry]:
        """The images that are done, by their label files, without records.

        Raises
        ------
        ExportError
            If the journal is damaged.
        """
        return {line.entry.labels: line.entry for line in self._scan().done.values()}

    def add(self, entry: RunEntry) -> None:
        """Note what became of an image; failures alone don't make a journal.

        Raises
        ------
        ExportError
            If the folder can't be written.
        """
        if entry.status != "done" and not self.journal.exists():
            self._pending.append(entry)
            return
        if not self.journal.exists():
            self._begin()
        for one in (*self._pending, entry):
            append_line(self.journal, one.to_line(), error=ExportError)
        self._pending.clear()

    def publish(self, *, now: bool = True) -> None:
        """Write records and tables of all that is done.

        Parameters
        ----------
        now : bool
            False leaves it out where the last time was a short while ago, so that a folder of
            any size spends little time on it.

        Raises
        ------
        ExportError
            If the folder can't be written, or the journal is damaged.
        """
        started = time.monotonic()
        if not self.journal.exists() or (not now and started < self._publish_at):
            return
        found = self._scan()
        if self._is_published() and not found.has_gone:
            return
        whole = (r for one in self._entries(found.done) for r in one.all_records(self.folder))
        write_records(self.folder, whole)
        write_tables(
            self.folder,
            lambda: self._entries(found.done),
            lambda: self._entries(found.failed),
        )
        ended = time.monotonic()
        self._publish_at = ended + _REST_FACTOR * (ended - started)

    def _is_published(self) -> bool:
        """Whether records and tables are there, and none is older than the journal."""
        names = (RECORDS_NAME, *table_files())
        paths = [self.folder / name for name in names]
        written = self.journal.stat().st_mtime_ns
        return all(path.exists() and path.stat().st_mtime_ns >= written for path in paths)

    def _entries(self, lines: Mapping[str, _Line]) -> Iterator[RunEntry]:
        """Whole entries in the order of a person who counts."""
        for name in sorted(lines, key=lambda name: natural_key(PurePosixPath(name))):
            yield self._entry_at(lines[name].offset, lines[name].length)

    def _scan(self) -> _Scan:
        """The last line of each image; a torn last line of the journal is left out."""
        found = _Scan()
        if not self.journal.exists():
            return found
        self._check_header()
        with reading(self.journal, ExportError), self.journal.open("rb") as stream:
            offset = len(stream.readline())
            for line in stream:
                if line.endswith(b"\n"):
                    entry = replace(self._parsed(line), records=())
                    found.sort_in(_Line(entry, offset, len(line)), self.folder)
                offset += len(line)
        return found

    def _entry_at(self, offset: int, length: int) -> RunEntry:
        with reading(self.journal, ExportError), self.journal.open("rb") as stream:
            stream.seek(offset)
            return self._parsed(stream.read(length))

    def _parsed(self, line: bytes) -> RunEntry:
        try:
            return RunEntry.from_line(line)
        except (ValueError, TypeError, KeyError) as failure:
            raise ExportError(
                f"“{self.journal}” is damaged: move it away, and all images are done anew."
            ) from failure

    def _check_header(self) -> None:
        with reading(self.journal, ExportError), self.journal.open("rb") as stream:
            first = stream.readline()
        try:
            header = json.loads(first)
            is_ours, version = header["format"] == FORMAT, int(header["version"])
        except (ValueError, TypeError, KeyError) as failure:
            raise self._foreign() from failure
        if not is_ours:
            raise self._foreign()
        if version > VERSION:
            raise ExportError(
                f"“{self.journal}” was written by a newer program (version {version}; this one "
                f"reads up to {VERSION}): update napari-vlseg or choose another folder."
            )

    def _foreign(self) -> ExportError:
        return ExportError(
            f"“{self.journal}” exists and is no journal of a run of napari-vlseg, so nothing is "
            "added to it: choose another folder."
        )

    def _begin(self) -> None:
        """The first line, and the records of a version without journals."""
        header = json.dumps({"format": FORMAT, "version": VERSION})
        atomic_write_text(self.journal, header + "\n", error=ExportError)
        earlier: dict[str, list[dict[str, Any]]] = {}
        for record in read_records(self.folder):
            earlier.setdefault(record["labels"], []).append(record)
        for name, records in earlier.items():
            known = RunEntry(
                name,
                str(records[0].get("image", "")),
                model=str(records[0].get("model", "")),
                classes={str(r.get("class", "")): r.get("threshold") for r in records},
                records=tuple(records),
            )
            append_line(self.journal, known.to_line(), error=ExportError)
