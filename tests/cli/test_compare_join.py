"""Annotators compared and joined from the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from napari_vlseg.corrections.store import Project
from napari_vlseg.workflow.disagreements import read_queue
from tests.workflow.annotators import annotator

BY_A = [(2, 2, 10, "nuclei"), (2, 30, 10, "nuclei"), (30, 2, 10, "debris")]
BY_B = [(2, 4, 10, "nuclei"), (30, 30, 6, "nuclei"), (30, 2, 10, "nuclei")]


@pytest.fixture
def folders(tmp_path: Path) -> list[Path]:
    return [
        annotator(tmp_path / who, {"x": squares})
        for who, squares in (("anna", BY_A), ("ben", BY_B), ("carl", BY_B))
    ]


def test_two_are_compared_and_their_disagreements_written(cli, folders, tmp_path):
    done = cli("compare", *folders[:2], "--out", tmp_path / "out", "--json")
    assert done.code == 0
    (comparison,) = done.document["comparisons"]
    assert comparison["overall"]["f1_50"] == pytest.approx(4 / 6)
    assert comparison["overall"]["classes"]["debris"]["matched_dice"] is None
    assert comparison["disagreements"] == {
        "class differs": 1, "missed by A": 1, "missed by B": 1, "outline differs": 1,
    }  # fmt: skip
    assert len(read_queue(comparison["queue"])) == 4
    assert (tmp_path / "out" / "disagreements.csv").exists()


def test_the_table_is_for_people(cli, folders):
    done = cli("compare", *folders[:2])
    assert done.code == 0
    assert "F1@0.5" in done.out
    assert str(folders[0]) in done.out
    assert "0.667" in done.out


def test_each_pair_of_three_has_a_folder(cli, folders, tmp_path):
    assert cli("compare", *folders, "--out", tmp_path / "out").code == 0
    written = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert written == ["anna-ben", "anna-carl", "ben-carl"]


def test_annotators_are_joined_by_majority(cli, folders, tmp_path):
    out = tmp_path / "joined"
    done = cli("join", *folders, "--policy", "majority", "--out", out, "--json")
    assert done.code == 0
    assert done.document["images"] == [
        {"name": "x", "annotators": 3, "objects": 3, "agreed": 2, "left_out": 1}
    ]
    labels, objects = Project.open(out).images[0].load_labels()
    assert sorted(set(labels.ravel().tolist()) - {0}) == sorted(objects["label"]) == [1, 3, 4]


def test_wrong_calls_are_told_in_a_sentence(cli, folders, tmp_path):
    done = cli("compare", folders[0])
    assert done.code == 1
    assert "two or more" in done.err
    assert cli("join", *folders, "--policy", "all", "--out", tmp_path / "out").code == 2
    done = cli("join", *folders, "--out", folders[0])
    assert done.code == 1
    assert "there already" in done.err
