"""Adapters: written, read, refused, and a model that works with one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from napari_vlseg.errors import ModelError
from napari_vlseg.models.adapters import (
    Adapter,
    BaseModel,
    is_adapter,
    read_adapter,
    write_adapter,
)
from napari_vlseg.models.base import automatic_threshold
from napari_vlseg.models.clipseg import ClipSegSegmenter
from napari_vlseg.models.registry import load
from napari_vlseg.prompts import ClassPrompt

PLANE = np.random.default_rng(0).random((150, 170, 3)).astype(np.float32)


@pytest.fixture(scope="module")
def base() -> ClipSegSegmenter:
    return load("vlseg-mini", device="cpu", precision="float32")


@pytest.fixture
def adapter(base: ClipSegSegmenter) -> Adapter:
    info = base.info
    vector = np.linspace(-1, 1, 128, dtype=np.float32)
    bias = torch.full((64,), 0.25)
    return Adapter(
        BaseModel(info.name, info.revision, info.weights_sha256),
        {"film_add.bias": bias},
        {"zoborg cells": vector},
        {"zoborgs": 0.4},
        {"note": "µ"},
    )


def test_a_file_gives_everything_back(tmp_path: Path, adapter: Adapter) -> None:
    path = tmp_path / "mine.safetensors"
    write_adapter(path, adapter)
    assert is_adapter(path)
    found = read_adapter(path)
    assert found.base == adapter.base
    assert found.thresholds == adapter.thresholds
    assert found.card == adapter.card
    assert found.sha256 == adapter.sha256
    assert torch.equal(found.decoder["film_add.bias"], adapter.decoder["film_add.bias"])
    np.testing.assert_array_equal(found.phrases["zoborg cells"], adapter.phrases["zoborg cells"])


def test_an_adapted_model_shares_what_was_encoded(base: ClipSegSegmenter, adapter: Adapter) -> None:
    adapted = base.with_adapter(adapter)
    embedding = base.encode(PLANE)
    assert adapted.embedding_key(PLANE) == embedding.key
    nuclei = base.condition(ClassPrompt("nuclei", phrases=("nuclei",)))[0]
    before = base.predict(embedding, [nuclei])
    assert not np.array_equal(adapted.predict(embedding, [nuclei]), before)
    np.testing.assert_array_equal(base.predict(embedding, [nuclei]), before)


def test_its_thresholds_stand_where_the_person_chose_none(
    base: ClipSegSegmenter, adapter: Adapter
) -> None:
    adapted = base.with_adapter(adapter)
    assert automatic_threshold(adapted, "zoborgs") == 0.4
    assert automatic_threshold(adapted, "nuclei") == base.default_threshold
    assert automatic_threshold(base, "zoborgs") == base.default_threshold


def test_a_learned_phrase_has_its_own_embedding(base: ClipSegSegmenter, adapter: Adapter) -> None:
    adapted = base.with_adapter(adapter)
    assert base.unknown_words("zoborg cells") == ["zoborg"]
    assert adapted.unknown_words("Zoborg  cells") == []
    prompt = ClassPrompt("zoborgs", phrases=("Zoborg cells",))
    own, _ = adapted.condition(prompt, ("{}", "a photo of {}"))
    np.testing.assert_allclose(own.vector, adapter.phrases["zoborg cells"], rtol=1e-6)
    other = ClassPrompt("nuclei", phrases=("nuclei",))
    np.testing.assert_array_equal(
        adapted.condition(other)[0].vector, base.condition(other)[0].vector
    )


def test_the_registry_loads_an_adapter_with_its_base(tmp_path: Path, adapter: Adapter) -> None:
    path = tmp_path / "mine.safetensors"
    write_adapter(path, adapter)
    model = load(str(path), device="cpu", precision="float32")
    assert model.info.adapter_sha256 == adapter.sha256
    assert model.info.weights_sha256 == adapter.base.weights_sha256
    assert model.info.revision.startswith(f"{adapter.base.revision}+")


def test_other_weights_are_refused(base: ClipSegSegmenter, adapter: Adapter) -> None:
    other = replace(adapter, base=replace(adapter.base, weights_sha256="0" * 64))
    with pytest.raises(ModelError, match="other weights"):
        base.with_adapter(other)


def test_tensors_that_do_not_fit_are_refused(base: ClipSegSegmenter, adapter: Adapter) -> None:
    for tensors in ({"nothing": torch.zeros(1)}, {"film_add.bias": torch.zeros(3)}):
        with pytest.raises(ModelError, match="does not fit"):
            base.with_adapter(replace(adapter, decoder=tensors))


def test_damaged_foreign_and_later_files_are_told_apart(tmp_path: Path, adapter: Adapter) -> None:
    path = tmp_path / "mine.safetensors"
    with pytest.raises(ModelError, match="missing"):
        read_adapter(path)
    write_adapter(path, adapter)
    whole = path.read_bytes()
    path.write_bytes(whole[:-20])
    assert not is_adapter(path)
    with pytest.raises(ModelError, match="damaged"):
        read_adapter(path)
    save_file({"x": torch.zeros(1)}, path)
    assert not is_adapter(path)
    with pytest.raises(ModelError, match="no adapter"):
        read_adapter(path)
    path.write_bytes(whole)
    tensors = load_file(path)
    save_file(tensors, path, {"napari-vlseg-adapter": '{"version": 9}'})
    with pytest.raises(ModelError, match="update napari-vlseg"):
        read_adapter(path)
    save_file(tensors, path, {"napari-vlseg-adapter": '{"version": 1, "base": {}}'})
    with pytest.raises(ModelError, match="damaged"):
        read_adapter(path)
