"""What a person does to objects: one edit each, however many, and one clear sentence."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from napari_vlseg.ui.controller import Controller
from napari_vlseg.ui.editing.beside import EDIT_LANE
from napari_vlseg.ui.editing.pace import Pace
from tests.gui.editing.scenes import check, labels_of, rows, segment, session, uid
from tests.gui.fakes import ManualRunner, blobs


@pytest.fixture
def controller() -> Controller:
    return session()


def n_edits(controller: Controller) -> int:
    return controller.editing.ledger(labels_of(controller)).last


def uids(controller: Controller, *labels: int) -> list[str]:
    return [uid(controller, label) for label in labels]


def test_several_are_accepted_at_once(controller: Controller) -> None:
    before = n_edits(controller)
    edit = controller.editing.accept(uids(controller, 1, 2, 3), cause={"score_at_least": 0.8})
    assert edit is not None
    assert (edit.op, edit.cause) == ("accept", {"score_at_least": 0.8})
    assert n_edits(controller) == before + 1
    assert controller.activity == "accepted 3 objects"
    assert [row["status"] for row in rows(controller).values()].count("accepted") == 3
    check(controller)
    controller.editing.accept(uids(controller, 1))
    assert controller.activity == "The objects are accepted already."
    assert n_edits(controller) == before + 1


def test_time_is_shared_by_the_objects_that_it_was_given_to(controller: Controller) -> None:
    times = iter([0.0, 6.0, 14.0])
    controller.editing.pace = Pace(lambda: next(times))
    controller.editing.accept(uids(controller, 1, 2, 3))
    assert [rows(controller)[n]["edit_seconds"] for n in (1, 2, 3)] == [2.0, 2.0, 2.0]
    controller.editing.merge(uids(controller, 1, 2))
    kept = [row["edit_seconds"] for label, row in rows(controller).items() if label in (1, 2)]
    assert kept == [10.0]


def test_what_is_accepted_is_not_altered_by_proposals(controller: Controller) -> None:
    first = labels_of(controller).data == 1
    controller.editing.accept(uids(controller, 1))
    controller.set_policy("replace")
    controller.prompts.edit(0, threshold=0.3)
    np.testing.assert_array_equal(labels_of(controller).data == 1, first)


def test_a_rejected_object_keeps_its_row_and_stays_away(controller: Controller) -> None:
    (one,) = uids(controller, 1)
    controller.editing.reject([one])
    table = controller.editing.table(labels_of(controller))
    assert (table.get(one, "status"), table.get(one, "area")) == ("rejected", 0)
    assert controller.activity == "rejected 1 object"
    controller.prompts.edit(0, threshold=0.3)
    segment(controller, "cells")
    assert not labels_of(controller).data[20:32, 20:32].any()
    assert 1 not in rows(controller)
    check(controller)


def test_a_rejected_object_comes_back_where_its_place_is_free(controller: Controller) -> None:
    layer = labels_of(controller)
    before = layer.data.copy()
    one, two = uids(controller, 1, 2)
    controller.editing.accept([two])
    controller.editing.reject([one, two])
    layer.brush_size = 40
    layer.paint((26, 26), 9)
    controller.editing.restore([one, two])
    assert controller.activity == "restored 1 object; the place of 1 object is taken"
    np.testing.assert_array_equal(layer.data == 2, before == 2)
    assert rows(controller)[2]["status"] == "accepted"
    controller.editing.restore([one])
    assert controller.activity.startswith("The place is taken by other objects")
    check(controller)
    layer.data[layer.data == 9] = 0
    layer.refresh()
    controller.editing.restore([one])
    assert rows(controller)[1]["status"] == "proposed"
    check(controller)


def test_a_flag_is_put_on_and_taken_off(controller: Controller) -> None:
    one, two = uids(controller, 1, 2)
    controller.editing.accept([one])
    controller.editing.flag([one, two])
    assert [rows(controller)[n]["status"] for n in (1, 2)] == ["flagged", "flagged"]
    controller.editing.flag([one, two])
    assert [rows(controller)[n]["status"] for n in (1, 2)] == ["accepted", "proposed"]
    assert controller.activity == "no flag on 2 objects any more"
    check(controller)


def test_a_deleted_object_goes_with_its_row(controller: Controller) -> None:
    controller.editing.delete(uids(controller, 1, 4))
    assert sorted(rows(controller)) == [2, 3]
    segment(controller, "cells")
    assert len(rows(controller)) == 2, "what was deleted is decided"
    check(controller)


def test_merging_makes_one_of_several(controller: Controller) -> None:
    layer = labels_of(controller)
    layer.brush_size = 9
    layer.paint((26, 33), 2)
    largest = max(rows(controller).values(), key=lambda row: row["area"])["label"]
    chosen = uids(controller, 1, 2)
    place = np.isin(layer.data, (1, 2))
    edit = controller.editing.merge(chosen)
    assert edit is not None
    assert edit.cause["merged_into"] == uid(controller, largest)
    np.testing.assert_array_equal(layer.data == largest, place)
    assert controller.activity == f"merged 2 objects into object {largest}"
    assert rows(controller)[largest]["source"] == "semi-auto"
    check(controller)
    controller.editing.merge(uids(controller, 3))
    assert "takes two objects or more" in controller.activity


def dumbbell() -> np.ndarray:
    rows_, cols = np.mgrid[:96, :128]
    two = ((rows_ - 40) ** 2 + (cols - 40) ** 2 < 18**2) | (
        (rows_ - 40) ** 2 + (cols - 68) ** 2 < 14**2
    )
    return np.where(two, 5, 0)


@pytest.mark.parametrize("apart", [False, True])
def test_an_object_is_split_by_its_pieces_or_its_waist(apart: bool) -> None:
    controller = session(phrase="")
    held = dumbbell()
    if apart:
        held[:, 53:56] = 0
    layer = controller.viewer.add_labels(held.astype(np.int32))
    controller.set_target(layer)
    (one,) = uids(controller, 5)
    controller.editing.split(one)
    assert controller.activity == "split object 5 into 2"
    assert (layer.data[40, 40], layer.data[40, 70]) == (5, 6)
    assert uid(controller, 5) == one, "the larger part keeps row and label"
    assert (layer.data == 5).sum() > (layer.data == 6).sum() > 300
    assert rows(controller)[6]["class"] == rows(controller)[5]["class"]
    check(controller)
    controller.editing.undo()
    np.testing.assert_array_equal(layer.data, held)


def test_what_has_no_waist_or_lies_on_two_planes_is_not_split() -> None:
    controller = session(phrase="")
    held = np.zeros((2, *blobs().shape), np.int32)
    controller.viewer.layers.clear()
    controller.viewer.add_image(np.stack([blobs()] * 2), name="stack")
    held[0, 10:30, 10:30], held[:, 60:70, 60:70] = 1, 2
    controller.set_target(controller.viewer.add_labels(held))
    controller.editing.split(uid(controller, 1))
    assert "no waist" in controller.activity
    controller.editing.split(uid(controller, 2))
    assert "lies on 2 planes" in controller.activity
    assert n_edits(controller) == 1


def test_class_and_comment(controller: Controller) -> None:
    one, two = uids(controller, 1, 2)
    controller.editing.set_class([one, two], "cells")
    assert {rows(controller)[n]["class"] for n in (1, 2)} == {"cells"}
    assert rows(controller)[1]["status"] == "edited", "no proposal replaces it"
    assert controller.activity == "2 objects now of class cells"
    controller.editing.comment(one, "mitosis?")
    assert rows(controller)[1]["comment"] == "mitosis?"
    assert controller.activity == "comment on object 1 kept"
    check(controller)


@pytest.mark.parametrize(
    "act",
    [
        lambda editing: editing.accept(["nobody"]),
        lambda editing: editing.reject([]),
        lambda editing: editing.split("nobody"),
        lambda editing: editing.restore(["nobody"]),
        lambda editing: editing.comment("nobody", "x"),
    ],
)
def test_an_object_that_is_gone_is_a_sentence(controller: Controller, act: Any) -> None:
    before = n_edits(controller)
    assert act(controller.editing) is None
    assert "no such object any more" in controller.activity
    assert n_edits(controller) == before


def test_actions_on_another_plane_than_the_one_in_view() -> None:
    controller = session(np.stack([blobs()] * 2))
    dims = controller.viewer.dims
    here = dims.current_step[0]
    dims.set_current_step(0, 1 - here)
    segment(controller)
    dims.set_current_step(0, here)
    other = max(rows(controller))
    controller.editing.reject(uids(controller, other))
    dims.set_current_step(0, here)
    controller.editing.undo()
    assert dims.current_step[0] == 1 - here
    check(controller)


def test_many_are_decided_beside_the_window(
    controller: Controller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the person does meanwhile comes first, and is not overwritten."""
    monkeypatch.setattr("napari_vlseg.ui.editing.acting.MANY", 2)
    runner = controller.runner = ManualRunner()
    chosen = uids(controller, 1, 2, 3)
    assert controller.editing.reject(chosen) is None
    labels_of(controller).brush_size = 6
    labels_of(controller).paint((26, 26), 9)
    controller.editing.undo()
    assert (labels_of(controller).data == 9).any(), "one thing after the other"
    assert "still on its way" in controller.activity
    controller.editing.accept(chosen)
    assert "still on its way" in controller.activity
    runner.finish(EDIT_LANE)
    assert len(rows(controller)) == 5, "it is made again, on what is there now"
    runner.finish(EDIT_LANE)
    assert controller.activity == "rejected 3 objects"
    assert sorted(rows(controller)) == [4, 9]
    check(controller)


def test_whoever_never_stops_is_told_so(
    controller: Controller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("napari_vlseg.ui.editing.acting.MANY", 0)
    runner = controller.runner = ManualRunner()
    controller.editing.accept(uids(controller, 1))
    labels_of(controller).brush_size = 3
    for row in range(3):
        labels_of(controller).paint((48, 40 + 5 * row), 9)
        runner.finish(EDIT_LANE)
    assert "try once more" in controller.activity
    assert not runner.busy(EDIT_LANE)
