"""Teaching the model without a window: what is learned, kept, used and rolled back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_vlseg.errors import ModelError
from napari_vlseg.models.base import automatic_threshold
from napari_vlseg.models.clipseg import ClipSegSegmenter
from napari_vlseg.models.registry import load
from napari_vlseg.training.finetune.shelf import AdapterShelf
from napari_vlseg.ui.training.lessons import Lessons
from tests.gui.learning import QUICK, Learner, Steps

MakeLearner = Callable[..., Learner]


@pytest.fixture(scope="module")
def model() -> ClipSegSegmenter:
    return load("vlseg-mini", device="cpu", precision="float32")


@pytest.fixture(autouse=True)
def _some_are_held_out(monkeypatch: Any) -> None:
    """Of a few objects too, so that tests need no more."""
    monkeypatch.setattr("napari_vlseg.training.finetune.splitting.FEWEST", 5)


@pytest.fixture
def make(model: ClipSegSegmenter, tmp_path: Path) -> MakeLearner:
    def make(folder: str | None = "project", runner: Any = None, n_accepted: int = 8) -> Learner:
        learner = Learner(model, None if folder is None else tmp_path / folder, runner)
        learner.propose()
        if n_accepted:
            learner.correct(n_accepted)
        return learner

    return make


@pytest.fixture
def learner(make: MakeLearner) -> Learner:
    return make()


def test_what_was_corrected_is_learned_kept_and_used(learner: Learner) -> None:
    decided = learner.uids("accepted")
    touched, before = learner.pixels(decided), learner.probabilities
    learner.desk.start()
    assert len(learner.desk.curve) == 2
    assert learner.desk.content.active == 1
    assert learner.controller.facts().startswith("vlseg-mini + 001 · ")
    (scores,) = learner.desk.outcome.rows
    assert (scores.name, scores.n_objects) == ("nuclei", 2)
    assert 0 < scores.base <= 1
    assert 0 < scores.after <= 1
    assert learner.desk.line.startswith("learned from 8 objects: Dice ")
    assert learner.desk.line == learner.desk.outcome.line
    assert learner.adapter, "the plane in view was proposed anew"
    assert not np.array_equal(learner.probabilities, before)
    assert learner.pixels(decided) == touched
    assert learner.messages == []


def test_pictures_show_the_same_region_before_and_after(learner: Learner) -> None:
    learner.desk.start()
    pictures = learner.desk.outcome.pictures
    assert pictures.before.shape == pictures.after.shape == (288, 288, 3)
    assert (pictures.before_title, pictures.after_title) == ("base model", "001")
    learner.desk.start()
    assert learner.desk.outcome.pictures.before_title == "001"


def test_auto_stands_for_the_threshold_that_was_found(learner: Learner, monkeypatch: Any) -> None:
    monkeypatch.setattr("napari_vlseg.training.finetune.card.FEWEST_FOR_THRESHOLD", 1)
    relabel = learner.controller.relabel
    usual = relabel.automatic_threshold("nuclei")
    learner.desk.start()
    found = learner.desk.outcome.rows[0].threshold
    in_use = learner.controller.models.peek(learner.controller.settings)
    assert relabel.automatic_threshold("nuclei") == automatic_threshold(in_use, "nuclei") == found
    assert relabel.automatic_threshold("another class") == usual
    assert learner.controller.record.proposals.thresholds == (found,)
    learner.controller.prompts.edit(0, threshold=0.7)
    learner.desk.start()
    assert learner.controller.record.proposals.thresholds == (0.7,)


def test_rolling_back_gives_the_earlier_proposals_back(learner: Learner) -> None:
    desk = learner.desk
    said = [learner.probabilities]
    desk.start()
    said.append(learner.probabilities)
    learner.correct(1, 0)
    desk.start()
    assert desk.content.active == 2
    assert 0 < desk.outcome.rows[0].in_use <= 1
    desk.roll_back()
    assert desk.content.active == 1
    np.testing.assert_array_equal(learner.probabilities, said[1])
    assert desk.outcome.title == "001"
    assert len(desk.curve) == 2
    desk.roll_back()
    assert desk.content.active is None
    np.testing.assert_array_equal(learner.probabilities, said[0])
    assert learner.controller.facts().startswith("vlseg-mini · ")
    desk.roll_back()
    assert "nothing to roll back" in desk.line
    desk.use(2)
    assert desk.content.active == 2
    assert [one.number for one in desk.content.adapters] == [1, 2], "nothing was lost"


def test_nothing_corrected_is_one_message(make: MakeLearner) -> None:
    learner = make(n_accepted=0)
    learner.desk.start()
    (message,) = learner.messages
    assert "nothing to learn from yet" in message
    assert learner.desk.content.adapters == ()


def test_without_a_project_nothing_is_learned(make: MakeLearner) -> None:
    learner = make(folder=None)
    learner.desk.start()
    (message,) = learner.messages
    assert "in a project" in message


def test_a_model_that_does_not_learn_is_one_message(tmp_path: Path) -> None:
    from tests.gui.fakes import BrightnessModel

    learner = Learner(BrightnessModel(), tmp_path / "project")
    learner.propose()
    learner.correct(1, 0)
    learner.desk.start()
    (message,) = learner.messages
    assert "brightness can't be fine-tuned" in message


def test_a_training_that_fails_is_one_message(learner: Learner, monkeypatch: Any) -> None:
    def burst(*args: Any, **options: Any) -> Any:
        raise ModelError("The device burnt: buy another.")

    monkeypatch.setattr("napari_vlseg.ui.training.jobs.finetune", burst)
    learner.desk.start()
    assert learner.messages == ["The device burnt: buy another."]
    assert learner.desk.line == "The device burnt: buy another."
    assert learner.desk.content.adapters == ()
    assert not learner.adapter


def test_a_stop_keeps_the_best_epoch(make: MakeLearner) -> None:
    runner = Steps("train")
    learner = make(runner=runner)
    learner.desk.set_settings(replace(QUICK, epochs=50))
    learner.desk.start()
    runner.step_until(lambda: len(learner.desk.curve) == 1)
    learner.desk.stop()
    runner.step_until(lambda: False)
    assert len(learner.desk.curve) == 1
    assert learner.desk.content.active == 1
    assert learner.adapter
    assert learner.messages == []


def test_a_stop_before_the_first_epoch_ends_it(make: MakeLearner) -> None:
    runner = Steps("train")
    learner = make(runner=runner)
    learner.desk.start()
    for _ in range(3):
        runner.step_until(iter([False, True]).__next__)
    learner.desk.stop()
    assert runner.cancelled[-1] == "train"
    assert not learner.desk.busy
    assert "nothing was learned" in learner.desk.line
    assert learner.desk.content.adapters == ()


def test_another_project_stops_the_training(make: MakeLearner, tmp_path: Path) -> None:
    runner = Steps("train")
    learner = make(runner=runner)
    learner.desk.start()
    learner.controller.desk.create(tmp_path / "other")
    assert not learner.desk.busy
    assert "another project" in learner.desk.line


def test_a_project_opened_again_uses_its_training(
    make: MakeLearner, model: ClipSegSegmenter, tmp_path: Path
) -> None:
    learner = make()
    learner.desk.start()
    said = learner.probabilities
    learner.controller.desk.save_now()
    again = Learner(model, None)
    again.controller.desk.open(tmp_path / "project")
    assert again.desk.content.active == 1
    assert again.controller.facts().startswith("vlseg-mini + 001 · ")
    again.controller.segmenter.start()
    np.testing.assert_array_equal(again.probabilities, said)


def test_unsaved_work_takes_its_trainings_along(
    make: MakeLearner, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.setenv("NAPARI_VLSEG_UNSAVED", str(tmp_path / "unsaved"))
    learner = make(folder=None)
    learner.desk.start()
    assert learner.desk.content.active == 1
    said = learner.probabilities
    learner.controller.desk.create(tmp_path / "project")
    assert AdapterShelf(tmp_path / "project").look().active == 1
    assert learner.desk.content.active == 1
    learner.controller.segmenter.start()
    np.testing.assert_array_equal(learner.probabilities, said)


def test_a_damaged_training_is_named_and_the_base_model_used(
    make: MakeLearner, model: ClipSegSegmenter, tmp_path: Path
) -> None:
    learner = make()
    learner.desk.start()
    learner.controller.desk.save_now()
    path = learner.desk.content.adapters[0].path
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    again = Learner(model, None)
    again.controller.desk.open(tmp_path / "project")
    assert any(path.name in message for message in again.messages)
    again.controller.segmenter.start()
    assert not again.adapter
    again.desk.use(1)
    assert path.name in again.messages[-1]
    assert again.desk.content.active is None


def test_a_training_of_another_model_is_not_used(learner: Learner) -> None:
    learner.desk.start()
    settings = learner.controller.settings
    learner.controller.choose_model("clipseg-rd64-refined")
    assert " + " not in learner.controller.facts()
    learner.controller.set_settings(settings)
    assert " + 001" in learner.controller.facts()


def test_live_mode_learns_after_enough_objects(make: MakeLearner) -> None:
    learner = make(n_accepted=0)
    learner.desk.live.set_every(6)
    learner.desk.live.set_on(True)
    learner.correct(3, 0)
    assert learner.desk.line == ""
    touched = learner.pixels(learner.uids("accepted"))
    learner.correct(2, 1)
    assert learner.desk.line.startswith(("learned from 5 objects", "nothing better"))
    assert learner.desk.live.n_fresh == 0
    assert learner.pixels(list(touched)) == touched
    n_trainings = len(learner.desk.content.adapters)
    learner.desk.live.set_on(False)
    learner.correct(6, 0)
    assert len(learner.desk.content.adapters) == n_trainings


def test_what_is_undone_does_not_count(make: MakeLearner) -> None:
    learner = make(n_accepted=0)
    learner.correct(2, 0)
    assert learner.desk.live.n_fresh == 2
    learner.controller.editing.undo()
    assert learner.desk.live.n_fresh == 0


def test_live_mode_learns_when_an_image_is_done(make: MakeLearner) -> None:
    learner = make(n_accepted=0)
    learner.desk.live.set_on(True)
    learner.correct(4, 0)
    assert learner.desk.line == ""
    learner.controller.desk.worklist.mark("done")
    assert "learned" in learner.desk.line


def test_live_mode_keeps_the_model_where_the_new_one_is_worse(learner: Learner) -> None:
    learner.desk.set_settings(replace(QUICK, epochs=1, rate=5.0))
    learner.desk.live.set_on(True)
    assert learner.desk.line == "", "nine were decided about, and it waits for the tenth"
    learner.desk.live.set_every(9)
    assert learner.desk.line.startswith("nothing better was learned from 8 objects (Dice ")
    assert learner.desk.content.adapters == ()
    assert not learner.adapter


def test_live_mode_fails_quietly(make: MakeLearner) -> None:
    learner = make(n_accepted=0)
    learner.desk.live.set_every(1)
    learner.desk.live.set_on(True)
    learner.correct(0, 1)
    assert learner.messages == []
    assert "nothing to learn from yet" in learner.desk.line


def test_a_heatmap_in_view_shows_what_the_new_model_says(learner: Learner) -> None:
    learner.controller.relabel.heatmap(0)
    (layer,) = [layer for layer in learner.viewer.layers if "probability" in layer.name]
    before = np.array(layer.data)
    learner.desk.start()
    np.testing.assert_array_equal(layer.data, learner.probabilities[0])
    assert not np.array_equal(layer.data, before)


def test_lessons_count_images_that_are_not_open(
    make: MakeLearner, model: ClipSegSegmenter, tmp_path: Path
) -> None:
    learner = make(n_accepted=5)
    assert learner.desk.lessons == Lessons({"nuclei": 5}, 1, 1)
    learner.controller.editing.undo()
    assert learner.desk.lessons == Lessons({"nuclei": 5}, 0, 1)
    learner.controller.desk.save_now()
    again = Learner(model, None)
    again.controller.desk.open(tmp_path / "project")
    again.controller.desk.put_away()
    again.desk.counting.count()
    assert again.desk.lessons == Lessons({"nuclei": 5}, 0, 1)


def test_an_image_that_is_done_counts_as_a_whole(make: MakeLearner) -> None:
    learner = make(n_accepted=2)
    n_left = len(learner.uids("proposed"))
    learner.controller.desk.worklist.mark("done")
    assert learner.desk.lessons.objects == {"nuclei": 2 + n_left}
