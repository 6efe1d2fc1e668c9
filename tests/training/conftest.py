"""Small stand-ins: a folder like DSB 2018's, a tiny model, few scenes."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from napari_vlseg.training.batches import BatchShape
from napari_vlseg.training.builder import ModelShape
from napari_vlseg.training.scenes import generate_scene
from napari_vlseg.training.settings import PretrainSettings

TINY_MODEL = ModelShape(
    image_size=64,
    vision_width=48,
    vision_layers=2,
    text_width=32,
    text_layers=1,
    projection=32,
    extract_layers=(0, 1),
    decoder_width=16,
    decoder_mlp=32,
)


TINY_SETTINGS = PretrainSettings(
    steps=4,
    n_scenes=12,
    n_pairs=4,
    scene_size=80,
    batch=BatchShape(images=2, phrases=3, references=1),
    model=TINY_MODEL,
    device="cpu",
    workers=0,
    scene_workers=1,
    log_every=2,
    save_every=2,
)


@pytest.fixture(scope="session")
def tiny_settings() -> PretrainSettings:
    """Four steps of a tiny model, in this process alone."""
    return TINY_SETTINGS


@pytest.fixture(scope="session")
def nuclei_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder like DSB 2018's: 12 images of two kinds in 8 groups."""
    folder = tmp_path_factory.mktemp("dsb2018")
    (folder / "images").mkdir()
    (folder / "labels").mkdir()
    with (folder / "index.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "kind", "group"])
        for number in range(12):
            kind = "fluorescence" if number < 6 else "purple_on_white"
            _write_image(folder, f"image{number}", kind, number)
            writer.writerow([f"image{number}", kind, number * 2 // 3])
    return folder


def _write_image(folder: Path, name: str, kind: str, seed: int) -> None:
    style = "fluorescence" if kind == "fluorescence" else "stained"
    scene = generate_scene(seed, size=96, style=style)
    image = scene.image[..., 0] if kind == "fluorescence" else scene.image
    Image.fromarray(np.ascontiguousarray(image)).save(folder / "images" / f"{name}.png")
    Image.fromarray(scene.labels.astype(np.uint16)).save(folder / "labels" / f"{name}.png")
