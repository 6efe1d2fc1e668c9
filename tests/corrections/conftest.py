"""A small project with one image, and a proposal for it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_vlseg.corrections.store import ImageEntry, Project
from napari_vlseg.images import pixels_sha256
from napari_vlseg.prompts import ClassPrompt, PromptTable, ReferencePrompt
from napari_vlseg.proposals import ModelInfo, PostProcess, Proposals

from .helpers import Scene, object_table


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
        edges=True,
    )
