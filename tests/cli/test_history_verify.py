"""What happened to a project, and whether its files are sound, from the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from napari_vlseg.corrections.store import Project
from tests.workflow.annotators import add
from tests.workflow.journalled import Session, box


@pytest.fixture
def project(tmp_path: Path) -> Path:
    session = Session(annotator="a1b2c3d4e5f6")
    session.propose({1: box(0, 0, 10, 10), 2: box(20, 20, 5, 5)})
    accepted = session.table.changed("uid2", status="accepted", edit_seconds=3.2)
    session.do("accept", rows=(accepted,))
    session.paint(1, box(10, 0, 2, 10))
    folder = tmp_path / "project"
    session.save(add(Project.create(folder), "cells", (40, 40)))
    return folder


def test_a_project_is_told_in_a_few_lines(cli, project):
    done = cli("history", project)
    assert done.code == 0
    assert "cells  (0001-cells)" in done.out
    assert "objects  2: 1 accepted, 1 edited; 2 auto" in done.out
    assert "edits    3: 1 propose, 1 accept, 1 paint" in done.out
    assert "person   a1b2c3d4e5f6: 3 edits, 3.2 s at work" in done.out


def test_the_counts_are_there_as_json(cli, project):
    (image,) = cli("history", project, "--image", "cells", "--json").document["images"]
    assert image["statuses"] == {"accepted": 1, "edited": 1}
    assert image["people"] == {"a1b2c3d4e5f6": {"edits": 3, "seconds": 3.2}}


def test_an_object_is_told_edit_by_edit(cli, project):
    done = cli("history", project, "--object", "uid1")
    assert done.code == 0
    lines = done.out.splitlines()
    assert lines[2] == "now      edited, nuclei, 120 pixels"
    assert "proposed by vlseg-mini@1 from prompt “nuclei” at threshold 0.45" in done.out
    assert lines[-1].endswith("painted (+20 pixels) by a1b2c3d4")
    assert "accepted by a1b2c3d4 after 3.2 s" in cli("history", project, "--object", "uid2").out
    story = cli("history", project, "--object", "uid1", "--json").document
    assert story["row"]["iou_proposal_final"] == pytest.approx(100 / 120)
    assert [step["op"] for step in story["steps"]] == ["propose", "paint"]


def test_what_is_not_there_is_told(cli, project):
    done = cli("history", project, "--object", "nobody", "--json")
    assert done.code == 1
    assert "no object “nobody”" in done.document["error"]["message"]


def test_a_sound_project_is_sound(cli, project):
    done = cli("verify", project, "--json")
    assert done.code == 0
    assert (done.document["sound"], done.document["findings"]) == (True, [])


def test_files_that_were_altered_or_are_missing_are_named(cli, project):
    folder = project / "images" / "0001-cells"
    (folder / "pixels.tif").unlink()
    (folder / "image.json").write_text((folder / "image.json").read_text("utf-8") + " ", "utf-8")
    done = cli("verify", project, "--json")
    assert done.code == 1
    assert {finding["path"] for finding in done.document["findings"]} == {
        "images/0001-cells/pixels.tif", "images/0001-cells/image.json",
    }  # fmt: skip
    told = cli("verify", project)
    assert told.code == 1
    assert "pixels.tif is missing" in told.err
    assert "2 of the files" in told.out


def test_a_line_of_the_journal_that_was_altered_is_found(cli, project):
    path = project / "images" / "0001-cells" / "edits.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"op":"accept"', b'"op":"reject"'))
    done = cli("verify", project, "--json")
    assert done.code == 1
    assert done.document["findings"][0]["path"] == "images/0001-cells/edits.jsonl"
