"""Proposals on planes that people edited: nothing they drew is altered."""

from __future__ import annotations

import copy

import numpy as np
import pytest

from napari_vlseg.events import run
from napari_vlseg.prompts import PromptTable
from napari_vlseg.proposals import PostProcess, Proposals
from napari_vlseg.ui.composing import Policy, compose
from napari_vlseg.ui.planes import PlaneRecord, Written
from napari_vlseg.workflow.propose import propose, rethreshold
from tests.gui.fakes import BrightnessModel, blobs


@pytest.fixture
def proposals() -> Proposals:
    plane = np.repeat(blobs()[..., None] / np.float32(255), 3, axis=2)
    return run(propose(BrightnessModel(), plane, PromptTable.build("nuclei")))


def written(proposals: Proposals, existing: np.ndarray | None = None) -> PlaneRecord:
    plane = np.zeros(proposals.labels.shape, np.int32) if existing is None else existing
    record = PlaneRecord.of(plane, Written())
    put(record, proposals)
    return record


def put(record: PlaneRecord, proposals: Proposals, policy: Policy = "keep", floor: int = 0) -> None:
    made = compose(record, proposals, policy, floor)
    record.follow(made)


def test_an_empty_plane_takes_the_proposals_as_they_are(proposals: Proposals) -> None:
    record = written(proposals)
    np.testing.assert_array_equal(record.current, proposals.labels)
    assert record.state.own == {1, 2, 3, 4}
    assert list(record.state.objects["label"]) == [1, 2, 3, 4]


def test_a_second_result_replaces_the_first_and_nothing_else(proposals: Proposals) -> None:
    record = written(proposals)
    record.reconcile(np.where(record.current == 2, 0, record.current))
    put(record, rethreshold(proposals, {"nuclei": 0.3}))
    assert not record.current[proposals.labels == 2].any()
    assert len(np.unique(record.current)) == 4


def test_an_edited_object_is_kept_pixel_by_pixel(proposals: Proposals) -> None:
    record = written(proposals)
    plane = record.current.copy()
    plane[18:24, 18:30] = 1
    record.reconcile(plane)
    put(record, rethreshold(proposals, {"nuclei": 0.3}))
    np.testing.assert_array_equal(record.current == 1, plane == 1)
    status = record.state.objects.set_index("label")["status"]
    assert status[1] == "edited"
    assert (status.drop(1) == "proposed").all()


def test_undo_and_redo_are_recognised_by_their_content(proposals: Proposals) -> None:
    record = written(proposals)
    first, state = record.current, record.state
    put(record, rethreshold(proposals, {"nuclei": 0.3}))
    second = record.current
    assert record.reconcile(first)
    assert record.state is state
    assert record.reconcile(second)
    assert set(record.state.objects["threshold"]) == {0.3}
    assert not record.state.touched


@pytest.mark.parametrize(
    ("policy", "survives", "n_new"), [("keep", True, 3), ("replace", False, 4), ("add", True, 3)]
)
def test_policies_with_labels_that_were_there(
    proposals: Proposals, policy: Policy, survives: bool, n_new: int
) -> None:
    existing = np.zeros(proposals.labels.shape, np.int32)
    existing[14:40, 14:40] = 7
    record = PlaneRecord.of(existing, Written())
    put(record, proposals, policy)
    assert bool((record.current[existing == 7] == 7).all()) == survives
    assert len(record.state.own) == n_new


def test_a_replaced_object_comes_back_with_another_policy(proposals: Proposals) -> None:
    existing = np.zeros(proposals.labels.shape, np.int32)
    existing[14:40, 14:40] = 7
    record = PlaneRecord.of(existing, Written())
    put(record, proposals, "replace")
    put(record, proposals, "keep")
    np.testing.assert_array_equal(record.current == 7, existing == 7)


def test_what_a_person_drew_wins_against_replace(proposals: Proposals) -> None:
    record = PlaneRecord.of(np.zeros(proposals.labels.shape, np.int32), Written())
    drawn = record.current.copy()
    drawn[14:40, 14:40] = 7
    record.reconcile(drawn)
    put(record, proposals, "replace")
    np.testing.assert_array_equal(record.current == 7, drawn == 7)


def test_labels_of_a_plane_lie_above_those_of_the_others(proposals: Proposals) -> None:
    record = PlaneRecord.of(np.zeros(proposals.labels.shape, np.int32), Written())
    put(record, proposals, floor=10)
    assert sorted(record.state.own) == [11, 12, 13, 14]
    assert set(record.state.objects["label"]) == record.state.own


def test_a_drawn_object_that_was_undone_stays_away(proposals: Proposals) -> None:
    record = written(proposals)
    first = record.current
    drawn = first.copy()
    drawn[45:50, 45:50] = 9
    record.reconcile(drawn)
    put(record, rethreshold(proposals, {"nuclei": 0.3}))
    record.reconcile(first)
    put(record, rethreshold(proposals, {"nuclei": 0.3}))
    assert not (record.current == 9).any()


def test_semantic_results_keep_the_pixels_a_person_changed(proposals: Proposals) -> None:
    classes = rethreshold(proposals, postprocess=PostProcess(mode="semantic"))
    record = written(classes)
    plane = record.current.copy()
    plane[20:26, 20:26] = 0
    plane[50, 50] = 1
    record.reconcile(plane)
    put(record, rethreshold(classes, {"nuclei": 0.3}))
    assert not record.current[20:26, 20:26].any()
    assert record.current[50, 50] == 1
    assert record.current[17, 17] == 1, "the rest follows the threshold"
    assert record.state.objects["status"].tolist() == ["edited"]


def test_instances_and_back_from_classes(proposals: Proposals) -> None:
    record = written(proposals)
    put(record, rethreshold(proposals, postprocess=PostProcess(mode="semantic")))
    assert set(np.unique(record.current)) == {0, 1}
    put(record, proposals)
    np.testing.assert_array_equal(record.current, proposals.labels)


def test_composing_changes_neither_draft_nor_proposals(proposals: Proposals) -> None:
    record = written(proposals)
    before = copy.deepcopy(record)
    compose(record, rethreshold(proposals, {"nuclei": 0.3}))
    np.testing.assert_array_equal(record.current, before.current)
    np.testing.assert_array_equal(record.base, before.base)
