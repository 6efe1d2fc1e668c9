"""Which image comes next: looked at once, told in words, in a list that keeps its own order."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_vlseg.corrections.store import Project
from napari_vlseg.errors import PromptError
from napari_vlseg.events import Notice, run
from napari_vlseg.prompts import ClassPrompt, PromptTable
from napari_vlseg.workflow.disk_cache import DiskCache
from napari_vlseg.workflow.looks import LookBook, look_at_images
from napari_vlseg.workflow.next_images import (
    Suggestion,
    natural_order,
    rounds_done,
    sorted_positions,
    suggest_images,
)
from napari_vlseg.workflow.ordering import Order
from napari_vlseg.workflow.worklist import make_project, plan_worklist, worklist_of
from tests.fakes import BrightnessSegmenter

PROMPTS = PromptTable.build("bright")


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Six images with a sure square, and a disc that is the less sure the later the image."""
    folder = tmp_path / "plate"
    folder.mkdir()
    rows, cols = np.mgrid[:48, :48]
    disc = (rows - 20) ** 2 + (cols - 24) ** 2 < 100
    for number in range(6):
        grey = np.where(disc, 250 - 20 * number, 0).astype(np.uint8)
        grey[32:, :16] = 255
        image = np.repeat(grey[..., None], 3, axis=2)  # colours are shown as they are
        tifffile.imwrite(folder / f"{number}.tif", image, photometric="rgb")
    return make_project(tmp_path / "project", plan_worklist([folder]))


def _book(project: Project, model: BrightnessSegmenter, folder: Path) -> LookBook:
    return LookBook(project, model, PROMPTS, DiskCache(folder, max_bytes=10**8))


def _ask(project: Project, model: BrightnessSegmenter, order: Order | None = None, **more):  # type: ignore[no-untyped-def]
    return run(suggest_images(project, worklist_of(project), model, PROMPTS, order=order, **more))


def test_the_least_sure_images_come_first(project: Project) -> None:
    found = _ask(project, BrightnessSegmenter(), "uncertain", seed=1)
    assert sorted(one.position for one in found) == list(range(6))
    assert {one.reason for one in found} == {"the model is unsure of bright"}
    firsts = [_ask(project, BrightnessSegmenter(), "uncertain", seed=s)[0] for s in range(12)]
    assert np.mean([one.position for one in firsts]) > 3
    typical = _ask(project, BrightnessSegmenter())
    assert typical[0].order == "typical"
    assert "look alike" in typical[0].reason


def test_done_and_skipped_images_are_left_out(project: Project) -> None:
    worklist = worklist_of(project)
    for position, status in ((0, "done"), (3, "skipped"), (4, "in progress")):
        worklist = worklist.with_item(position, status=status)
    found = run(suggest_images(project, worklist, BrightnessSegmenter(), PROMPTS, order="random"))
    assert {one.position for one in found} == {1, 2, 4, 5}
    order = sorted_positions(worklist, found)
    assert order[4:] == (0, 3)
    assert order[:4] == tuple(one.position for one in found)
    assert worklist.items[0].name == "0.tif"


def test_asking_again_is_quick(project: Project, tmp_path: Path) -> None:
    model, cache = BrightnessSegmenter(), tmp_path / "cache"
    first = _ask(project, model, book=_book(project, model, cache))
    assert model.n_encoded == 6
    again = BrightnessSegmenter()
    assert _ask(project, again, book=_book(project, again, cache)) == first
    assert again.n_encoded == 0
    path = tmp_path / "plate" / "2.tif"
    tifffile.imwrite(path, np.zeros((48, 48, 3), np.uint8), photometric="rgb")
    _ask(project, again, book=_book(project, again, cache))
    assert again.n_encoded == 1, "a file that changed is looked at again"
    other = PromptTable.build("dark")
    book = LookBook(project, again, other, DiskCache(cache, max_bytes=10**8))
    assert book.get("2.tif", "") is None


def test_a_damaged_book_is_an_empty_one(project: Project, tmp_path: Path) -> None:
    model, cache = BrightnessSegmenter(), tmp_path / "cache"
    _ask(project, model, book=_book(project, model, cache))
    (path,) = (cache / "looks").iterdir()
    path.write_text("{", "utf-8")
    _ask(project, model, book=_book(project, model, cache))
    assert model.n_encoded == 12


def test_an_image_that_is_gone_is_told_and_left_out(project: Project, tmp_path: Path) -> None:
    (tmp_path / "plate" / "1.tif").unlink()
    told: list[object] = []
    worklist = worklist_of(project)
    work = look_at_images(project, worklist, range(6), BrightnessSegmenter(), PROMPTS)
    assert set(run(work, told.append)) == {0, 2, 3, 4, 5}
    (notice,) = (event for event in told if isinstance(event, Notice))
    assert notice.message.startswith("1.tif: ")


def test_nothing_to_look_for_is_said(project: Project) -> None:
    empty = PromptTable((ClassPrompt("a"),))
    with pytest.raises(PromptError, match="no prompt"):
        run(suggest_images(project, worklist_of(project), BrightnessSegmenter(), empty))


def test_uncertain_images_come_once_some_are_done(project: Project) -> None:
    worklist = worklist_of(project)
    assert (natural_order(worklist), rounds_done(worklist)) == ("typical", 0)
    for position in range(5):
        worklist = worklist.with_item(position, status="done")
    assert (natural_order(worklist), rounds_done(worklist)) == ("uncertain", 1)
    assert sorted_positions(worklist, (Suggestion(5, "", "new", "random", ""),))[0] == 5
