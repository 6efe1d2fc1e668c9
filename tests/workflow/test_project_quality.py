"""The stop estimate of a project, from what was proposed before it was corrected."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_vlseg.corrections.store import ImageEntry, Project
from napari_vlseg.corrections.worklist import Worklist, WorklistFile
from napari_vlseg.errors import SettingsError
from napari_vlseg.events import Notice, run
from napari_vlseg.images import pixels_sha256
from napari_vlseg.prompts import PromptTable
from napari_vlseg.workflow.looks import look_at_images
from napari_vlseg.workflow.project_quality import (
    judge_reviewed,
    reviewed_images,
    unseen_quality,
    untouched_proposals,
)
from napari_vlseg.workflow.propose import propose
from napari_vlseg.workflow.worklist import worklist_of
from tests.fakes import BrightnessSegmenter
from tests.workflow.journalled import Session, box

PROMPTS = PromptTable.build("bright")
PLACES = (box(4, 4, 10, 10), box(4, 24, 10, 10), box(24, 4, 10, 10), box(24, 24, 10, 10))


def _pixels(seed: int) -> np.ndarray:
    pixels = np.random.default_rng(seed).integers(0, 60, (40, 40, 3)).astype(np.uint8)
    for place in PLACES:
        pixels[place] = 200
    return pixels


def _add(project: Project, number: int) -> ImageEntry:
    pixels = _pixels(number)
    return project.add_image(
        f"{number}",
        source_path=None,
        pixels_sha256=pixels_sha256(pixels),
        shape=pixels.shape,
        dtype=pixels.dtype,
        axes="YXS",
        embed=pixels,
    )


def _correct(entry: ImageEntry, n_wrong: int, *, again: bool = False) -> None:
    """Four objects are proposed; a person erases the first `n_wrong`."""
    plane = (_pixels(int(entry.name)) / 255).astype(np.float32)
    proposals = run(propose(BrightnessSegmenter(), plane, PROMPTS))
    entry.save_proposals(proposals)
    session = Session()
    numbers = dict(enumerate(PLACES, start=1))
    session.propose(numbers)
    for uid in [f"uid{n}" for n in numbers]:
        session.do("class", rows=(session.table.changed(uid, **{"class": "bright"}),))
    for number in range(1, n_wrong + 1):
        session.paint(0, numbers[number], op="erase")
    session.save(entry)
    if again:
        entry.save_proposals(run(propose(BrightnessSegmenter(), plane * 0, PROMPTS)))


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Six images that are done, of half of which one object in four was wrong; four are new."""
    project = Project.create(tmp_path)
    entries = [_add(project, number) for number in range(10)]
    for number, entry in enumerate(entries[:6]):
        _correct(entry, number % 2)
    _done(project, 6)
    return project


def _done(project: Project, n: int) -> None:
    worklist = worklist_of(project)
    for place, item in enumerate(worklist.items):
        status = "done" if place < n else "new"
        worklist = worklist.with_item(worklist.find(item.key) or 0, status=status)

    def changed(found: Worklist | None) -> Worklist:
        return worklist

    WorklistFile(project.folder).change(changed)


def test_reviewed_images_are_measured_against_their_proposals(project: Project) -> None:
    found = run(reviewed_images(project, worklist_of(project)))
    assert [image.quality for image in found] == [1, 0.75] * 3
    assert all(0 < image.unsureness < 1 for image in found)
    assert {image.model for image in found} == {"brightness@1"}


def test_what_was_proposed_after_a_correction_does_not_count(project: Project) -> None:
    entry = project.images[7]
    _correct(entry, 2, again=True)
    assert len(entry.proposals()) == 2
    (proposal,) = untouched_proposals(entry).values()
    assert proposal.id == "0001"
    judged = judge_reviewed(entry)
    assert judged is not None
    assert judged.quality == 0.5


def test_an_image_without_proposals_says_nothing(project: Project) -> None:
    assert judge_reviewed(project.images[8]) is None


def test_unseen_images_are_estimated(project: Project) -> None:
    worklist = worklist_of(project)
    told: list[object] = []
    blind = run(unseen_quality(project, worklist), told.append)
    assert (blind.n_reviewed, blind.n_unseen) == (6, 4)
    assert blind.low < 0.875 < blind.high
    assert any(isinstance(event, Notice) and "--model" in event.message for event in told)
    looks = run(look_at_images(project, worklist, range(6, 10), BrightnessSegmenter(), PROMPTS))
    seeing = run(unseen_quality(project, worklist, looks), told.append)
    assert abs(seeing.quality - 0.875) < 0.1


def test_too_few_reviewed_images_are_told(project: Project) -> None:
    _done(project, 3)
    with pytest.raises(SettingsError, match="mark 5 as done"):
        run(unseen_quality(project, worklist_of(project)))
