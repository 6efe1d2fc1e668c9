"""The recipe at a two-minute budget: the model learns what an untrained one does not know."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from napari_vlseg.events import run
from napari_vlseg.models import registry
from napari_vlseg.training.builder import build_model
from napari_vlseg.training.evaluate_scenes import ALL_PRESENT, evaluate_scenes
from napari_vlseg.training.pretrain import pretrain
from napari_vlseg.training.publish import save_model_folder
from napari_vlseg.training.runs import LOG_NAME
from napari_vlseg.training.settings import PretrainSettings
from napari_vlseg.training.tokenizer import build_tokenizer, training_corpus
from napari_vlseg.training.trainer import PIXEL_MEAN, PIXEL_STD

_SETTINGS = PretrainSettings(
    steps=220, n_scenes=300, n_pairs=30, device="cpu", scene_workers=1, log_every=20
)
_N_SCENES = 30


def _best_iou(folder: Path) -> float:
    model = registry.load(str(folder), device="cpu")
    return float(run(evaluate_scenes(model, _N_SCENES))["present"][ALL_PRESENT]["best_iou"])


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_two_minutes_of_the_recipe_teach_the_model(nuclei_folder: Path, tmp_path: Path) -> None:
    tokenizer = build_tokenizer(training_corpus())
    untrained = build_model(_SETTINGS.model, tokenizer, _SETTINGS.seed).half()
    save_model_folder(untrained, tokenizer, tmp_path / "untrained", PIXEL_MEAN, PIXEL_STD)
    trained = run(pretrain(nuclei_folder, tmp_path / "run", _SETTINGS))

    lines = (tmp_path / "run" / LOG_NAME).read_text().splitlines()
    losses = [json.loads(line)["segmentation"] for line in lines]
    assert np.mean(losses[-3:]) < 0.6 * losses[0]
    assert _best_iou(trained) > _best_iou(tmp_path / "untrained") + 0.1
