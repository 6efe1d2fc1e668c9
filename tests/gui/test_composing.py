"""Proposals on planes that people edited: nothing they drew is altered."""

from __future__ import annotations

import numpy as np
import pytest

from napari_vlseg.events import run
from napari_vlseg.object_table import ObjectTable
from napari_vlseg.pixel_changes import PixelChange
from napari_vlseg.prompts import PromptTable
from napari_vlseg.proposals import PostProcess, Proposals
from napari_vlseg.ui.composing import Composition, Overlap, Policy, compose
from napari_vlseg.ui.editing.composed import Target
from napari_vlseg.ui.editing.rows import Stamp, drawn, found
from napari_vlseg.ui.planes import PlaneRecord
from napari_vlseg.workflow.propose import propose, rethreshold
from tests.gui.fakes import BrightnessModel, blobs


@pytest.fixture
def proposals() -> Proposals:
    plane = np.repeat(blobs()[..., None] / np.float32(255), 3, axis=2)
    return run(propose(BrightnessModel(), plane, PromptTable.build("nuclei")))


class Plane:
    """A plane with its objects, as a journal would keep them."""

    def __init__(self, existing: np.ndarray | None = None) -> None:
        self.table = ObjectTable()
        self.record = PlaneRecord(np.zeros(blobs().shape, np.int32))
        if existing is not None:
            pixels = PixelChange.between(self.labels, existing)
            assert pixels is not None
            self.table.apply_with(pixels, found(self.table, pixels))
            self.record.current = existing.copy()

    @property
    def labels(self) -> np.ndarray:
        return self.record.current

    @property
    def status(self) -> dict[int, str]:
        return dict(zip(self.table.column("label"), self.table.column("status"), strict=True))

    def put(self, proposals: Proposals, policy: Policy = "keep") -> Composition:
        draft = self.record.draft(self.table)
        target = Target(draft, policy, draft.plane.shape, (), "propose", Stamp())
        made = target.compose(proposals)
        np.testing.assert_array_equal(draft.plane, self.labels)
        self.table.become(made.table)
        self.record.current, self.record.basis = made.made.labels, made.made.basis
        areas = dict(zip(self.table.column("label"), self.table.column("area"), strict=True))
        for label, area in areas.items():
            assert area == (self.labels == label).sum() > 0
        return made.made

    def draw(self, after: np.ndarray, sign: int = 1) -> None:
        pixels = PixelChange.between(self.labels, after)
        assert pixels is not None
        self.table.apply_with(pixels, drawn(self.table, pixels, "", Stamp()))
        self.record.set(pixels.indices(), after.ravel()[pixels.indices()])
        self.record.count_edit(pixels.indices(), sign)


def test_an_empty_plane_takes_the_proposals_as_they_are(proposals: Proposals) -> None:
    plane = Plane()
    plane.put(proposals)
    np.testing.assert_array_equal(plane.labels, proposals.labels)
    assert plane.status == dict.fromkeys((1, 2, 3, 4), "proposed")


def test_an_object_keeps_label_and_id_when_its_outline_moves(proposals: Proposals) -> None:
    plane = Plane()
    plane.put(proposals)
    uids = list(plane.table)
    made = plane.put(rethreshold(proposals, {"nuclei": 0.3}))
    assert list(plane.table) == uids
    assert set(plane.table.column("threshold")) == {0.3}
    assert set(made.proposals.objects["object_uid"]) == set(uids)
    assert (plane.labels > 0).sum() > (proposals.labels > 0).sum()


def test_an_object_that_is_new_gets_a_label_that_was_never_used(proposals: Proposals) -> None:
    plane = Plane()
    plane.put(proposals)
    after = np.where(plane.labels == 4, 0, plane.labels)
    after[45:50, 45:50] = 9
    plane.draw(after)
    other = np.zeros_like(proposals.labels)
    other[40:50, 100:110] = 1
    objects = proposals.objects[:1]
    moved = Proposals(**{**vars(proposals), "labels": other, "objects": objects})
    plane.put(moved)
    assert set(plane.status) == {9, 10}


def test_a_second_result_replaces_the_first_and_nothing_else(proposals: Proposals) -> None:
    plane = Plane()
    plane.put(proposals)
    plane.draw(np.where(plane.labels == 2, 0, plane.labels))
    plane.put(rethreshold(proposals, {"nuclei": 0.3}))
    assert not plane.labels[proposals.labels == 2].any()
    assert len(plane.status) == 3


def test_an_erased_object_comes_back_once_the_eraser_is_undone(proposals: Proposals) -> None:
    plane = Plane()
    plane.put(proposals)
    before = plane.labels.copy()
    for _ in range(3):
        plane.draw(np.where(before == 2, 0, before))
        plane.put(proposals)
        assert len(plane.status) == 3
        plane.draw(before, sign=-1)
    assert not plane.record.edited.any()


def test_an_edited_object_is_kept_pixel_by_pixel(proposals: Proposals) -> None:
    plane = Plane()
    plane.put(proposals)
    after = plane.labels.copy()
    after[18:24, 18:30] = 1
    plane.draw(after)
    plane.put(rethreshold(proposals, {"nuclei": 0.3}))
    np.testing.assert_array_equal(plane.labels == 1, after == 1)
    assert plane.status.pop(1) == "edited"
    assert set(plane.status.values()) == {"edited", "proposed"}


def test_an_accepted_object_is_kept_pixel_by_pixel(proposals: Proposals) -> None:
    plane = Plane()
    plane.put(proposals)
    first = plane.labels == 1
    plane.table.apply([plane.table.changed(plane.table.uid_of(1), status="accepted")])
    plane.put(rethreshold(proposals, {"nuclei": 0.3}), "replace")
    np.testing.assert_array_equal(plane.labels == 1, first)
    assert len(plane.status) == 4


@pytest.mark.parametrize(
    ("policy", "survives", "n_new"),
    [("keep", True, 3), ("replace", False, 4), ("add", True, 3), ("ask", True, 3)],
)
def test_policies_with_labels_that_were_there(
    proposals: Proposals, policy: Policy, survives: bool, n_new: int
) -> None:
    existing = np.zeros(proposals.labels.shape, np.int32)
    existing[14:40, 14:40] = 7
    plane = Plane(existing)
    made = plane.put(proposals, policy)
    assert bool((plane.labels[existing == 7] == 7).all()) == survives
    assert len(plane.status) == n_new + survives
    assert made.overlap == Overlap(1, 1)


def test_a_replaced_object_comes_back_with_another_policy(proposals: Proposals) -> None:
    existing = np.zeros(proposals.labels.shape, np.int32)
    existing[14:40, 14:40] = 7
    plane = Plane(existing)
    plane.put(proposals, "replace")
    assert 7 not in plane.status
    plane.put(proposals, "keep")
    np.testing.assert_array_equal(plane.labels == 7, existing == 7)


@pytest.mark.parametrize("policy", ["replace", "ask"])
def test_what_a_person_drew_wins_and_is_no_question(proposals: Proposals, policy: Policy) -> None:
    plane = Plane()
    drawn_by_hand = plane.labels.copy()
    drawn_by_hand[14:40, 14:40] = 7
    plane.draw(drawn_by_hand)
    made = plane.put(proposals, policy)
    np.testing.assert_array_equal(plane.labels == 7, drawn_by_hand == 7)
    assert made.overlap == Overlap()


def test_labels_of_a_plane_lie_above_those_of_the_others(proposals: Proposals) -> None:
    plane = Plane()
    plane.table.apply([plane.table.added(label=10, status="rejected")])
    made = compose(plane.record.draft(plane.table), proposals)
    assert sorted(made.rows["label"]) == [11, 12, 13, 14]
    assert set(np.unique(made.labels)) == {0, 11, 12, 13, 14}


def test_semantic_results_keep_the_pixels_a_person_changed(proposals: Proposals) -> None:
    classes = rethreshold(proposals, postprocess=PostProcess(mode="semantic"))
    plane = Plane()
    plane.put(classes)
    after = plane.labels.copy()
    after[20:26, 20:26] = 0
    after[50, 50] = 1
    plane.draw(after)
    plane.put(rethreshold(classes, {"nuclei": 0.3}))
    assert not plane.labels[20:26, 20:26].any()
    assert plane.labels[50, 50] == 1
    assert plane.labels[17, 17] == 1, "the rest follows the threshold"
    assert plane.status == {1: "edited"}


def test_instances_and_back_from_classes(proposals: Proposals) -> None:
    plane = Plane()
    plane.put(proposals)
    plane.put(rethreshold(proposals, postprocess=PostProcess(mode="semantic")))
    assert set(np.unique(plane.labels)) == {0, 1}
    plane.put(proposals)
    np.testing.assert_array_equal(plane.labels > 0, proposals.labels > 0)
    assert len(plane.status) == 4
