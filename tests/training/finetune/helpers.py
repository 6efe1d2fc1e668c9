"""Corrected planes with objects that no word of the bundled model means."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from napari_vlseg.corrections.store import Project
from napari_vlseg.images import pixels_sha256
from napari_vlseg.prompts import ClassPrompt, PromptTable
from napari_vlseg.proposals import completed
from napari_vlseg.training.evaluate_nuclei import as_plane
from napari_vlseg.training.finetune.corrected import CorrectedPlane
from napari_vlseg.training.scenes.novel import draw_recipes, paint_scene
from napari_vlseg.training.scenes.scene import Scene, photographed

WORD = "zoborg"
TABLE = PromptTable((ClassPrompt(WORD, phrases=(WORD,)),))
_RECIPES = draw_recipes(3, np.random.default_rng(1000), held_out=True)


def scene(seed: int, size: int = 144) -> tuple[Scene, list[int]]:
    """A scene, and which of its labels are zoborgs."""
    rng = np.random.default_rng(seed)
    painted = photographed(paint_scene(size, _RECIPES, rng, 2), rng, "novel", seed)
    return painted, [o.label for o in painted.objects if o.recipe == _RECIPES[0].name]


def corrected(seed: int, size: int = 144) -> CorrectedPlane:
    """A scene that a person has gone through."""
    painted, own = scene(seed, size)
    return CorrectedPlane(
        as_plane(painted.image),
        painted.labels,
        dict.fromkeys(own, WORD),
        np.ones(painted.labels.shape, bool),
        group=f"scene {seed}",
    )


def corrected_project(folder: Path) -> Project:
    """Two images in which every zoborg was accepted and everything else erased."""
    project = Project.create(folder)
    for seed in (0, 2):
        painted, own = scene(seed)
        entry = project.add_image(
            f"scene {seed}",
            source_path=None,
            pixels_sha256=pixels_sha256(painted.image),
            shape=painted.image.shape,
            dtype=painted.image.dtype,
            axes="YXS",
            embed=painted.image,
        )
        labels = np.where(np.isin(painted.labels, own), painted.labels, 0)
        rows = [
            {"object_uid": f"{seed}-{n}", "label": n, "class": WORD, "status": "accepted"}
            for n in own
        ]
        entry.save_labels(labels, completed(pd.DataFrame(rows)))
    return project
