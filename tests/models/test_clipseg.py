"""The adapter answers as transformers' own forward does, at a fraction of the work."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import CLIPSegConfig
from transformers.models.clipseg.modeling_clipseg import CLIPSegDecoder

from napari_vlseg.edges import refine_edges
from napari_vlseg.errors import ImageError, PromptError, SettingsError
from napari_vlseg.events import Progress
from napari_vlseg.models.base import Conditional, DenseSegmenter, Embedding
from napari_vlseg.models.clipseg import ClipSegSegmenter
from napari_vlseg.models.weights import load_clipseg
from napari_vlseg.prompts import ClassPrompt, ReferencePrompt
from napari_vlseg.visual_prompts import VisualPromptSettings, engineer_visual_prompt
from tests.models.tiny import save_checkpoint

VARIANTS: dict[str, dict[str, Any]] = {
    "patch 8": {},
    "reduced to 16 channels": {"reduce_dim": 16},
    "reduced to 64 channels, positions interpolated": {"reduce_dim": 64, "input_size": 48},
    "refined, patch 16": {
        "use_complex_transposed_convolution": True,
        "patch_size": 16,
        "image_size": 48,
    },
}


@pytest.fixture(params=VARIANTS)
def variant(request: pytest.FixtureRequest, tmp_path: Path) -> ClipSegSegmenter:
    folder = save_checkpoint(tmp_path, **VARIANTS[request.param])
    return load_clipseg(folder, "tiny", device="cpu", precision="float32")


def square(segmenter: ClipSegSegmenter, seed: int = 0) -> np.ndarray:
    size = segmenter.input_size
    return np.random.default_rng(seed).random((size, size, 3), np.float32)


def forward(segmenter: ClipSegSegmenter, plane: np.ndarray, **prompt: torch.Tensor) -> np.ndarray:
    """Probabilities of transformers' own forward pass, with its own normalisation."""
    network = segmenter._network
    pixels = network.preprocessing.normalize(plane[np.newaxis])
    with torch.no_grad():
        return network.model(pixel_values=pixels, **prompt).logits.sigmoid().numpy()


def reference_of(plane: np.ndarray) -> ReferencePrompt:
    mask = np.zeros(plane.shape[:2], bool)
    mask[5:20, 8:25] = True
    return ReferencePrompt.from_region(plane, mask, "plane")


def predict_one(segmenter: ClipSegSegmenter, plane: np.ndarray, prompt: ClassPrompt) -> np.ndarray:
    own, _ = segmenter.condition(prompt)
    return segmenter.predict(segmenter.encode(plane, working_scale=1), [own])[0]


def test_text_prompt_equals_forward(variant: ClipSegSegmenter) -> None:
    plane = square(variant)
    tokens = variant._network.tokenizer("cell nuclei", return_tensors="pt")
    expected = forward(variant, plane, **tokens)
    found = predict_one(variant, plane, ClassPrompt("n", ("cell nuclei",)))
    np.testing.assert_allclose(found, expected[0], atol=1e-4)
    assert found.std() > 0.01


def test_a_coarser_decoder_is_brought_to_the_size_of_the_tile(tmp_path: Path) -> None:
    """The complex transposed convolution gives 4 instead of 8 pixels per patch here."""
    folder = save_checkpoint(tmp_path, use_complex_transposed_convolution=True, patch_size=8)
    model = load_clipseg(folder, "tiny", device="cpu", precision="float32")
    found = predict_one(model, square(model), ClassPrompt("n", ("cells",)))
    assert found.shape == (32, 32)
    assert found.std() > 0


def test_reference_prompt_equals_forward(variant: ClipSegSegmenter) -> None:
    plane, reference = square(variant), reference_of(square(variant, seed=1))
    image = reference.image.astype(np.float32) / 255
    picture = engineer_visual_prompt(image, reference.mask, variant.input_size)
    shown = variant._network.preprocessing.normalize(picture[np.newaxis])
    expected = forward(variant, plane, conditional_pixel_values=shown)
    found = predict_one(variant, plane, ClassPrompt("n", references=(reference,)))
    np.testing.assert_allclose(found, expected[0], atol=1e-4)


def test_many_prompts_equal_one_at_a_time(segmenter: ClipSegSegmenter, plane: np.ndarray) -> None:
    embedding = segmenter.encode(plane, working_scale=1)
    prompts = [segmenter.condition(ClassPrompt("n", (word,)))[0] for word in "abcdefg"]
    together = segmenter.predict(embedding, prompts)
    assert together.shape == (7, *plane.shape[:2])
    assert together.dtype == np.float32
    for prompt, probabilities in zip(prompts, together, strict=True):
        alone = segmenter.predict(embedding, [prompt])[0]
        np.testing.assert_allclose(alone, probabilities, atol=1e-5)
    assert np.abs(together[0] - together[1]).max() > 0.01


def test_an_embedding_holds_what_no_prompt_changes(
    segmenter: ClipSegSegmenter, plane: np.ndarray
) -> None:
    """The decoder's reduced channels, not the vision tower's: twelvefold less at full size."""
    batch = segmenter.encode(plane, working_scale=1).activations[0]
    config = segmenter._network.model.config
    assert [layer.shape for layer in batch] == [(9, 1 + 4 * 4, config.reduce_dim)] * 3
    own, _ = segmenter.condition(ClassPrompt("n", ("cells",)))
    before = [layer.clone() for layer in batch]
    segmenter._network.decode(batch, np.stack([own.vector] * 3))
    for layer, kept in zip(batch, before, strict=True):
        torch.testing.assert_close(layer, kept, rtol=0, atol=0)


def test_published_decoder_size() -> None:
    with torch.device("meta"):
        decoder = CLIPSegDecoder(CLIPSegConfig(reduce_dim=64))
    assert sum(weight.numel() for weight in decoder.parameters()) == 1_122_305


def test_is_a_dense_segmenter(segmenter: ClipSegSegmenter) -> None:
    assert isinstance(segmenter, DenseSegmenter)
    assert segmenter.info.device == "cpu"
    assert segmenter.info.precision == "float32"
    assert segmenter.info.revision == segmenter.info.weights_sha256[:12]


def test_tiles_are_encoded_alone_and_put_back_in_place(segmenter: ClipSegSegmenter) -> None:
    """A corner that one tile covers alone has that tile's answer."""
    plane = np.random.default_rng(2).random((75, 58, 3), np.float32)
    prompt = ClassPrompt("n", ("cells",))
    whole = predict_one(segmenter, plane, prompt)
    corner = predict_one(segmenter, plane[-32:, :32], prompt)
    np.testing.assert_allclose(whole[-8:, :8], corner[-8:, :8], atol=1e-5)


@pytest.mark.parametrize("shape", [(1, 1), (5, 90), (40, 33), (130, 20)])
def test_any_size_comes_back_in_its_own_size(
    segmenter: ClipSegSegmenter, shape: tuple[int, int]
) -> None:
    plane = np.random.default_rng(0).random((*shape, 3), np.float32)
    for scale in (None, 0.5, 1.0, 3.3):
        embedding = segmenter.encode(plane, working_scale=scale)
        own, _ = segmenter.condition(ClassPrompt("n", ("cells",)))
        probabilities = segmenter.predict(embedding, [own])
        assert probabilities.shape == (1, *shape)
        assert 0 <= probabilities.min() <= probabilities.max() <= 1


def test_a_plane_slightly_larger_than_the_input_is_one_tile(segmenter: ClipSegSegmenter) -> None:
    """Positions are interpolated as transformers does it for the same pixels."""
    plane = np.random.default_rng(0).random((40, 40, 3), np.float32)
    embedding = segmenter.encode(plane, working_scale=1)
    assert (embedding.plan.side, len(embedding.plan.tiles)) == (40, 1)
    tokens = segmenter._network.tokenizer("cells", return_tensors="pt")
    found = predict_one(segmenter, plane, ClassPrompt("n", ("cells",)))
    np.testing.assert_allclose(found, forward(segmenter, plane, **tokens)[0], atol=1e-4)


def test_embedding_key_tells_computations_apart(
    segmenter: ClipSegSegmenter, plane: np.ndarray
) -> None:
    key = segmenter.embedding_key(plane, 1.0)
    changed = plane.copy()
    changed[3, 4, 1] += 1e-3
    assert segmenter.encode(plane, working_scale=1.0).key == key
    assert segmenter.embedding_key(plane.astype(np.float64), 1.0) == key
    others = [
        segmenter.embedding_key(changed, 1.0),
        segmenter.embedding_key(plane, 1.5),
        segmenter.embedding_key(plane.transpose(1, 0, 2), 1.0),
    ]
    assert len({key, *others}) == 4


def test_embedding_key_depends_on_the_weights(
    segmenter: ClipSegSegmenter, plane: np.ndarray, tmp_path: Path
) -> None:
    other = load_clipseg(
        save_checkpoint(tmp_path, reduce_dim=12), "tiny", device="cpu", precision="float32"
    )
    assert other.embedding_key(plane) != segmenter.embedding_key(plane)


def test_steps_report_every_batch_and_can_be_stopped(
    segmenter: ClipSegSegmenter, plane: np.ndarray
) -> None:
    segmenter._budget = segmenter._budget.__class__(
        segmenter._budget.device, segmenter._budget.dtype, max_tiles=2
    )
    steps = segmenter.encode_steps(plane, working_scale=1)
    events = []
    try:
        while True:
            events.append(next(steps))
    except StopIteration as stop:
        embedding: Embedding = stop.value
    assert events == [Progress("encoding", done, 9) for done in (2, 4, 6, 8, 9)]
    stopped = segmenter.encode_steps(plane, working_scale=1)
    assert next(stopped) == Progress("encoding", 2, 9)
    stopped.close()
    own, _ = segmenter.condition(ClassPrompt("n", ("cells",)))
    decoding = list(segmenter.predict_steps(embedding, [own, own]))
    assert decoding[-1] == Progress("segmenting", 18, 18)


def test_half_precision_encodes_nearly_the_same(
    checkpoint: Path, segmenter: ClipSegSegmenter, plane: np.ndarray
) -> None:
    half = load_clipseg(checkpoint, "tiny", device="cpu", precision="bfloat16")
    assert half.info.precision == "bfloat16"
    prompt = ClassPrompt("n", ("cells",))
    exact, rough = (predict_one(model, plane, prompt) for model in (segmenter, half))
    assert rough.dtype == np.float32
    assert 0 < np.abs(exact - rough).max() < 0.05
    assert half.embedding_key(plane) != segmenter.embedding_key(plane)


@pytest.mark.parametrize("shape", [(0, 5, 3), (5, 5), (5, 5, 4)])
def test_a_wrong_plane_is_named(segmenter: ClipSegSegmenter, shape: tuple[int, ...]) -> None:
    with pytest.raises(ImageError, match=r"\(H, W, 3\)"):
        segmenter.encode(np.zeros(shape, np.float32))


@pytest.mark.parametrize("scale", [0, -1, 1e9, float("nan")])
def test_a_wrong_scale_is_named(
    segmenter: ClipSegSegmenter, plane: np.ndarray, scale: float
) -> None:
    with pytest.raises(SettingsError, match="working scale"):
        segmenter.encode(plane, working_scale=scale)


def test_no_prompt_is_named(segmenter: ClipSegSegmenter, plane: np.ndarray) -> None:
    embedding = segmenter.encode(plane)
    with pytest.raises(PromptError, match="no prompt"):
        segmenter.predict(embedding, [])


def test_visual_settings_change_the_reference(segmenter: ClipSegSegmenter) -> None:
    prompt = ClassPrompt("n", references=(reference_of(square(segmenter)),))
    usual, _ = segmenter.condition(prompt)
    bare, _ = segmenter.condition(prompt, visual=VisualPromptSettings(0.5, 1.0, 0.0))
    assert isinstance(usual, Conditional)
    assert not np.allclose(usual.vector, bare.vector)


def test_references_are_matched_where_the_folder_says_so(
    checkpoint: Path, tmp_path: Path, plane: np.ndarray
) -> None:
    copy = shutil.copytree(checkpoint, tmp_path / "copy")
    (copy / "vlseg.json").write_text('{"working_scale": 1.0, "familiar_lengths": [1e6, 2e6]}')
    plain, matching = (
        load_clipseg(folder, "tiny", device="cpu", precision="float32")
        for folder in (checkpoint, copy)
    )
    mask = np.zeros(plane.shape[:2], bool)
    mask[20:40, 10:30] = True
    shown = ClassPrompt("c", references=(ReferencePrompt.from_region(plane, mask),))
    asked = [plain.condition(prompt)[0] for prompt in (shown, ClassPrompt("c", ("ab",)))]
    before = plain.predict(plain.encode(plane, working_scale=1.0), asked)
    after = matching.predict(matching.encode(plane), asked)
    assert np.abs(after[0] - before[0]).max() > 0.01
    np.testing.assert_array_equal(after[1], before[1])


def test_maps_follow_the_edges_where_asked(segmenter: ClipSegSegmenter, plane: np.ndarray) -> None:
    """Half a patch far, in pixels of the plane."""
    embedding = segmenter.encode(plane, working_scale=2)
    own, _ = segmenter.condition(ClassPrompt("n", ("cells",)))
    plain = segmenter.predict(embedding, [own, own])
    followed = segmenter.predict(embedding, [own, own], edges=True)
    assert not segmenter.default_edges
    np.testing.assert_array_equal(segmenter.predict(embedding, [own, own], edges=False), plain)
    np.testing.assert_array_equal(followed, refine_edges(plain, plane, 8.0))
    assert not np.array_equal(followed, plain)


def test_the_model_says_whether_maps_follow_the_edges(
    checkpoint: Path, tmp_path: Path, plane: np.ndarray
) -> None:
    copy = shutil.copytree(checkpoint, tmp_path / "model")
    (copy / "vlseg.json").write_text('{"edges": true}')
    following = load_clipseg(copy, "tiny", device="cpu", precision="float32")
    assert following.default_edges
    embedding = following.encode(plane, working_scale=1)
    own, _ = following.condition(ClassPrompt("n", ("cells",)))
    default = following.predict(embedding, [own])
    np.testing.assert_array_equal(default, following.predict(embedding, [own], edges=True))
    assert not np.array_equal(default, following.predict(embedding, [own], edges=False))
