"""Edits that can't be written wait, and none is lost, doubled or glued to another."""

from __future__ import annotations

import errno
import os
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from napari_vlseg.corrections import syncing
from napari_vlseg.corrections.edits import Edit
from napari_vlseg.corrections.ledger import Ledger
from napari_vlseg.corrections.store import ImageEntry
from napari_vlseg.errors import ProjectError
from napari_vlseg.events import run
from napari_vlseg.pixel_changes import PixelChange

from .helpers import reopened


def paint(ledger: Ledger, number: int) -> Edit:
    return ledger.append(Edit("paint", PixelChange.at(np.array([number]), 0, 1 + number % 5)))


def kept(entry: ImageEntry) -> list[int]:
    """Numbers of the pixels of all edits that another program finds."""
    again = reopened(entry)
    ledger = again.open_ledger()
    found = [int(edit.pixels.starts[0]) for edit in ledger.edits() if edit.pixels is not None]
    ledger.close()
    return found


@pytest.fixture
def ledger(entry: ImageEntry) -> Iterator[Ledger]:
    ledger = entry.open_ledger()
    ledger.troubles = []
    ledger.on_trouble = ledger.troubles.append
    yield ledger
    ledger.close()


class FullDisk:
    """Takes a number of bytes and refuses the next, as `os.write` does."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, room: int, number: int) -> None:
        self.room, self._number, self._write = room, number, os.write
        monkeypatch.setattr(os, "write", self)

    def __call__(self, descriptor: int, data: bytes) -> int:
        if not self.room:
            raise OSError(self._number, os.strerror(self._number))
        written = self._write(descriptor, data[: self.room])
        self.room -= written
        return written


@pytest.mark.parametrize(
    ("number", "words"), [(errno.ENOSPC, "disk is full"), (errno.EROFS, "read-only")]
)
@pytest.mark.parametrize("room", [0, 1, 100, 250])
def test_a_full_disk_is_told_once_and_costs_nothing(
    entry: ImageEntry, ledger: Ledger, number: int, words: str, room: int
) -> None:
    paint(ledger, 0)
    with pytest.MonkeyPatch.context() as patched:
        disk = FullDisk(patched, room, number)
        for place in range(1, 6):
            paint(ledger, place)
        assert words in ledger.trouble
        assert "wait in memory" in ledger.trouble
        assert ledger.troubles == [ledger.trouble]
        undone = ledger.undo()  # read from memory
        assert undone.pixels.starts.tolist() == [5]
        disk.room = 10**6
        paint(ledger, 6)
    assert ledger.trouble == ""
    assert ledger.troubles[1:] == [""]
    ledger.close()
    assert kept(entry) == [0, 1, 2, 3, 4, 5, 6]
    assert not (entry.folder / "edits.jsonl.torn").exists()


def test_what_waits_is_written_by_flush(entry: ImageEntry, ledger: Ledger) -> None:
    with pytest.MonkeyPatch.context() as patched:
        FullDisk(patched, 0, errno.ENOSPC)
        paint(ledger, 0)
        ledger.flush()
        assert "disk is full" in ledger.trouble
    ledger.flush()
    assert ledger.trouble == ""
    ledger.close()
    assert kept(entry) == [0]


def test_edits_that_the_disk_refuses_late_are_written_again(
    entry: ImageEntry, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(descriptor: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", refuse)
        paint(ledger, 0)
        ledger.flush()
        assert "Input/output error" in ledger.trouble
    paint(ledger, 1)
    ledger.close()
    assert ledger.troubles[-1] == ""
    assert kept(entry) == [0, 1]
    assert not (entry.folder / "edits.jsonl.torn").exists()


def test_a_folder_that_vanishes_and_comes_back_has_everything(
    entry: ImageEntry, ledger: Ledger
) -> None:
    for number in range(3):
        paint(ledger, number)
    ledger.flush()
    paint(ledger, 3)
    away = entry.folder.with_name("away")
    entry.folder.rename(away)
    for number in range(4, 7):
        paint(ledger, number)
    assert "folder is gone" in ledger.trouble
    assert len(ledger.troubles) == 1
    assert not entry.folder.exists()
    away.rename(entry.folder)
    paint(ledger, 7)
    assert ledger.troubles[1:] == [""]
    ledger.close()
    assert kept(entry) == list(range(8))


def test_a_drive_that_comes_back_as_another_copy_is_gone_on_with(
    entry: ImageEntry, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    paint(ledger, 0)
    ledger.flush()
    monkeypatch.setattr(ledger._lines._syncer, "ask", lambda: None)
    copy = entry.folder.with_name("copy")
    shutil.copytree(entry.folder, copy)
    paint(ledger, 1)
    shutil.rmtree(entry.folder)
    paint(ledger, 2)
    assert ledger.trouble
    copy.rename(entry.folder)
    paint(ledger, 3)
    assert ledger.trouble == ""
    ledger.close()
    assert kept(entry) == [0, 1, 2, 3]


def test_a_journal_that_is_deleted_is_written_once_more(entry: ImageEntry, ledger: Ledger) -> None:
    for number in range(3):
        paint(ledger, number)
        ledger.flush()
    (entry.folder / "edits.jsonl").unlink()
    paint(ledger, 3)
    assert ledger.trouble == ""
    ledger.close()
    assert kept(entry) == [0, 1, 2, 3]


def test_another_file_in_the_place_is_not_written_to(entry: ImageEntry, ledger: Ledger) -> None:
    paint(ledger, 0)
    ledger.flush()
    path = entry.folder / "edits.jsonl"
    right = path.read_bytes()
    path.unlink()
    path.write_bytes(b"x" * 5000)
    paint(ledger, 1)
    assert "exchanged for another file" in ledger.trouble
    assert path.read_bytes() == b"x" * 5000
    path.write_bytes(right)
    ledger.flush()
    assert ledger.trouble == ""
    ledger.close()
    assert kept(entry) == [0, 1]


def test_what_somebody_else_appends_is_set_aside(entry: ImageEntry, ledger: Ledger) -> None:
    paint(ledger, 0)
    with (entry.folder / "edits.jsonl").open("ab") as stream:
        stream.write(b"from elsewhere")
    paint(ledger, 1)
    ledger.close()
    assert kept(entry) == [0, 1]
    assert (entry.folder / "edits.jsonl.torn").read_bytes() == b"from elsewhere\n"


def test_a_journal_that_is_cut_short_is_told(entry: ImageEntry, ledger: Ledger) -> None:
    paint(ledger, 0)
    ledger.flush()
    path = entry.folder / "edits.jsonl"
    whole = path.read_bytes()
    os.truncate(path, len(whole) - 5)
    paint(ledger, 1)
    assert "cut short" in ledger.trouble
    path.write_bytes(whole)
    ledger.flush()
    ledger.close()
    assert kept(entry) == [0, 1]


def test_a_closed_ledger_writes_nothing_more(entry: ImageEntry) -> None:
    ledger = entry.open_ledger()
    paint(ledger, 0)
    ledger.close()
    size = (entry.folder / "edits.jsonl").stat().st_size
    paint(ledger, 1)
    assert "was closed: open the image again" in ledger.trouble
    assert (entry.folder / "edits.jsonl").stat().st_size == size


def test_nothing_of_an_edit_stays_in_memory(
    entry: ImageEntry, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(syncing, "_PAUSE_S", 0.0)
    for number in range(200):
        paint(ledger, number)
    deadline = time.monotonic() + 10
    while ledger._lines._waiting and time.monotonic() < deadline:
        time.sleep(0.005)
    assert not ledger._lines._waiting
    assert [edit.number for edit in ledger.edits(after=195)] == [196, 197, 198, 199, 200]


def test_the_thread_that_waits_for_the_disk_ends_by_itself(
    entry: ImageEntry, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(syncing, "_IDLE_S", 0.0)
    monkeypatch.setattr(syncing, "_PAUSE_S", 0.0)
    for number in range(3):
        paint(ledger, number)
        deadline = time.monotonic() + 10
        while ledger._lines._syncer._thread is not None:
            assert time.monotonic() < deadline
            time.sleep(0.001)
    assert not ledger._lines._waiting


def test_undo_reaches_into_closed_segments(entry: ImageEntry, ledger: Ledger) -> None:
    for number in range(9):
        paint(ledger, number)
        if number % 3 == 2:
            run(entry.compact())
    names = sorted(path.name for path in entry.folder.glob("edits.*"))
    assert names == [*(f"edits.000{n}.jsonl.gz" for n in (1, 2, 3)), "edits.jsonl"]
    taken = [ledger.undo().pixels.starts[0] for _ in range(5)]
    assert taken == [8, 7, 6, 5, 4]
    ledger.close()
    again = reopened(entry).open_ledger()
    assert again.undo().pixels.starts[0] == 3
    assert [again.redo().pixels.starts[0] for _ in range(6)] == [3, 4, 5, 6, 7, 8]
    again.close()


def test_a_segment_that_can_not_be_closed_goes_on_growing(
    entry: ImageEntry, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_args: object) -> None:
        raise OSError(errno.ENOSPC, "full")

    paint(ledger, 0)
    with monkeypatch.context() as patched:
        patched.setattr(os, "replace", refuse)
        assert not ledger.rotate()
    paint(ledger, 1)
    assert ledger.trouble == ""
    assert ledger.rotate()
    assert not ledger.rotate()  # there is nothing in it
    ledger.close()
    assert kept(entry) == [0, 1]


def test_edits_go_on_while_segments_are_closed(entry: ImageEntry, ledger: Ledger) -> None:
    def compact_often() -> None:
        for _ in range(6):
            run(entry.compact())

    worker = threading.Thread(target=compact_often)
    worker.start()
    number = 0
    while worker.is_alive() or number < 50:
        paint(ledger, number)
        number += 1
    worker.join()
    assert [int(edit.pixels.starts[0]) for edit in ledger.edits()] == list(range(number))
    ledger.close()
    assert kept(entry) == list(range(number))


@pytest.mark.parametrize("instant", ["before compressing", "before removing"])
def test_a_compaction_that_dies_is_finished_by_the_next(
    entry: ImageEntry, ledger: Ledger, monkeypatch: pytest.MonkeyPatch, instant: str
) -> None:
    def dying(*_args: object, **_kwargs: object) -> None:
        raise MemoryError

    paint(ledger, 0)
    assert ledger.rotate()
    paint(ledger, 1)
    with monkeypatch.context() as patched:
        if instant == "before compressing":
            patched.setattr("gzip.compress", dying)
        else:
            unlink = Path.unlink
            patched.setattr(
                Path,
                "unlink",
                lambda path, **how: dying() if path.suffix == ".jsonl" else unlink(path, **how),
            )
        with pytest.raises(MemoryError):
            run(entry.compact())
    assert (entry.folder / "edits.0001.jsonl").exists()
    assert (entry.folder / "edits.0001.jsonl.gz").exists() == (instant == "before removing")
    ledger.close()
    again = reopened(entry)
    run(again.compact())
    assert not list(entry.folder.glob("edits.????.jsonl"))
    assert kept(entry) == [0, 1]


def test_a_project_that_is_read_only_is_told(
    entry: ImageEntry, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_args: object, **_kwargs: object) -> int:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(ProjectError, match="read-only"):
        entry.open_ledger()
