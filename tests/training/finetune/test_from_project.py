"""Which pixels of a project teach what."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from napari_vlseg.corrections.edits import Edit
from napari_vlseg.corrections.store import ImageEntry, Project
from napari_vlseg.errors import ModelError
from napari_vlseg.events import run
from napari_vlseg.images import pixels_sha256
from napari_vlseg.object_table import ObjectTable
from napari_vlseg.pixel_changes import PixelChange
from napari_vlseg.proposals import completed
from napari_vlseg.training.finetune.from_project import project_corrections
from napari_vlseg.training.finetune.project_run import finetune_project, with_rows_for

STATUSES = ("accepted", "edited", "proposed", "flagged")


def _labels(shape: tuple[int, ...]) -> np.ndarray:
    labels = np.zeros(shape, np.int32)
    for number in range(len(STATUSES)):
        labels[..., 20:30, 20 * number + 5 : 20 * number + 12] = number + 1
    return labels


def _objects() -> pd.DataFrame:
    rows = [
        {"object_uid": f"uid{n}", "label": n, "class": "cell", "status": status, "source": "auto"}
        for n, status in enumerate(STATUSES, start=1)
    ]
    return completed(pd.DataFrame(rows))


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project.create(tmp_path / "project")


def _add(project: Project, shape: tuple[int, ...] = (60, 90)) -> ImageEntry:
    pixels = np.random.default_rng(0).integers(0, 255, shape, np.uint8)
    entry = project.add_image(
        "cells",
        source_path=None,
        pixels_sha256=pixels_sha256(pixels),
        shape=shape,
        dtype=pixels.dtype,
        embed=pixels,
    )
    entry.save_labels(_labels(shape), _objects())
    return entry


def test_only_decided_objects_teach(project: Project) -> None:
    _add(project)
    (plane,) = run(project_corrections(project))
    assert plane.objects == {1: "cell", 2: "cell"}
    assert plane.group == project.images[0].id
    seen = plane.reviewed
    assert seen[25, 8]
    assert seen[25, 28]
    assert not seen[25, 48], "a proposal nobody looked at"
    assert not seen[25, 68]
    assert not seen[0, 0]
    assert plane.plane.shape == (60, 90, 3)


def test_what_was_rejected_is_background(project: Project) -> None:
    entry = _add(project)
    labels, objects = entry.load_labels()
    ledger = entry.open_ledger()
    table = ObjectTable.from_frame(objects)
    flat = np.flatnonzero(labels.ravel() == 3)
    ledger.append(
        Edit(
            "reject",
            pixels=PixelChange.at(flat, np.full(len(flat), 3), 0),
            rows=(table.changed("uid3", status="rejected"),),
        )
    )
    ledger.close()
    (plane,) = run(project_corrections(project))
    assert plane.reviewed[25, 48]
    assert plane.labels[25, 48] == 0
    ledger = entry.open_ledger()
    ledger.undo()
    ledger.close()
    (plane,) = run(project_corrections(project))
    assert not plane.reviewed[25, 48], "the rejection was taken back"


def test_of_a_stack_the_planes_with_decisions_teach(project: Project) -> None:
    entry = _add(project, (3, 60, 90))
    labels, objects = entry.load_labels()
    labels[0], labels[2] = 0, np.where(labels[2] == 1, 1, 0)
    entry.save_labels(labels, objects)
    planes = run(project_corrections(project))
    assert [sorted(plane.objects) for plane in planes] == [[1, 2], [1]]


def test_an_image_without_its_file_is_left_out_with_a_notice(project: Project) -> None:
    entry = _add(project)
    (entry.folder / "pixels.tif").unlink()
    told: list[object] = []
    assert run(project_corrections(project), told.append) == ()
    assert any("missing" in getattr(event, "message", "") for event in told) or told


def test_classes_without_a_row_are_asked_for_by_their_name(project: Project) -> None:
    _add(project)
    table = with_rows_for(project.load_prompts(), run(project_corrections(project)))
    assert [(row.name, row.phrases) for row in table.rows] == [("cell", ("cell",))]


def test_what_can_not_be_taught_is_refused(project: Project, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="vlseg-mini"):
        run(finetune_project(project.folder, object(), tmp_path / "a.safetensors"))
