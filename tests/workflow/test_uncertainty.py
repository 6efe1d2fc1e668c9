"""How far a model is from sure of an object."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage as ndi

from napari_vlseg.events import run
from napari_vlseg.masks import ObjectStats, label_objects
from napari_vlseg.models.base import Conditional
from napari_vlseg.prompts import ClassPrompt, PromptTable, ReferencePrompt
from napari_vlseg.proposals import PostProcess, Proposals
from napari_vlseg.workflow.propose import propose, rethreshold
from napari_vlseg.workflow.uncertainty import RIM, boundary_entropy, object_uncertainty, with_rim
from tests.fakes import BrightnessSegmenter


def _square(col: int, label: int, side: int = 8) -> np.ndarray:
    labels = np.zeros((32, 64), np.int32)
    labels[10 : 10 + side, col : col + side] = label
    return labels


def _stats(labels: np.ndarray, class_index: int = 0) -> list[ObjectStats]:
    values, areas = np.unique(labels[labels > 0], return_counts=True)
    return [
        ObjectStats(int(v), class_index, 0.5, int(n)) for v, n in zip(values, areas, strict=True)
    ]


def _of(labels: np.ndarray, probability: np.ndarray, threshold: float = 0.5) -> list[float]:
    maps = probability[np.newaxis].astype(np.float32)
    return object_uncertainty(labels, _stats(labels), maps, [threshold]).tolist()


def test_a_map_that_is_sure_leaves_no_doubt() -> None:
    labels = _square(5, 1) + _square(40, 2)
    assert _of(labels, labels > 0) == pytest.approx([0, 0], abs=1e-6)


@pytest.mark.parametrize("threshold", [0.2, 0.5, 0.9])
def test_a_probability_at_the_threshold_is_full_doubt(threshold: float) -> None:
    labels = _square(5, 1)
    assert _of(labels, np.full(labels.shape, threshold), threshold) == pytest.approx([1])
    assert boundary_entropy(np.array([threshold], np.float32), threshold) == pytest.approx(1)


@pytest.mark.parametrize("side", [3, 20])
def test_the_object_and_its_rim_count_alike_whatever_its_size(side: int) -> None:
    labels = _square(20, 1, side)
    reached = ndi.binary_dilation(labels > 0, iterations=RIM)
    probability = np.where(reached, 0.3, 0.5)
    probability[labels > 0] = 1
    q = 0.3 * 0.6 / (0.3 * 0.6 + 0.7 * 0.4)
    bits = -q * np.log2(q) - (1 - q) * np.log2(1 - q)
    assert _of(labels, probability, 0.4) == pytest.approx([bits / 2], rel=1e-5)


def test_every_object_has_its_own_mean() -> None:
    rng = np.random.default_rng(3)
    labels = ndi.label(ndi.zoom(rng.random((20, 20)), 10, order=1) > 0.75)[0].astype(np.int32)
    probability = rng.random(labels.shape).astype(np.float32)
    grown, seam = with_rim(labels)
    bits = np.where(seam, 1, boundary_entropy(probability, 0.45))
    expected = [
        (bits[labels == one.label].mean() + bits[(grown == one.label) & (labels == 0)].mean()) / 2
        for one in _stats(labels)
    ]
    assert len(expected) > 5
    np.testing.assert_allclose(_of(labels, probability, 0.45), expected, rtol=1e-5)


def test_an_object_without_a_rim_is_judged_by_its_pixels() -> None:
    assert _of(np.ones((6, 6), np.int32), np.ones((6, 6))) == pytest.approx([0], abs=1e-6)


def test_objects_that_touch_are_less_sure_than_objects_apart() -> None:
    apart, together = _square(5, 1) + _square(40, 2), _square(5, 1) + _square(13, 2)
    assert max(_of(apart, apart > 0)) < 0.01
    assert min(_of(together, together > 0)) > 0.1


def test_an_object_is_judged_by_the_map_of_its_class() -> None:
    labels = _square(5, 1) + _square(40, 2)
    stats = [ObjectStats(1, 1, 1.0, 64), ObjectStats(2, 0, 0.5, 64)]
    maps = np.stack([np.full(labels.shape, 0.5), labels == 1]).astype(np.float32)
    assert object_uncertainty(labels, stats, maps, [0.5, 0.5]) == pytest.approx([0, 1], abs=1e-6)


def test_disagreement_alone_makes_doubt() -> None:
    labels = _square(5, 1)
    maps = (labels > 0)[np.newaxis].astype(np.float32)
    differs = np.full(maps.shape, 0.25, np.float16)
    assert object_uncertainty(labels, _stats(labels), maps, [0.5], differs) == pytest.approx([0.25])
    maps[:] = 0.5
    assert object_uncertainty(labels, _stats(labels), maps, [0.5], differs) == pytest.approx([1])


def test_no_object_has_no_uncertainty() -> None:
    blank = np.zeros((8, 8), np.int32)
    assert object_uncertainty(blank, [], np.zeros((1, 8, 8), np.float32), [0.5]).shape == (0,)


class _TwoMinds(BrightnessSegmenter):
    """References find what phrases find, half as surely."""

    def condition(self, prompt, templates=("{}",), visual=None):
        own, negatives = super().condition(prompt, templates, visual)
        share = prompt.mix if prompt.phrases else 1.0
        weaker = share if prompt.references else 0.0
        return Conditional(own.vector * np.float32(1 - weaker / 2), own.description), negatives


@pytest.fixture
def plane() -> np.ndarray:
    image = np.full((40, 40, 3), 0.0, np.float32)
    image[10:22, 10:22] = 0.8
    return image


def _mixed(mix: float) -> PromptTable:
    mask = np.zeros((8, 8), bool)
    mask[2:5, 2:5] = True
    reference = ReferencePrompt(np.zeros((8, 8, 3), np.uint8), mask)
    row = ClassPrompt("light", phrases=("bright",), references=(reference,), mix=mix, threshold=0.3)
    return PromptTable((row,))


def _recomputed(found: Proposals) -> np.ndarray:
    _, stats = label_objects(found.probabilities, found.thresholds, found.postprocess)
    return object_uncertainty(
        found.labels, stats, found.probabilities, found.thresholds, found.disagreement
    )


def test_text_and_references_that_differ_are_told_and_kept(plane: np.ndarray) -> None:
    model = _TwoMinds()
    found = run(propose(model, plane, _mixed(0.5)))
    assert found.disagreement is not None
    assert found.disagreement[0, 15, 15] == pytest.approx(0.4, abs=1e-3)
    without = object_uncertainty(
        found.labels, _stats(found.labels), found.probabilities, found.thresholds
    )
    assert found.objects["uncertainty"].iloc[0] > without[0] + 0.05
    asked = model.n_encoded
    other = rethreshold(found, {"light": 0.2}, PostProcess(min_size=4))
    assert model.n_encoded == asked
    assert other.disagreement is found.disagreement
    np.testing.assert_allclose(other.objects["uncertainty"], _recomputed(other))
    assert other.objects["uncertainty"].iloc[0] != found.objects["uncertainty"].iloc[0]


@pytest.mark.parametrize("mix", [0.0, 1.0])
def test_a_voice_without_weight_is_not_asked(plane: np.ndarray, mix: float) -> None:
    assert run(propose(_TwoMinds(), plane, _mixed(mix))).disagreement is None


def test_text_alone_has_nothing_to_differ_from(plane: np.ndarray) -> None:
    found = run(propose(BrightnessSegmenter(), plane, PromptTable.build("bright")))
    assert found.disagreement is None
    assert found.objects["uncertainty"].between(0, 1).all()


def test_embeddings_are_not_made_again(plane: np.ndarray) -> None:
    model = _TwoMinds()
    run(propose(model, plane, _mixed(0.5)))
    assert model.n_encoded == 1
