"""Small random SAM checkpoints in folders, as transformers saves them."""

from __future__ import annotations

import json
from pathlib import Path

from napari_vlseg.training.sam.builder import SamShape, build_sam
from napari_vlseg.training.sam.publish import save_sam_folder

SHAPE = SamShape(
    image_size=32,
    patch_size=8,
    vision_width=24,
    vision_layers=2,
    vision_heads=2,
    width=32,
    decoder_heads=2,
    decoder_mlp=32,
)
MEAN, STD = (0.5, 0.4, 0.3), (0.25, 0.2, 0.3)
ZOOM = {"zoom": True, "local_contrast": True, "draw_prompts": True, "views": 4}


def save_sam(folder: Path, defaults: dict[str, object] | None = None, seed: int = 0) -> Path:
    """Write a checkpoint; without defaults the folder looks like a published one."""
    save_sam_folder(build_sam(SHAPE, seed), folder, MEAN, STD, defaults or {})
    if defaults is None:
        (folder / "vlseg.json").unlink()
    assert json.loads((folder / "config.json").read_text())["model_type"] == "sam"
    return folder
