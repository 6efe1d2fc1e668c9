from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from napari_vlseg.errors import PromptError
from napari_vlseg.object_prompts import MaskLogits
from napari_vlseg.workflow.clicking import ClickSession
from napari_vlseg.workflow.outlines import Outline, sample_line

SHAPE = (40, 60)


@dataclass(frozen=True, eq=False)
class Given:
    """A proposal with the given region."""

    top: int
    left: int
    score: float = 0.9

    @property
    def logits(self) -> MaskLogits:
        return MaskLogits(np.full((4, 4), float(self.left), np.float32), (0, 0, 4, 4))

    def crop(self) -> tuple[int, int, np.ndarray]:
        return self.top, self.left, np.ones((3, 2), bool)


def outlines(*lefts: int) -> tuple[Outline, ...]:
    return tuple(Outline.of_proposal(Given(5, left)) for left in lefts)


@pytest.fixture
def session() -> ClickSession:
    return ClickSession(SHAPE)


def asked(session: ClickSession):
    assert session.wanted is not None
    return session.wanted[1]


def answer(session: ClickSession, *lefts: int) -> None:
    assert session.wanted is not None
    assert session.answer(session.wanted[0], outlines(*lefts))


def test_nothing_is_asked_before_anything_is_said(session):
    assert session.is_empty
    assert session.wanted is None
    assert session.outline is None
    assert not session.undo()


def test_clicks_add_up_with_their_signs(session):
    session.click(3, 4)
    session.click(5, 6, include=False)
    prompt = asked(session)
    np.testing.assert_array_equal(prompt.points, [[3, 4], [5, 6]])
    assert prompt.labels.tolist() == [1, 0]
    assert prompt.mask is None
    assert session.describe() == "1 click +, 1 click −"


def test_the_candidate_in_view_feeds_the_next_click(session):
    session.click(3, 4)
    answer(session, 10, 20, 30)
    assert session.outline is not None
    assert session.outline.left == 10
    assert session.wanted is None
    session.cycle()
    assert session.outline.left == 20
    session.click(5, 6)
    assert asked(session).mask.values[0, 0] == 20


def test_candidates_go_round_both_ways(session):
    assert not session.cycle()
    session.click(3, 4)
    answer(session, 10, 20, 30)
    assert session.cycle(-1)
    assert session.outline.left == 30
    assert session.cycle()
    assert session.outline.left == 10


def test_an_answer_to_an_older_question_is_not_taken(session):
    session.click(3, 4)
    number, _ = session.wanted
    session.click(5, 6)
    assert not session.answer(number, outlines(10))
    assert session.outline is None


def test_the_last_outline_stays_until_the_next_answer(session):
    session.click(3, 4)
    answer(session, 10)
    session.click(5, 6)
    assert session.outline.left == 10
    answer(session, 20)
    assert session.outline.left == 20


def test_undo_and_redo_bring_answers_back_without_asking(session):
    session.click(3, 4)
    answer(session, 10)
    session.click(5, 6)
    answer(session, 20)
    assert session.undo()
    assert session.outline.left == 10
    assert session.wanted is None
    assert session.redo()
    assert session.outline.left == 20
    assert not session.redo()
    session.undo()
    session.click(7, 8)
    assert not session.can_redo
    assert len(asked(session).points) == 2


def test_undoing_everything_leaves_an_empty_session(session):
    session.click(3, 4)
    assert session.undo()
    assert session.is_empty
    assert session.wanted is None


def test_a_step_that_was_undone_before_its_answer_is_asked_again(session):
    session.click(3, 4)
    session.click(5, 6)
    session.undo()
    assert len(asked(session).points) == 1
    answer(session, 10)
    session.redo()
    assert asked(session).mask.values[0, 0] == 10


def test_a_box_has_pixel_edges_and_replaces_the_one_before(session):
    session.draw_box((10, 30), (4, 8))
    assert asked(session).box == (4, 8, 10, 30)
    session.draw_box((-20, 3), (12, 90))
    assert asked(session).box == (-0.5, 3, 12, 59.5)
    assert session.describe() == "1 box +"


def test_a_click_beside_the_box_lets_it_go(session):
    session.draw_box((4, 8), (10, 30))
    session.click(5, 20)
    assert asked(session).box is not None
    session.click(5, 45, include=False)
    assert asked(session).box is not None
    session.click(5, 45)
    assert asked(session).box is None


def test_a_box_without_a_pixel_is_refused(session):
    with pytest.raises(PromptError, match="holds no pixel"):
        session.draw_box((4, 8), (4.2, 30))
    assert session.is_empty


def test_a_scribble_becomes_a_few_points_on_its_line(session):
    session.scribble([(5, 5), (5, 55)], include=False)
    prompt = asked(session)
    assert 3 <= len(prompt.points) <= 8
    np.testing.assert_allclose(prompt.points[:, 0], 5)
    assert not prompt.labels.any()
    assert session.describe() == "1 scribble −"


def test_what_lies_outside_is_left_out(session):
    session.scribble([(5, 50), (5, 58), (5, 80)])
    assert (asked(session).points[:, 1] < 60).all()
    with pytest.raises(PromptError, match="outside the image"):
        session.click(41, 3)


def test_a_lasso_gives_its_mask_and_the_middle_of_it(session):
    session.lasso([(10, 10), (10, 20), (20, 20), (20, 10)])
    prompt = asked(session)
    assert prompt.mask.values.max() > 0
    assert prompt.labels.tolist() == [1]
    np.testing.assert_allclose(prompt.points, [[15, 15]], atol=1)
    session.click(12, 12)
    assert asked(session).points.tolist() == [[12, 12]]


def test_the_middle_keeps_away_from_what_is_excluded():
    start = np.zeros(SHAPE, bool)
    start[10:21, 10:41] = True
    session = ClickSession(SHAPE, start)
    session.click(15, 25, include=False)
    prompt = asked(session)
    assert prompt.labels.tolist() == [1, 0]
    row, col = prompt.points[0]
    assert start[round(float(row)), round(float(col))]
    assert abs(col - 25) >= 5


def test_a_drawn_mask_outlives_a_click_that_comes_before_its_answer(session):
    session.lasso([(10, 10), (10, 20), (20, 20), (20, 10)])
    drawn = asked(session).mask
    session.click(12, 12)
    assert asked(session).mask is drawn


@pytest.mark.parametrize("draw", ["box", "lasso"])
def test_a_region_taken_away_becomes_a_mask_and_a_negative_click(session, draw):
    start = np.zeros(SHAPE, bool)
    start[10:30, 10:30] = True
    session = ClickSession(SHAPE, start)
    if draw == "box":
        session.draw_box((10, 20), (40, 40), include=False)
    else:
        session.lasso([(5, 20), (5, 50), (35, 50), (35, 20)], include=False)
    prompt = asked(session)
    assert prompt.labels.tolist() == [1, 0]
    assert prompt.points[0, 1] < 20 < prompt.points[1, 1]
    assert prompt.box is None
    _, left, _, width = prompt.mask.window
    last = np.flatnonzero((prompt.mask.values > 0).any(axis=0))[-1]
    assert left + width * last / prompt.mask.values.shape[1] < 21


def test_nothing_is_left(session):
    start = np.zeros(SHAPE, bool)
    start[10:13, 10:13] = True
    session = ClickSession(SHAPE, start)
    with pytest.raises(PromptError, match="leave nothing"):
        session.draw_box((0, 0), (30, 30), include=False)


def test_an_object_is_refined_from_its_own_mask():
    start = np.zeros(SHAPE, bool)
    start[10:20, 30:35] = True
    session = ClickSession(SHAPE, start)
    assert not session.is_empty
    np.testing.assert_array_equal(session.outline.on_plane(SHAPE), start)
    session.click(9, 32)
    assert asked(session).mask.values.max() > 0
    assert session.describe() == "an object, 1 click +"
    session.undo()
    np.testing.assert_array_equal(session.outline.on_plane(SHAPE), start)


def test_points_on_a_line_are_even_and_at_least_one():
    np.testing.assert_array_equal(sample_line([(3, 4)]), [[3, 4]])
    np.testing.assert_array_equal(sample_line([(0, 0), (0, 2)]), [[0, 1]])
    found = sample_line([(0, 0), (0, 30), (30, 30)], most=6)
    np.testing.assert_allclose(found, [[0, 5], [0, 15], [0, 25], [5, 30], [15, 30], [25, 30]])
