"""Checkpoints of Meta's own package: every wrapping, the same masks, and clear refusals."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import napari_vlseg
from napari_vlseg.errors import ModelError
from tests.models.test_promptable_contract import CLICK, WIDE, plane_of
from tests.models.tiny_segment_anything import as_transformers, build_sam, save_checkpoint

BOX = (5, 6, 30, 50)

WRAPPINGS: dict[str, Callable[[dict[str, torch.Tensor]], Any]] = {
    "Meta": lambda tensors: tensors,
    "MedSAM in training": lambda tensors: {"model": tensors, "optimizer": {}, "epoch": 3},
    "micro-sam": lambda tensors: {
        "model_state": {f"sam.{name}": values for name, values in tensors.items()},
        "epoch": 3,
    },
    "several GPUs": lambda tensors: {
        "state_dict": {f"module.{name}": values for name, values in tensors.items()}
    },
}


def load(path: Path) -> Any:
    return napari_vlseg.load_model(str(path), device="cpu", precision="float32")


@pytest.fixture(scope="module")
def tensors() -> dict[str, torch.Tensor]:
    return build_sam().state_dict()


@pytest.mark.parametrize("wrapping", WRAPPINGS)
def test_what_a_checkpoint_is_wrapped_in_is_taken_off(
    wrapping: str, tensors: dict[str, torch.Tensor], tmp_path: Path
) -> None:
    model = load(save_checkpoint(tmp_path / "sam.pth", WRAPPINGS[wrapping](tensors)))
    for name, values in model._runner.network.model.state_dict().items():
        torch.testing.assert_close(values, tensors[name])


def test_the_same_weights_give_the_same_masks_by_both_routes(tmp_path: Path) -> None:
    ours = load(save_checkpoint(tmp_path / "sam.pth"))
    as_transformers(build_sam()).save_pretrained(tmp_path / "folder")
    theirs = load(tmp_path / "folder")
    embeddings = ours.encode(plane_of()), theirs.encode(plane_of())
    for prompt in ({"points": [CLICK]}, {"boxes": BOX}, {"points": [CLICK], "boxes": BOX}):
        found = [m.predict(e, **prompt) for m, e in zip((ours, theirs), embeddings, strict=True)]
        assert any(0.05 < proposal.mask.mean() < 0.95 for proposal in found[0])
        for a, b in zip(*found, strict=True):
            assert a.mask.shape == WIDE
            assert (a.mask & b.mask).sum() >= 0.99 * (a.mask | b.mask).sum()
            assert a.score == pytest.approx(b.score, abs=1e-3)


class NotWeights:
    """What torch refuses to build from a file."""


def _without(tensors: dict[str, torch.Tensor], part: str) -> dict[str, torch.Tensor]:
    return {name: values for name, values in tensors.items() if part not in name}


BROKEN: dict[str, tuple[Callable[[dict[str, torch.Tensor]], Any], str]] = {
    "pickled objects": (
        lambda t: {"model_state": t, "init": NotWeights()},
        "more than weights and could run code.*export_custom_sam_model",
    ),
    "another model": (lambda _: {"conv.weight": torch.ones(3)}, "no weights of SAM's vit_b"),
    "a single tensor": (lambda _: torch.ones(3), "no weights of SAM's vit_b"),
    "half a model": (lambda t: _without(t, "neck"), "not those of SAM's vit_b.*neck"),
    "a gap": (lambda t: _without(t, "no_mask_embed"), "lack 1 tensors.*no_mask_embed"),
    "a relative": (
        lambda t: {**t, "mask_decoder.hf_token.weight": torch.ones(1, 32)},
        "joined by 1 tensors.*hf_token.*another architecture",
    ),
    "another width": (
        lambda t: {**t, "prompt_encoder.no_mask_embed.weight": torch.ones(1, 7)},
        "not those of SAM's vit_b",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_what_is_no_such_checkpoint_is_refused(
    case: str, tensors: dict[str, torch.Tensor], tmp_path: Path
) -> None:
    content, message = BROKEN[case]
    path = save_checkpoint(tmp_path / "sam.pth", content(tensors))
    with pytest.raises(ModelError, match=message):
        load(path)


@pytest.mark.parametrize("keep", [0, 40, 20_000])
def test_a_truncated_checkpoint_is_refused(keep: int, tmp_path: Path) -> None:
    path = save_checkpoint(tmp_path / "sam.pth")
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(ModelError, match=r"truncated or no PyTorch checkpoint.*fresh copy"):
        load(path)


def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "notes.pth"
    path.write_text("what I wanted to do next")
    with pytest.raises(ModelError, match="truncated or no PyTorch checkpoint"):
        load(path)


def test_the_sizes_of_the_published_architectures_follow_from_their_tensors() -> None:
    from segment_anything import sam_model_registry

    from napari_vlseg.models.segment_anything_weights import _encoder_of_shapes

    with torch.device("meta"):
        published = sam_model_registry["vit_b"]()
        found = _encoder_of_shapes(published.state_dict())
    wanted = published.image_encoder
    assert found.img_size == wanted.img_size == 1024
    shapes = {name: values.shape for name, values in wanted.state_dict().items()}
    assert {name: values.shape for name, values in found.state_dict().items()} == shapes
    assert [b.window_size for b in found.blocks] == [b.window_size for b in wanted.blocks]
    assert found.blocks[0].attn.num_heads == wanted.blocks[0].attn.num_heads
    assert np.isclose(found.blocks[0].norm1.eps, wanted.blocks[0].norm1.eps)
