"""Images come back as they were, from the project or from their files."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from napari_vlseg.corrections.store import ImageEntry, Project
from napari_vlseg.errors import ProjectError
from napari_vlseg.images import pixels_sha256

from .helpers import Scene, add, reopened


def test_an_image_comes_back_as_added(entry: ImageEntry, scene: Scene) -> None:
    again = reopened(entry)
    assert again.to_dict() == entry.to_dict()
    assert (again.name, again.axes, again.unit) == ("discs", "YX", "µm")
    assert (again.shape, again.dtype) == ((96, 96), "uint8")
    assert (again.pixel_size, again.scale, again.translate) == ((0.5, 0.25), (0.5, 0.25), (1, 2))
    image = again.load_image()
    np.testing.assert_array_equal(image.data, scene[0], strict=True)
    assert (image.name, image.pixel_size, image.unit) == ("discs", (0.5, 0.25), "µm")


@settings(max_examples=40)
@given(
    pixels=st.one_of(
        *(
            arrays(dtype, array_shapes(min_dims=2, max_dims=5, max_side=4))
            for dtype in ("bool", "uint8", "int16", "uint16", "int64", "float16", "float32", ">u2")
        )
    )
)
def test_pixels_of_any_type_are_kept_in_the_project(
    tmp_path_factory: pytest.TempPathFactory, pixels: np.ndarray
) -> None:
    project = Project.create(tmp_path_factory.mktemp("project"))
    entry = add(project, "any", pixels)
    np.testing.assert_array_equal(reopened(entry).load_image().data, pixels)


def test_an_rgb_image_is_known_again(project: Project) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (8, 9, 3), np.uint8)
    entry = add(project, "he", pixels)
    image = reopened(entry).load_image()
    assert image.view.rgb
    np.testing.assert_array_equal(image.data, pixels, strict=True)


def file_entry(project: Project, path: Path, pixels: np.ndarray) -> ImageEntry:
    path.parent.mkdir(exist_ok=True)
    tifffile.imwrite(path, pixels)
    return project.add_image(
        path.stem,
        source_path=path,
        pixels_sha256=pixels_sha256(pixels),
        shape=pixels.shape,
        dtype=pixels.dtype,
    )


def test_an_image_file_is_found_when_it_moves_with_its_project(
    tmp_path: Path, scene: Scene
) -> None:
    project = Project.create(tmp_path / "a" / "project")
    entry = file_entry(project, tmp_path / "a" / "data" / "discs.tif", scene[0])
    assert entry.relative_path == "../data/discs.tif"
    assert entry.absolute_path == str((tmp_path / "a" / "data" / "discs.tif").resolve())
    (tmp_path / "a").rename(tmp_path / "b")
    moved = Project.open(tmp_path / "b" / "project").images[0]
    np.testing.assert_array_equal(moved.load_image().data, scene[0])
    shutil.move(tmp_path / "b" / "project", tmp_path / "project")
    with pytest.raises(ProjectError, match="put the file back"):
        Project.open(tmp_path / "project").images[0].load_image()


def test_an_image_file_stays_found_when_the_project_moves(tmp_path: Path, scene: Scene) -> None:
    project = Project.create(tmp_path / "project")
    file_entry(project, tmp_path / "data" / "discs.tif", scene[0])
    (tmp_path / "far" / "off").mkdir(parents=True)
    shutil.move(project.folder, tmp_path / "far" / "off" / "project")
    moved = Project.open(tmp_path / "far" / "off" / "project").images[0]
    np.testing.assert_array_equal(moved.load_image().data, scene[0])


def test_an_image_that_changed_is_not_taken_for_the_old_one(tmp_path: Path, scene: Scene) -> None:
    project = Project.create(tmp_path / "project")
    path = tmp_path / "data" / "discs.tif"
    entry = file_entry(project, path, scene[0])
    tifffile.imwrite(path, scene[0] + 1)
    with pytest.raises(ProjectError, match="not those that “discs” was segmented on"):
        entry.load_image()
    path.write_bytes(b"no image")
    with pytest.raises(ProjectError):
        entry.load_image()


def test_one_image_has_one_entry(project: Project, entry: ImageEntry, scene: Scene) -> None:
    assert add(project, "discs", scene[0]) is entry
    others = [add(project, "../discs", scene[0]), add(project, "discs", scene[0] + 1)]
    assert project.images == (entry, *others)
    assert [image.id for image in project.images] == ["0001-discs", "0002-_discs", "0003-discs"]


@settings(max_examples=30)
@given(name=st.text(st.characters(), max_size=30))
def test_an_image_of_any_name_can_be_saved(
    tmp_path_factory: pytest.TempPathFactory, name: str
) -> None:
    project = Project.create(tmp_path_factory.mktemp("project"))
    pixels = np.zeros((3, 4), np.uint8)
    entry = add(project, name, pixels)
    entry.save_labels(np.eye(3, 4, dtype=int), pd.DataFrame({"label": [1]}))
    again = reopened(entry)
    assert again.name == name.encode("utf-8", "replace").decode()
    assert again.load_labels()[0].sum() == 3


def test_an_image_file_whose_name_is_no_text_is_found(tmp_path: Path, scene: Scene) -> None:
    project = Project.create(tmp_path / "project")
    entry = file_entry(project, tmp_path / "data" / "field\udcff.tif", scene[0])
    np.testing.assert_array_equal(reopened(entry).load_image().data, scene[0])


def test_two_windows_add_images_side_by_side(project: Project, scene: Scene) -> None:
    other = Project.open(project.folder)
    for number, window in enumerate((project, other, project)):
        pixels = scene[0] + number
        add(window, f"image {number}", pixels)
    names = [image.name for image in Project.open(project.folder).images]
    assert names == ["image 0", "image 1", "image 2"]


def test_an_image_without_file_or_pixels_is_refused(project: Project, scene: Scene) -> None:
    with pytest.raises(ProjectError, match="has no file"):
        project.add_image("x", source_path=None, pixels_sha256="", shape=(2, 2), dtype="uint8")
    with pytest.raises(ProjectError, match="not those of its hash"):
        project.add_image(
            "x", source_path=None, pixels_sha256="0", shape=(96, 96), dtype="uint8", embed=scene[0]
        )
    digest = pixels_sha256(scene[0])
    with pytest.raises(ProjectError, match="not those of its hash and shape"):
        project.add_image(
            "x", source_path=None, pixels_sha256=digest, shape=(9, 9), dtype="uint8", embed=scene[0]
        )
    assert project.images == ()
    assert Project.open(project.folder).images == ()


@pytest.mark.parametrize("content", [None, b"{", b'{"format": "napari-vlseg-image", "version": 1}'])
def test_a_bad_image_document_is_told(entry: ImageEntry, content: bytes | None) -> None:
    path = entry.folder / "image.json"
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ProjectError, match=r"image\.json.*backup"):
        reopened(entry)


def test_an_unfinished_image_folder_is_passed_over(project: Project, entry: ImageEntry) -> None:
    (project.folder / "images" / ".tmp-123456").mkdir()
    assert len(Project.open(project.folder).images) == 1


@pytest.mark.parametrize("change", [{"pixel_size": [1, 2, 3]}, {"id": "0002-discs"}, {"shape": 3}])
def test_an_image_document_with_wrong_fields_is_told(
    entry: ImageEntry, change: dict[str, object]
) -> None:
    path = entry.folder / "image.json"
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | change), "utf-8")
    with pytest.raises(ProjectError, match=r"image\.json.*damaged"):
        reopened(entry)


def test_a_renamed_image_folder_is_told(project: Project, entry: ImageEntry) -> None:
    entry.folder.rename(entry.folder.with_name("renamed"))
    with pytest.raises(ProjectError, match=r"renamed.*damaged"):
        Project.open(project.folder)
