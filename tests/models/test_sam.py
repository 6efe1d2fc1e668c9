"""Clicks and boxes: the right place, the same answer every time, and clear refusals."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from skimage.measure import regionprops

import napari_vlseg
from napari_vlseg.errors import ImageError, ModelError, PromptError
from napari_vlseg.events import Progress
from napari_vlseg.models import registry
from napari_vlseg.models.base import PromptableSegmenter
from napari_vlseg.models.sam import SamSegmenter
from napari_vlseg.models.sam_network import ModelPrompt, SamNetwork
from napari_vlseg.models.sam_weights import load_sam
from napari_vlseg.object_prompts import MaskLogits, ObjectPrompt
from napari_vlseg.planes import ImageView, extract_plane
from napari_vlseg.samples import load_sample
from napari_vlseg.training.sam.clicks import deepest_pixel
from tests.models.tiny_sam import ZOOM, save_sam

SHAPE = (75, 120)
"""Neither square nor a multiple of anything."""


@pytest.fixture(scope="module")
def zooming_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_sam(tmp_path_factory.mktemp("sam") / "zoom", ZOOM)


@pytest.fixture(scope="module")
def whole_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_sam(tmp_path_factory.mktemp("sam") / "whole")


@pytest.fixture(params=["zoom", "whole"])
def segmenter(
    request: pytest.FixtureRequest, zooming_folder: Path, whole_folder: Path
) -> SamSegmenter:
    folder = zooming_folder if request.param == "zoom" else whole_folder
    return load_sam(folder, "tiny", device="cpu", precision="float32")


@pytest.fixture
def plane() -> np.ndarray:
    return np.random.default_rng(0).random((*SHAPE, 3), np.float32)


class Painter:
    """Stands in for the decoder: a disk around the first click, or the box itself."""

    def __init__(self, network: SamNetwork) -> None:
        self.network = network

    def __call__(
        self, embeddings: torch.Tensor, prompts: list[ModelPrompt], *, three: bool
    ) -> tuple[np.ndarray, np.ndarray]:
        size, count = self.network.mask_size, 3 if three else 1
        centres = (np.arange(size) + 0.5) * self.network.input_size / size
        logits = np.zeros((len(prompts), count, size, size), np.float32)
        for number, prompt in enumerate(prompts):
            rows, cols = centres[:, None], centres[None, :]
            if prompt.box is not None:
                top, left, bottom, right = prompt.box
                inside = np.minimum(rows - top, bottom - rows)
                logits[number] = np.minimum(inside, np.minimum(cols - left, right - cols))
            else:
                row, col = prompt.points[0]
                logits[number] = 5 - np.hypot(rows - row, cols - col)
        return logits, np.tile(np.array([0.5, 0.9, 0.7], np.float32)[:count], (len(prompts), 1))


@pytest.fixture
def painter(segmenter: SamSegmenter, monkeypatch: pytest.MonkeyPatch) -> SamSegmenter:
    """The segmenter with a decoder whose answer is known."""
    monkeypatch.setattr(segmenter._runner.network, "decode", Painter(segmenter._runner.network))
    return segmenter


def test_it_is_a_promptable_segmenter(segmenter: SamSegmenter) -> None:
    assert isinstance(segmenter, PromptableSegmenter)
    assert segmenter.input_size == 32
    assert segmenter.info.device == "cpu"


def test_one_click_gives_three_proposals_best_first(
    segmenter: SamSegmenter, plane: np.ndarray
) -> None:
    proposals = segmenter.predict(segmenter.encode(plane), points=[(30, 100)])
    assert len(proposals) == 3
    for proposal in proposals:
        assert proposal.mask.shape == SHAPE
        assert proposal.mask.dtype == bool
        assert isinstance(proposal.score, float)
        assert proposal.logits.values.shape == (16, 16)
        assert proposal.logits.values.dtype == np.float32


def test_without_multimask_there_is_one(segmenter: SamSegmenter, plane: np.ndarray) -> None:
    embedding = segmenter.encode(plane)
    assert len(segmenter.predict(embedding, points=[(30, 100)], multimask=False)) == 1
    assert len(segmenter.predict(embedding, boxes=(3, 4, 20, 30), multimask=False)) == 1


def test_several_boxes_give_one_proposal_each(segmenter: SamSegmenter, plane: np.ndarray) -> None:
    boxes = [(3, 4, 20, 30), (40, 80, 70, 110), (0, 0, 74, 119), (10, 50, 14, 55)]
    embedding = segmenter.encode(plane)
    together = segmenter.predict(embedding, boxes=boxes)
    assert len(together) == len(boxes)
    for box, proposal in zip(boxes, together, strict=True):
        (alone,) = segmenter.predict(segmenter.encode(plane), boxes=[box], multimask=False)
        assert alone.logits.window == proposal.logits.window
        np.testing.assert_allclose(alone.logits.values, proposal.logits.values, atol=1e-4)
        assert alone.score == pytest.approx(proposal.score, abs=1e-4)


@pytest.mark.parametrize("place", [(0, 0), (74, 119), (10, 90), (60, 20), (37.4, 59.6)])
def test_a_click_lands_where_it_was_made(
    painter: SamSegmenter, plane: np.ndarray, place: tuple[float, float]
) -> None:
    for proposal in painter.predict(painter.encode(plane), points=[place]):
        rows, cols = np.nonzero(proposal.mask)
        assert proposal.mask[round(place[0]), round(place[1])]
        window = proposal.logits.window
        margin = 5 * window[2] / 32
        is_whole = (rows.min() > 0, cols.min() > 0, rows.max() < 74, cols.max() < 119)
        if all(is_whole) and _within(place, margin + 1, window):
            assert (rows.mean(), cols.mean()) == pytest.approx(place, abs=0.3 + margin / 20)


def _within(place: tuple[float, float], margin: float, window: tuple[int, int, int, int]) -> bool:
    """Whether a disk around a place is not cut by the window."""
    top, left, side, _ = window
    row, col = place
    return bool(
        top <= row - margin
        and row + margin <= top + side
        and left <= col - margin
        and col + margin <= left + side
    )


@pytest.mark.parametrize("box", [(10, 20, 24, 50), (0, 0, 9, 9), (60, 90, 74, 119)])
def test_a_box_comes_back_as_it_was_drawn(
    painter: SamSegmenter, plane: np.ndarray, box: tuple[int, int, int, int]
) -> None:
    top, left, bottom, right = box
    edges = (top - 0.5, left - 0.5, bottom + 0.5, right + 0.5)
    (proposal,) = painter.predict(painter.encode(plane), boxes=[edges], multimask=False)
    wanted = np.zeros(SHAPE, bool)
    wanted[top : bottom + 1, left : right + 1] = True
    pixel = proposal.logits.window[2] / 16
    found = np.nonzero(proposal.mask)
    for axis, (first, last) in enumerate(((top, bottom), (left, right))):
        assert abs(found[axis].min() - first) <= pixel
        assert abs(found[axis].max() - last) <= pixel
    overlap = (proposal.mask & wanted).sum() / (proposal.mask | wanted).sum()
    assert overlap > 0.6


def test_a_zooming_model_is_shown_small_objects_large(
    zooming_folder: Path, plane: np.ndarray
) -> None:
    model = load_sam(zooming_folder, "tiny", device="cpu", precision="float32")
    embedding = model.encode(plane)
    small, large = model.predict(embedding, boxes=[(30, 30, 38, 38), (5, 5, 60, 60)])
    assert 12 <= small.logits.window[2] <= 24
    assert large.logits.window[2] >= 64


def test_a_zooming_model_looks_near_a_place_that_is_known(
    zooming_folder: Path, plane: np.ndarray
) -> None:
    model = load_sam(zooming_folder, "tiny", device="cpu", precision="float32")
    click = np.array([[34, 34]], np.float32)
    prompts = [
        ObjectPrompt(click, np.ones(1, np.int64), near=near)
        for near in [(30, 30, 38, 38), (5, 5, 60, 60)]
    ]
    small, large = (found[0] for found in model.predict_objects(model.encode(plane), prompts))
    assert 12 <= small.logits.window[2] <= 24
    assert large.logits.window[2] >= 64


def test_the_same_click_gives_the_same_mask(segmenter: SamSegmenter, plane: np.ndarray) -> None:
    first = segmenter.predict(segmenter.encode(plane), points=[(30, 100)])
    embedding = segmenter.encode(plane)
    segmenter.predict(embedding, points=[(10, 10)])
    for a, b in zip(first, segmenter.predict(embedding, points=[(30, 100)]), strict=True):
        np.testing.assert_allclose(a.logits.values, b.logits.values, atol=1e-5)
        assert a.logits.window == b.logits.window


def test_a_mask_that_is_given_back_counts(segmenter: SamSegmenter, plane: np.ndarray) -> None:
    embedding = segmenter.encode(plane)
    clicks: dict[str, Any] = {
        "points": [(30, 100), (33, 104)],
        "point_labels": [1, 0],
        "multimask": False,
    }
    rows, cols = np.indices((16, 16))
    blob = (6 - np.hypot(rows - 8, cols - 8)).astype(np.float32)
    before = MaskLogits(blob, (14, 84, 32, 32))
    (fresh,) = segmenter.predict(embedding, **clicks)
    (corrected,) = segmenter.predict(embedding, **clicks, mask=before)
    (opposite,) = segmenter.predict(embedding, **clicks, mask=MaskLogits(-blob, (14, 84, 32, 32)))
    assert not np.allclose(corrected.logits.values, fresh.logits.values, atol=1e-3)
    assert not np.allclose(corrected.logits.values, opposite.logits.values, atol=1e-3)


def test_whole_images_are_answered_as_transformers_does(whole_folder: Path) -> None:
    model = load_sam(whole_folder, "tiny", device="cpu", precision="float32")
    network = model._runner.network
    plane = np.random.default_rng(1).random((32, 32, 3), np.float32)
    with torch.no_grad():
        wanted = network.model(
            pixel_values=network.preprocessing.normalize(plane[None]),
            input_points=torch.tensor([[[[20.0, 9.0]]]]),
            input_labels=torch.ones(1, 1, 1, dtype=torch.long),
        )
    found = model.predict(model.encode(plane), points=[(9, 20)])
    order = wanted.iou_scores[0, 0].argsort(descending=True).numpy()
    np.testing.assert_allclose(
        sorted((p.score for p in found), reverse=True),
        wanted.iou_scores[0, 0].numpy()[order],
        atol=1e-4,
    )
    expected = {
        round(float(s), 3): m
        for s, m in zip(wanted.iou_scores[0, 0], wanted.pred_masks[0, 0], strict=True)
    }
    for proposal in found:
        np.testing.assert_allclose(
            proposal.logits.values, expected[round(proposal.score, 3)].numpy(), atol=1e-3
        )


def test_encoding_and_predicting_report_progress(zooming_folder: Path, plane: np.ndarray) -> None:
    model = load_sam(zooming_folder, "tiny", device="cpu", precision="float32")
    events = list(model.encode_steps(plane))
    assert events
    assert all(isinstance(event, Progress) for event in events)
    stages = {event.stage for event in model.predict_steps(model.encode(plane), points=[(5, 5)])}
    assert "segmenting" in stages


def test_windows_are_encoded_once(
    zooming_folder: Path, plane: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = load_sam(zooming_folder, "tiny", device="cpu", precision="float32")
    embedding = model.encode(plane)
    model.predict(embedding, points=[(30, 100)])
    monkeypatch.setattr(model._runner.network, "encode", lambda *_: pytest.fail("encoded again"))
    assert len(model.predict(embedding, points=[(30, 100)])) == 3


def test_equal_pixels_have_equal_keys(segmenter: SamSegmenter, plane: np.ndarray) -> None:
    assert segmenter.encode(plane).key == segmenter.embedding_key(plane.copy())
    assert segmenter.embedding_key(plane) != segmenter.embedding_key(plane[:-1])


BAD_PROMPTS: dict[str, tuple[dict[str, Any], str]] = {
    "nothing": ({}, "neither a click nor a box"),
    "no clicks": ({"points": []}, "neither a click nor a box"),
    "below the plane": ({"points": [(75, 3)]}, "row 75, column 3 lies outside.*75 × 120"),
    "not a number": ({"points": [(np.nan, 3)]}, "outside the plane"),
    "one label too many": (
        {"points": [(1, 1)], "point_labels": [1, 0]},
        "1 clicks and labels of shape",
    ),
    "a label of 2": ({"points": [(1, 1)], "point_labels": [2]}, "1 includes, 0 excludes"),
    "three coordinates": ({"points": [(1, 1, 1)]}, r"shape \(1, 3\)"),
    "a box of three": ({"boxes": [(1, 1, 2)]}, r"shape \(1, 3\)"),
    "a box turned inside out": ({"boxes": [(9, 9, 3, 3)]}, "holds no pixel"),
    "a box beside the plane": ({"boxes": [(80, 3, 90, 9)]}, "holds no pixel"),
    "clicks in two boxes": (
        {"points": [(1, 1)], "boxes": [(0, 0, 5, 5), (9, 9, 20, 20)]},
        "together with 2 boxes",
    ),
    "a mask for two boxes": (
        {
            "boxes": [(0, 0, 5, 5), (9, 9, 20, 20)],
            "mask": MaskLogits(np.zeros((16, 16), np.float32), (0, 0, 32, 32)),
        },
        "one mask to correct and 2 boxes",
    ),
}


@pytest.mark.parametrize("case", BAD_PROMPTS)
def test_what_does_not_fit_is_refused(
    segmenter: SamSegmenter, plane: np.ndarray, case: str
) -> None:
    prompt, message = BAD_PROMPTS[case]
    with pytest.raises(PromptError, match=message):
        segmenter.predict(segmenter.encode(plane), **prompt)


def test_a_plane_without_colours_is_refused(segmenter: SamSegmenter) -> None:
    with pytest.raises(ImageError, match=r"\(4, 4\)"):
        segmenter.encode(np.zeros((4, 4), np.float32))


def test_a_folder_with_an_odd_switch_is_refused(zooming_folder: Path, tmp_path: Path) -> None:
    folder = save_sam(tmp_path / "sam", ZOOM)
    (folder / "vlseg.json").write_text(json.dumps({"zoom": "yes"}))
    with pytest.raises(ModelError, match="another value than true and false"):
        load_sam(folder, "tiny")


def test_a_folder_with_an_odd_number_of_views_is_refused(tmp_path: Path) -> None:
    folder = save_sam(tmp_path / "sam", ZOOM | {"views": 3})
    with pytest.raises(ModelError, match="3 views"):
        load_sam(folder, "tiny")


def test_an_encoder_of_a_missing_package_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = save_sam(tmp_path / "sam")
    backbone = {"vision_config": {"backbone_config": {"model_type": "timm_wrapper"}}}
    (folder / "config.json").write_text(json.dumps({"model_type": "edgetam"} | backbone))
    monkeypatch.setattr("napari_vlseg.models.sam_weights.find_spec", lambda _: None)
    with pytest.raises(ModelError, match=r"needs the package timm.*pip install timm"):
        load_sam(folder, "tiny")


def test_a_folder_is_loaded_by_what_its_configuration_says(whole_folder: Path) -> None:
    assert isinstance(registry.load(str(whole_folder), device="cpu"), SamSegmenter)


def test_models_for_clicks_are_listed_apart() -> None:
    assert "sam-mini" in {spec.name for spec in registry.specs("clicks")}
    assert "sam-mini" not in {spec.name for spec in registry.specs()}


def test_a_model_for_clicks_is_refused_where_text_is_asked_for(segmenter: SamSegmenter) -> None:
    with pytest.raises(ModelError, match=r"“tiny” takes clicks and boxes, not text.*vlseg-mini"):
        registry.require_dense(segmenter)


SAM_MINI = next(spec for spec in registry.specs("clicks") if spec.name == "sam-mini")


@pytest.mark.skipif(not SAM_MINI.is_present(), reason="this checkout has no bundled weights")
def test_the_bundled_model_outlines_nuclei_of_the_sample() -> None:
    model = napari_vlseg.load_model("sam-mini", device="cpu")
    image, labels = load_sample("fluorescence")
    embedding = model.encode(extract_plane(image, (), ImageView(rgb=image.ndim == 3)))
    by_click, by_box = [], []
    for nucleus in sorted(regionprops(labels), key=lambda region: -region.area)[:4]:
        truth = labels == nucleus.label
        edges = np.array(nucleus.bbox) - 0.5
        by_click.append(
            _iou(model.predict(embedding, points=[deepest_pixel(truth)])[0].mask, truth)
        )
        (boxed,) = model.predict(embedding, boxes=[edges], multimask=False)
        by_box.append(_iou(boxed.mask, truth))
    assert np.mean(by_click) > 0.6
    assert min(by_box) > 0.6


def _iou(found: np.ndarray, truth: np.ndarray) -> float:
    return float((found & truth).sum() / (found | truth).sum())
