"""What happened to a project, counted and told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_vlseg.corrections.store import ImageEntry, Project
from napari_vlseg.errors import ProjectError
from napari_vlseg.events import run
from napari_vlseg.prompts import PromptTable
from napari_vlseg.workflow.history import ImageHistory, project_history
from napari_vlseg.workflow.propose import propose
from napari_vlseg.workflow.provenance import with_proposal_ious
from napari_vlseg.workflow.stories import Story, object_story
from tests.fakes import BrightnessSegmenter
from tests.workflow.annotators import add, annotator
from tests.workflow.journalled import Session, box


@pytest.fixture
def entry(tmp_path: Path) -> ImageEntry:
    return add(Project.create(tmp_path / "project"), "x", (40, 40))


@pytest.fixture
def session() -> Session:
    """Two objects proposed, one accepted, one painted and painted over, and something undone."""
    work = Session()
    work.propose({1: box(0, 0, 10, 10), 2: box(0, 10, 10, 10)})
    accepted = work.table.changed("uid1", status="accepted", edit_seconds=3.2, n_edits=1)
    work.do("accept", rows=(accepted,))
    stroke = (
        work.table.changed("uid2", status="edited", edit_seconds=1.5, n_edits=1),
        work.table.changed("uid1", status="edited", n_edits=2),
    )
    work.do("paint", {2: box(0, 8, 10, 2)}, stroke, plane=(3,))
    work.paint(2, box(10, 10, 5, 5))
    work.undo()
    return work


def story_of(entry: ImageEntry, session: Session, uid: str) -> Story:
    session.save(entry)
    return run(object_story(entry.folder.parents[1], uid))


def test_an_object_tells_its_story(entry: ImageEntry, session: Session) -> None:
    story = story_of(entry, session, "uid2")
    assert [step.text for step in story.steps] == [
        "proposed by vlseg-mini@1 from prompt “nuclei” at threshold 0.45 with score 0.83 "
        "(+100 pixels)",
        "painted (+20 pixels)",
        "painted (+25 pixels)",
        "undone: edit 4 (paint) (−25 pixels)",
    ]
    assert [step.number for step in story.steps] == [1, 3, 4, 5]
    assert [step.plane for step in story.steps] == [(), (3,), (), ()]
    assert story.steps[1].seconds == 1.5
    assert {step.annotator for step in story.steps} == {"anna"}
    assert (story.image, story.name, story.is_there) == (entry.id, "x", True)
    assert (story.row["area"], story.row["status"], story.row["n_edits"]) == (120, "edited", 1)


def test_its_numbers_are_those_of_the_labels(entry: ImageEntry, session: Session) -> None:
    story = story_of(entry, session, "uid1")
    assert story.steps[-1].text == "lost to another object: painted (−20 pixels)"
    table = with_proposal_ious(entry, *entry.load_labels()).set_index("object_uid")
    assert story.row["iou_proposal_final"] == table.loc["uid1", "iou_proposal_final"] == 0.8
    assert story.row["area"] == table.loc["uid1", "area"] == 80
    assert story.to_dict()["row"]["uncertainty"] is None


def test_the_story_of_an_object_that_is_gone_is_told_too(entry: ImageEntry) -> None:
    work = Session()
    work.propose({1: box(0, 0, 10, 10), 2: box(0, 10, 5, 5)})
    rows = (work.table.changed("uid1", status="edited"), work.table.removed("uid2"))
    cause = {"merged_into": "uid1", "merged": ["uid2"]}
    work.do("merge", {1: box(0, 10, 5, 5)}, rows, **cause)
    work.do("delete", {0: box(0, 0, 10, 15)}, (work.table.removed("uid1"),))
    work.save(entry)
    folder = entry.folder.parents[1]
    into, merged = (run(object_story(folder, uid)) for uid in ("uid1", "uid2"))
    assert [step.text for step in into.steps[1:]] == [
        "merged with uid2 (+25 pixels)", "deleted (−125 pixels)",
    ]  # fmt: skip
    assert merged.steps[-1].text == "merged into uid1 (−25 pixels)"
    assert not into.is_there
    assert not merged.is_there


@pytest.mark.parametrize(
    ("op", "cells", "cause", "text"),
    [
        ("accept", {"status": "accepted"}, {}, "accepted"),
        ("flag", {"status": "flagged"}, {}, "flagged"),
        ("flag", {"status": "proposed", "comment": ""}, {}, "flag taken away"),
        ("comment", {"comment": "blurred"}, {}, "commented: “blurred”"),
        ("class", {"class": "debris"}, {}, "class changed from “nuclei” to “debris”"),
        ("threshold", {"threshold": 0.5}, {}, "drawn anew at threshold 0.50"),
        ("propose", {"score": 0.5, "model": "clip@2"}, {},
         "proposed anew by clip@2 from prompt “nuclei” at threshold 0.45 with score 0.50"),
        ("commit", {"status": "edited"}, {"model": "sam-mini", "prompt": "2 clicks"},
         "corrected by clicks by sam-mini from 2 clicks"),
        ("split", {"status": "edited"}, {"split_of": "uid1"}, "split"),
        ("other", {"status": "accepted"}, {}, "changed by a program"),
    ],
)  # fmt: skip
def test_each_kind_of_edit_has_its_words(
    entry: ImageEntry, op: str, cells: dict, cause: dict, text: str
) -> None:
    work = Session()
    work.propose({1: box(0, 0, 10, 10)})
    work.do(op, rows=(work.table.changed("uid1", **cells, n_edits=1),), **cause)
    assert story_of(entry, work, "uid1").steps[-1].text == text


def test_objects_are_found_by_the_beginning_of_their_id(
    entry: ImageEntry, session: Session
) -> None:
    session.save(entry)
    folder = entry.folder.parents[1]
    with pytest.raises(ProjectError, match="2 objects begin with “uid”"):
        run(object_story(folder, "uid"))
    with pytest.raises(ProjectError, match="no object “nobody”"):
        run(object_story(folder, "nobody"))
    with pytest.raises(ProjectError, match="no image “y”: give an id, such as 0001-x"):
        run(object_story(folder, "uid1", "y"))
    assert run(object_story(folder, "uid2", "x")).uid == "uid2"


def test_a_project_is_counted_image_by_image(entry: ImageEntry, session: Session) -> None:
    session.save(entry)
    add(Project.open(entry.folder.parents[1]), "untouched", (40, 40))
    history, untouched = run(project_history(entry.folder.parents[1]))
    assert (history.objects, history.statuses) == (2, {"edited": 2})
    assert history.sources == {"auto": 2}
    assert history.edits == {"paint": 2, "propose": 1, "accept": 1, "undo": 1}
    assert history.taken_back == 1
    assert history.people["anna"].edits == 5
    assert history.people["anna"].seconds == 4.7
    assert history.first <= history.last
    assert untouched == ImageHistory("0002-untouched", "untouched")


def test_labels_that_a_program_saved_are_counted_too(tmp_path: Path) -> None:
    folder = annotator(tmp_path / "anna", {"x": [(0, 0, 5, "nuclei")], "y": []})
    first, second = run(project_history(folder))
    assert (first.objects, first.edits, list(first.people)) == (1, {"other": 1}, ["anna"])
    assert second.objects == 0
    story = run(object_story(folder, "anna1"))
    assert [step.text for step in story.steps] == ["saved by a program as accepted (+25 pixels)"]


def test_a_proposal_that_was_kept_tells_what_was_proposed(entry: ImageEntry) -> None:
    plane = np.zeros((40, 40, 3), np.float32)
    plane[5:15, 5:15] = 0.9
    found = run(propose(BrightnessSegmenter(), plane, PromptTable.build("bright")))
    entry.save_proposals(found)
    entry.save_labels(np.where(np.arange(40) < 10, found.labels, 0), found.objects)
    story = run(object_story(entry.folder.parents[1], found.objects["object_uid"][0]))
    assert (story.row["proposal"], story.row["iou_proposal_final"]) == ("0001", 0.5)


def test_a_project_without_a_journal_has_objects_without_a_story(tmp_path: Path) -> None:
    folder = annotator(tmp_path / "anna", {"x": [(0, 0, 5, "nuclei")]})
    (Project.open(folder).images[0].folder / "edits.jsonl").unlink()
    (history,) = run(project_history(folder))
    assert (history.objects, history.edits) == (1, {})
    story = run(object_story(folder, "anna1"))
    assert (story.steps, story.row["area"]) == ((), 25)
