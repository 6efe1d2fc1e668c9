"""``napari-vlseg calibrate``: thresholds of a project's own masks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from napari_vlseg.corrections.store import Project
from napari_vlseg.images import pixels_sha256
from napari_vlseg.prompts import PromptTable
from napari_vlseg.proposals import completed
from tests.fakes import BrightnessSegmenter

from .conftest import Command


@pytest.fixture
def project(tmp_path: Path, scene: tuple[np.ndarray, np.ndarray]) -> Path:
    """Three discs that were accepted; bright pixels are asked for."""
    image, labels = scene
    made = Project.create(tmp_path / "project")
    entry = made.add_image(
        "cells",
        source_path=None,
        pixels_sha256=pixels_sha256(image),
        shape=image.shape,
        dtype=image.dtype,
        axes="YX",
        embed=image,
    )
    rows = [
        {"object_uid": f"{n}", "label": n, "class": "bright", "status": "accepted"}
        for n in (1, 2, 3)
    ]
    entry.save_labels(labels, completed(pd.DataFrame(rows)))
    made.save_prompts(PromptTable.build("bright"))
    return made.folder


def test_thresholds_are_shown_with_what_they_rest_on(
    cli: Command, model: BrightnessSegmenter, project: Path
) -> None:
    done = cli("calibrate", project, "--json")
    (found,) = done.document["classes"]
    assert found["kind"] == "dice"
    assert 0.2 < found["threshold"] < 0.8
    assert (found["n_objects"], found["n_images"], found["units"]) == (3, 1, "objects")
    assert "marked as done" in found["note"]
    assert Project.open(project).load_prompts().rows[0].threshold is None
    table = cli("calibrate", project).out
    assert "bright" in table
    assert f"{found['threshold']:.2f}" in table


def test_they_are_written_when_asked(
    cli: Command, model: BrightnessSegmenter, project: Path
) -> None:
    document = cli("calibrate", project, "--apply", "--json").document
    (row,) = Project.open(project).load_prompts().rows
    assert row.threshold == document["classes"][0]["threshold"]


def test_a_promise_that_can_not_be_made_is_told(
    cli: Command, model: BrightnessSegmenter, project: Path
) -> None:
    done = cli("calibrate", project, "--bound", "missed", "--at", 0.05, "--apply", "--json")
    assert done.code == 0
    assert done.document["classes"][0]["threshold"] is None
    assert "19" in done.document["notices"][0]
    assert Project.open(project).load_prompts().rows[0].threshold is None
    assert cli("calibrate", project, "--bound", "all").code == 1
