"""A damaged journal opens with everything that can be proved, and tells what was set aside."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from napari_vlseg.corrections.edits import Edit
from napari_vlseg.corrections.replay import apply_edit, replay
from napari_vlseg.corrections.sealing import sealed, unsealed
from napari_vlseg.corrections.store import ImageEntry, Project
from napari_vlseg.errors import ProjectError, VlsegWarning
from napari_vlseg.events import run
from napari_vlseg.object_table import ObjectTable
from napari_vlseg.pixel_changes import PixelChange

from .helpers import reopened, snapshot


class Work:
    """Edits of single pixels, each of a label and an object of its own."""

    def __init__(self, entry: ImageEntry) -> None:
        self.entry, self.ledger = entry, entry.open_ledger()
        self.labels, self.table = np.zeros((96, 96), np.int32), ObjectTable()

    def draw(self, *pixels: int) -> None:
        for pixel in pixels:
            row = self.table.added(label=pixel, object_uid=f"u{pixel}")
            old = self.labels.ravel()[pixel : pixel + 1]
            edit = Edit("paint", PixelChange.at(np.array([pixel]), old, pixel), (row,))
            apply_edit(self.labels, self.table, edit)
            self.ledger.append(edit)

    def paint_over(self, pixel: int, value: int) -> None:
        old = self.labels.ravel()[pixel : pixel + 1]
        edit = Edit("paint", PixelChange.at(np.array([pixel]), old, value))
        apply_edit(self.labels, self.table, edit)
        self.ledger.append(edit)

    def save(self) -> None:
        self.entry.checkpoint(self.labels.copy(), self.table.to_frame(), self.ledger.last)


def lines_of(entry: ImageEntry) -> list[bytes]:
    return (entry.folder / "edits.jsonl").read_bytes().splitlines(keepends=True)


def damage(entry: ImageEntry, *numbers: int) -> None:
    """Change a letter in the lines of edits; 0 is the header."""
    lines = lines_of(entry)
    for number in numbers:
        lines[number] = lines[number].replace(b'"', b"'", 1)
    (entry.folder / "edits.jsonl").write_bytes(b"".join(lines))


def pixels(labels: np.ndarray) -> list[int]:
    return np.unique(labels[labels > 0]).tolist()


def check(entry: ImageEntry, expected: list[int], words: str) -> None:
    """The image opens with these labels, tells, and is sound from then on."""
    before = snapshot(entry.folder)
    with pytest.warns(VlsegWarning, match=words):
        read, frame = reopened(entry).load_labels()
    assert pixels(read) == expected
    assert snapshot(entry.folder) == before
    again = reopened(entry)
    ledger = again.open_ledger()
    assert any(words in notice for notice in ledger.notices)
    labels, table = again.load_labels()
    np.testing.assert_array_equal(labels, read, strict=True)
    assert sorted(table["label"]) == sorted(frame["label"]) == expected
    assert not ledger.can_undo
    ledger.append(Edit("paint", PixelChange.at(np.array([9000]), 0, 99)))
    replayed, objects = replay(ledger.edits(), ledger.shape, ledger.dtype)
    assert pixels(replayed) == [*expected, 99]
    assert sorted(objects) == sorted(table["object_uid"])
    ledger.close()
    last = reopened(entry).open_ledger()
    assert (last.notices, last.can_undo) == ((), True)
    last.close()
    assert pixels(reopened(entry).load_labels()[0]) == [*expected, 99]


@pytest.mark.parametrize("cut", [1, 20, 10_000])
def test_a_torn_last_line_is_set_aside(entry: ImageEntry, cut: int) -> None:
    work = Work(entry)
    work.draw(1, 2, 3)
    work.ledger.close()
    path = entry.folder / "edits.jsonl"
    *whole, last = lines_of(entry)
    torn = last[:-1][:cut]
    path.write_bytes(b"".join(whole) + torn)
    assert pixels(reopened(entry).load_labels()[0]) == [1, 2]
    ledger = reopened(entry).open_ledger()
    assert (ledger.last, ledger.notices) == (2, ())
    ledger.append(Edit("paint", PixelChange.at(np.array([7]), 0, 7)))
    ledger.close()
    assert pixels(reopened(entry).load_labels()[0]) == [1, 2, 7]
    assert (entry.folder / "edits.jsonl.torn").read_bytes() == torn + b"\n"


def test_a_damaged_last_line_is_set_aside(entry: ImageEntry) -> None:
    work = Work(entry)
    work.draw(1, 2, 3)
    work.ledger.close()
    damage(entry, 3)
    ledger = reopened(entry).open_ledger()
    assert ledger.last == 2
    ledger.close()
    assert (entry.folder / "edits.jsonl.torn").exists()


def test_edits_behind_a_damaged_one_are_kept_where_they_fit(entry: ImageEntry) -> None:
    work = Work(entry)
    work.draw(1, 2, 3, 4)
    work.paint_over(2, 5)  # says that there was a 2
    work.draw(6)
    work.ledger.undo()
    work.ledger.redo()
    work.ledger.close()
    rest = b"".join(lines_of(entry)[2:])
    damage(entry, 2)
    check(entry, [1, 3, 4, 6], "2 of its lines can't be used, and 5 after the damage were")
    torn = (entry.folder / "edits.jsonl.torn").read_bytes()
    assert torn == rest.replace(b'"', b"'", 1) + b"\n"


def test_saved_labels_go_over_damage_before_them(entry: ImageEntry) -> None:
    work = Work(entry)
    work.draw(1, 2, 3)
    work.save()
    work.draw(4)
    work.ledger.close()
    damage(entry, 2)
    check(entry, [1, 2, 3, 4], "1 of its lines can't be used")


def test_a_missing_line_is_damage(entry: ImageEntry) -> None:
    work = Work(entry)
    work.draw(1, 2, 3)
    work.ledger.close()
    lines = lines_of(entry)
    del lines[2]
    (entry.folder / "edits.jsonl").write_bytes(b"".join(lines))
    ledger = reopened(entry).open_ledger()
    assert ledger.last == 1  # one line follows, as if a crash had cut it short
    ledger.close()


@pytest.mark.parametrize("saved", [True, False])
def test_a_damaged_header_is_mended(entry: ImageEntry, saved: bool) -> None:
    work = Work(entry)
    work.draw(1, 2)
    if saved:
        work.save()
    work.draw(3)
    work.ledger.close()
    damage(entry, 0)
    if saved:
        check(entry, [1, 2, 3], "1 of its lines can't be used")
        return
    with pytest.raises(ProjectError, match="open the image for editing"):
        reopened(entry).load_labels()
    again = reopened(entry)
    ledger = again.open_ledger()
    assert pixels(again.load_labels()[0]) == [1, 2, 3]
    assert ledger.notices
    ledger.close()


def test_an_older_journal_does_not_take_saved_labels_away(entry: ImageEntry) -> None:
    work = Work(entry)
    work.draw(1, 2)
    older = (entry.folder / "edits.jsonl").read_bytes()
    work.draw(3, 4)
    work.save()
    work.ledger.close()
    (entry.folder / "edits.jsonl").write_bytes(older)
    check(entry, [1, 2, 3, 4], "ends before the saved labels")


def test_a_lost_journal_does_not_take_saved_labels_away(entry: ImageEntry) -> None:
    work = Work(entry)
    work.draw(1, 2)
    work.save()
    work.ledger.close()
    (entry.folder / "edits.jsonl").unlink()
    assert pixels(reopened(entry).load_labels()[0]) == [1, 2]
    again = reopened(entry)
    ledger = again.open_ledger()
    assert [edit.op for edit in ledger.edits()] == ["import"]
    ledger.close()
    assert pixels(reopened(entry).load_labels()[0]) == [1, 2]


def test_labels_that_do_not_fit_their_journal_are_not_hidden(entry: ImageEntry) -> None:
    work = Work(entry)
    work.draw(1, 2)
    wrong = work.labels.copy()
    wrong[0, 3] = 77
    work.entry.checkpoint(wrong, work.table.to_frame(), work.ledger.last)
    work.draw(3, 4)
    work.ledger.close()
    with pytest.warns(VlsegWarning, match="saved labels were left aside"):
        labels, _ = reopened(entry).load_labels()
    assert pixels(labels) == [1, 2, 3, 4]


@pytest.mark.parametrize("saved", [True, False])
def test_edits_that_contradict_the_others_are_left_out(entry: ImageEntry, saved: bool) -> None:
    work = Work(entry)
    work.draw(1, 2)
    if saved:
        work.save()
    work.ledger.append(Edit("paint", PixelChange.at(np.array([50]), 40, 41)))
    work.draw(3)
    work.ledger.close()
    with pytest.warns(VlsegWarning, match="could not be made again|left aside"):
        labels, table = reopened(entry).load_labels()
    assert pixels(labels) == sorted(table["label"]) == [1, 2, 3]


@pytest.mark.parametrize("damaging", [lambda data: data[:-9], lambda data: b"x" + data])
def test_a_damaged_closed_segment_is_needed_only_for_its_own_edits(
    entry: ImageEntry, damaging: Callable[[bytes], bytes]
) -> None:
    work = Work(entry)
    work.draw(1, 2)
    work.save()
    run(entry.compact())
    work.draw(3)
    work.ledger.close()
    packed = entry.folder / "edits.0001.jsonl.gz"
    packed.write_bytes(damaging(packed.read_bytes()))
    again = reopened(entry)
    ledger = again.open_ledger()
    assert pixels(again.load_labels()[0]) == [1, 2, 3]
    assert ledger.undo().pixels.starts.tolist() == [3]
    with pytest.raises(ProjectError, match=r"edits\.0001\.jsonl\.gz” is damaged"):
        ledger.undo()
    assert ledger.last == 4  # nothing was journalled that could not be done
    ledger.close()


def test_a_crash_between_closing_and_beginning_a_file_is_mended(entry: ImageEntry) -> None:
    work = Work(entry)
    work.draw(1, 2)
    work.ledger.undo()
    work.ledger.close()
    (entry.folder / "edits.jsonl").rename(entry.folder / "edits.0001.jsonl")
    assert pixels(reopened(entry).load_labels()[0]) == [1]
    again = reopened(entry)
    ledger = again.open_ledger()
    assert (ledger.last, ledger.can_undo, ledger.can_redo) == (3, True, True)
    ledger.redo()
    ledger.close()
    assert pixels(reopened(entry).load_labels()[0]) == [1, 2]


def test_a_journal_of_a_later_version_is_refused(entry: ImageEntry) -> None:
    Work(entry).ledger.close()
    path = entry.folder / "edits.jsonl"
    header = {**unsealed(path.read_bytes()[:-1]), "version": 3}
    path.write_bytes(sealed(header).encode() + b"\n")
    for opening in (reopened(entry).open_ledger, reopened(entry).load_labels):
        with pytest.raises(ProjectError, match="newer program"):
            opening()


def test_the_project_opens_whatever_the_journal_holds(
    entry: ImageEntry, project: Project, tmp_path: Path
) -> None:
    work = Work(entry)
    work.draw(1, 2, 3)
    work.save()
    work.ledger.close()
    rng = np.random.default_rng(0)
    for number in range(20):
        copy = tmp_path / f"copy{number}"
        shutil.copytree(project.folder, copy)
        path = next(copy.rglob("edits.jsonl"))
        data = bytearray(path.read_bytes())
        for place in rng.integers(0, len(data), rng.integers(1, 4)):
            data[place] = int(rng.integers(0, 256))
        path.write_bytes(bytes(data[: rng.integers(1, len(data) + 1)]))
        again = Project.open(copy).images[0]
        ledger = again.open_ledger()
        assert pixels(again.load_labels()[0]) == [1, 2, 3]
        ledger.close()
