"""A run of a tiny model: it learns, it resumes exactly, it publishes a usable folder."""

from __future__ import annotations

import json
import shutil
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import CLIPSegForImageSegmentation, CLIPSegProcessor

from napari_vlseg.errors import ModelError
from napari_vlseg.events import Progress, run
from napari_vlseg.training import trainer as trainer_module
from napari_vlseg.training.batches import make_batch
from napari_vlseg.training.builder import ModelShape, build_model
from napari_vlseg.training.checkpoint import CHECKPOINT_NAME, load_checkpoint, save_checkpoint
from napari_vlseg.training.examples import ExampleSource
from napari_vlseg.training.optimisation import Schedule
from napari_vlseg.training.pretrain import main, pretrain
from napari_vlseg.training.references import UNNAMED
from napari_vlseg.training.runs import LOG_NAME
from napari_vlseg.training.scene_bank import SceneBank, generate_scenes
from napari_vlseg.training.settings import PretrainSettings
from napari_vlseg.training.tokenizer import build_tokenizer, training_corpus
from napari_vlseg.training.trainer import Trainer, mixing_weights

PARTS = (torch.Tensor, dict, list, tuple)


def _tensors(state: object) -> list[torch.Tensor]:
    """All tensors of a nested state, in order."""
    if isinstance(state, torch.Tensor):
        return [state]
    parts = state.values() if isinstance(state, dict) else state
    return [t for part in parts if isinstance(part, PARTS) for t in _tensors(part)]


def test_forty_steps_lower_the_loss(tiny_settings: PretrainSettings) -> None:
    torch.manual_seed(0)
    settings = replace(tiny_settings, steps=40)
    trainer = Trainer(settings, build_tokenizer(training_corpus()))
    source = ExampleSource([], SceneBank.of(generate_scenes(0, 8, 80, 1)), 64)
    batch = make_batch(source, settings.batch, 0, 0)
    losses = [trainer.step(batch, step)["segmentation"] for step in range(40)]
    assert losses[-1] < losses[0] - 0.05


def test_an_interrupted_run_goes_on_as_if_it_had_not_been(
    tiny_settings: PretrainSettings,
    nuclei_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(trainer_module, "fast_arithmetic", lambda device: nullcontext())
    settings = replace(tiny_settings, log_every=1)
    whole, resumed = tmp_path / "whole", tmp_path / "resumed"
    resumed.mkdir()
    for event in pretrain(nuclei_folder, whole, settings):
        if isinstance(event, Progress) and event.done == 3:
            shutil.copy(whole / CHECKPOINT_NAME, resumed)
    run(pretrain(nuclei_folder, resumed, settings))
    expected, found = _log(whole)[2:], _log(resumed)
    assert [line["step"] for line in found] == [3, 4]
    for name in ("segmentation", "alignment", "dense_codes", "prompt_codes"):
        # The weights are the same bits; products of matrices may differ in their last ones, and
        # the optimisers amplify that from the second step on.
        assert found[0][name] == pytest.approx(expected[0][name], rel=1e-3)
        assert found[1][name] == pytest.approx(expected[1][name], rel=0.05)


def _log(folder: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (folder / LOG_NAME).read_text().splitlines()]


def test_a_checkpoint_of_other_settings_is_refused(
    tiny_settings: PretrainSettings, nuclei_folder: Path, tmp_path: Path
) -> None:
    short = replace(tiny_settings, steps=2)
    run(pretrain(nuclei_folder, tmp_path, short))
    run(pretrain(nuclei_folder, tmp_path, replace(short, log_every=1)))
    for other in (tiny_settings, replace(short, n_pairs=short.n_pairs + 1)):
        with pytest.raises(ModelError, match="other settings"):
            run(pretrain(nuclei_folder, tmp_path, other))


def test_the_published_folder_works_in_transformers(
    tiny_settings: PretrainSettings, nuclei_folder: Path, tmp_path: Path
) -> None:
    folder = run(pretrain(nuclei_folder, tmp_path, replace(tiny_settings, steps=2)))
    model = CLIPSegForImageSegmentation.from_pretrained(folder).eval()
    processor = CLIPSegProcessor.from_pretrained(folder)
    image = np.zeros((50, 70, 3), np.uint8)
    inputs = processor(text=["nuclei"], images=[image], return_tensors="pt", padding=True)
    with torch.no_grad():
        logits = model.float()(**inputs).logits
    assert inputs.pixel_values.shape == (1, 3, 64, 64)
    assert logits.shape[-2:] == (64, 64)
    assert "nuclei" in json.loads((folder / "vocabulary.json").read_text())["words"]
    lines = (tmp_path / LOG_NAME).read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [2]


def test_the_bundled_shape_is_small_enough() -> None:
    model = build_model(ModelShape(), build_tokenizer(training_corpus()), 0)
    n_parameters = sum(parameter.numel() for parameter in model.parameters())
    assert 2 * n_parameters < 7.9e6


def test_different_phrases_give_different_masks_from_the_start() -> None:
    tokenizer = build_tokenizer(training_corpus())
    model = build_model(ModelShape(), tokenizer, 0).eval()
    tokens = tokenizer(["nuclei", "red triangle"], padding=True, return_tensors="pt")
    pixels = torch.randn(1, 3, 128, 128).expand(2, -1, -1, -1)
    with torch.no_grad():
        first, second = model(**tokens, pixel_values=pixels).logits
    assert (first - second).std() > 0.05 * first.std()


def test_the_schedule_rises_stays_and_falls() -> None:
    schedule = Schedule(1000, warm_up=100, plateau_share=0.3)
    assert schedule(0) < 0.02
    assert schedule(99) == schedule(299) == pytest.approx(1)
    assert schedule(650) == pytest.approx(0.51, abs=0.01)
    assert schedule(999) < 0.03


def test_mixing_weights_are_reproducible_and_half_pure() -> None:
    wordings = ["nuclei"] * 2000
    weights = mixing_weights(wordings, 0, 3)
    assert torch.equal(weights, mixing_weights(wordings, 0, 3))
    assert (weights == 1).float().mean().item() == pytest.approx(0.5, abs=0.05)


def test_a_reference_without_words_is_never_mixed_with_any() -> None:
    weights = mixing_weights([UNNAMED] * 50, 0, 3)
    assert (weights == 1).all()


def test_a_missing_folder_ends_the_command_with_one(tmp_path: Path) -> None:
    arguments = ["--dsb2018", str(tmp_path), "--out", str(tmp_path / "run"), "--scenes", "1"]
    assert main(arguments) == 1


def test_a_checkpoint_restores_every_bit(tiny_settings: PretrainSettings, tmp_path: Path) -> None:
    tokenizer = build_tokenizer(training_corpus())
    source = ExampleSource([], SceneBank.of(generate_scenes(0, 8, 80, 1)), 64)
    trained, restored = Trainer(tiny_settings, tokenizer), Trainer(tiny_settings, tokenizer)
    trained.step(make_batch(source, tiny_settings.batch, 0, 0), 0)
    save_checkpoint(tmp_path, 1, tiny_settings, trained.modules, trained.optimisers)
    modules, optimisers = restored.modules, restored.optimisers
    assert load_checkpoint(tmp_path, tiny_settings, modules, optimisers) == 1
    for name, module in trained.modules.items():
        for key, value in module.state_dict().items():
            assert torch.equal(value, modules[name].state_dict()[key]), f"{name}.{key}"
    before, after = _tensors(trained.optimisers.state_dict()), _tensors(optimisers.state_dict())
    assert len(before) == len(after) > 0
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))
