"""An image of a project is opened by one, saved now and then, and always current."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from napari_vlseg.corrections import image_edits
from napari_vlseg.corrections.documents import read_document
from napari_vlseg.corrections.edits import Edit
from napari_vlseg.corrections.ledger import Ledger
from napari_vlseg.corrections.replay import apply_edit, replay
from napari_vlseg.corrections.store import ImageEntry, Project
from napari_vlseg.errors import ConflictError, ProjectError
from napari_vlseg.images import read_image
from napari_vlseg.object_table import ObjectTable
from napari_vlseg.pixel_changes import PixelChange

from .helpers import Scene, add, object_table, refuse, reopened, snapshot

V1 = Path(__file__).parent / "data" / "project-v1"


class Work:
    """Labels and objects that are edited beside a ledger."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger, self.table = ledger, ObjectTable()
        self.labels = np.zeros(ledger.shape, ledger.dtype)

    def draw(self, label: int, *pixels: int) -> None:
        flat = np.array(pixels)
        change = PixelChange.at(flat, self.labels.ravel()[flat], label)
        known = self.table.uid_of(label)
        row = (
            self.table.added(label=label) if known is None else self.table.changed(known, n_edits=9)
        )
        edit = Edit("paint", change, (row,))
        apply_edit(self.labels, self.table, edit)
        self.ledger.append(edit)

    def matches(self, entry: ImageEntry) -> None:
        labels, frame = entry.load_labels()
        np.testing.assert_array_equal(labels, self.labels, strict=True)
        assert_frame_equal(frame, self.table.to_frame())


def test_labels_are_current_without_a_save(entry: ImageEntry) -> None:
    ledger = entry.open_ledger()
    assert (ledger.shape, ledger.dtype, ledger.notices) == ((96, 96), np.int32, ())
    assert not entry.has_labels
    work = Work(ledger)
    work.draw(1, 5, 6, 7)
    assert entry.has_labels
    work.matches(reopened(entry))
    entry.checkpoint(work.labels.copy(), work.table.to_frame(), ledger.last)
    work.matches(reopened(entry))
    work.draw(2, 6, 200)
    work.draw(1, 900)
    work.matches(entry)
    ledger.close()
    work.matches(reopened(entry))
    document = read_document(entry.folder / "objects.json", "objects")
    assert document["edits"] == 1


def test_labels_are_loaded_and_saved_while_others_draw(entry: ImageEntry) -> None:
    ledger = entry.open_ledger()
    work, stop = Work(ledger), threading.Event()
    work.draw(1, 1)

    def keep_drawing() -> None:
        for number in range(2, work.labels.size):
            work.draw(number, number)
            if stop.wait(0.0005):
                return

    drawing = threading.Thread(target=keep_drawing)
    drawing.start()
    for _ in range(5):
        state = entry._edits.load()
        assert len(state.objects) == state.number
        assert np.count_nonzero(state.labels) == state.number
        entry.checkpoint(state.labels, state.objects, state.number)
    stop.set()
    drawing.join()
    ledger.close()
    again, frame = reopened(entry).load_labels()
    np.testing.assert_array_equal(again, work.labels)
    assert len(frame) == len(work.table)


def test_one_window_edits_an_image(entry: ImageEntry, scene: Scene) -> None:
    ledger = entry.open_ledger()
    other = reopened(entry)
    for locked in (
        other.open_ledger,
        lambda: other.save_labels(scene[1], object_table(scene[1])),
        lambda: other.bind_ledger(Ledger((96, 96))),
        lambda: list(other.compact()),
    ):
        with pytest.raises(ProjectError, match="“discs” is open for editing in another window"):
            locked()
    with pytest.raises(ProjectError, match="is open for editing already"):
        entry.open_ledger()
    closing = threading.Thread(target=ledger.close)
    closing.start()
    closing.join()
    other.open_ledger().close()
    entry.open_ledger().close()


def test_an_image_can_be_opened_again_after_a_failure(
    entry: ImageEntry, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(image_edits, "EditFile", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            entry.open_ledger()
    reopened(entry).open_ledger().close()
    entry.open_ledger().close()


def test_headless_saves_are_edits_that_can_be_taken_back(entry: ImageEntry, scene: Scene) -> None:
    entry.save_labels(scene[1], object_table(scene[1]))
    without = np.where(scene[1] == 2, 0, scene[1]).astype(np.uint16)
    table = object_table(without)
    table.loc[0, "status"] = "accepted"
    entry.save_labels(without, table)
    entry.save_labels(without, table)
    ledger = entry.open_ledger()
    first, second = ledger.edits()
    assert (first.op, second.op) == ("other", "other")
    assert {row.uid: (row.old, row.new) for row in second.rows}["uid1"] == (
        {"status": "proposed"},
        {"status": "accepted"},
    )
    assert second.pixels.labels == {2}
    ledger.undo()
    labels, frame = entry.load_labels()
    np.testing.assert_array_equal(labels, scene[1], strict=True)
    assert set(frame["object_uid"]) == {"uid1", "uid2", "uid3"}
    ledger.redo()
    np.testing.assert_array_equal(entry.load_labels()[0], without, strict=True)
    again, _ = replay(ledger.edits(), ledger.shape, ledger.dtype)
    np.testing.assert_array_equal(again, without, strict=True)
    ledger.close()


def test_saving_beside_an_open_ledger_goes_into_it(entry: ImageEntry, scene: Scene) -> None:
    ledger = entry.open_ledger()
    entry.save_labels(scene[1], object_table(scene[1]))
    assert ledger.last == 1
    entry.save_labels(scene[1] * 2, object_table(scene[1] * 2))
    assert ledger.can_undo
    ledger.close()


def test_rows_without_an_id_keep_the_one_they_get(entry: ImageEntry, scene: Scene) -> None:
    plain = pd.DataFrame({"label": [1, 2, 3]})
    entry.save_labels(scene[1], plain)
    first = entry.load_labels()[1]
    assert first["object_uid"].nunique() == 3
    entry.save_labels(scene[1], plain.iloc[::-1])
    second = entry.load_labels()[1]
    assert dict(zip(first["label"], first["object_uid"], strict=True)) == dict(
        zip(second["label"], second["object_uid"], strict=True)
    )


def test_labels_of_another_shape_are_refused(project: Project) -> None:
    entry = add(project, "x", np.zeros((2, 8, 8), np.uint8))
    entry.save_labels(np.ones((8, 8), np.int32), pd.DataFrame({"label": [1]}))
    with pytest.raises(ProjectError, match=r"\(2, 8, 8\).*in the project have shape \(8, 8\)"):
        entry.save_labels(np.ones((2, 8, 8), np.int32), pd.DataFrame({"label": [1]}))


def test_a_ledger_in_memory_goes_on_in_a_project(entry: ImageEntry) -> None:
    ledger = Ledger((96, 96), annotator="a1")
    work = Work(ledger)
    for label in range(1, 5):
        work.draw(label, 10 * label, 10 * label + 1)
    undone = ledger.undo()
    apply_edit(work.labels, work.table, undone)
    entry.bind_ledger(ledger)
    assert ledger.last == 5
    work.matches(entry)
    apply_edit(work.labels, work.table, ledger.redo())
    work.draw(7, 300)
    assert ledger.trouble == ""
    ledger.close()
    work.matches(reopened(entry))
    again = reopened(entry).open_ledger()
    assert [edit.annotator for edit in again.edits()] == ["a1"] * 7
    again.close()


def test_a_ledger_moves_from_one_project_to_another(
    entry: ImageEntry, tmp_path: Path, scene: Scene
) -> None:
    ledger = entry.open_ledger()
    work = Work(ledger)
    work.draw(1, 1, 2, 3)
    list(entry.compact())
    work.draw(2, 4)
    target = add(Project.create(tmp_path / "other"), "discs", scene[0])
    stop = threading.Event()

    def keep_drawing() -> None:
        while not stop.is_set():
            work.draw(3, 50)
            work.draw(4, 50)

    drawing = threading.Thread(target=keep_drawing)
    drawing.start()
    target.bind_ledger(ledger)
    stop.set()
    drawing.join()
    work.draw(5, 60)
    reopened(entry).open_ledger().close()  # the former place is free
    shutil.rmtree(entry.folder.parents[1])
    work.draw(6, 61)
    assert ledger.trouble == ""
    ledger.close()
    work.matches(reopened(target))


def test_a_ledger_is_not_put_over_labels_unless_forced(entry: ImageEntry, scene: Scene) -> None:
    entry.save_labels(scene[1], object_table(scene[1]))
    ledger = Ledger((96, 96), np.uint16)
    work = Work(ledger)
    work.draw(9, 5)
    work.draw(8, 6)
    apply_edit(work.labels, work.table, ledger.undo())
    with pytest.raises(ConflictError, match="has labels in this project already"):
        entry.bind_ledger(ledger)
    assert ledger.last == 3
    np.testing.assert_array_equal(entry.load_labels()[0], scene[1])
    entry.bind_ledger(ledger, force=True)
    work.matches(entry)
    apply_edit(work.labels, work.table, ledger.redo())
    work.draw(3, 7)
    ledger.close()
    work.matches(reopened(entry))
    again = reopened(entry).open_ledger()
    for _ in range(4):
        again.undo()
    again.close()
    np.testing.assert_array_equal(reopened(entry).load_labels()[0], scene[1])


def test_a_ledger_of_other_labels_is_refused(entry: ImageEntry) -> None:
    with pytest.raises(ProjectError, match="save them to the image they were drawn on"):
        entry.bind_ledger(Ledger((3, 3)))
    entry.open_ledger().close()


def test_a_ledger_that_can_not_be_written_stays_where_it_was(
    entry: ImageEntry, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = Ledger((96, 96))
    work = Work(ledger)
    work.draw(1, 1)
    with monkeypatch.context() as patched:
        patched.setattr("os.ftruncate", lambda *_: None)
        patched.setattr("os.write", _no_room)
        with pytest.raises(ProjectError, match="disk is full"):
            entry.bind_ledger(ledger)
    work.draw(2, 2)
    assert [edit.number for edit in ledger.edits()] == [1, 2]
    entry.bind_ledger(ledger)
    ledger.close()
    work.matches(reopened(entry))


def _no_room(*_args: object) -> int:
    raise OSError(28, "No space left on device")


def test_a_large_journal_is_compacted_with_a_checkpoint(
    entry: ImageEntry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(image_edits, "LARGE_BYTES", 1000)
    ledger = entry.open_ledger()
    work = Work(ledger)
    for label in range(1, 12):
        work.draw(label, label)
        entry.checkpoint(work.labels, work.table.to_frame(), ledger.last)
    assert (entry.folder / "edits.0002.jsonl.gz").exists()
    again, table = replay(ledger.edits(), ledger.shape, ledger.dtype)
    np.testing.assert_array_equal(again, work.labels)
    assert set(table) == set(work.table)
    ledger.close()
    work.matches(reopened(entry))
    closed = [event for event in Project.open(entry.folder.parents[1]).events()
              if event["what"] == "close_edits"]  # fmt: skip
    assert len(closed) == len(list(entry.folder.glob("*.gz")))


@pytest.fixture
def old_project(tmp_path: Path) -> Project:
    shutil.copytree(V1, tmp_path / "v1")
    return Project.open(tmp_path / "v1")


def test_a_project_of_version_1_is_read_as_it_is(old_project: Project) -> None:
    before = snapshot(old_project.folder)
    cells, stack, untouched = old_project.images
    labels, objects = cells.load_labels()
    assert (labels.dtype, int(labels.max()), int((labels == 1).sum())) == (np.int32, 3, 32)
    assert objects["note"].tolist() == ["a", "b", "c"]
    assert stack.load_labels()[0].dtype == np.uint16
    assert not untouched.has_labels
    assert cells.proposals()[0].load().classes == ("nuclei",)
    assert snapshot(old_project.folder) == before


def test_a_project_of_version_1_is_brought_up_to_date_when_it_is_edited(
    old_project: Project,
) -> None:
    assert read_document(old_project.folder / "project.json", "project")["version"] == 1
    for entry in old_project.images[:2]:
        labels, objects = entry.load_labels()
        ledger = entry.open_ledger()
        assert (ledger.shape, ledger.dtype) == (labels.shape, labels.dtype)
        (edit,) = ledger.edits()
        assert (edit.op, edit.cause, ledger.can_undo) == ("import", {"format_version": 1}, False)
        again, table = replay(ledger.edits(), ledger.shape, ledger.dtype)
        np.testing.assert_array_equal(again, labels, strict=True)
        assert list(table) == objects["object_uid"].tolist()
        assert list(table.column("area")) == objects["area"].tolist()
        now, frame = entry.load_labels()
        np.testing.assert_array_equal(now, labels, strict=True)
        assert_frame_equal(frame, objects)
        ledger.append(Edit("paint", PixelChange.at(np.array([0]), labels.ravel()[:1], 2)))
        ledger.close()
        assert reopened(entry).load_labels()[0].ravel()[0] == 2
    data = read_document(old_project.folder / "project.json", "project")
    assert (data["version"], data["annotator"]) == (2, "a1")
    assert [e["what"] for e in old_project.events()].count("upgrade_project") == 1
    assert read_image(old_project.folder / "images/0001-cells/labels.tif").data.max() == 3


def test_version_1_labels_can_be_saved_after_they_were_loaded(old_project: Project) -> None:
    entry = old_project.images[0]
    with pytest.raises(ConflictError):
        entry.save_labels(np.zeros((24, 32), np.int32), pd.DataFrame({"label": []}))
    labels, objects = entry.load_labels()
    labels[0, 0] = 2
    entry.save_labels(labels, objects)
    np.testing.assert_array_equal(reopened(entry).load_labels()[0], labels)


def test_an_upgrade_that_dies_at_any_file_is_done_again(
    old_project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = old_project.images[0]
    labels, objects = entry.load_labels()
    for after in range(5):
        with monkeypatch.context() as patched:
            refuse(patched, 28, after)
            try:
                reopened(entry).open_ledger().close()
            except ProjectError:
                now, frame = reopened(entry).load_labels()
                np.testing.assert_array_equal(now, labels, strict=True)
                assert_frame_equal(frame, objects)
    ledger = reopened(entry).open_ledger()
    assert [edit.op for edit in ledger.edits()] == ["import"]
    ledger.close()
