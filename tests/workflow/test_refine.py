"""Text finds, a click model outlines."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage as ndi

import napari_vlseg
from napari_vlseg.errors import SettingsError
from napari_vlseg.events import Progress, run
from napari_vlseg.metrics import average_precision
from napari_vlseg.models import registry
from napari_vlseg.models.base import MaskProposal, PromptableSegmenter
from napari_vlseg.object_prompts import MaskLogits, ObjectPrompt
from napari_vlseg.prompts import PromptTable
from napari_vlseg.proposals import (
    OBJECT_COLUMNS,
    OUTLINE_COLUMNS,
    ModelInfo,
    PostProcess,
    Proposals,
    empty_objects,
)
from napari_vlseg.samples import load_sample
from napari_vlseg.workflow.cache import EmbeddingCache
from napari_vlseg.workflow.propose import rethreshold
from napari_vlseg.workflow.refine import RefineSettings, refine
from tests.fakes import KnowingSegmenter

SAM_MINI = next(spec for spec in registry.specs("clicks") if spec.name == "sam-mini")


def _map_of(*maps: np.ndarray, split: str = "watershed") -> Proposals:
    """Proposals without labels, as far as `refine` needs them."""
    names = ("nuclei", "cells")[: len(maps)]
    blank = Proposals(
        np.zeros(maps[0].shape, np.int32),
        np.stack(maps).astype(np.float32),
        names,
        empty_objects(),
        (0.5,) * len(maps),
        PostProcess(split=split),
        PromptTable.build({name: name for name in names}),
        ModelInfo("dense", "1"),
    )
    return rethreshold(blank)


@pytest.fixture
def truth() -> np.ndarray:
    """Two squares side by side, five pixels apart, and one further away."""
    labels = np.zeros((64, 80), np.int32)
    labels[10:30, 10:30] = 1
    labels[10:30, 35:55] = 2
    labels[40:58, 20:38] = 3
    return labels


@pytest.fixture
def plane(truth: np.ndarray) -> np.ndarray:
    return np.repeat((truth > 0)[..., None], 3, axis=2).astype(np.float32)


def _blurred(truth: np.ndarray) -> np.ndarray:
    """A map that is sure of the middle of objects and reaches two pixels beyond them."""
    return np.where(ndi.binary_dilation(truth > 0, iterations=2), 0.6, 0.1) + 0.3 * (truth > 0)


def test_the_fake_meets_the_protocol(truth: np.ndarray) -> None:
    assert isinstance(KnowingSegmenter(truth), PromptableSegmenter)


def test_outlines_are_those_of_the_click_model(truth: np.ndarray, plane: np.ndarray) -> None:
    before = _map_of(_blurred(truth))
    after = run(refine(KnowingSegmenter(truth), plane, before))
    assert average_precision(truth, before.labels, 0.95) == 0
    assert average_precision(truth, after.labels, 0.95) == 1
    np.testing.assert_array_equal(after.probabilities, before.probabilities)


def test_the_table_holds_the_scores_of_both_models(truth: np.ndarray, plane: np.ndarray) -> None:
    result = run(refine(KnowingSegmenter(truth, score=0.75), plane, _map_of(_blurred(truth))))
    assert tuple(result.objects.columns) == (*OBJECT_COLUMNS, *OUTLINE_COLUMNS)
    assert result.objects["label"].tolist() == list(range(1, result.labels.max() + 1))
    assert result.objects["refine_score"].tolist() == [0.75] * len(result.objects)
    assert result.objects["outline"].unique().tolist() == ["knowing@1"]
    assert result.objects["model"].unique().tolist() == ["dense@1 + knowing@1"]
    assert result.objects["score"].between(0.8, 0.95).all()
    assert result.objects["area"].tolist() == np.bincount(result.labels.ravel())[1:].tolist()
    assert result.refined_by == ModelInfo("knowing", "1")


def test_objects_that_the_map_joins_come_apart(truth: np.ndarray, plane: np.ndarray) -> None:
    bridged = np.where(truth > 0, 0.9, 0.1)
    bridged[10:30, 30:35] = 0.6
    before = _map_of(bridged, split="components")
    assert before.labels.max() == 2
    after = run(refine(KnowingSegmenter(truth), plane, before))
    assert after.labels.max() == 3
    assert average_precision(truth, after.labels, 0.9) == 1


def test_parts_of_one_object_are_joined(truth: np.ndarray, plane: np.ndarray) -> None:
    halves = np.where(truth == 3, 0.9, 0.1)
    halves[:, 28:30] = 0.2
    before = _map_of(halves)
    assert before.labels.max() == 2
    after = run(refine(KnowingSegmenter(truth), plane, before))
    np.testing.assert_array_equal(after.labels > 0, truth == 3)
    assert after.labels.max() == 1


class _Mistaken(KnowingSegmenter):
    """Outlines the whole plane, whatever is asked."""

    def answer(self, prompt: ObjectPrompt) -> MaskProposal:
        values = np.full((4, 4), 8, np.float32)
        return MaskProposal(MaskLogits(values, (0, 0, *self.truth.shape)), 0.9, self.truth.shape)


def test_where_the_models_disagree_the_map_is_believed(
    truth: np.ndarray, plane: np.ndarray
) -> None:
    before = _map_of(np.where(truth == 3, 0.9, 0.01))
    settings = RefineSettings(share=0.2)
    after = run(refine(_Mistaken(truth), plane, before, settings=settings))
    np.testing.assert_array_equal(after.labels, before.labels)
    assert after.objects["outline"].tolist() == ["dense@1"]
    assert after.objects["refine_score"].isna().all()


def test_classes_stay_what_they_were(truth: np.ndarray, plane: np.ndarray) -> None:
    maps = np.where(truth == 3, 0.9, 0.1), np.where((truth == 1) | (truth == 2), 0.9, 0.1)
    result = run(refine(KnowingSegmenter(truth), plane, _map_of(*maps)))
    assert result.objects["class"].tolist() == ["cells", "cells", "nuclei"]
    assert (result.labels[truth == 3] == 3).all()


def test_an_empty_map_has_no_objects(truth: np.ndarray, plane: np.ndarray) -> None:
    model = KnowingSegmenter(truth)
    result = run(refine(model, plane, _map_of(np.full(truth.shape, 0.1))))
    assert not result.labels.any()
    assert tuple(result.objects.columns) == (*OBJECT_COLUMNS, *OUTLINE_COLUMNS)
    assert model.asked == []


def test_hundreds_of_objects_are_all_outlined() -> None:
    rows, cols = np.mgrid[:192, :192]
    cells = 1 + rows // 12 * 16 + cols // 12
    truth = np.where((rows % 12 < 8) & (cols % 12 < 8), cells, 0).astype(np.int32)
    before = _map_of(np.where(truth > 0, 0.9, 0.1))
    plane = np.zeros((192, 192, 3), np.float32)
    after = run(refine(KnowingSegmenter(truth), plane, before))
    assert after.labels.max() == 256
    np.testing.assert_array_equal(after.labels > 0, truth > 0)


def test_the_plane_is_encoded_once(truth: np.ndarray, plane: np.ndarray) -> None:
    model, cache, before = KnowingSegmenter(truth), EmbeddingCache(), _map_of(_blurred(truth))
    for _ in range(2):
        run(refine(model, plane, before, cache=cache))
    assert model.n_encoded == 1
    run(refine(model, plane, before, embedding=model.encode(plane)))
    assert model.n_encoded == 2


def test_work_is_told_and_can_be_cancelled(truth: np.ndarray, plane: np.ndarray) -> None:
    work = refine(KnowingSegmenter(truth), plane, _map_of(_blurred(truth)))
    assert next(work) == Progress("encoding", 1, 1)
    assert next(work).stage == "segmenting"
    work.close()


def test_another_threshold_says_that_outlines_are_lost(
    truth: np.ndarray, plane: np.ndarray
) -> None:
    before = _map_of(_blurred(truth))
    refined = run(refine(KnowingSegmenter(truth), plane, before))
    again = rethreshold(refined, {"nuclei": 0.5})
    np.testing.assert_array_equal(again.labels, before.labels)
    assert again.refined_by is None
    assert any("knowing" in notice for notice in again.notices)
    assert tuple(again.objects.columns) == OBJECT_COLUMNS


def test_one_label_per_class_is_refused(truth: np.ndarray, plane: np.ndarray) -> None:
    semantic = rethreshold(_map_of(_blurred(truth)), postprocess=PostProcess(mode="semantic"))
    with pytest.raises(SettingsError, match="choose instances"):
        run(refine(KnowingSegmenter(truth), plane, semantic))


@pytest.mark.parametrize("name", ["share", "least_agreement", "most_overlap"])
def test_a_share_beyond_its_range_is_refused(name: str) -> None:
    with pytest.raises(SettingsError, match=f"{name} is 1.5"):
        RefineSettings(**{name: 1.5})


@pytest.mark.skipif(not SAM_MINI.is_present(), reason="this checkout has no bundled weights")
def test_the_bundled_models_part_nuclei_that_touch() -> None:
    image, truth = load_sample("fluorescence")
    found = napari_vlseg.segment(image, text="nuclei", refine="sam-mini", device="cpu")
    joined = rethreshold(found, postprocess=PostProcess(split="components"))
    assert joined.labels.max() < truth.max()
    assert found.labels.max() >= truth.max()
    assert average_precision(truth, found.labels) > average_precision(truth, joined.labels)
    assert found.objects["refine_score"].notna().mean() > 0.9
