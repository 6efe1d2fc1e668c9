"""Several annotators made into one, where the answer is known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from napari_vlseg.corrections.store import Project
from napari_vlseg.errors import ProjectError, SettingsError
from napari_vlseg.events import Notice, run
from napari_vlseg.workflow.comparison import compare_projects
from napari_vlseg.workflow.joining import JOINED_FROM, VOTES, JoinedImage, join_projects
from napari_vlseg.workflow.project_pairs import project_uid
from napari_vlseg.workflow.voting import join_labels, same_objects
from tests.workflow.annotators import add, annotator, drawn, rows_of

BY_A = [(2, 2, 10, "nuclei"), (2, 30, 10, "nuclei"), (30, 2, 10, "debris")]
BY_B = [(2, 4, 10, "nuclei"), (30, 30, 6, "nuclei"), (30, 2, 10, "nuclei")]
BY_C = [(2, 4, 10, "nuclei"), (30, 30, 6, "nuclei"), (30, 2, 10, "nuclei")]


def _labels(*squares: list) -> list[np.ndarray]:
    return [drawn(each) for each in squares]


@pytest.mark.parametrize(
    ("policy", "kept"),
    [
        ("agree", {1: 100, 3: 100}),
        ("first", {1: 100, 2: 100, 3: 100}),
        ("union", {1: 100, 2: 100, 3: 100, 4: 36}),
        ("majority", {1: 100, 3: 100}),
    ],
)
def test_the_policy_says_what_happens_to_the_others(policy: str, kept: dict[int, int]) -> None:
    labels, objects = join_labels(_labels(BY_A, BY_B), policy)
    values, counts = np.unique(labels[labels > 0], return_counts=True)
    assert dict(zip(values.tolist(), counts.tolist(), strict=True)) == kept
    assert [one.label for one in objects] == list(kept)
    assert (labels == 1).nonzero()[1].min() == 2  # of two, the outline of the first


def test_of_three_most_decide_what_and_where() -> None:
    labels, objects = join_labels(_labels(BY_A, BY_B, BY_C), "majority")
    assert [dict(one.members) for one in objects] == [{0: 1, 1: 1, 2: 1}, {0: 3, 1: 3, 2: 3},
                                                      {1: 2, 2: 2}]  # fmt: skip
    assert [one.label for one in objects] == [1, 3, 4]
    np.testing.assert_array_equal(labels == 1, drawn(BY_B) == 1)


def test_nobody_paints_over_what_more_people_drew() -> None:
    large = [(0, 0, 14, "nuclei")]
    small = [(0, 0, 10, "nuclei"), (40, 40, 10, "nuclei")]
    labels, objects = join_labels(_labels(large, small, small), "union")
    assert [dict(one.members) for one in objects] == [{0: 1, 1: 1, 2: 1}, {1: 2, 2: 2}]
    assert np.count_nonzero(labels == 1) == 100
    nested = [(0, 0, 30, "nuclei")]
    labels, objects = join_labels(_labels(nested, small, small), "union")
    assert len(objects) == 3
    assert np.count_nonzero(labels == 1) == 900 - 100
    labels, objects = join_labels(_labels([(0, 0, 13, "n")], [(0, 0, 9, "n")]), "union")
    assert len(objects) == 1  # of the smaller nothing would be left


def test_an_object_has_one_partner_of_each_annotator() -> None:
    left, right = np.zeros((4, 12), np.int32), np.zeros((4, 12), np.int32)
    left[:, 0:6], left[:, 6:12] = 1, 2
    right[:, 0:7], right[:, 7:12] = 1, 2
    assert same_objects([left, right, right]) == [{0: 1, 1: 1, 2: 1}, {0: 2, 1: 2, 2: 2}]


@given(st.lists(st.integers(0, 4), min_size=36, max_size=36), st.sampled_from([1, 2, 3]))
def test_one_who_is_joined_with_himself_is_himself(pixels: list[int], times: int) -> None:
    labels = np.array(pixels, np.int32).reshape(6, 6)
    for policy in ("agree", "first", "union", "majority"):
        joined, objects = join_labels([labels] * (times + 1), policy)
        np.testing.assert_array_equal(joined, labels, strict=True)
        assert all(len(one.members) == times + 1 for one in objects)


def test_a_project_joined_with_its_copy_is_the_same_project(tmp_path: Path) -> None:
    images = {"x": BY_A, "y": BY_B, "empty": []}
    folders = [annotator(tmp_path / who, images) for who in "ab"]
    done = run(join_projects(folders, tmp_path / "joined"))
    assert done[0] == JoinedImage("x", 2, 3, 3, 0)
    for before, after in zip(
        Project.open(folders[0]).images, Project.open(tmp_path / "joined").images, strict=True
    ):
        assert (before.name, before.pixels_sha256) == (after.name, after.pixels_sha256)
        (labels, table), (joined, rows) = before.load_labels(), after.load_labels()
        np.testing.assert_array_equal(joined, labels, strict=True)
        assert_frame_equal(rows.drop(columns=[VOTES, JOINED_FROM]), table, check_dtype=False)
        np.testing.assert_array_equal(after.load_image().data, before.load_image().data)
    (same, *_) = run(compare_projects([folders[0], tmp_path / "joined"]))
    assert same.overall.overall.f1_strict == 1.0


def test_a_joined_object_tells_who_drew_it(tmp_path: Path) -> None:
    folders = [
        annotator(tmp_path / who, {"x": squares})
        for who, squares in (("a", BY_A), ("b", BY_B), ("c", BY_C))
    ]
    run(join_projects(folders, tmp_path / "joined", "union"))
    uids = [project_uid(Project.open(folder)) for folder in folders]
    _, table = Project.open(tmp_path / "joined").images[0].load_labels()
    rows = table.set_index("label")
    assert rows[VOTES].to_dict() == {1: 3, 2: 1, 3: 3, 4: 2}
    assert rows.loc[4, JOINED_FROM] == f"{uids[1]}/b2 {uids[2]}/c2"
    assert rows["object_uid"].to_dict() == {1: "a1", 2: "a2", 3: "a3", 4: "b2"}
    assert rows["created_by"].to_dict() == {1: "a", 2: "a", 3: "a", 4: "b"}
    assert rows["class"].to_dict() == {1: "nuclei", 2: "nuclei", 3: "nuclei", 4: "nuclei"}
    assert rows["area"].to_dict() == {1: 100, 2: 100, 3: 100, 4: 36}


def test_of_two_classes_the_first_annotator_has_the_last_word(tmp_path: Path) -> None:
    folders = [annotator(tmp_path / "a", {"x": BY_A}), annotator(tmp_path / "b", {"x": BY_B})]
    run(join_projects(folders, tmp_path / "joined"))
    _, table = Project.open(tmp_path / "joined").images[0].load_labels()
    assert table.set_index("label")["class"].to_dict() == {1: "nuclei", 3: "debris"}


def test_an_image_of_one_project_alone_is_left_out_and_told(tmp_path: Path) -> None:
    folders = [
        annotator(tmp_path / "a", {"x": BY_A, "alone": BY_A}),
        annotator(tmp_path / "b", {"x": BY_B}),
    ]
    events = []
    run(join_projects(folders, tmp_path / "joined"), events.append)
    assert [image.name for image in Project.open(tmp_path / "joined").images] == ["x"]
    assert any("“alone”" in event.message for event in events if isinstance(event, Notice))


def test_what_can_not_be_joined_leaves_nothing_behind(tmp_path: Path) -> None:
    first = annotator(tmp_path / "a", {"x": BY_A})
    stack = Project.create(tmp_path / "b")
    entry = add(stack, "x")
    entry.save_labels(drawn(BY_B), rows_of(BY_B, "b"))
    with pytest.raises(SettingsError, match="agree, first, union, majority"):
        run(join_projects([first, stack.folder], tmp_path / "joined", "all"))  # type: ignore[arg-type]
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").touch()
    with pytest.raises(ProjectError, match="there already"):
        run(join_projects([first, stack.folder], tmp_path / "full"))
    (entry.folder / "pixels.tif").unlink()
    (Project.open(first).images[0].folder / "pixels.tif").unlink()
    with pytest.raises(ProjectError, match="missing"):
        run(join_projects([first, stack.folder], tmp_path / "joined"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b", "full"]
