"""Real file systems that fill up, can't be written or go away while a person paints."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from napari_vlseg.corrections.entry import ImageEntry
from napari_vlseg.corrections.replay import replay
from napari_vlseg.corrections.store import Project
from napari_vlseg.corrections.stored_edits import read_stored
from napari_vlseg.errors import ProjectError
from napari_vlseg.object_table import ObjectTable
from tests.crash.person import Person
from tests.crash.worker import add_image


class Desk:
    """A person at work on the first image of a new project.

    Attributes
    ----------
    told : list of str
        What the ledger told about its troubles.
    """

    def __init__(self, folder: Path) -> None:
        rng = np.random.default_rng(0)
        self.folder = folder
        self.entry = add_image(Project.create(folder), rng)
        self.ledger = self.entry.open_ledger()
        self.told: list[str] = []
        self.ledger.on_trouble = self.told.append
        labels = np.zeros(self.ledger.shape, self.ledger.dtype)
        self.person = Person(rng, labels, ObjectTable(), self.ledger)

    def work(self, n_edits: int = 30) -> None:
        for _ in range(n_edits):
            self.person.act()

    def checkpoint(self) -> None:
        person = self.person
        self.entry.checkpoint(person.labels, person.table.to_frame(), person.ledger.last)

    def must_be_in(self, entry: ImageEntry) -> None:
        """An image of a project that was opened anew holds what was drawn."""
        labels, frame = entry.load_labels()
        np.testing.assert_array_equal(labels, self.person.labels)
        assert set(frame["object_uid"]) == set(self.person.table)


def opened(folder: Path) -> ImageEntry:
    return Project.open(folder).images[0]


def fill(disk: Path) -> Path:
    """Take all the room there is left."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as stream:
        for size in (4096, 1):
            try:
                while True:
                    stream.write(bytes(size))
            except OSError:
                continue
    return filler


def test_a_full_disk_is_told_once_and_costs_nothing(small_disk: Path) -> None:
    desk = Desk(small_disk / "project")
    desk.work()
    desk.checkpoint()
    desk.ledger.flush()
    filler = fill(small_disk)
    desk.work(150)
    desk.ledger.flush()
    assert "the disk is full: free some space" in desk.ledger.trouble
    assert desk.told == [desk.ledger.trouble]
    with pytest.raises(ProjectError, match="the disk is full"):
        desk.checkpoint()

    filler.unlink()
    desk.work(1)
    desk.ledger.flush()
    assert desk.ledger.trouble == ""
    assert desk.told[1:] == [""]
    desk.checkpoint()
    desk.ledger.close()
    desk.must_be_in(opened(desk.folder))


def test_what_was_written_before_the_disk_was_full_opens(small_disk: Path) -> None:
    desk = Desk(small_disk / "project")
    desk.work()
    desk.ledger.flush()
    number = desk.ledger.last
    fill(small_disk)
    desk.work(150)
    # As if the program had ended: somebody else opens what is on the full disk.
    entry = opened(desk.folder)
    stored = read_stored(entry.folder)
    assert stored is not None
    assert number <= stored.active.last < desk.ledger.last
    written = [edit for edit in desk.ledger.edits() if edit.number <= stored.active.last]
    expected, _ = replay(written, desk.ledger.shape, desk.ledger.dtype)
    np.testing.assert_array_equal(entry.load_labels()[0], expected)
    desk.ledger.close()


def test_a_read_only_disk_shows_what_it_holds_and_says_why_not_more(small_disk: Path) -> None:
    desk = Desk(small_disk / "project")
    desk.work()
    desk.ledger.close()
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    entry = opened(desk.folder)
    desk.must_be_in(entry)
    with pytest.raises(ProjectError, match="read-only") as refused:
        entry.open_ledger()
    assert str(refused.value).count("\n") == 0
    subprocess.run(["mount", "-o", "remount,rw", str(small_disk)], check=True)
    entry.open_ledger().close()
    desk.must_be_in(opened(desk.folder))


def test_a_folder_that_comes_back_gets_what_was_drawn_meanwhile(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "project")
    desk.work()
    away = tmp_path / "disconnected"
    desk.folder.rename(away)
    desk.work()
    desk.ledger.flush()
    assert "gone" in desk.ledger.trouble
    assert desk.told == [desk.ledger.trouble]
    with pytest.raises(ProjectError):
        desk.checkpoint()
    away.rename(desk.folder)
    desk.work(1)
    desk.ledger.flush()
    assert desk.told[1:] == [""]
    desk.ledger.close()
    desk.must_be_in(opened(desk.folder))


def test_a_disk_that_is_gone_for_good_leaves_all_in_memory(
    small_disk: Path, tmp_path: Path
) -> None:
    desk = Desk(small_disk / "project")
    desk.work()
    desk.checkpoint()
    subprocess.run(["umount", "--lazy", str(small_disk)], check=True)
    desk.work()
    desk.ledger.flush()
    assert "gone" in desk.ledger.trouble
    elsewhere = Project.create(tmp_path / "elsewhere")
    entry = add_image(elsewhere, np.random.default_rng(0))
    entry.bind_ledger(desk.ledger)
    desk.work()
    desk.ledger.close()
    desk.must_be_in(opened(elsewhere.folder))
    # For the end of the fixture.
    subprocess.run(["mount", "-t", "tmpfs", "none", str(small_disk)], check=True)


HOLD = """
import sys
from pathlib import Path
from napari_vlseg.corrections.store import Project
entry = Project.open(Path(sys.argv[1])).images[0]
ledger = entry.open_ledger()
print("open", flush=True)
sys.stdin.read()
"""


def test_two_programs_on_one_project(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "project")
    desk.work()
    desk.ledger.close()
    other = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(desk.folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert other.stdout is not None
        assert other.stdout.readline() == "open\n"
        project = Project.open(desk.folder)
        entry = project.images[0]
        with pytest.raises(ProjectError, match="open for editing in another window"):
            entry.open_ledger()
        with pytest.raises(ProjectError, match="open for editing in another window"):
            entry.save_labels(desk.person.labels, desk.person.table.to_frame())
        desk.must_be_in(entry)
        add_image(project, np.random.default_rng(1)).open_ledger().close()
    finally:
        other.kill()
        other.communicate()
    ledger = entry.open_ledger()
    assert ledger.last == desk.ledger.last
    ledger.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="limits of file size are of POSIX")
def test_a_line_that_the_disk_takes_half_is_not_left_there(tmp_path: Path) -> None:
    import resource
    import signal

    desk = Desk(tmp_path / "project")
    desk.work()
    desk.ledger.flush()
    journal = next(desk.folder.glob("images/*/edits.jsonl"))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (journal.stat().st_size + 50, hard))
    try:
        desk.work(3)
        assert desk.ledger.trouble
        assert journal.read_bytes().endswith(b"}\n")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)
    desk.ledger.flush()
    assert desk.told[-1] == ""
    desk.ledger.close()
    desk.must_be_in(opened(desk.folder))
