"""What clicking decides, without a window: questions, answers, commits, planes ahead."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_vlseg.ui.clicks.answering import CLICK_LANE
from napari_vlseg.ui.controller import Controller
from napari_vlseg.ui.runner import SyncRunner
from tests.gui.fakes import BrightnessModel, Loader, ManualRunner, blobs
from tests.gui.painting import PaintingModel


def make(runner: Any, image: np.ndarray | None = None) -> Controller:
    model = PaintingModel()
    controller = Controller(ViewerModel(), runner, Loader(BrightnessModel()), Loader(model))
    controller.viewer.add_image(blobs() if image is None else image, name="squares")
    controller.clicks.set_tool("point")
    controller.painting = model  # type: ignore[attr-defined]
    return controller


def click(controller: Controller, *place: float, include: bool = True) -> None:
    controller.clicks.click(np.array(place, float), include)


@pytest.fixture
def controller() -> Controller:
    return make(SyncRunner())


@pytest.fixture
def slow() -> Controller:
    """Jobs run when told."""
    return make(ManualRunner())


def test_a_click_is_committed_with_its_class_prompt_and_model(controller):
    controller.prompts.set_phrases(0, "nuclei")
    click(controller, 20, 30)
    click(controller, 24, 30, include=False)
    assert controller.clicks.commit() == 1
    (row,) = controller.results.objects(controller.labels).to_dict("records")
    assert (row["class"], row["source"], row["status"]) == ("nuclei", "semi-auto", "accepted")
    assert row["prompt"] == "1 click +, 1 click −"
    assert row["model"] == "painting@1"
    assert row["score"] == 0.9
    assert row["area"] == (controller.labels.data == 1).sum() > 0
    assert controller.unsaved
    assert controller.clicks.session is None


def test_the_class_is_the_chosen_row(controller):
    controller.prompts.add_row()
    controller.clicks.next_class()
    click(controller, 20, 30)
    controller.clicks.commit()
    assert list(controller.results.objects(controller.labels)["class"]) == ["class 2"]
    controller.clicks.next_class()
    assert controller.clicks.class_name == "class 1"


def test_undo_takes_back_clicks_and_then_the_commit(controller):
    click(controller, 20, 30)
    controller.clicks.commit()
    first = controller.labels.data.copy()
    click(controller, 60, 30)
    controller.clicks.commit()
    click(controller, 80, 30)
    controller.clicks.undo()
    assert not controller.clicks.in_progress
    controller.clicks.undo()
    np.testing.assert_array_equal(controller.labels.data, first)
    assert controller.n_objects == 1
    controller.clicks.redo()
    assert controller.n_objects == 2
    assert set(controller.results.objects(controller.labels)["source"]) == {"semi-auto"}


def test_candidates_are_cycled_and_the_one_in_view_is_committed(controller):
    click(controller, 40, 60)
    areas = []
    for _ in range(3):
        areas.append(int(controller.clicks.session.outline.mask.sum()))
        controller.clicks.next_candidate()
    assert areas[2] < areas[0] < areas[1]
    controller.clicks.next_candidate()
    controller.clicks.commit()
    assert (controller.labels.data > 0).sum() == areas[1]


def test_adding_and_subtracting(controller):
    click(controller, 40, 60)
    controller.clicks.commit()
    area = (controller.labels.data == 1).sum()
    click(controller, 40, 66)
    controller.clicks.commit("add")
    assert set(np.unique(controller.labels.data)) == {0, 1}
    grown = (controller.labels.data == 1).sum()
    assert grown > area
    click(controller, 40, 70)
    controller.clicks.commit("subtract")
    assert (controller.labels.data == 1).sum() < grown
    (row,) = controller.results.objects(controller.labels).to_dict("records")
    assert row["status"] == "edited"
    assert row["model"] == "painting@1"


def test_there_has_to_be_an_object_to_add_to(controller):
    click(controller, 40, 60)
    controller.clicks.commit("add")
    assert "press N for a new one" in controller.activity
    assert controller.clicks.in_progress


def test_a_committed_object_is_not_overwritten_by_the_next(controller):
    click(controller, 40, 60)
    controller.clicks.commit()
    first = controller.labels.data == 1
    click(controller, 40, 65)
    controller.clicks.commit()
    np.testing.assert_array_equal(controller.labels.data == 1, first)
    assert (controller.labels.data == 2).any()


def test_what_text_found_gives_way_to_a_click(controller):
    controller.prompts.set_phrases(0, "nuclei")
    controller.segmenter.start()
    n_found = controller.n_objects
    click(controller, 26, 26)
    controller.clicks.session.draw_box((14, 14), (38, 38))
    controller.clicks._show()
    controller.clicks.commit()
    assert controller.n_objects == n_found
    sources = list(controller.results.objects(controller.labels)["source"])
    assert sorted(sources) == ["auto"] * (n_found - 1) + ["semi-auto"]


def test_a_clicked_object_outlives_the_next_segmentation(controller):
    click(controller, 48, 48)
    controller.clicks.commit()
    clicked = controller.labels.data > 0
    controller.prompts.set_phrases(0, "nuclei")
    controller.segmenter.start()
    (label,) = np.unique(controller.labels.data[clicked])
    np.testing.assert_array_equal(controller.labels.data == label, clicked)
    assert controller.n_objects == 5


def test_an_object_from_text_is_refined(controller):
    controller.prompts.set_phrases(0, "nuclei")
    controller.segmenter.start()
    label = int(controller.labels.data[26, 26])
    before = controller.labels.data == label
    controller.clicks.refine_at(np.array([26.0, 26.0]))
    np.testing.assert_array_equal(controller.clicks.session.outline.on_plane(before.shape), before)
    click(controller, 26, 40)
    controller.clicks.commit()
    after = controller.labels.data == label
    assert after[26, 40]
    assert (after & before).sum() > 0.9 * before.sum()
    row = controller.results.objects(controller.labels).set_index("label").loc[label]
    assert (row["class"], row["status"], row["source"]) == ("nuclei", "edited", "semi-auto")
    assert row["prompt"] == "nuclei; an object, 1 click +"
    assert row["model"] == "brightness@1 + painting@1"


def test_refining_nothing_says_what_to_do(controller):
    controller.clicks.refine_at(np.array([26.0, 26.0]))
    assert "no labels yet" in controller.activity
    click(controller, 48, 48)
    controller.clicks.commit()
    controller.clicks.refine_at(np.array([2.0, 2.0]))
    assert "no object here" in controller.activity


def test_find_all_like_this(controller):
    click(controller, 26, 26)
    controller.clicks.session.draw_box((19.5, 19.5), (31.5, 31.5))
    controller.clicks._show()
    controller.clicks.find_alike()
    (reference,) = controller.prompts.table.rows[0].references
    assert reference.mask.any()
    assert controller.n_objects == 4
    second = controller.viewer.add_image(blobs()[::-1].copy(), name="next")
    assert controller.images.layer is second
    assert controller.prompts.table.rows[0].references == (reference,)


def test_labels_that_are_classes_take_the_number_of_the_class(controller):
    controller.prompts.set_phrases(0, "nuclei")
    controller.relabel.toggle_mode()
    controller.segmenter.start()
    assert set(np.unique(controller.labels.data)) == {0, 1}
    click(controller, 48, 60)
    controller.clicks.commit()
    assert set(np.unique(controller.labels.data)) == {0, 1}
    assert controller.labels.data[48, 60] == 1


def test_several_clicks_before_the_answer_are_answered_once(slow):
    runner = slow.runner
    runner.finish(CLICK_LANE)  # the plane in view, encoded ahead
    click(slow, 20, 30)
    click(slow, 22, 30)
    click(slow, 24, 30)
    runner.finish(CLICK_LANE)
    assert [len(prompt.points) for prompt in slow.painting.asked] == [3]
    assert slow.clicks.session.outline is not None
    assert not runner.busy(CLICK_LANE)


def test_a_click_during_encoding_is_answered_afterwards(slow):
    click(slow, 20, 30)
    assert "preparing" in slow.activity or slow.runner.busy(CLICK_LANE)
    slow.runner.finish(CLICK_LANE)
    assert slow.painting.asked == []
    slow.runner.finish(CLICK_LANE)
    assert slow.clicks.session.outline is not None
    assert len(slow.painting.encoded) == 1


def test_an_answer_that_comes_too_late_is_dropped(slow):
    slow.runner.finish(CLICK_LANE)
    click(slow, 20, 30)
    slow.clicks.drop()
    slow.runner.finish(CLICK_LANE)
    assert slow.clicks.session is None
    assert not slow.runner.busy(CLICK_LANE)


def test_neighbouring_planes_are_encoded_ahead_and_give_way():
    stack = np.random.default_rng(0).integers(0, 255, (5, 40, 50), np.uint8)
    controller = make(ManualRunner(), stack)
    runner, model = controller.runner, controller.painting
    controller.viewer.dims.set_point(0, 2)
    while runner.busy(CLICK_LANE):
        runner.finish(CLICK_LANE)
    assert len(model.encoded) == 3
    controller.viewer.dims.set_point(0, 3)
    assert runner.busy(CLICK_LANE), "plane 4 is encoded ahead"
    click(controller, 3, 20, 30)
    runner.finish(CLICK_LANE)
    runner.finish(CLICK_LANE)
    assert controller.clicks.session.outline is not None, "the click came first"
    assert len(model.encoded) == 3
    runner.finish(CLICK_LANE)
    assert len(model.encoded) == 4


def test_another_plane_begins_another_object():
    controller = make(SyncRunner(), np.zeros((3, 40, 50), np.uint8))
    controller.viewer.dims.set_point(0, 0)
    click(controller, 0, 20, 30)
    controller.viewer.dims.set_point(0, 1)
    click(controller, 1, 10, 10)
    assert len(controller.clicks.session.step.points) == 1
    controller.clicks.commit()
    assert controller.labels.data[1].any()
    assert not controller.labels.data[0].any()
    controller.viewer.dims.set_point(0, 2)
    click(controller, 2, 10, 10)
    controller.clicks.commit()
    assert set(np.unique(controller.labels.data[2])) == {0, 2}, "planes share no label"


def test_another_click_model_is_loaded_and_the_object_dropped(controller):
    click(controller, 20, 30)
    controller.clicks.choose_model("another")
    assert not controller.clicks.in_progress
    assert controller.clicks.settings.name == "another"


def test_an_image_that_is_removed_takes_its_object_along(controller):
    click(controller, 20, 30)
    controller.viewer.layers.remove("squares")
    assert controller.clicks.session is None
    assert len(controller.viewer.layers) == 0


def test_putting_the_tool_down_leaves_nothing_behind(controller):
    viewer = controller.viewer
    drags, doubles = list(viewer.mouse_drag_callbacks), list(viewer.mouse_double_click_callbacks)
    click(controller, 20, 30)
    controller.clicks.set_tool("point")
    assert controller.clicks.tool is None
    assert [layer.name for layer in viewer.layers] == ["squares"]
    assert viewer.mouse_drag_callbacks != drags
    controller.clicks.set_tool("box")
    controller.clicks.escape()
    assert controller.clicks.tool is None
    assert len(viewer.mouse_double_click_callbacks) == len(doubles)
