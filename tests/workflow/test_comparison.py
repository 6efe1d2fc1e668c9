"""Two annotators compared, where the answer is known."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from napari_vlseg.corrections.store import Project
from napari_vlseg.errors import ProjectError
from napari_vlseg.events import Notice, run
from napari_vlseg.workflow.comparison import Comparison, ImageAgreement, compare_projects
from napari_vlseg.workflow.disagreements import read_queue, write_queue
from tests.workflow.annotators import add, annotator, drawn, rows_of

BY_A = [(2, 2, 10, "nuclei"), (2, 30, 10, "nuclei"), (30, 2, 10, "debris"), (50, 50, 8, "nuclei")]
BY_B = [(2, 2, 10, "nuclei"), (2, 33, 10, "nuclei"), (30, 2, 10, "nuclei"), (30, 30, 6, "debris")]


@pytest.fixture
def compared(tmp_path: Path) -> Comparison:
    folders = [annotator(tmp_path / "a", {"x": BY_A}), annotator(tmp_path / "b", {"x": BY_B})]
    (comparison,) = run(compare_projects(folders))
    return comparison


def test_the_scores_are_those_counted_by_hand(compared: Comparison) -> None:
    overall = compared.overall.overall
    # Three pairs: IoU 1, 70/130 and 1.
    assert (overall.n_a, overall.n_b, overall.matched, overall.matched_strictly) == (4, 4, 3, 2)
    assert overall.f1 == pytest.approx(6 / 8)
    assert overall.f1_strict == pytest.approx(4 / 8)
    assert overall.dice == pytest.approx((1 + 0.7 + 1) / 3)


def test_classes_are_compared_by_themselves(compared: Comparison) -> None:
    nuclei, debris = (compared.overall.classes[name] for name in ("nuclei", "debris"))
    assert (nuclei.n_a, nuclei.n_b, nuclei.matched) == (3, 3, 2)
    assert nuclei.dice == pytest.approx((1 + 0.7) / 2)
    assert (debris.n_a, debris.n_b, debris.matched, debris.f1) == (1, 1, 0, 0.0)
    assert debris.dice is None


def test_kappa_is_that_of_the_textbook() -> None:
    # Cohen's example of two raters and 50 subjects: agreement .7, by chance .5.
    image = ImageAgreement("x")
    image.class_pairs.update({("y", "y"): 20, ("y", "n"): 5, ("n", "y"): 10, ("n", "n"): 15})
    assert image.kappa == pytest.approx(0.4)
    assert ImageAgreement("x").kappa is None


def test_disagreements_are_what_differs_and_nothing_else(compared: Comparison) -> None:
    found = {one.kind: one for one in compared.disagreements}
    assert len(found) == len(compared.disagreements) == 4
    missed_by_b, missed_by_a = found["missed by B"], found["missed by A"]
    assert (missed_by_b.uids, missed_by_b.uids_b) == (("a4",), ())
    assert missed_by_b.bbox == (50, 50, 58, 58)
    assert (missed_by_a.uids, missed_by_a.uids_b) == ((), ("b4",))
    assert missed_by_a.bbox == (30, 30, 36, 36)
    outline, name = found["outline differs"], found["class differs"]
    assert (outline.uids, outline.uids_b) == (("a2",), ("b2",))
    assert outline.iou == pytest.approx(70 / 130)
    assert outline.reason == "outlines differ: IoU 0.54"
    assert (name.uids, name.reason) == (("a3",), "A says debris, B says nuclei")


def test_one_who_is_compared_with_himself_agrees(tmp_path: Path) -> None:
    images = {"x": BY_A, "y": BY_B, "empty": []}
    folders = [annotator(tmp_path / "a", images), annotator(tmp_path / "b", images)]
    (same,) = run(compare_projects(folders))
    for image in (*same.images, same.overall):
        assert (image.overall.f1, image.overall.f1_strict) == (1.0, 1.0)
        assert image.overall.dice in (1.0, None)
        assert image.kappa in (1.0, None)
    assert same.disagreements == ()
    assert [image.name for image in same.images] == list(images)


def test_three_are_compared_in_pairs(tmp_path: Path) -> None:
    folders = [annotator(tmp_path / who, {"x": BY_A}) for who in "abc"]
    pairs = [(Path(one.a).name, Path(one.b).name) for one in run(compare_projects(folders))]
    assert pairs == [("a", "b"), ("a", "c"), ("b", "c")]


def test_images_are_the_same_by_their_pixels_whatever_their_name(tmp_path: Path) -> None:
    first = annotator(tmp_path / "a", {"x": BY_A, "only here": BY_A})
    project = Project.create(tmp_path / "b")
    entry = Project.open(first).images[0]
    renamed = project.add_image(
        "renamed", source_path=None, pixels_sha256=entry.pixels_sha256, shape=entry.shape,
        dtype=entry.dtype, embed=entry.load_image().data,
    )  # fmt: skip
    renamed.save_labels(drawn(BY_A), rows_of(BY_A, "b"))
    events = []
    (comparison,) = run(compare_projects([first, project.folder]), events.append)
    assert [image.overall.f1 for image in comparison.images] == [1.0]
    told = [event.message for event in events if isinstance(event, Notice)]
    assert len(told) == 1
    assert "“only here”" in told[0]


def test_rejected_objects_do_not_count(tmp_path: Path) -> None:
    first = annotator(tmp_path / "a", {"x": BY_A})
    project = Project.create(tmp_path / "b")
    table = rows_of(BY_A, "b")
    table.loc[3, "status"] = "rejected"
    add(project, "x").save_labels(drawn(BY_A), table)
    (comparison,) = run(compare_projects([first, project.folder]))
    assert [one.kind for one in comparison.disagreements] == ["missed by B"]


def test_an_object_in_a_stack_is_found_on_its_plane(tmp_path: Path) -> None:
    shape = (3, 64, 64)
    folders = [
        annotator(tmp_path / who, {"x": squares}, shape)
        for who, squares in (("a", BY_A), ("b", BY_A[:3]))
    ]
    (comparison,) = run(compare_projects(folders))
    (missed,) = comparison.disagreements
    assert (missed.plane, missed.bbox) == ((1,), (50, 50, 58, 58))


def test_the_queue_is_read_as_it_was_written(compared: Comparison, tmp_path: Path) -> None:
    projects = [{"path": compared.a, "project_uid": compared.uids[0]}]
    as_json, as_csv = write_queue(tmp_path / "out", compared.disagreements, projects)
    assert read_queue(as_json) == compared.disagreements
    assert json.loads(as_json.read_text("utf-8"))["projects"] == projects
    with as_csv.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["kind"] for row in rows] == [one.kind for one in compared.disagreements]
    assert rows[0]["bbox"] == "50 50 58 58"
    write_queue(tmp_path / "out", (), projects)
    assert read_queue(as_json) == ()


@pytest.mark.parametrize("text", ["", "[]", '{"format": "other", "version": 1, "rows": []}'])
def test_what_is_no_queue_is_told(tmp_path: Path, text: str) -> None:
    path = tmp_path / "queue.json"
    path.write_text(text, "utf-8")
    with pytest.raises(ProjectError, match="no list of disagreements"):
        read_queue(path)


def test_what_can_not_be_compared_is_told(tmp_path: Path) -> None:
    first, second = annotator(tmp_path / "a", {"x": BY_A}), annotator(tmp_path / "b", {"y": BY_A})
    with pytest.raises(ProjectError, match="two or more"):
        run(compare_projects([first]))
    with pytest.raises(ProjectError, match="named twice"):
        run(compare_projects([first, tmp_path / "b" / ".." / "a"]))
    with pytest.raises(ProjectError, match="share no image"):
        run(compare_projects([first, second]))


def test_large_numbers_cost_no_memory(tmp_path: Path) -> None:
    folders = []
    for who in "ab":
        project = Project.create(tmp_path / who)
        labels = drawn(BY_A).astype(np.int64)
        labels[labels == 4] = 4_000_000_000
        table = rows_of(BY_A, who)
        table.loc[3, "label"] = 4_000_000_000
        if who == "b":
            labels[labels == 2] = 0
        add(project, "x").save_labels(labels, table)
        folders.append(project.folder)
    (comparison,) = run(compare_projects(folders))
    assert [one.uids for one in comparison.disagreements] == [("a2",)]
