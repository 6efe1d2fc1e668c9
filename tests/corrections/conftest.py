"""A small project with one image, and a proposal for it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from napari_vlseg.corrections.store import ImageEntry, Project
from napari_vlseg.images import pixels_sha256
from napari_vlseg.prompts import ClassPrompt, PromptTable, ReferencePrompt
from napari_vlseg.proposals import OBJECT_COLUMNS, ModelInfo, PostProcess, Proposals

Scene = tuple[np.ndarray, np.ndarray]


def object_table(labels: np.ndarray) -> pd.DataFrame:
    """One row per label, with awkward values among them."""
    rows = [
        (f"uid{label}", label, "nuclei, “large”", 0.1 * label, 10, "nuclei; not µ", "m@1", 0.5,
         "proposed", "auto")
        for label in np.unique(labels[labels > 0]).tolist()
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=list(OBJECT_COLUMNS))


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project.create(tmp_path / "project", annotator="a1")


@pytest.fixture
def entry(project: Project, scene: Scene) -> ImageEntry:
    image, _ = scene
    return project.add_image(
        "discs",
        source_path=None,
        pixels_sha256=pixels_sha256(image),
        shape=image.shape,
        dtype=image.dtype,
        axes="YX",
        pixel_size=(0.5, 0.25),
        unit="µm",
        scale=(0.5, 0.25),
        translate=(1, 2),
        embed=image,
    )


@pytest.fixture
def prompts(scene: Scene) -> PromptTable:
    image, labels = scene
    plane = np.repeat(image[..., None] / np.float32(255), 3, axis=2)
    reference = ReferencePrompt.from_region(plane, labels == 1, "discs")
    return PromptTable((ClassPrompt("nuclei", ("nuclei", "cell µ"), ("dust",), (reference,)),))


@pytest.fixture
def proposals(scene: Scene, prompts: PromptTable) -> Proposals:
    _, labels = scene
    return Proposals(
        labels,
        np.where(labels > 0, 0.9, 0.1).astype(np.float32)[None],
        ("nuclei",),
        object_table(labels),
        (0.5,),
        PostProcess(min_size=4, smoothing=0.5),
        prompts,
        ModelInfo("vlseg-mini", "abc", "f00"),
        1.5,
        ("“zebra” is not in the vocabulary.",),
    )
