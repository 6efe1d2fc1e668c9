"""A project is made and opened with care, and notes what is written."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from napari_vlseg.corrections import journal
from napari_vlseg.corrections.pending import PendingWrites
from napari_vlseg.corrections.store import ImageEntry, Project
from napari_vlseg.corrections.verify import verify
from napari_vlseg.errors import ProjectError
from napari_vlseg.events import run
from napari_vlseg.prompts import PromptTable
from napari_vlseg.proposals import Proposals

from .helpers import Scene, object_table, snapshot


def test_a_new_project_can_be_opened(tmp_path: Path) -> None:
    made = Project.create(tmp_path / "deep" / "project", annotator="a1")
    project = Project.open(made.folder)
    assert project.folder == made.folder
    assert project.annotator == "a1"
    assert Project.open(str(made.folder), annotator="b2").annotator == "b2"
    assert project.images == ()
    assert project.load_prompts() == PromptTable()
    document = json.loads((made.folder / "project.json").read_text("utf-8"))
    assert (document["format"], document["version"]) == ("napari-vlseg-project", 2)


def test_a_folder_with_other_files_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("x")
    with pytest.raises(ProjectError, match="holds other files"):
        Project.create(tmp_path)
    assert snapshot(tmp_path) == {"thesis.txt": b"x"}


def test_a_project_is_not_made_twice(project: Project) -> None:
    before = snapshot(project.folder)
    with pytest.raises(ProjectError, match="already holds a project"):
        Project.create(project.folder)
    assert snapshot(project.folder) == before


def test_what_desktops_and_crashes_leave_does_not_count(tmp_path: Path) -> None:
    for name in (".DS_Store", ".lock", ".tmp-1.json"):
        (tmp_path / name).write_bytes(b"x")
    assert Project.create(tmp_path).images == ()


def test_a_file_in_the_place_of_the_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    for folder in (tmp_path / "file", tmp_path / "file" / "project"):
        with pytest.raises(ProjectError, match="can't be written because a file is in the place"):
            Project.create(folder)
    assert snapshot(tmp_path) == {"file": b"x"}


@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS])
def test_a_read_only_place_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def fail(*_args: object, **_kwargs: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "mkdir", fail)
    with pytest.raises(ProjectError, match="read-only: choose another folder"):
        Project.create(tmp_path / "project")


@pytest.mark.parametrize("place", ["", "missing", "file"])
def test_what_is_no_project_is_told(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(ProjectError, match="not a napari-vlseg project: choose a folder"):
        Project.open(tmp_path / place)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"{", "damaged"),
        (b"", "damaged"),
        (b"\xff\xfe", "damaged"),
        (b"[]", "damaged"),
        (b'{"format": "other", "version": 1}', "damaged or not a napari-vlseg file"),
        (b'{"format": "napari-vlseg-project", "version": 0}', "damaged"),
        (b'{"format": "napari-vlseg-project", "version": "1"}', "damaged"),
        (b'{"format": "napari-vlseg-project", "version": 1}', "damaged"),
        (b'{"format": "napari-vlseg-project", "version": 3}', "newer.*update napari-vlseg"),
    ],
)
def test_a_bad_project_document_is_told(project: Project, content: bytes, words: str) -> None:
    (project.folder / "project.json").write_bytes(content)
    with pytest.raises(ProjectError, match=words):
        Project.open(project.folder)


def test_prompts_of_another_window_are_kept(project: Project, prompts: PromptTable) -> None:
    project.save_prompts(PromptTable())
    other = Project.open(project.folder)
    assert other.load_prompts() == PromptTable()
    other.save_prompts(prompts)
    assert not list(project.folder.glob("*.bak.*"))
    project.save_prompts(PromptTable())
    kept = project.folder / "prompts.1.bak.json"
    assert PromptTable.from_json(kept.read_text("utf-8")) == prompts
    assert Project.open(project.folder).load_prompts() == PromptTable()


@pytest.mark.parametrize(
    "content", [b"{", b"\xff", b'{"format": "napari-vlseg-prompts", "version": 9}']
)
def test_bad_prompts_are_told(project: Project, content: bytes) -> None:
    (project.folder / "prompts.json").write_bytes(content)
    with pytest.raises(ProjectError, match=r"prompts\.json"):
        project.load_prompts()


def test_a_project_whose_folder_vanished_is_told(
    project: Project, entry: ImageEntry, scene: Scene, proposals: Proposals
) -> None:
    shutil.rmtree(project.folder)
    for write in (
        lambda: entry.save_labels(scene[1], object_table(scene[1])),
        lambda: entry.save_proposals(proposals),
        lambda: project.save_prompts(PromptTable()),
    ):
        with pytest.raises(ProjectError, match="is gone: reconnect"):
            write()
    assert not project.folder.exists()
    project.folder.mkdir()  # an empty mount point is left where the drive was
    with pytest.raises(ProjectError, match="folder is gone"):
        entry.save_labels(scene[1], object_table(scene[1]))


def test_every_write_is_one_line(
    project: Project, entry: ImageEntry, scene: Scene, proposals: Proposals
) -> None:
    entry.save_proposals(proposals)
    entry.save_labels(scene[1], object_table(scene[1]))
    project.save_prompts(proposals.prompts)
    events = project.events()
    assert [(event["what"], Path(event["file"]).name) for event in events] == [
        ("create_project", "project.json"),
        ("add_image", "image.json"),
        ("add_image", "pixels.tif"),
        ("save_proposals", "0001.tif"),
        ("save_proposals", "0001.json"),
        ("save_objects", "objects.json"),
        ("save_labels", "labels.tif"),
        ("save_prompts", "prompts.json"),
    ]
    for event in events:
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", event["time"])
        assert abs(datetime.now(UTC) - datetime.fromisoformat(event["time"])).total_seconds() < 60
        assert event["annotator"] == "a1"
        assert len(event["sha256"]) == 64
        assert (project.folder / event["file"]).is_file()


def test_a_write_that_a_crash_kept_from_being_noted_is_noted_by_the_next(
    project: Project, entry: ImageEntry
) -> None:
    before, pending = project.events(), PendingWrites(project.folder)
    data = (project.folder / "project.json").read_bytes()
    done = {"what": "done", "file": "project.json", "sha256": hashlib.sha256(data).hexdigest()}
    for event in (done, {**done, "what": "not done", "sha256": "0" * 64}, {**done, "file": "no"}):
        pending.add(event)
    with (project.folder / ".pending").open("ab") as stream:
        stream.write(b'{"what": "torn')
    assert run(verify(Project.open(project.folder))) == ()
    assert project.events() == before
    project.save_prompts(PromptTable())
    assert [event["what"] for event in project.events()[len(before) :]] == ["done", "save_prompts"]
    assert not (project.folder / ".pending").exists()


def test_what_can_not_be_noted_stays_announced(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(journal, "append_line", refused)
        project.save_prompts(PromptTable())
    assert project.events()[-1]["what"] == "create_project"
    assert run(verify(Project.open(project.folder))) == ()
    project.save_prompts(PromptTable())
    assert [event["what"] for event in project.events()[1:]] == ["save_prompts"] * 2


def refused(*_args: object) -> None:
    raise ProjectError("The disk is full.")


def test_a_torn_last_event_is_tolerated_and_set_aside(project: Project, entry: ImageEntry) -> None:
    path = project.folder / "events.jsonl"
    sound = project.events()
    with path.open("ab") as stream:
        stream.write(b'{"time": "2026-')
    again = Project.open(project.folder)
    assert again.events() == sound
    again.save_prompts(PromptTable())
    assert len(again.events()) == len(sound) + 1
    assert path.with_name("events.jsonl.torn").read_bytes() == b'{"time": "2026-\n'


def test_a_damaged_event_is_told(project: Project) -> None:
    with (project.folder / "events.jsonl").open("ab") as stream:
        stream.write(b"nonsense\n")
    with pytest.raises(ProjectError, match="damaged"):
        project.events()
    project.save_prompts(PromptTable())
