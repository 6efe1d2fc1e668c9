"""What annotators disagree on, opened as a list to review."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from napari_vlseg.workflow.disagreements import Disagreement, write_queue
from tests.gui.test_review_desk import Review

OUTLINE = Disagreement(
    "outline differs", "0001-x", "0001-x", "Image", ("o4",), ("b1",), (), (0, 0, 9, 9), 0.6,
    "nuclei", "nuclei",
)  # fmt: skip
MISSED_BY_B = replace(OUTLINE, kind="missed by B", uids=("o2",), uids_b=(), iou=0.0, class_b="")
MISSED_BY_A = replace(OUTLINE, kind="missed by A", uids=(), uids_b=("b9",), bbox=(20, 30, 24, 40))


@pytest.fixture
def session() -> Review:
    return Review()


def listed(session: Review) -> list[str]:
    listing = session.desk.listing
    assert listing is not None
    return [listing.uid(place) for place in range(len(listing))]


def opened(session: Review, folder: Path, *rows: Disagreement) -> None:
    session.desk.given.open(write_queue(folder, rows, [])[0])


def test_the_objects_of_the_list_alone_are_shown_with_their_reasons(
    session: Review, tmp_path: Path
) -> None:
    opened(session, tmp_path, MISSED_BY_B, OUTLINE)
    assert listed(session) == ["o2", "o4"]
    assert session.desk.query.only == {"o2": "missed by B", "o4": "outlines differ: IoU 0.60"}
    session.desk.show_all()
    assert len(listed(session)) == 6


def test_objects_that_are_missing_here_are_told_with_their_place(
    session: Review, tmp_path: Path
) -> None:
    opened(session, tmp_path, OUTLINE, MISSED_BY_A)
    assert listed(session) == ["o4"]
    assert session.messages[-1] == "1 object of the other annotator missing: row 22, column 35"


def test_the_list_of_the_other_annotator_serves_as_well(session: Review, tmp_path: Path) -> None:
    opened(session, tmp_path, replace(OUTLINE, uids=("a7",), uids_b=("o3",)))
    assert listed(session) == ["o3"]


def test_the_list_goes_along_to_the_next_image(session: Review, tmp_path: Path) -> None:
    opened(session, tmp_path, OUTLINE)
    labels = np.zeros((40, 60), np.int32)
    labels[5:15, 5:15], labels[20:30, 5:15] = 4, 5
    session.open(labels, name="second")
    session.desk.refresh()
    assert listed(session) == ["o4"]
    session.desk.show_all()
    session.open(labels, name="third")
    session.desk.refresh()
    assert len(listed(session)) == 2


def test_a_list_of_other_images_says_where_to_go(session: Review, tmp_path: Path) -> None:
    opened(session, tmp_path, replace(OUTLINE, uids=("elsewhere",), name="slide 7"))
    assert session.messages[-1] == "No object of this image is in the list: go to “slide 7”."
    assert len(listed(session)) == 6
    opened(session, tmp_path)
    assert session.messages[-1] == "The list is empty: the annotators agree."


def test_a_file_that_is_no_list_is_told(session: Review, tmp_path: Path) -> None:
    path = tmp_path / "other.json"
    path.write_text("{}", "utf-8")
    session.desk.given.open(path)
    assert "no list of disagreements" in session.messages[-1]
