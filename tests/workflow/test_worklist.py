"""A folder of images as a project that is gone through one by one."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_vlseg.corrections.store import Project
from napari_vlseg.corrections.worklist import STATUSES, Worklist, WorklistFile
from napari_vlseg.errors import ImageError, ProjectError
from napari_vlseg.images import pixels_sha256
from napari_vlseg.workflow.worklist import (
    BELOW_TOO,
    find_images,
    make_project,
    new_files,
    plan_worklist,
    take_up,
    worklist_of,
)


@pytest.fixture
def plate(tmp_path: Path) -> Path:
    """A folder with three images, and other things."""
    folder = tmp_path / "plate"
    (folder / "deeper").mkdir(parents=True)
    for number in (10, 2, 1):
        image = np.full((8, 9), number, np.uint8)
        tifffile.imwrite(folder / f"field{number}.tif", image)
    tifffile.imwrite(folder / "deeper" / "field3.tif", np.zeros((8, 9), np.uint8))
    (folder / "notes.txt").write_text("no image")
    (folder / ".hidden.png").write_bytes(b"")
    return folder


def names(worklist: Worklist) -> list[str]:
    return [item.name for item in worklist.items]


def test_images_are_found_in_the_order_of_counting(plate: Path) -> None:
    assert [path.name for path in find_images(plate)] == ["field1.tif", "field2.tif", "field10.tif"]
    assert len(find_images(plate, BELOW_TOO)) == 4
    assert [path.name for path in find_images(plate, "*1*")] == ["field1.tif", "field10.tif"]


def test_projects_in_the_folder_are_not_images(plate: Path) -> None:
    project = make_project(plate / "project", plan_worklist([plate]))
    entry, _ = take_up(project, worklist_of(project), 0)
    tifffile.imwrite(entry.folder / "labels.tif", np.zeros((8, 9), np.uint8))
    assert len(find_images(plate, BELOW_TOO)) == 4


@pytest.mark.parametrize("given", ["nowhere", "deeper"])
def test_nothing_to_list_is_said(plate: Path, given: str) -> None:
    (plate / "deeper" / "field3.tif").unlink()
    with pytest.raises(ProjectError, match=r"no file|holds no images"):
        plan_worklist([plate / given])


def test_a_pattern_that_leads_elsewhere_is_refused(plate: Path) -> None:
    with pytest.raises(ProjectError, match="no pattern"):
        find_images(plate, "/etc/*")


def test_the_list_comes_back_as_it_was_left(plate: Path, tmp_path: Path) -> None:
    project = make_project(tmp_path / "project", plan_worklist([plate]))
    file = WorklistFile(project.folder)
    file.change(lambda found: found.with_item(1, status="done"))
    written = file.load()
    assert names(written) == ["field1.tif", "field2.tif", "field10.tif"]
    assert written.counts() == {"new": 2, "in progress": 0, "done": 1, "skipped": 0}
    assert written.step(0, 1, ["new"]) == 2
    assert written.step(0, -1) is None
    document = json.loads((project.folder / "worklist.json").read_text())
    assert document["format"] == "napari-vlseg-worklist"
    assert document["images"][1] == {"path": "field2.tif", "status": "done", "image": ""}


def test_two_windows_keep_each_others_marks(plate: Path, tmp_path: Path) -> None:
    folder = make_project(tmp_path / "project", plan_worklist([plate])).folder
    here, there = WorklistFile(folder), WorklistFile(folder)
    here.change(lambda found: found.with_item(0, status="done"))
    there.change(lambda found: found.with_item(2, status="skipped"))
    assert [item.status for item in here.load().items] == ["done", "new", "skipped"]


def test_an_image_becomes_an_entry_when_it_is_taken_up(plate: Path, tmp_path: Path) -> None:
    project = make_project(tmp_path / "project", plan_worklist([plate]))
    assert not project.images
    entry, source = take_up(project, worklist_of(project), 1)
    assert entry.pixels_sha256 == pixels_sha256(source.data)
    assert (entry.name, entry.axes) == ("field2", "YX")
    again = worklist_of(Project.open(project.folder))
    assert [item.image for item in again.items] == ["", entry.id, ""]
    assert take_up(project, again, 1)[0] is entry


def test_a_changed_image_is_refused(plate: Path, tmp_path: Path) -> None:
    project = make_project(tmp_path / "project", plan_worklist([plate]))
    take_up(project, worklist_of(project), 0)
    tifffile.imwrite(plate / "field1.tif", np.ones((8, 9), np.uint16))
    with pytest.raises(ProjectError, match="not those"):
        take_up(project, worklist_of(project), 0)
    (plate / "field2.tif").write_bytes(b"")
    with pytest.raises(ImageError, match="not an image"):
        take_up(project, worklist_of(project), 1)


def test_files_that_come_later_are_told_and_added_at_the_end(plate: Path, tmp_path: Path) -> None:
    project = make_project(tmp_path / "project", plan_worklist([plate]))
    WorklistFile(project.folder).change(lambda found: found.with_item(0, status="done"))
    tifffile.imwrite(plate / "field0.tif", np.zeros((8, 9), np.uint8))
    (late,) = new_files(worklist_of(project))
    assert late.name == "field0.tif"
    make_project(project.folder, plan_worklist([plate]))
    listed = worklist_of(project)
    assert names(listed) == ["field1.tif", "field2.tif", "field10.tif", "field0.tif"]
    assert listed.items[0].status == "done"
    assert new_files(listed) == ()


def test_the_project_moves_with_its_images(plate: Path, tmp_path: Path) -> None:
    make_project(tmp_path / "plate-vlseg", plan_worklist([plate]))
    moved = tmp_path / "moved"
    moved.mkdir()
    for name in ("plate", "plate-vlseg"):
        (tmp_path / name).rename(moved / name)
    project = Project.open(moved / "plate-vlseg")
    assert worklist_of(project).file(0) == moved / "plate" / "field1.tif"
    assert take_up(project, worklist_of(project), 0)[1].data.max() == 1
    assert new_files(worklist_of(project)) == ()


def test_a_project_without_a_list_is_gone_through_in_its_order(tmp_path: Path) -> None:
    project = Project.create(tmp_path / "project")
    pixels = np.zeros((4, 5), np.uint8)
    for name in ("b", "a"):
        project.add_image(
            name,
            source_path=None,
            pixels_sha256=pixels_sha256(pixels),
            shape=pixels.shape,
            dtype=pixels.dtype,
            embed=pixels,
        )
    listed = worklist_of(project)
    assert names(listed) == ["b", "a"]
    assert take_up(project, listed, 1)[0].name == "a"
    assert worklist_of(Project.create(tmp_path / "empty")).items == ()


@pytest.mark.parametrize(
    "damage", ['"status": "lost"', '"status": 3', '"path": "../../x", "status": "new"']
)
def test_a_damaged_list_is_said(plate: Path, tmp_path: Path, damage: str) -> None:
    project = make_project(tmp_path / "project", plan_worklist([plate]))
    path = project.folder / "worklist.json"
    path.write_text(path.read_text().replace('"status": "new"', damage, 1))
    with pytest.raises(ProjectError, match="damaged"):
        worklist_of(project)


def test_the_page_on_the_format_says_what_is_written(plate: Path, tmp_path: Path) -> None:
    project = make_project(tmp_path / "project", plan_worklist([plate]))
    written = json.loads((project.folder / "worklist.json").read_text())
    page = (Path(__file__).parents[2] / "docs" / "on-disk-format.md").read_text("utf-8")
    section = page.split("## `worklist.json`\n")[1].split("\n## ")[0]
    assert re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE) == list(written)[2:]
    assert all(f"`{name}`" in section for name in (*written["root"], *written["images"][0]))
    assert all(f"`{status}`" in section for status in STATUSES)
    (event,) = [event for event in project.events() if event["file"] == "worklist.json"]
    assert f"`{event['what']}`" in page


def test_ten_thousand_files_are_listed_without_reading_one(tmp_path: Path) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(10_000):
        (folder / f"{number}.tif").touch()
    start = time.perf_counter()
    project = make_project(tmp_path / "project", plan_worklist([folder]))
    listed = worklist_of(project)
    assert new_files(listed) == ()
    taken = time.perf_counter() - start
    assert len(listed) == 10_000
    assert names(listed)[:3] == ["0.tif", "1.tif", "2.tif"]
    assert taken < 5
