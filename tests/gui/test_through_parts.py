"""Parts of following objects in the window that need no window."""

from __future__ import annotations

import numpy as np
import pytest

from napari_vlseg.corrections.edits import Edit
from napari_vlseg.events import run
from napari_vlseg.images import ImageView
from napari_vlseg.pixel_changes import PixelChange
from napari_vlseg.ui.editing.past import Origin, Past
from napari_vlseg.ui.image_choice import Whole
from napari_vlseg.ui.propagation.blending import around, blended, box_of
from napari_vlseg.ui.propagation.jobs import Course
from napari_vlseg.ui.propagation.link_jobs import link_job, tracks_job
from napari_vlseg.ui.propagation.recalling import Followed, log_of
from napari_vlseg.workflow.linking import LinkSettings
from napari_vlseg.workflow.propagate.propagated import Propagated
from napari_vlseg.workflow.sentences import Happening, sentence


def test_blending_spares_others_and_what_a_person_changed() -> None:
    current = np.array([[1, 1, 2, 0, 0, 1]])
    edited = np.array([[0, 0, 0, 0, 1, 1]], bool)
    found = np.array([[0, 1, 1, 1, 1, 0]])
    after = blended(current, edited, found, [1])
    assert after.tolist() == [[0, 1, 2, 1, 0, 1]]


def test_boxes_hold_objects() -> None:
    labels = np.zeros((6, 8), int)
    labels[1:3, 2:5] = 4
    assert box_of(labels, [4]) == (slice(1, 3), slice(2, 5))
    assert box_of(labels, [5]) is None
    assert around((slice(0, 1), slice(6, 7)), box_of(labels, [4])) == (slice(0, 3), slice(2, 7))
    assert around(None, None) is None


def propagated(plane: int, origin: int) -> Edit:
    before, after = np.zeros((4, 4), int), np.zeros((4, 4), int)
    after[1, 1] = 7
    pixels = PixelChange.between(before, after, (9, 4, 4), (plane,))
    cause = {"from": origin, "axis": 0, "model": "sam-mini"}
    return Edit("propagate", pixels, (), (plane,), cause)


def test_the_journal_tells_from_where_objects_were_followed() -> None:
    past, earlier = Past(), Past()
    for plane in (2, 1, 4):
        earlier.note(propagated(plane, 3))
    for plane in (5, 6):
        past.note(propagated(plane, 4))
    past.follow(earlier)
    assert past.followed[7][5,] == Origin(4, 0, "sam-mini")
    log = log_of(past.followed, 0)
    assert log.sources[7] == {1: 2, 2: 3, 3: 3, 4: 3, 5: 4, 6: 5}
    assert log.dependents(7, 4) == [5, 6]
    assert log.open_planes(7, 4, 0, 8) == [5, 6, 7, 8]
    assert log_of(past.followed, 1).sources == {}
    followed = Followed(0, Propagated({}, (4, 4), 9, log))
    assert followed.mine == {7: frozenset({1, 2, 4, 5, 6})}


def course(labels: np.ndarray) -> Course:
    whole = Whole(np.zeros(labels.shape, np.uint8), ImageView())
    return Course(whole, (), (), len(labels), dict(enumerate(labels)))


@pytest.fixture
def planes() -> np.ndarray:
    """Labels of four planes: 1, 3 and 5 lie on each other, 2 and 4 too; 6 is of another class."""
    labels = np.zeros((4, 20, 20), np.int32)
    labels[0, 2:8, 2:8], labels[1, 2:8, 3:9], labels[2, 2:9, 3:9] = 1, 3, 5
    labels[0, 12:16, 12:16], labels[1, 12:16, 12:17] = 2, 4
    labels[2, 12:16, 12:16] = 6
    return labels


def test_linking_gives_each_object_the_number_of_its_largest_part(planes: np.ndarray) -> None:
    class_of = dict.fromkeys(range(1, 6), "cell") | {6: "dirt"}
    work = link_job(course(planes), class_of, lambda n: (n,), planes.shape, LinkSettings())
    joined = run(work)
    assert joined.into == {1: 5, 3: 5, 2: 4}
    assert joined.pixels is not None
    after = planes.copy()
    joined.pixels.apply(after)
    assert [set(np.unique(plane)) - {0} for plane in after] == [{5, 4}, {5, 4}, {5, 6}, set()]
    assert ((after > 0) == (planes > 0)).all()
    back = after.copy()
    joined.pixels.inverted().apply(back)
    np.testing.assert_array_equal(back, planes)


def test_what_has_one_number_already_stays_one(planes: np.ndarray) -> None:
    planes[3, 2:9, 12:19] = 1
    work = link_job(course(planes), {}, lambda n: (n,), planes.shape, LinkSettings())
    joined = run(work)
    assert joined.into == {3: 1, 5: 1, 2: 4, 6: 4}


def test_tracks_have_the_numbers_of_labels(planes: np.ndarray) -> None:
    linked = run(tracks_job(course(planes)))
    assert linked.n_objects == 6
    assert linked.tracks()[0].tolist() == [1, 0, 4.5, 4.5]


@pytest.mark.parametrize(
    ("op", "new", "text"),
    [
        ("propagate", {}, "followed from plane 3 by sam-mini (+9 pixels)"),
        ("link", {}, "joined with what it is on other planes (+9 pixels)"),
        ("link", None, "found to be a part of another object (+9 pixels)"),
    ],
)
def test_the_history_tells_of_it(op: str, new: dict[str, object] | None, text: str) -> None:
    cause = {"from": 3, "model": "sam-mini"}
    assert sentence(Happening(op, "uid", {}, new, {}, cause, gained=9)) == text
