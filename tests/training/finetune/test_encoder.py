"""The slow way: the vision tower learns too."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from napari_vlseg.errors import ModelError
from napari_vlseg.events import Event, run
from napari_vlseg.models.adapters import Adapter, read_adapter, write_adapter
from napari_vlseg.models.clipseg import ClipSegSegmenter
from napari_vlseg.models.weights import load_clipseg
from napari_vlseg.training.evaluate_nuclei import as_plane
from napari_vlseg.training.finetune import training
from napari_vlseg.training.finetune.encoder import LearningTower, pixels_of
from napari_vlseg.training.finetune.replay import ReplayBank, replay_bank
from napari_vlseg.training.finetune.settings import FinetuneSettings
from napari_vlseg.training.finetune.training import Epoch, finetune
from napari_vlseg.training.finetune.tuner import Tuner
from napari_vlseg.workflow.cache import EmbeddingCache
from tests.models.tiny import save_checkpoint

from .helpers import TABLE, corrected, scene

SLOW = FinetuneSettings(method="lora", epochs=3, steps=6, batch=5, rank=4)
PLANES = [corrected(seed, 96) for seed in (0, 2)]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> ClipSegSegmenter:
    folder = save_checkpoint(tmp_path_factory.mktemp("checkpoint"))
    return load_clipseg(folder, "tiny", device="cpu", precision="float32")


@pytest.fixture(scope="module")
def bank(model: ClipSegSegmenter) -> ReplayBank:
    return run(replay_bank(model, 2))


def _learned(
    model: ClipSegSegmenter, bank: ReplayBank, settings: FinetuneSettings = SLOW, **options: Any
) -> tuple[Adapter, list[Epoch]]:
    events: list[Event] = []
    work = finetune(model, TABLE, PLANES, settings, cache=EmbeddingCache(), bank=bank, **options)
    adapter = run(work, events.append)
    return adapter, [event for event in events if isinstance(event, Epoch)]


def _answer(model: ClipSegSegmenter) -> np.ndarray:
    embedding = model.encode(as_plane(scene(7, 64)[0].image))
    return model.predict(embedding, [model.condition(TABLE.rows[0])[0]])


def test_the_tower_learns_and_the_file_does_what_was_trained(
    model: ClipSegSegmenter, bank: ReplayBank, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tuners: list[Tuner] = []

    def kept(*arguments: Any) -> Tuner:
        tuners.append(Tuner(*arguments))
        return tuners[0]

    monkeypatch.setattr(training, "Tuner", kept)
    before = _answer(model)
    adapter, epochs = _learned(model, bank)
    assert epochs[-1].loss < epochs[0].loss
    assert {name.rsplit(".", 2)[1] for name in adapter.encoder} == {"q_proj", "v_proj"}
    assert all(value.abs().max() > 0 for value in adapter.encoder.values())
    assert "film_mul.weight" in adapter.decoder
    np.testing.assert_array_equal(_answer(model), before)

    write_adapter(tmp_path / "mine.safetensors", adapter)
    taught = model.with_adapter(read_adapter(tmp_path / "mine.safetensors"))
    plane, (tuner,) = PLANES[0].plane, tuners
    assert taught.embedding_key(plane) != model.embedding_key(plane)
    embedding = taught.encode(plane)
    pixels = pixels_of(plane, embedding.plan, model.network.preprocessing)
    assert tuner.tower is not None
    with torch.no_grad():
        for found, trained in zip(
            embedding.activations[0],
            tuner.tower(pixels[: len(embedding.activations[0][0])]),
            strict=True,
        ):
            torch.testing.assert_close(found, trained, rtol=0, atol=5e-3)  # pixels in float16
    for name, value in tuner.trained.items():
        torch.testing.assert_close(dict(taught.network.decoder.named_parameters())[name], value)
    assert np.abs(_answer(taught) - before).max() > 0.01


def test_blocks_that_nothing_reads_get_no_factors(tmp_path: Path) -> None:
    folder = save_checkpoint(tmp_path, extract_layers=[0, 1])
    network = load_clipseg(folder, "tiny", device="cpu", precision="float32").network
    tower = LearningTower(network, rank=2, seed=0)
    assert {name.split(".")[2] for name in tower.factors} == {"0", "1"}
    pixels = torch.rand(2, 3, 32, 32)
    with torch.no_grad():
        for found, wanted in zip(tower(pixels), network.encode(pixels), strict=True):
            torch.testing.assert_close(found, wanted)


def test_a_bank_of_pixels_shows_the_scenes_that_it_asked_about(
    model: ClipSegSegmenter, bank: ReplayBank
) -> None:
    (pixels,) = bank.as_pixels().activations
    assert len(pixels) == len(bank) > len(bank.pixels) == 2
    for seen, kept in zip(model.network.encode(pixels.float()), bank.activations, strict=True):
        torch.testing.assert_close(seen, kept, rtol=0, atol=5e-3)
    assert len(ReplayBank.empty().as_pixels()) == 0


def test_an_interrupted_training_ends_as_one_that_was_not(
    model: ClipSegSegmenter, bank: ReplayBank, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, _ = _learned(model, bank)
    step = Tuner.step

    def killed(tuner: Tuner, number: int) -> float:
        if number == 8:
            raise KeyboardInterrupt
        return step(tuner, number)

    monkeypatch.setattr(Tuner, "step", killed)
    with pytest.raises(KeyboardInterrupt):
        _learned(model, bank, folder=tmp_path)
    monkeypatch.setattr(Tuner, "step", step)
    resumed, epochs = _learned(model, bank, folder=tmp_path)
    assert len(epochs) == 2
    assert all(torch.equal(resumed.encoder[n], whole.encoder[n]) for n in whole.encoder)
    assert all(torch.equal(resumed.decoder[n], whole.decoder[n]) for n in whole.decoder)


@pytest.mark.parametrize("method", ["decoder", "lora"])
@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_half_precision_takes_nearly_the_same_steps(
    model: ClipSegSegmenter, bank: ReplayBank, method: Any, precision: Any
) -> None:
    exact = replace(SLOW, method=method, epochs=1)
    rough, _ = _learned(model, bank, replace(exact, precision=precision))
    wanted, _ = _learned(model, bank, exact)
    loss, other = (adapter.card["epochs"][0]["loss"] for adapter in (wanted, rough))
    assert other == pytest.approx(loss, rel=0.03)
    assert other != loss
    for name, value in wanted.decoder.items():
        torch.testing.assert_close(rough.decoder[name], value, rtol=0, atol=0.02)


def test_without_peft_training_says_what_to_install(
    model: ClipSegSegmenter, bank: ReplayBank, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "peft", None)
    with pytest.raises(ModelError, match="peft"):
        _learned(model, bank)
