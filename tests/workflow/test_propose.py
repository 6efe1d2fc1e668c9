from __future__ import annotations

import numpy as np
import pytest

from napari_vlseg.errors import ImageError, PromptError, SettingsError
from napari_vlseg.events import Notice, Progress, run
from napari_vlseg.models.base import DenseSegmenter
from napari_vlseg.prompts import PromptTable
from napari_vlseg.proposals import OBJECT_COLUMNS, PostProcess
from napari_vlseg.visual_prompts import VisualPromptSettings
from napari_vlseg.workflow.cache import EmbeddingCache
from napari_vlseg.workflow.propose import preview, propose, rethreshold
from tests.fakes import BrightnessSegmenter


@pytest.fixture
def plane() -> np.ndarray:
    """Two bright squares, of .9 and .6, on a dark plane."""
    image = np.full((64, 80, 3), 0.1, np.float32)
    image[8:24, 8:24] = 0.9
    image[32:52, 40:70] = 0.6
    return image


@pytest.fixture
def model() -> BrightnessSegmenter:
    return BrightnessSegmenter()


def test_the_fake_meets_the_protocol(model):
    assert isinstance(model, DenseSegmenter)


def test_each_object_is_a_row_of_the_table(model, plane):
    result = run(propose(model, plane, PromptTable.build("nuclei=bright")))
    assert tuple(result.objects.columns) == OBJECT_COLUMNS
    assert result.objects["label"].tolist() == [1, 2]
    assert result.objects["area"].tolist() == [256, 600]
    assert result.objects["class"].tolist() == ["nuclei", "nuclei"]
    np.testing.assert_allclose(result.objects["score"], [0.9, 0.6], atol=1e-5)
    assert result.objects["model"].unique().tolist() == ["brightness@1"]
    assert result.objects["object_uid"].is_unique
    assert result.labels.dtype == np.int32
    assert result.labels[10, 10] == 1
    assert result.labels[40, 50] == 2


@pytest.mark.parametrize("default", [False, True])
def test_edges_are_the_choice_of_the_person_else_of_the_model(model, plane, default):
    model.default_edges = default
    table = PromptTable.build("bright")
    found = [run(propose(model, plane, table, edges=edges)).edges for edges in (None, True, False)]
    assert found == model.edges_asked == [default, True, False]


def test_nothing_found_is_an_empty_table_with_the_same_columns(model, plane):
    result = run(propose(model, plane, PromptTable.build("nothing")))
    assert tuple(result.objects.columns) == OBJECT_COLUMNS
    assert len(result.objects) == 0
    assert not result.labels.any()


def test_a_negative_takes_what_suits_it_better(model, plane):
    asked = PromptTable.build("bright;-dark")
    result = run(propose(model, plane, asked))
    assert result.probabilities.shape == (1, 64, 80)
    assert result.probabilities[0, 0, 0] == 0
    assert result.probabilities[0, 10, 10] == pytest.approx(0.9)


def test_classes_compete_and_keep_their_order(model, plane):
    table = PromptTable.build(["night=dark", "light=bright"])
    result = run(propose(model, plane, table, postprocess=PostProcess(mode="semantic")))
    assert result.classes == ("night", "light")
    assert result.labels[0, 0] == 1
    assert result.labels[10, 10] == 2


def test_a_second_prompt_does_not_encode_again(model, plane):
    cache = EmbeddingCache()
    run(propose(model, plane, PromptTable.build("bright"), cache=cache))
    run(propose(model, plane, PromptTable.build("dark"), cache=cache))
    assert model.n_encoded == 1
    run(propose(model, plane * 0.5, PromptTable.build("dark"), cache=cache))
    assert model.n_encoded == 2


def test_thresholds_move_without_the_model(model, plane):
    first = run(propose(model, plane, PromptTable.build("bright")))
    encoded = model.n_encoded
    second = rethreshold(first, {"bright": 0.7})
    assert model.n_encoded == encoded
    assert second.probabilities is first.probabilities
    assert len(second.objects) == 1
    assert second.objects["threshold"].tolist() == [0.7]
    assert first.thresholds == (0.5,)
    np.testing.assert_array_equal(preview(first, {"bright": 0.7}) > 0, second.labels > 0)


@pytest.mark.parametrize("thresholds", [{"bright": 1.5}, {"moon": 0.5}])
def test_thresholds_that_make_no_sense_are_refused(model, plane, thresholds):
    result = run(propose(model, plane, PromptTable.build("bright")))
    with pytest.raises(SettingsError):
        rethreshold(result, thresholds)


def test_progress_and_unknown_words_are_told(model, plane):
    events = []
    result = run(propose(model, plane, PromptTable.build("bright zebra")), events.append)
    notices = [event.message for event in events if isinstance(event, Notice)]
    assert len(notices) == 1
    assert "“zebra”" in notices[0]
    assert result.notices == tuple(notices)
    tiles = [event for event in events if isinstance(event, Progress) and event.total > 1]
    assert [event.done for event in tiles] == list(range(1, tiles[0].total + 1))


def test_what_the_model_tells_is_kept_with_the_proposals(model, plane):
    class Short(BrightnessSegmenter):
        def encode_steps(self, plane, *, working_scale=None):
            yield Notice("memory is short")
            return (yield from super().encode_steps(plane, working_scale=working_scale))

    result = run(propose(Short(), plane, PromptTable.build("bright")))
    assert result.notices == ("memory is short",)


def test_reference_settings_reach_the_model(plane):
    seen = []

    class Listening(BrightnessSegmenter):
        def condition(self, prompt, templates=("{}",), visual=None):
            seen.append(visual)
            return super().condition(prompt, templates, visual)

    visual = VisualPromptSettings(context=0.5, background=0.3, blur_sigma=1)
    run(propose(Listening(), plane, PromptTable.build("bright", visual=visual)))
    assert seen == [visual]


def test_closing_the_generator_cancels(model, plane):
    work = propose(model, plane, PromptTable.build("bright"))
    next(work)
    work.close()
    with pytest.raises(StopIteration):
        next(work)


def test_hidden_rows_are_left_out_and_an_empty_question_is_refused(model, plane):
    with pytest.raises(PromptError, match="type what to find"):
        run(propose(model, plane, PromptTable()))


def test_a_plane_of_another_shape_is_refused(model):
    with pytest.raises(ImageError, match=r"\(5, 5\)"):
        run(propose(model, np.zeros((5, 5)), PromptTable.build("bright")))


def test_a_threshold_that_was_learned_holds_where_the_person_chose_none() -> None:
    model = BrightnessSegmenter()
    model.class_thresholds = {"bright": 0.8}  # type: ignore[attr-defined]
    plane = np.full((40, 40, 3), 0.2, np.float32)
    plane[8:20, 8:20] = 0.7
    plane[24:34, 24:34] = 0.9
    auto = run(propose(model, plane, PromptTable.build("bright")))
    assert auto.thresholds == (0.8,)
    assert len(auto.objects) == 1
    chosen = run(propose(model, plane, PromptTable.build("bright", threshold=0.5)))
    assert chosen.thresholds == (0.5,)
    other = run(propose(model, plane, PromptTable.build("b=bright")))
    assert other.thresholds == (0.5,)
