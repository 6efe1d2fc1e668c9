"""Thresholds from a project's own masks, and what they are allowed to rest on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from napari_vlseg.corrections.store import Project
from napari_vlseg.corrections.worklist import WorklistFile
from napari_vlseg.errors import PromptError
from napari_vlseg.events import Notice, run
from napari_vlseg.images import pixels_sha256
from napari_vlseg.models.adapters import Adapter, BaseModel
from napari_vlseg.prompts import ClassPrompt, PromptTable
from napari_vlseg.proposals import completed
from napari_vlseg.training.finetune.calibrating import (
    calibrate,
    calibrate_project,
    unlearned,
    with_thresholds,
)
from napari_vlseg.training.finetune.corrected import CorrectedPlane
from napari_vlseg.training.finetune.preparing import corrections_sha256
from napari_vlseg.workflow.worklist import worklist_of
from tests.fakes import BrightnessSegmenter

TABLE = PromptTable((ClassPrompt("nuclei", phrases=("bright",)), ClassPrompt("x", phrases=("x",))))
SQUARES = ((4, 4), (4, 24), (24, 6), (26, 26))


def _plane(seed: int, *, is_done: bool = True) -> CorrectedPlane:
    """Four squares of brightness 0.4 to 0.6 on a ground of 0.1 to 0.3."""
    rng = np.random.default_rng(seed)
    labels = np.zeros((40, 40), np.int32)
    for number, (row, col) in enumerate(SQUARES, start=1):
        labels[row : row + 9, col : col + 9] = number
    grey = rng.uniform(0.1, 0.3, labels.shape) + 0.3 * (labels > 0)
    plane = np.repeat(grey[..., None], 3, axis=2).astype(np.float32)
    reviewed = np.ones(labels.shape, bool) if is_done else labels > 0
    return CorrectedPlane(
        plane, labels, dict.fromkeys(range(1, 5), "nuclei"), reviewed, f"{seed}", f"{seed}"
    )


def test_a_threshold_parts_objects_from_ground() -> None:
    model = BrightnessSegmenter()
    (found,) = run(calibrate(model, TABLE, [_plane(seed) for seed in range(4)]))
    assert found.threshold is not None
    assert 0.3 <= found.threshold <= 0.41
    assert found.estimate == pytest.approx(1, abs=0.01)
    assert (found.class_name, found.units) == ("nuclei", "images")
    assert (found.n_objects, found.n_images) == (16, 4)
    row, other = with_thresholds(TABLE, [found]).rows
    assert row.threshold == found.threshold
    assert other == TABLE.rows[1]


def test_one_image_is_taken_apart_by_objects() -> None:
    (found,) = run(calibrate(BrightnessSegmenter(), TABLE, [_plane(0)]))
    assert found.units == "objects"
    assert (found.n_objects, found.n_images) == (4, 1)
    assert found.interval is not None


def test_a_bound_needs_images_that_are_done() -> None:
    planes = [_plane(seed) for seed in range(5)]
    model = BrightnessSegmenter()
    (strict,) = run(calibrate(model, TABLE, planes, bound="missed", at=0.1))
    assert strict.threshold is None
    assert "takes 9 or more images marked as done" in strict.note
    (loose,) = run(calibrate(model, TABLE, planes, bound="missed", at=0.2))
    assert loose.threshold is not None
    assert (loose.n_images, loose.units) == (5, "images")
    begun = [_plane(seed, is_done=False) for seed in range(5)]
    (refused,) = run(calibrate(model, TABLE, begun, bound="false", at=0.2))
    assert refused.threshold is None
    (alone,) = run(calibrate(model, TABLE, planes[:1], bound="missed", at=0.25))
    assert alone.units == "objects"
    assert "this image" in alone.note


def test_without_masks_there_is_nothing_to_calibrate() -> None:
    with pytest.raises(PromptError, match="accept, correct or draw"):
        run(calibrate(BrightnessSegmenter(), TABLE, []))


def test_what_an_adapter_learned_from_is_left_out() -> None:
    planes = tuple(_plane(seed) for seed in range(5))
    settings = {"held_out_share": 0.2, "seed": 0}
    card = {"corrections": {"sha256": corrections_sha256(planes)}, "settings": settings}
    adapter = Adapter(BaseModel("brightness", "1", ""), {}, card=card)
    notices: list[object] = []
    (held_out,) = run(unlearned(planes, adapter), notices.append)
    assert held_out in planes
    assert notices == []
    more = (*planes, _plane(9))
    assert run(unlearned(more, adapter), notices.append) == more
    assert isinstance(notices[0], Notice)


def test_a_project_gets_its_thresholds(tmp_path: Path) -> None:
    project = Project.create(tmp_path)
    for seed in range(3):
        plane = _plane(seed)
        pixels = (plane.plane[..., 0] * 255).astype(np.uint8)
        entry = project.add_image(
            f"{seed}",
            source_path=None,
            pixels_sha256=pixels_sha256(pixels),
            shape=pixels.shape,
            dtype=pixels.dtype,
            axes="YX",
            embed=pixels,
        )
        rows = [
            {"object_uid": f"{seed}-{n}", "label": n, "class": "nuclei", "status": "accepted"}
            for n in range(1, 5)
        ]
        entry.save_labels(plane.labels, completed(pd.DataFrame(rows)))
    done = worklist_of(project).with_item(0, status="done").with_item(1, status="done")
    WorklistFile(tmp_path).change(lambda found: done)
    project.save_prompts(replace(TABLE, rows=TABLE.rows[:1]))
    (found,) = run(calibrate_project(tmp_path, BrightnessSegmenter(), write=True))
    assert found.n_objects == 12
    assert Project.open(tmp_path).load_prompts().rows[0].threshold == found.threshold
