"""Every click model keeps the same promises, whatever its architecture."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from segment_anything import SamPredictor
from transformers import AutoProcessor

import napari_vlseg
from napari_vlseg.errors import ModelError, PromptError
from napari_vlseg.models.base import MaskProposal, PackedEmbedding, PromptableSegmenter
from napari_vlseg.models.sam import SamSegmenter
from napari_vlseg.object_prompts import MaskLogits, ObjectPrompt
from tests.models.tiny_family import RECIPES, SIDE, save_family
from tests.models.tiny_sam import ZOOM, save_sam
from tests.models.tiny_segment_anything import save_checkpoint

WIDE, TALL = (45, 80), (90, 52)
KINDS = (*RECIPES, "segment_anything", "zooming")
CLICK = (10, 30)


def make(kind: str, folder: Path) -> Path:
    if kind == "segment_anything":
        return save_checkpoint(folder / "sam.pth")
    return save_sam(folder / kind, ZOOM) if kind == "zooming" else save_family(kind, folder / kind)


@pytest.fixture(scope="module", params=KINDS)
def source(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(request.param, tmp_path_factory.mktemp("contract"))


@pytest.fixture(scope="module")
def model(source: Path) -> SamSegmenter:
    found: SamSegmenter = napari_vlseg.load_model(str(source), device="cpu", precision="float32")
    return found


def picture(shape: tuple[int, int]) -> np.ndarray:
    """Two disks and a band, in whole grey levels; neither axis is a mirror image of itself."""
    rows, cols = np.indices(shape)
    near, far = np.hypot(rows - 20, cols - 30) < 14, np.hypot(rows - 14, cols - 48) < 9
    channels = np.stack([near, far, rows > 0.7 * shape[0]], axis=-1)
    return (channels * 200 + (rows + cols)[..., None] % 50).astype(np.uint8)


def plane_of(shape: tuple[int, int] = WIDE) -> np.ndarray:
    return picture(shape).astype(np.float32) / 255


def assert_same(a: MaskProposal, b: MaskProposal, tolerance: float = 2e-3) -> None:
    assert a.logits.window == b.logits.window
    np.testing.assert_allclose(a.logits.values, b.logits.values, atol=tolerance)
    assert a.score == pytest.approx(b.score, abs=tolerance)


@pytest.mark.parametrize("shape", [WIDE, TALL])
def test_a_click_gives_three_masks_of_the_plane(
    model: SamSegmenter, shape: tuple[int, int]
) -> None:
    assert isinstance(model, PromptableSegmenter)
    embedding = model.encode(plane_of(shape))
    assert embedding.shape == shape
    proposals = model.predict(embedding, points=[CLICK])
    assert len(proposals) == 3
    if not model._runner.network.display.zoom:
        assert sorted(proposals, key=lambda p: -p.score) == proposals
    for proposal in proposals:
        assert proposal.mask.shape == shape
        assert proposal.mask.dtype == bool
        assert proposal.logits.values.dtype == np.float32
        assert isinstance(proposal.score, float)
    assert len(model.predict(embedding, points=[CLICK], multimask=False)) == 1


def test_a_crop_is_the_mask_where_it_lies(model: SamSegmenter) -> None:
    for proposal in model.predict(model.encode(plane_of()), boxes=(5, 6, 30, 50)):
        top, left, crop = proposal.crop()
        pasted = np.zeros(WIDE, bool)
        pasted[top : top + crop.shape[0], left : left + crop.shape[1]] = crop
        np.testing.assert_array_equal(pasted, proposal.mask)
        assert not crop.size or (crop[0].any() and crop[:, -1].any())


PROMPTS = (
    ObjectPrompt(np.array([CLICK], np.float32), np.array([1])),
    ObjectPrompt(box=(5.0, 6.0, 30.0, 50.0)),
    ObjectPrompt(np.array([(20, 40), (3, 3)], np.float32), np.array([1, 0])),
    ObjectPrompt(mask=MaskLogits.of_mask(picture(WIDE)[..., 0] > 150)),
    ObjectPrompt(np.array([(25, 25)], np.float32), np.array([1]), (10.0, 10.0, 40.0, 45.0)),
    ObjectPrompt(box=(0.0, 0.0, 20.0, 20.0), mask=MaskLogits.of_mask(np.eye(45, 80, dtype=bool))),
    ObjectPrompt(box=(20.0, 30.0, 44.0, 79.0)),
)
"""Of every layout, some of them twice."""


@pytest.mark.parametrize("three", [False, True])
def test_many_objects_are_answered_as_each_alone(model: SamSegmenter, three: bool) -> None:
    embedding = model.encode(plane_of())
    together = model.predict_objects(embedding, PROMPTS, multimask=three)
    assert [len(found) for found in together] == [3 if three else 1] * len(PROMPTS)
    for prompt, found in zip(PROMPTS, together, strict=True):
        (alone,) = model.predict_objects(embedding, [prompt], multimask=three)
        for a, b in zip(found, alone, strict=True):
            assert_same(a, b)


def test_different_prompts_have_different_answers(model: SamSegmenter) -> None:
    embedding = model.encode(plane_of())
    found = [p[0] for p in model.predict_objects(embedding, PROMPTS)]
    assert len({p.logits.values.tobytes() for p in found}) == len(PROMPTS)


def test_no_objects_have_no_answers(model: SamSegmenter) -> None:
    assert model.predict_objects(model.encode(plane_of()), []) == []


def test_the_same_question_has_the_same_answer(model: SamSegmenter, source: Path) -> None:
    again = napari_vlseg.load_model(str(source), device="cpu", precision="float32")
    first = model.predict(model.encode(plane_of()), points=[CLICK])
    for a, b in zip(first, again.predict(again.encode(plane_of()), points=[CLICK]), strict=True):
        assert_same(a, b, 1e-5)


def test_a_packed_embedding_answers_as_before(model: SamSegmenter) -> None:
    plane = plane_of()
    embedding = model.encode(plane)
    before = model.predict(embedding, points=[CLICK])
    packed = model.pack(embedding)
    stored = PackedEmbedding(
        packed.key,
        {name: values.clone() for name, values in packed.tensors.items()},
        json.loads(json.dumps(packed.meta)),
    )
    restored = model.unpack(stored, plane)
    assert restored.key == embedding.key == model.embedding_key(plane)
    for a, b in zip(before, model.predict(restored, points=[CLICK]), strict=True):
        np.testing.assert_array_equal(a.logits.values, b.logits.values)
        assert a.score == b.score


def test_a_packed_embedding_spares_the_encoder(
    model: SamSegmenter, monkeypatch: pytest.MonkeyPatch
) -> None:
    plane = plane_of()
    embedding = model.encode(plane)
    model.predict(embedding, points=[CLICK])
    packed = model.pack(embedding)
    monkeypatch.setattr(model._runner.network, "encode", lambda *_: pytest.fail("encoded again"))
    assert model.predict(model.unpack(packed, plane), points=[CLICK])


@pytest.mark.parametrize(
    "damage",
    [{"windows": []}, {"windows": None}, {"windows": [[0, 0]]}, {}],
    ids=["too few", "none", "short", "absent"],
)
def test_a_packed_embedding_with_other_windows_is_refused(
    model: SamSegmenter, damage: dict[str, Any]
) -> None:
    packed = model.pack(model.encode(plane_of()))
    with pytest.raises(ModelError, match="encode the image again"):
        model.unpack(PackedEmbedding(packed.key, packed.tensors, damage), plane_of())


def test_a_packed_embedding_of_another_plane_is_refused(model: SamSegmenter) -> None:
    with pytest.raises(ModelError, match=r"no window.*encode the image again"):
        model.unpack(model.pack(model.encode(plane_of(TALL))), plane_of(WIDE))


def test_a_mask_that_is_given_back_counts(model: SamSegmenter) -> None:
    embedding = model.encode(plane_of())
    drawn = MaskLogits.of_mask(picture(WIDE)[..., 0] > 150)
    clicks: dict[str, Any] = {"points": [CLICK], "multimask": False}
    (fresh,) = model.predict(embedding, **clicks)
    (drawn_too,) = model.predict(embedding, **clicks, mask=drawn)
    (again,) = model.predict(embedding, **clicks, mask=drawn_too.logits)
    assert not np.allclose(fresh.logits.values, drawn_too.logits.values, atol=1e-3)
    assert again.mask.shape == WIDE


def test_a_mask_that_marks_nothing_is_no_prompt(model: SamSegmenter) -> None:
    nothing = MaskLogits(np.full((8, 8), -1, np.float32), (0, 0, 8, 8))
    with pytest.raises(PromptError, match="marks no pixel"):
        model.predict(model.encode(plane_of()), mask=nothing)


def test_half_precision_says_nearly_the_same(model: SamSegmenter, source: Path) -> None:
    half = napari_vlseg.load_model(str(source), device="cpu", precision="bfloat16")
    assert half.info.precision == "bfloat16"
    box = {"boxes": (5, 6, 30, 50), "multimask": False}
    (exact,) = model.predict(model.encode(plane_of()), **box)
    (rounded,) = half.predict(half.encode(plane_of()), **box)
    a, b = exact.logits.values.ravel(), rounded.logits.values.ravel()
    assert np.corrcoef(a, b)[0, 1] > 0.98


@pytest.fixture(scope="module", params=RECIPES)
def published(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[SamSegmenter, Any]:
    """A model, and the processor that transformers finds beside it."""
    folder = make(request.param, tmp_path_factory.mktemp("published"))
    model = napari_vlseg.load_model(str(folder), device="cpu", precision="float32")
    return model, AutoProcessor.from_pretrained(folder)


@pytest.mark.parametrize("shape", [WIDE, TALL])
@pytest.mark.parametrize("kind", ["click", "box"])
def test_masks_are_those_of_transformers(
    published: tuple[SamSegmenter, Any], shape: tuple[int, int], kind: str
) -> None:
    model, processor = published
    network = model._runner.network
    prompt = {"click": {"points": [CLICK]}, "box": {"boxes": (5, 6, 30, 50)}}[kind]
    scale = [SIDE / (extent if network.stretch else max(shape)) for extent in shape]
    asked = processor(
        images=picture(shape), return_tensors="pt", **_as_processor_wants(prompt, scale)
    )
    with torch.no_grad():
        wanted = network.model(
            **{name: values for name, values in asked.items() if not name.endswith("sizes")}
        )
    sizes = [asked["original_sizes"]]
    sizes += [asked["reshaped_input_sizes"]] if "reshaped_input_sizes" in asked else []
    masks = processor.post_process_masks(wanted.pred_masks, *sizes)[0][0].numpy()
    found = model.predict(model.encode(plane_of(shape)), **prompt)
    answers = list(zip(wanted.pred_masks[0, 0].numpy(), masks, strict=True))
    for proposal in found:
        logits, mask = min(answers, key=lambda a: np.abs(a[0] - proposal.logits.values).max())
        # transformers rounds the resized picture to whole grey levels.
        np.testing.assert_allclose(proposal.logits.values, logits, atol=0.1 * logits.std() + 0.01)
        assert (mask == proposal.mask).mean() > 0.97


def _as_processor_wants(prompt: dict[str, Any], scale: list[float]) -> dict[str, Any]:
    """(x, y), placed so that the processor, which scales from pixel centres, agrees with us."""

    def moved(row: float, col: float) -> list[float]:
        return [((v + 0.5) * s - 0.5) / s for v, s in zip((col, row), scale[::-1], strict=True)]

    if "points" in prompt:
        return {"input_points": [[[moved(*prompt["points"][0])]]], "input_labels": [[[1]]]}
    top, left, bottom, right = prompt["boxes"]
    return {"input_boxes": [[[*moved(top, left), *moved(bottom, right)]]]}


def test_masks_are_those_of_the_predictor(tmp_path: Path) -> None:
    model = napari_vlseg.load_model(
        str(make("segment_anything", tmp_path)), device="cpu", precision="float32"
    )
    shape = (72, SIDE)  # its predictor rounds resized pictures; this one keeps its size
    predictor = SamPredictor(model._runner.network.model)
    predictor.set_image(picture(shape))
    masks, scores, logits = predictor.predict(
        point_coords=np.array([[30, 10]]), point_labels=np.array([1])
    )
    found = model.predict(model.encode(plane_of(shape)), points=[(10, 30)])
    for proposal, number in zip(found, np.argsort(-scores), strict=True):
        np.testing.assert_allclose(proposal.logits.values, logits[number], atol=2e-3)
        assert proposal.score == pytest.approx(float(scores[number]), abs=1e-3)
        assert (masks[number] == proposal.mask).mean() > 0.97
