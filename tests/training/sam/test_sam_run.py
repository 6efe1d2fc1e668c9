"""A run of a tiny model: it learns, it resumes, it publishes a usable folder."""

from __future__ import annotations

import json
import shutil
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import SamModel, SamProcessor

from napari_vlseg.events import Progress, run
from napari_vlseg.models.sam_weights import load_sam
from napari_vlseg.training.checkpoint import CHECKPOINT_NAME
from napari_vlseg.training.runs import LOG_NAME, MODEL_FOLDER
from napari_vlseg.training.sam import trainer as trainer_module
from napari_vlseg.training.sam.batches import ViewSource, make_batch
from napari_vlseg.training.sam.builder import SamShape, build_sam
from napari_vlseg.training.sam.evaluate_objects import evaluate_objects
from napari_vlseg.training.sam.losses import candidate_loss
from napari_vlseg.training.sam.pretrain import main, pretrain
from napari_vlseg.training.sam.settings import PIXEL_MEAN, SamBatchShape, SamSettings
from napari_vlseg.training.sam.trainer import SamTrainer
from napari_vlseg.training.sam.views import ViewShape, from_scene
from napari_vlseg.training.scenes import generate_scene

TINY = SamSettings(
    steps=4,
    n_scenes=4,
    scene_size=80,
    batch=SamBatchShape(images=2, objects=2),
    model=SamShape(
        image_size=32,
        vision_width=24,
        vision_layers=2,
        vision_heads=2,
        width=32,
        decoder_heads=2,
        decoder_mlp=32,
    ),
    device="cpu",
    workers=0,
    scene_workers=1,
    log_every=1,
    save_every=2,
)


def _source(count: int = 4) -> ViewSource:
    scenes = [from_scene(generate_scene(seed, size=80)) for seed in range(count)]
    return ViewSource([], scenes, ViewShape(32, 16, PIXEL_MEAN))


def test_thirty_steps_lower_the_loss() -> None:
    settings = replace(TINY, steps=30)
    trainer = SamTrainer(settings)
    batch = make_batch(_source(), settings.batch, 0, 0)
    losses = [trainer.step(batch, step)["loss_box"] for step in range(30)]
    assert np.mean(losses[-5:]) < 0.7 * np.mean(losses[:5])


def test_the_best_candidate_learns_most() -> None:
    wanted = torch.zeros(1, 8, 8)
    wanted[:, 2:6, 2:6] = 1
    right = (wanted * 2 - 1) * 0.5
    logits = torch.stack([-right, right, -right], dim=1).requires_grad_()
    loss, quality, iou = candidate_loss(logits, torch.tensor([[0.0, 1.0, 0.0]]), wanted)
    assert (float(iou), float(quality)) == (1, 0)
    loss.backward()
    assert logits.grad is not None
    strength = logits.grad.abs().sum((-1, -2))[0]
    assert strength[1] > 5 * strength[0] > 0


def test_predicted_quality_is_that_of_the_whole_object() -> None:
    wanted = torch.ones(2, 4, 4)
    logits = wanted[:, None] * 3
    hidden = torch.tensor([0.0, 48.0])
    _, quality, iou = candidate_loss(logits, torch.tensor([[1.0], [0.25]]), wanted, hidden)
    assert (float(iou), float(quality)) == (1, 0)


def test_a_refinement_starts_from_the_average_and_descends(
    nuclei_folder: Path, tmp_path: Path
) -> None:
    run(pretrain(nuclei_folder, tmp_path / "first", TINY))
    checkpoint = tmp_path / "first" / CHECKPOINT_NAME
    refined = replace(TINY, start=str(checkpoint), rate=0.0)
    assert refined.schedule.plateau_share == 0
    run(pretrain(nuclei_folder, tmp_path / "second", refined))
    first = SamModel.from_pretrained(tmp_path / "first" / MODEL_FOLDER).state_dict()
    second = SamModel.from_pretrained(tmp_path / "second" / MODEL_FOLDER).state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_an_interrupted_run_goes_on(
    nuclei_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trainer_module, "fast_arithmetic", lambda device: nullcontext())
    whole, resumed = tmp_path / "whole", tmp_path / "resumed"
    resumed.mkdir()
    for event in pretrain(nuclei_folder, whole, TINY):
        if isinstance(event, Progress) and event.done == 3:
            shutil.copy(whole / CHECKPOINT_NAME, resumed)
    run(pretrain(nuclei_folder, resumed, TINY))
    expected, found = _log(whole)[2:], _log(resumed)
    assert [line["step"] for line in found] == [3, 4]
    assert found[0]["loss_box"] == pytest.approx(expected[0]["loss_box"], rel=1e-3)
    assert found[1]["loss_box"] == pytest.approx(expected[1]["loss_box"], rel=0.05)


def _log(folder: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (folder / LOG_NAME).read_text().splitlines()]


def test_a_run_publishes_a_folder_that_transformers_and_the_product_read(
    nuclei_folder: Path, tmp_path: Path
) -> None:
    folder = run(pretrain(nuclei_folder, tmp_path / "run", TINY))
    assert SamModel.from_pretrained(folder).config.vision_config.image_size == 32
    processor = SamProcessor.from_pretrained(folder).image_processor
    assert tuple(processor.image_mean) == PIXEL_MEAN
    model = load_sam(folder, "tiny", device="cpu")
    scenes = [from_scene(generate_scene(7, size=80))]
    report = run(evaluate_objects(model, scenes, per_image=2))
    assert {"1 click", "3 clicks", "box", "box: local Otsu"} <= report["scores"].keys()
    assert 1 <= report["clicks_to_0.85"] <= 20


def test_the_command_line_says_what_is_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = main(["--dsb2018", str(tmp_path / "none"), "--out", str(tmp_path / "run")])
    assert code == 1
    assert "index.csv" in capsys.readouterr().out.replace("\n", "")


def test_positions_start_at_unit_scale_and_stay_tied() -> None:
    model = build_sam(TINY.model, 0)
    codes = model.shared_image_embedding.positional_embedding
    assert torch.equal(codes, model.prompt_encoder.shared_embedding.positional_embedding)
    assert 0.6 < float(codes.std()) < 1.4
    assert not codes.requires_grad
