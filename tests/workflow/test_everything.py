"""Every object of a plane, without a prompt."""

from __future__ import annotations

import numpy as np
import pytest

from napari_vlseg.errors import SettingsError
from napari_vlseg.events import Progress, run
from napari_vlseg.metrics import average_precision
from napari_vlseg.models.base import MaskProposal
from napari_vlseg.object_prompts import MaskLogits, ObjectPrompt
from napari_vlseg.proposals import OBJECT_COLUMNS
from napari_vlseg.workflow.cache import EmbeddingCache
from napari_vlseg.workflow.everything import EverythingSettings, segment_everything
from napari_vlseg.workflow.propose import rethreshold
from tests.fakes import KnowingSegmenter


@pytest.fixture
def truth() -> np.ndarray:
    """Two squares that touch, one apart and a long one, on a plane that is not square."""
    labels = np.zeros((60, 100), np.int32)
    labels[5:20, 5:20] = 1
    labels[5:20, 20:40] = 2
    labels[35:50, 60:75] = 3
    labels[2:10, 50:90] = 4
    return labels


@pytest.fixture
def plane(truth: np.ndarray) -> np.ndarray:
    return np.zeros((*truth.shape, 3), np.float32)


def test_every_object_is_found_once(truth: np.ndarray, plane: np.ndarray) -> None:
    result = run(segment_everything(KnowingSegmenter(truth), plane))
    assert average_precision(truth, result.labels, 0.95) == 1
    assert tuple(result.objects.columns) == OBJECT_COLUMNS
    assert result.objects["class"].unique().tolist() == ["object"]
    assert result.objects["area"].tolist() == np.bincount(result.labels.ravel())[1:].tolist()
    np.testing.assert_allclose(result.objects["score"], 0.9, rtol=1e-6)


def test_a_model_with_a_large_input_is_asked_by_one_grid(
    truth: np.ndarray, plane: np.ndarray
) -> None:
    model = KnowingSegmenter(truth)
    model.input_size = 128
    run(segment_everything(model, plane, settings=EverythingSettings(points_per_side=10)))
    places = np.concatenate([prompt.points for prompt in model.asked])
    assert len(places) == 10 * 6
    assert sorted(set(places[:, 1].tolist())) == [10 * k + 4.5 for k in range(10)]
    assert sorted(set(places[:, 0].tolist())) == [10 * k + 4.5 for k in range(6)]


def test_a_model_with_a_small_input_looks_at_blocks_of_every_size(
    truth: np.ndarray, plane: np.ndarray
) -> None:
    model = KnowingSegmenter(truth)
    run(segment_everything(model, plane))
    nears = {prompt.near for prompt in model.asked}
    widths = sorted({right - left for _, left, _, right in nears if right is not None})
    assert widths[0] <= 0.65 * model.input_size
    assert widths[-1] == truth.shape[1]
    for prompt in model.asked:
        top, left, bottom, right = prompt.near
        row, col = prompt.points[0]
        assert top < row < bottom
        assert left < col < right


class _Painting(KnowingSegmenter):
    """Answers with given masks, whatever is asked."""

    def __init__(self, truth: np.ndarray, *answers: tuple[np.ndarray, float]) -> None:
        super().__init__(truth)
        self.answers = answers
        self.turn = 0

    def answer(self, prompt: ObjectPrompt) -> MaskProposal:
        values, score = self.answers[self.turn % len(self.answers)]
        self.turn += 1
        window = (0, 0, *self.truth.shape)
        return MaskProposal(MaskLogits(values.astype(np.float32), window), score, self.truth.shape)


def _found(truth: np.ndarray, *answers: tuple[np.ndarray, float]) -> np.ndarray:
    plane = np.zeros((*truth.shape, 3), np.float32)
    return run(segment_everything(_Painting(truth, *answers), plane)).labels


def test_masks_of_a_low_score_or_a_loose_border_are_left_out(truth: np.ndarray) -> None:
    sure, vague = np.where(truth == 3, 8, -8), np.where(truth == 3, 0.5, -0.5)
    assert _found(truth, (sure, 0.9)).any()
    assert not _found(truth, (sure, 0.3)).any()
    assert not _found(truth, (vague, 0.9)).any()


def test_background_and_specks_are_left_out(truth: np.ndarray) -> None:
    speck = np.full(truth.shape, -8)
    speck[30:32, 30:32] = 8
    assert not _found(truth, (np.where(truth == 0, 8, -8), 0.9), (speck, 0.9)).any()


def test_of_nested_masks_the_smaller_lies_on_top(truth: np.ndarray) -> None:
    inner = np.full(truth.shape, -8)
    inner[8:14, 8:14] = 8
    labels = _found(truth, (inner, 0.8), (np.where(truth == 1, 8, -8), 0.9))
    assert labels.max() == 2
    assert len(np.unique(labels[8:14, 8:14])) == 1
    assert labels[8, 8] != labels[6, 6] != 0


def test_a_mask_that_others_cover_is_left_out(truth: np.ndarray) -> None:
    both = np.isin(truth, (1, 2))
    labels = _found(truth, *((np.where(m, 8, -8), 0.9) for m in (truth == 1, truth == 2, both)))
    assert average_precision(np.where(both, truth, 0), labels, 0.95) == 1


def test_a_higher_threshold_keeps_the_surer_objects(truth: np.ndarray, plane: np.ndarray) -> None:
    model = _Painting(
        truth, (np.where(truth == 3, 8, -8), 0.95), (np.where(truth == 4, 8, -8), 0.75)
    )
    everything = run(segment_everything(model, plane))
    assert everything.labels.max() == 2
    surer = rethreshold(everything, {"object": 0.9})
    np.testing.assert_array_equal(surer.labels > 0, truth == 3)


def test_crops_find_what_they_show_whole(truth: np.ndarray, plane: np.ndarray) -> None:
    class Cropped(KnowingSegmenter):
        """Sees nothing on the whole plane, and bright objects on a crop."""

        def predict_objects_steps(self, embedding, prompts, *, multimask=False):
            self.truth = embedding.content
            return (yield from super().predict_objects_steps(embedding, prompts))

        def encode_steps(self, plane):
            embedding = yield from super().encode_steps(plane)
            values = np.round(plane[..., 0] * 5).astype(np.int32)
            whole = plane.shape[:2] == truth.shape
            return type(embedding)(
                embedding.key, embedding.shape, np.zeros_like(values) if whole else values
            )

    wider_than_a_crop = truth.copy()
    wider_than_a_crop[52:58, 10:90] = 5
    shown = np.repeat((wider_than_a_crop / 5)[..., None], 3, axis=2).astype(np.float32)
    settings = EverythingSettings(crop_layers=1)
    model = Cropped(truth)
    result = run(segment_everything(model, shown, settings=settings))
    assert model.n_encoded == 5
    assert average_precision(truth, result.labels, 0.95) == 1


def test_the_plane_is_encoded_once(truth: np.ndarray, plane: np.ndarray) -> None:
    model, cache = KnowingSegmenter(truth), EmbeddingCache()
    for _ in range(2):
        run(segment_everything(model, plane, cache=cache))
    assert model.n_encoded == 1


def test_work_is_told_and_can_be_cancelled(truth: np.ndarray, plane: np.ndarray) -> None:
    model = KnowingSegmenter(truth)
    work = segment_everything(model, plane)
    assert next(work) == Progress("encoding", 1, 1)
    assert next(work).stage == "segmenting"
    work.close()
    assert len(model.asked) <= 256


@pytest.mark.parametrize(
    ("name", "value"), [("least_score", 2.0), ("points_per_side", 0), ("crop_layers", -1)]
)
def test_a_setting_beyond_its_range_is_refused(name: str, value: float) -> None:
    with pytest.raises(SettingsError, match=name):
        EverythingSettings(**{name: value})
