"""Disks that are full or gone, two windows, work without a project: one message, nothing lost."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from napari_vlseg.corrections.store import Project
from napari_vlseg.events import run
from napari_vlseg.ui.keeping import keeper as keeping
from napari_vlseg.ui.recovery import FOLDER_VARIABLE, UnsavedWork
from tests.corrections.helpers import refuse
from tests.gui.fakes import blobs
from tests.gui.test_worklist import Session


@pytest.fixture
def plate(tmp_path: Path) -> Path:
    folder = tmp_path / "plate"
    folder.mkdir()
    for number in range(2):
        tifffile.imwrite(folder / f"f{number}.tif", blobs(level=0.5 + 0.1 * number))
    return folder


@pytest.fixture
def working(plate: Path) -> Session:
    """A folder is gone through, and its first image is segmented."""
    session = Session()
    session.controller.desk.open_folder([plate])
    session.segment()
    assert session.controller.desk.state == "saved"
    return session


@pytest.fixture
def unsaved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The person's folder of unsaved work."""
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "unsaved"))
    return tmp_path / "unsaved"


def paint(session: Session, label: int = 9, place: tuple[int, int] = (48, 48)) -> None:
    session.controller.labels.paint(place, label)


def labels_in(folder: Path, name: str = "f0") -> np.ndarray:
    """What a program that opens the project finds."""
    entry = next(entry for entry in Project.open(folder).images if entry.name == name)
    return entry.load_labels()[0]


def leftovers() -> Any:
    return run(UnsavedWork().leftovers())


def fill_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "write", fail)


def test_a_full_disk_is_told_once_and_edits_wait(
    working: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = working.controller.desk
    fill_disk(monkeypatch)
    for label in (7, 8, 9):
        paint(working, label, (40, 40 + 3 * label))
        desk.autosave()
    (message,) = working.messages
    assert "the disk is full" in message
    assert desk.state == "⚠ NOT SAVED"
    working.list.next_image()
    assert working.shown == ["f0"], "what is not written stays in view"
    assert "New…" in working.messages[-1]
    monkeypatch.undo()
    desk.autosave()
    assert desk.state == "saved"
    assert working.controller.activity == "written again: nothing is missing"
    np.testing.assert_array_equal(labels_in(desk.project.folder), working.controller.labels.data)


def test_a_folder_that_vanishes_and_comes_back(working: Session, tmp_path: Path) -> None:
    desk = working.controller.desk
    folder = desk.project.folder
    folder.rename(tmp_path / "elsewhere")
    for label in (8, 9):
        paint(working, label, (40, 40 + label))
    assert len(working.messages) == 1
    assert "is gone" in working.messages[0]
    (tmp_path / "elsewhere").rename(folder)
    desk.autosave()
    assert desk.state == "saved"
    np.testing.assert_array_equal(labels_in(folder), working.controller.labels.data)


def test_another_project_is_the_way_out(working: Session, tmp_path: Path) -> None:
    desk = working.controller.desk
    desk.project.folder.rename(tmp_path / "elsewhere")
    paint(working)
    desk.create(tmp_path / "other disk")
    assert desk.state == "saved"
    np.testing.assert_array_equal(
        labels_in(tmp_path / "other disk"), working.controller.labels.data
    )
    working.controller.editing.undo()
    assert not (labels_in(tmp_path / "other disk") == 9).any()
    (entry,) = Project.open(tmp_path / "other disk").images
    assert len(entry.proposals()) == 1


def test_a_folder_that_cannot_be_written_is_told_and_tried_again(
    plate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = Session()
    session.viewer.add_image(blobs(), name="a")
    session.controller.desk.create(plate.with_name("project"))
    refuse(monkeypatch, errno.EROFS)
    session.segment()
    for label in (7, 8):
        paint(session, label, (48, 48 + label))
        session.controller.desk.autosave()
    assert ["read-only" in message for message in session.messages] == [True]
    assert session.controller.desk.state == "⚠ NOT SAVED"
    monkeypatch.undo()
    session.controller.desk.autosave()
    assert session.controller.desk.state == "saved"
    np.testing.assert_array_equal(
        labels_in(plate.with_name("project"), "a"), session.controller.labels.data
    )


def test_a_second_window_is_told_and_can_go_to_other_images(working: Session) -> None:
    second = Session()
    second.controller.desk.open(working.controller.desk.project.folder)
    assert second.shown == []
    assert "open for editing in another window" in second.messages[0]
    second.list.go(1)
    assert second.shown == ["f1"]
    working.list.next_image()
    working.segment()
    assert second.list.position == 1
    second.segment()
    paint(second)
    assert "open for editing in another window" in second.messages[-1]
    assert second.controller.desk.state == "⚠ NOT SAVED"
    working.list.previous_image()
    second.controller.desk.autosave()
    assert second.controller.desk.state == "saved"
    folder = working.controller.desk.project.folder
    assert (labels_in(folder, "f1 (2)") == 9).any(), "both kept their labels of the image"
    assert not (labels_in(folder, "f1") == 9).any()


def test_what_was_done_without_a_project_is_offered_again(unsaved: Path, tmp_path: Path) -> None:
    session = Session()
    session.viewer.add_image(blobs(), name="a")
    session.segment()
    paint(session)
    drawn = session.controller.labels.data.copy()
    assert session.controller.desk.state == "not saved, kept"
    assert leftovers() == (), "the session lives"
    session.controller.desk.save_now()
    (left,) = leftovers()
    assert left.text.endswith("(1 image)")

    again = Session()
    again.controller.desk.leftovers.look()
    assert again.controller.desk.leftovers.first == left
    again.controller.desk.leftovers.restore()
    assert again.controller.desk.leftovers.first is None
    assert again.controller.desk.project is None
    np.testing.assert_array_equal(again.controller.labels.data, drawn)
    again.controller.editing.undo()
    paint(again, 5)
    drawn = again.controller.labels.data.copy()
    again.controller.desk.create(tmp_path / "project")
    assert again.controller.desk.state == "saved"
    np.testing.assert_array_equal(labels_in(tmp_path / "project", "a"), drawn)
    (entry,) = Project.open(tmp_path / "project").images
    assert len(entry.proposals()) == 1
    again.controller.desk.save_now()
    assert leftovers() == ()


def test_images_of_unsaved_work_that_are_not_shown_come_along(
    unsaved: Path, tmp_path: Path
) -> None:
    session = Session()
    for name in "ab":
        session.viewer.add_image(blobs(level=0.6 if name == "a" else 0.7), name=name)
        session.segment()
    session.controller.desk.save_now()
    again = Session()
    again.controller.desk.leftovers.look()
    again.controller.desk.leftovers.restore()
    assert len(again.shown) == 1
    assert len(again.list.items) == 2
    again.controller.desk.create(tmp_path / "project")
    assert [labels_in(tmp_path / "project", name).max() for name in "ab"] == [4, 4]
    assert len(again.list.items) == 2


def test_unsaved_work_is_deleted_when_it_is_not_wanted(unsaved: Path) -> None:
    session = Session()
    session.viewer.add_image(blobs(), name="a")
    session.segment()
    session.controller.desk.save_now()
    again = Session()
    again.controller.desk.leftovers.look()
    again.controller.desk.leftovers.discard()
    assert leftovers() == ()
    assert not list(unsaved.iterdir())


def test_a_session_without_an_edit_leaves_nothing(unsaved: Path) -> None:
    session = Session()
    session.viewer.add_image(blobs(), name="a")
    session.controller.desk.save_now()
    assert not unsaved.exists()


def test_images_that_are_too_large_are_said(unsaved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "MAX_EMBEDDED_BYTES", 1000)
    session = Session()
    session.viewer.add_image(blobs(), name="a")
    session.segment()
    paint(session)
    assert ["too large" in message for message in session.messages] == [True]
    assert session.controller.desk.state == "not saved"


def test_work_that_cannot_be_written_at_the_end_is_kept_as_unsaved(
    working: Session, unsaved: Path, tmp_path: Path
) -> None:
    session = Session()
    session.viewer.add_image(blobs(), name="a")
    session.controller.desk.create(tmp_path / "stick")
    session.segment()
    (tmp_path / "stick").rename(tmp_path / "pulled out")
    paint(session)
    drawn = session.controller.labels.data.copy()
    session.controller.desk.save_now()
    again = Session()
    again.controller.desk.leftovers.look()
    again.controller.desk.leftovers.restore()
    np.testing.assert_array_equal(again.controller.labels.data, drawn)
