"""What is recorded about people can be chosen, turned off and removed."""

from __future__ import annotations

import gzip
import shutil
from pathlib import Path

import numpy as np
import pytest
from pandas.testing import assert_frame_equal

from napari_vlseg.corrections import people
from napari_vlseg.corrections.anonymizing import anonymize, without_person
from napari_vlseg.corrections.edits import Edit
from napari_vlseg.corrections.ledger import Ledger
from napari_vlseg.corrections.replay import replay
from napari_vlseg.corrections.store import ImageEntry, Project
from napari_vlseg.corrections.verify import verify
from napari_vlseg.errors import ProjectError
from napari_vlseg.events import run
from napari_vlseg.object_table import RowChange
from napari_vlseg.pixel_changes import PixelChange
from napari_vlseg.proposals import Proposals

from .helpers import Scene, object_table, refuse, reopened, snapshot


@pytest.fixture(autouse=True)
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "settings"
    monkeypatch.setattr(people, "user_config_path", lambda *_, **__: folder)
    monkeypatch.delenv(people.ENVIRONMENT_NAME, raising=False)
    return folder


def test_an_id_is_made_once_and_says_nothing(settings: Path) -> None:
    made = people.annotator_id()
    assert len(made) == 32
    assert people.annotator_id() == made
    assert people.is_recorded()
    (settings / "annotator.txt").unlink()
    assert people.annotator_id() not in ("", made)


def test_a_settings_folder_that_can_not_be_written_gives_no_id(settings: Path) -> None:
    settings.write_text("a file in its place")
    assert people.annotator_id() == ""


def test_an_id_can_be_chosen(monkeypatch: pytest.MonkeyPatch, settings: Path) -> None:
    monkeypatch.setenv(people.ENVIRONMENT_NAME, " reader-2 ")
    assert people.annotator_id() == "reader-2"
    assert not settings.exists()


@pytest.mark.parametrize("where", ["environment", "file"])
def test_recording_can_be_turned_off(
    monkeypatch: pytest.MonkeyPatch, settings: Path, tmp_path: Path, where: str
) -> None:
    if where == "file":
        settings.mkdir()
        (settings / "annotator.txt").write_text("Off\n", "utf-8")
    else:
        monkeypatch.setenv(people.ENVIRONMENT_NAME, "OFF")
    assert people.annotator_id() == ""
    assert not people.is_recorded()
    edit = Ledger((2, 2), annotator=people.annotator_id()).append(Edit("paint"))
    assert edit.time.endswith("T00:00:00.000000Z")
    project = Project.create(tmp_path / "project", annotator=people.annotator_id())
    assert all(event["time"].endswith("T00:00:00.000000Z") for event in project.events())
    assert b"T00:00:00" in (project.folder / "project.json").read_bytes()


def test_what_tells_of_a_person_is_taken_out_of_any_document() -> None:
    day = "2026-01-31T00:00:00.000000Z"
    assert without_person(
        {
            "annotator": "a1",
            "created": "2026-01-31T09:15:00.123456Z",
            "rows": [{"uid": "u", "old": None, "new": {"modified_by": "a1", "edit_seconds": 2.5}}],
            "columns": [{"name": "created_at", "values": ["2026-01-31T09:15:00Z", "", "soon"]}],
            "cause": {"seconds": 3, "text": "a1", "time": 4},
        }
    ) == {
        "annotator": "",
        "created": day,
        "rows": [{"uid": "u", "old": None, "new": {"modified_by": "", "edit_seconds": 0.0}}],
        "columns": [{"name": "created_at", "values": [day, "", ""]}],
        "cause": {"seconds": 0.0, "text": "a1", "time": 4},
    }


@pytest.fixture
def worked(entry: ImageEntry, scene: Scene, proposals: Proposals) -> ImageEntry:
    entry.save_proposals(proposals)
    table = object_table(scene[1]).assign(
        created_by="a1", created_at="2026-01-31T09:15:00.123456Z", edit_seconds=1.5
    )
    entry.save_labels(scene[1], table)
    run(entry.compact())
    ledger = entry.open_ledger()
    cells = {"modified_by": "a1", "edit_seconds": 7.25}
    row = RowChange("uid1", {"modified_by": "", "edit_seconds": 1.5}, cells)
    ledger.append(Edit("paint", PixelChange.at(np.array([0]), 0, 1), (row,)))
    ledger.close()
    (entry.folder / "edits.jsonl.torn").write_bytes(b'{"n":9,"annotator":"a1","op')
    return entry


def test_a_project_can_be_freed_from_people(worked: ImageEntry) -> None:
    folder = worked.folder.parents[1]
    labels, before = reopened(worked).load_labels()
    assert any(b"a1" in data for data in snapshot(folder).values())
    assert run(anonymize(folder)) > 5
    for name, data in snapshot(folder).items():
        text = data if not name.endswith(".gz") else gzip.decompress(data)
        assert b'"a1"' not in text, name
        assert b"09:15" not in text, name
    assert run(verify(Project.open(folder))) == ()
    again = reopened(worked)
    after, table = again.load_labels()
    np.testing.assert_array_equal(after, labels)
    assert table["edit_seconds"].tolist() == [0.0, 0.0, 0.0]
    assert_frame_equal(table[["label", "area", "status"]], before[["label", "area", "status"]])
    ledger = again.open_ledger()
    replayed, _ = replay(ledger.edits(), ledger.shape, ledger.dtype)
    np.testing.assert_array_equal(replayed, labels)
    assert ledger.undo().cause["of"] == 2
    ledger.close()
    assert run(anonymize(folder)) == 1  # the undo


def test_images_that_were_never_edited_stay_so(tmp_path: Path) -> None:
    shutil.copytree(Path(__file__).parent / "data" / "project-v1", tmp_path / "v1")
    run(anonymize(tmp_path / "v1"))
    assert not list((tmp_path / "v1").rglob("edits.jsonl"))
    project = Project.open(tmp_path / "v1")
    assert project.annotator == ""
    assert {event["time"][10:] for event in project.events()} == {"T00:00:00.000000Z"}
    assert project.images[0].load_labels()[0].max() == 3
    project.images[0].open_ledger().close()
    assert project.images[0].load_labels()[0].max() == 3


def test_a_project_that_is_open_is_not_rewritten(worked: ImageEntry) -> None:
    before = snapshot(worked.folder)
    ledger = worked.open_ledger()
    with pytest.raises(ProjectError, match="open for editing in another window"):
        run(anonymize(worked.folder.parents[1]))
    ledger.close()
    assert snapshot(worked.folder) == before


def test_a_rewrite_that_dies_is_finished_by_the_next(
    worked: ImageEntry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    labels = reopened(worked).load_labels()[0]
    for after in range(6):
        folder = tmp_path / f"copy{after}"
        shutil.copytree(worked.folder.parents[1], folder)
        with monkeypatch.context() as patched:
            refuse(patched, 28, after)
            with pytest.raises(ProjectError, match="disk is full"):
                run(anonymize(folder))
        np.testing.assert_array_equal(Project.open(folder).images[0].load_labels()[0], labels)
        run(anonymize(folder))
        assert b'"a1"' not in b"".join(snapshot(folder).values())
        assert run(verify(Project.open(folder))) == ()
