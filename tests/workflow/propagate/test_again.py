"""A correction is followed again where it matters, and nowhere else."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_vlseg.errors import ProjectError
from napari_vlseg.events import run
from napari_vlseg.workflow.cache import EmbeddingCache
from napari_vlseg.workflow.propagate.following import again, propagate
from napari_vlseg.workflow.propagate.pieces import Piece, pieces_of
from napari_vlseg.workflow.propagate.propagated import Propagated
from napari_vlseg.workflow.propagate.records import PropagationLog, Stop
from tests.workflow.propagate.sequences import KnowingStackSegmenter, Stack, crossing


class Scene:
    """A stack that was followed from plane 4, and can be corrected."""

    def __init__(self) -> None:
        self.truth = crossing()
        self.stack = Stack(self.truth)
        self.model = KnowingStackSegmenter(self.stack)
        self.cache = EmbeddingCache()
        work = propagate(self.model, self.stack, 12, self.stack.anchors(4), cache=self.cache)
        self.known: Propagated = run(work)
        self.stack.asked.clear()

    def correct(self, number: int, plane: int) -> Propagated:
        """The true outline without its first row, so that it can be told from the old one."""
        mask = self.truth[plane] == number
        mask[np.flatnonzero(mask.any(1))[0]] = False
        piece = Piece.of(0, 0, mask)
        work = again(self.model, self.stack, self.known, number, plane, piece, cache=self.cache)
        self.known = run(work)
        return self.known


def test_only_what_depends_on_the_plane_is_done_again() -> None:
    scene = Scene()
    before = scene.known
    after = scene.correct(1, 7)
    assert scene.stack.asked == [7, 8, 9, 10, 11]
    for plane in range(12):
        for number in (2, 3):
            assert after.pieces[plane][number] is before.pieces[plane][number]
        redone = after.pieces[plane][1] is not before.pieces[plane][1]
        assert redone == (plane >= 7)
    assert after.log.anchors(1) == [4, 7]
    assert after.log.dependents(1, 4) == [0, 1, 2, 3, 5, 6]
    assert after.log.dependents(1, 7) == [8, 9, 10, 11]


def test_it_ends_at_the_next_plane_that_a_person_corrected() -> None:
    scene = Scene()
    scene.correct(1, 9)
    scene.stack.asked.clear()
    before = scene.known
    after = scene.correct(1, 6)
    assert scene.stack.asked == [6, 7, 8]
    for plane in (9, 10, 11):
        assert after.pieces[plane][1] is before.pieces[plane][1]


def test_the_first_plane_is_followed_to_both_sides() -> None:
    scene = Scene()
    scene.correct(1, 9)
    scene.stack.asked.clear()
    scene.correct(1, 4)
    assert scene.stack.asked == [4, 5, 6, 7, 8, 4, 3, 2, 1, 0]


def test_a_correction_behind_a_stop_goes_on_where_nothing_is_known() -> None:
    truth = crossing()
    hidden = truth.copy()
    hidden[6][hidden[6] == 1] = 0
    stack = Stack(hidden)
    model = KnowingStackSegmenter(stack)
    known = run(propagate(model, stack, 12, stack.anchors(0)))
    assert [(s.number, s.plane) for s in known.log.stops] == [(1, 6)]
    after = run(again(model, stack, known, 1, 7, pieces_of(truth[7])[1]))
    assert sorted(after.of(1)) == [0, 1, 2, 3, 4, 5, 7, 8, 9, 10, 11]
    assert after.log.sources[1][5] == 4, "what came from the other side is left alone"
    assert [(s.number, s.plane) for s in after.log.stops] == [(1, 6)]


def test_a_stop_that_is_corrected_is_gone() -> None:
    truth = crossing()
    hidden = truth.copy()
    hidden[6][hidden[6] == 1] = 0
    stack = Stack(truth)
    stack.truth = hidden  # the image shows it, but the model does not see it
    known = run(propagate(KnowingStackSegmenter(stack), stack, 12, stack.anchors(0)))
    assert [(s.number, s.plane) for s in known.log.stops] == [(1, 6)]
    after = run(again(KnowingStackSegmenter(stack), stack, known, 1, 6, pieces_of(truth[6])[1]))
    assert after.log.stops == ()
    assert sorted(after.of(1)) == list(range(12))


def test_nothing_is_encoded_again() -> None:
    scene = Scene()
    encoded = scene.model.n_encoded
    scene.correct(2, 8)
    assert scene.model.n_encoded == encoded


def test_other_objects_lose_no_pixel() -> None:
    scene = Scene()
    before = scene.known
    mask = (scene.truth[4] == 1) | (scene.truth[4] == 2)
    work = again(scene.model, scene.stack, before, 1, 4, Piece.of(0, 0, mask), cache=scene.cache)
    after = run(work)
    for plane in range(12):
        if plane != 4:
            np.testing.assert_array_equal(after.labels(plane) == 2, before.labels(plane) == 2)


def test_the_record_is_kept_as_json(tmp_path: Path) -> None:
    log = PropagationLog(
        {1: {3: 3, 4: 3}, 2: {3: 3}},
        {1: {4: 0.75}},
        (Stop(2, 4, "area fell to 20 %"),),
        "sam-mini@1",
    )
    log.write(tmp_path / "log.json")
    assert PropagationLog.read(tmp_path / "log.json") == log
    assert str(log.stops[0]) == "object 2, plane 4: area fell to 20 %"


@pytest.mark.parametrize("text", ["{}", "[]", "no", '{"format": "other"}'])
def test_another_file_is_no_record(tmp_path: Path, text: str) -> None:
    (tmp_path / "log.json").write_text(text)
    with pytest.raises(ProjectError, match="propagate again"):
        PropagationLog.read(tmp_path / "log.json")


def test_an_anchor_cuts_what_depends_on_others() -> None:
    log = PropagationLog({1: {0: 0, 1: 0, 2: 1, 3: 2, 4: 3}})
    assert log.dependents(1, 0) == [1, 2, 3, 4]
    cut = log.with_anchor(1, 2)
    assert cut.dependents(1, 0) == [1]
    assert cut.dependents(1, 2) == [3, 4]
    assert cut.open_planes(1, 2, 0, 6) == [3, 4, 5, 6]
    assert cut.open_planes(2, 3, 0, 5) == [0, 1, 2, 4, 5], "an object that is new"
