"""Factors of low rank: what they change, what they leave, and adapters that carry them."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from napari_vlseg.errors import ModelError
from napari_vlseg.models import adapters
from napari_vlseg.models.adapters import Adapter, BaseModel, read_adapter, write_adapter
from napari_vlseg.models.clipseg import ClipSegSegmenter
from napari_vlseg.models.lora import (
    factors_sha256,
    learned_factors,
    learning_copy,
    with_factors,
)
from napari_vlseg.models.weights import load_clipseg
from napari_vlseg.prompts import ClassPrompt, ReferencePrompt

PATHS = tuple(f"encoder.layers.{n}.self_attn.{part}_proj" for n in (0, 2) for part in "qv")


def _factors(rank: int = 2, seed: int = 0) -> dict[str, torch.Tensor]:
    made = torch.Generator().manual_seed(seed)
    return {
        f"{path}.{end}": torch.randn(shape, generator=made)
        for path in PATHS
        for end, shape in (("A", (rank, 24)), ("B", (24, rank)))
    }


def _adapter(model: ClipSegSegmenter, factors: dict[str, torch.Tensor]) -> Adapter:
    info = model.info
    base = BaseModel(info.name, info.revision, info.weights_sha256)
    bias = {"film_add.bias": torch.full((8,), 0.25)}
    return Adapter(base, bias, {}, {"cells": 0.4}, {"note": "µ"}, factors)


def _answer(model: ClipSegSegmenter, plane: np.ndarray) -> np.ndarray:
    prompt = model.condition(ClassPrompt("cells", phrases=("cells",)))[0]
    return model.predict(model.encode(plane, working_scale=1), [prompt])


@pytest.fixture
def fresh(checkpoint: Path) -> ClipSegSegmenter:
    """A model of its own: nothing was encoded with it."""
    return load_clipseg(checkpoint, "tiny", device="cpu", precision="float32")


def test_a_layer_grows_by_the_product_and_the_rest_is_shared(fresh: ClipSegSegmenter) -> None:
    tower = fresh.network.tower
    kept = {name: value.clone() for name, value in tower.named_parameters()}
    factors = _factors()
    grown = dict(with_factors(tower, factors).named_parameters())
    for name, value in tower.named_parameters():
        torch.testing.assert_close(value, kept[name], rtol=0, atol=0)
        path = name.removesuffix(".weight")
        if path in PATHS:
            wanted = value + factors[f"{path}.B"] @ factors[f"{path}.A"]
            torch.testing.assert_close(grown[name], wanted)
        else:
            assert grown[name] is value


def test_whoever_encodes_first_the_other_sees_the_same(
    fresh: ClipSegSegmenter, segmenter: ClipSegSegmenter, plane: np.ndarray
) -> None:
    """The library hangs hooks on a network that runs; they must not reach the other one."""
    adapted = fresh.with_adapter(_adapter(fresh, _factors()))
    first = _answer(adapted, plane)
    np.testing.assert_array_equal(_answer(fresh, plane), _answer(segmenter, plane))
    np.testing.assert_array_equal(_answer(adapted, plane), first)
    later = segmenter.with_adapter(_adapter(segmenter, _factors()))
    np.testing.assert_array_equal(_answer(later, plane), first)
    assert np.abs(first - _answer(fresh, plane)).max() > 0.01


def test_only_a_changed_tower_has_keys_of_its_own(
    segmenter: ClipSegSegmenter, plane: np.ndarray
) -> None:
    keys = [
        segmenter.with_adapter(_adapter(segmenter, factors)).embedding_key(plane)
        for factors in ({}, _factors(seed=0), _factors(seed=1))
    ]
    assert keys[0] == segmenter.embedding_key(plane)
    assert len(set(keys)) == 3
    assert factors_sha256({}) == ""
    turned = dict(reversed(_factors().items()))
    assert factors_sha256(turned) == factors_sha256(_factors())


def test_references_are_looked_at_by_the_base(
    segmenter: ClipSegSegmenter, plane: np.ndarray
) -> None:
    adapted = segmenter.with_adapter(_adapter(segmenter, _factors()))
    mask = np.zeros(plane.shape[:2], bool)
    mask[10:30, 20:40] = True
    shown = ClassPrompt("shown", references=(ReferencePrompt.from_region(plane, mask),))
    np.testing.assert_array_equal(
        adapted.condition(shown)[0].vector, segmenter.condition(shown)[0].vector
    )


def test_a_rounded_tower_gives_a_rounded_one(checkpoint: Path, plane: np.ndarray) -> None:
    half = load_clipseg(checkpoint, "tiny", device="cpu", precision="bfloat16")
    adapted = half.with_adapter(_adapter(half, _factors()))
    assert {value.dtype for value in adapted.network.tower.parameters()} == {torch.bfloat16}
    assert np.isfinite(_answer(adapted, plane)).all()


@pytest.mark.parametrize(
    "wrong",
    [
        {"encoder.layers.9.self_attn.q_proj": ((2, 24), (24, 2))},
        {"encoder.layers.0.layer_norm1": ((2, 24), (24, 2))},
        {"encoder.layers.0.self_attn.q_proj": ((2, 24), (24, 3))},
        {"encoder.layers.0.self_attn.q_proj": ((2, 20), (24, 2))},
        {"encoder.layers.0.self_attn.q_proj": ((2, 24),)},
    ],
)
def test_factors_that_do_not_fit_are_refused(segmenter: ClipSegSegmenter, wrong: dict) -> None:
    factors = {
        f"{path}.{end}": torch.zeros(shape)
        for path, shapes in wrong.items()
        for end, shape in zip("AB", shapes, strict=False)
    }
    with pytest.raises(ModelError, match="do not fit"):
        segmenter.with_adapter(_adapter(segmenter, factors))


def test_a_file_gives_the_factors_back_and_says_that_it_is_of_version_2(
    segmenter: ClipSegSegmenter, plane: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, adapter = tmp_path / "mine.safetensors", _adapter(segmenter, _factors())
    write_adapter(path, adapter)
    found = read_adapter(path)
    assert found.sha256 == adapter.sha256
    assert found.encoder.keys() == adapter.encoder.keys()
    assert found.decoder.keys() == adapter.decoder.keys()
    np.testing.assert_array_equal(
        _answer(segmenter.with_adapter(found), plane),
        _answer(segmenter.with_adapter(adapter), plane),
    )
    monkeypatch.setattr(adapters, "VERSION", 1)  # a program from before there were factors
    with pytest.raises(ModelError, match="update napari-vlseg"):
        read_adapter(path)
    write_adapter(path, _adapter(segmenter, {}))
    assert read_adapter(path).encoder == {}
    assert not any(name.startswith("encoder.") for name in load_file(path))
    save_file({}, path, {"napari-vlseg-adapter": '{"version": 3}'})
    with pytest.raises(ModelError, match="version 3"):
        read_adapter(path)


def test_factors_that_learned_do_what_they_do_when_applied() -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3))
    before = {name: value.clone() for name, value in network.state_dict().items()}
    pupil = learning_copy(network, ["2"], rank=2, seed=5)
    x = torch.randn(4, 6)
    torch.testing.assert_close(pupil(x), network(x))
    factors = learned_factors(pupil)
    assert [(name, tuple(value.shape)) for name, value in factors.items()] == [
        ("2.A", (2, 8)),
        ("2.B", (3, 2)),
    ]
    assert {name for name, value in pupil.named_parameters() if value.requires_grad} == {
        name for name, value in pupil.named_parameters() if "lora_" in name
    }
    optimiser = torch.optim.SGD(factors.values(), lr=0.1)
    for _ in range(3):
        optimiser.zero_grad()
        pupil(x).square().mean().backward()
        optimiser.step()
    applied = with_factors(network, factors)
    torch.testing.assert_close(applied(x), pupil(x))
    assert not torch.equal(applied(x), network(x))
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_equal_seeds_begin_equally_and_the_global_seed_stays() -> None:
    network = nn.Sequential(nn.Linear(6, 8))
    state = torch.get_rng_state()
    starts = [learned_factors(learning_copy(network, ["0"], 2, seed))["0.A"] for seed in (1, 1, 2)]
    assert torch.equal(starts[0], starts[1])
    assert not torch.equal(starts[0], starts[2])
    assert torch.equal(torch.get_rng_state(), state)


def test_without_peft_the_remedy_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "peft", None)
    with pytest.raises(ModelError, match="napari-vlseg\\[lora\\]"):
        learning_copy(nn.Sequential(nn.Linear(2, 2)), ["0"], 1)
