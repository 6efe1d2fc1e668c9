"""A project opens again exactly as it was left, and loses nothing on the way."""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays, integer_dtypes, unsigned_integer_dtypes
from pandas.testing import assert_frame_equal

from napari_vlseg.corrections.store import ImageEntry, Project
from napari_vlseg.errors import ProjectError
from napari_vlseg.images import pixels_sha256
from napari_vlseg.prompts import PromptTable
from napari_vlseg.proposals import Proposals

from .conftest import Scene, object_table


def reopened(entry: ImageEntry) -> ImageEntry:
    images = Project.open(entry.folder.parents[1]).images
    return next(image for image in images if image.id == entry.id)


def snapshot(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != ".lock"
    }


def refuse(monkeypatch: pytest.MonkeyPatch, number: int, after: int = 0) -> None:
    """Make the file system refuse to put files in place, from a given time on."""
    replace, calls = os.replace, iter(range(10**6))

    def fail(source: Path, target: Path) -> None:
        if next(calls) >= after:
            raise OSError(number, os.strerror(number))
        replace(source, target)

    monkeypatch.setattr(os, "replace", fail)


# Creating and opening


def test_a_new_project_can_be_opened(tmp_path: Path) -> None:
    made = Project.create(tmp_path / "deep" / "project", annotator="a1")
    project = Project.open(made.folder)
    assert project.folder == made.folder
    assert project.annotator == "a1"
    assert Project.open(str(made.folder), annotator="b2").annotator == "b2"
    assert project.images == ()
    assert project.load_prompts() == PromptTable()
    document = json.loads((made.folder / "project.json").read_text("utf-8"))
    assert (document["format"], document["version"]) == ("napari-vlseg-project", 1)


def test_a_folder_with_other_files_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("x")
    with pytest.raises(ProjectError, match="holds other files"):
        Project.create(tmp_path)
    assert snapshot(tmp_path) == {"thesis.txt": b"x"}


def test_a_project_is_not_made_twice(project: Project) -> None:
    before = snapshot(project.folder)
    with pytest.raises(ProjectError, match="already holds a project"):
        Project.create(project.folder)
    assert snapshot(project.folder) == before


def test_what_the_desktop_leaves_does_not_count(tmp_path: Path) -> None:
    (tmp_path / ".DS_Store").write_bytes(b"x")
    assert Project.create(tmp_path).images == ()


def test_a_file_in_the_place_of_the_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    for folder in (tmp_path / "file", tmp_path / "file" / "project"):
        with pytest.raises(ProjectError, match="can't be written because a file is in the place"):
            Project.create(folder)
    assert snapshot(tmp_path) == {"file": b"x"}


@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS])
def test_a_read_only_place_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def fail(*_args: object, **_kwargs: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "mkdir", fail)
    with pytest.raises(ProjectError, match="read-only: choose another folder"):
        Project.create(tmp_path / "project")


@pytest.mark.parametrize("place", ["", "missing", "file"])
def test_what_is_no_project_is_told(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(ProjectError, match="not a napari-vlseg project: choose a folder"):
        Project.open(tmp_path / place)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"{", "damaged"),
        (b"", "damaged"),
        (b"\xff\xfe", "damaged"),
        (b"[]", "damaged"),
        (b'{"format": "other", "version": 1}', "damaged or not a napari-vlseg file"),
        (b'{"format": "napari-vlseg-project", "version": 0}', "damaged"),
        (b'{"format": "napari-vlseg-project", "version": "1"}', "damaged"),
        (b'{"format": "napari-vlseg-project", "version": 1}', "damaged"),
        (b'{"format": "napari-vlseg-project", "version": 2}', "newer.*update napari-vlseg"),
    ],
)
def test_a_bad_project_document_is_told(project: Project, content: bytes, words: str) -> None:
    (project.folder / "project.json").write_bytes(content)
    with pytest.raises(ProjectError, match=words):
        Project.open(project.folder)


# Images


def test_an_image_comes_back_as_added(entry: ImageEntry, scene: Scene) -> None:
    again = reopened(entry)
    assert again.to_dict() == entry.to_dict()
    assert (again.name, again.axes, again.unit) == ("discs", "YX", "µm")
    assert (again.shape, again.dtype) == ((96, 96), "uint8")
    assert (again.pixel_size, again.scale, again.translate) == ((0.5, 0.25), (0.5, 0.25), (1, 2))
    image = again.load_image()
    np.testing.assert_array_equal(image.data, scene[0], strict=True)
    assert (image.name, image.pixel_size, image.unit) == ("discs", (0.5, 0.25), "µm")


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
    entry = project.add_image(
        "any",
        source_path=None,
        pixels_sha256=pixels_sha256(pixels),
        shape=pixels.shape,
        dtype=pixels.dtype,
        embed=pixels,
    )
    np.testing.assert_array_equal(reopened(entry).load_image().data, pixels)


def test_an_rgb_image_is_known_again(project: Project) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (8, 9, 3), np.uint8)
    entry = project.add_image(
        "he",
        source_path=None,
        pixels_sha256=pixels_sha256(pixels),
        shape=pixels.shape,
        dtype="uint8",
        embed=pixels,
    )
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
    def add(name: str, pixels: np.ndarray) -> ImageEntry:
        return project.add_image(
            name,
            source_path=None,
            pixels_sha256=pixels_sha256(pixels),
            shape=pixels.shape,
            dtype=pixels.dtype,
            embed=pixels,
        )

    assert add("discs", scene[0]) is entry
    others = [add("../discs", scene[0]), add("discs", scene[0] + 1)]
    assert project.images == (entry, *others)
    assert [image.id for image in project.images] == ["0001-discs", "0002-_discs", "0003-discs"]


@given(name=st.text(st.characters(), max_size=30))
def test_an_image_of_any_name_can_be_saved(
    tmp_path_factory: pytest.TempPathFactory, name: str
) -> None:
    project = Project.create(tmp_path_factory.mktemp("project"))
    pixels = np.zeros((3, 4), np.uint8)
    entry = project.add_image(
        name,
        source_path=None,
        pixels_sha256=pixels_sha256(pixels),
        shape=pixels.shape,
        dtype=pixels.dtype,
        embed=pixels,
    )
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
        window.add_image(
            f"image {number}",
            source_path=None,
            pixels_sha256=pixels_sha256(pixels),
            shape=pixels.shape,
            dtype=pixels.dtype,
            embed=pixels,
        )
    names = [image.name for image in Project.open(project.folder).images]
    assert names == ["image 0", "image 1", "image 2"]


def test_an_image_without_file_or_pixels_is_refused(project: Project, scene: Scene) -> None:
    with pytest.raises(ProjectError, match="has no file"):
        project.add_image("x", source_path=None, pixels_sha256="", shape=(2, 2), dtype="uint8")
    with pytest.raises(ProjectError, match="not those of its hash"):
        project.add_image(
            "x", source_path=None, pixels_sha256="0", shape=(96, 96), dtype="uint8", embed=scene[0]
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


# Corrected labels


@st.composite
def label_images(draw: st.DrawFn) -> np.ndarray:
    dtype = draw(st.one_of(integer_dtypes(), unsigned_integer_dtypes(), st.just(np.dtype(bool))))
    shape = draw(array_shapes(min_dims=2, max_dims=7, max_side=4))
    if dtype.kind == "b":
        return draw(arrays(dtype, shape))
    low = draw(st.sampled_from([0, max(np.iinfo(dtype).min, -(2**31))]))
    high = min(np.iinfo(dtype).max, 2**32 - 1 if low == 0 else 2**31 - 1)
    return draw(arrays(dtype, shape, elements=st.integers(low, high)))


@given(labels=label_images())
def test_labels_come_back_bit_for_bit(
    tmp_path_factory: pytest.TempPathFactory, labels: np.ndarray
) -> None:
    project = Project.create(tmp_path_factory.mktemp("project"))
    pixels = np.zeros(labels.shape, np.uint8)
    entry = project.add_image(
        "any",
        source_path=None,
        pixels_sha256=pixels_sha256(pixels),
        shape=pixels.shape,
        dtype=pixels.dtype,
        embed=pixels,
    )
    objects = object_table(labels)
    entry.save_labels(labels, objects)
    again, table = reopened(entry).load_labels()
    np.testing.assert_array_equal(again, labels.astype(labels.dtype.newbyteorder("=")), strict=True)
    assert_frame_equal(table, objects, check_exact=True)


@pytest.mark.parametrize(
    ("top", "dtype"),
    [(1, "uint8"), (255, "uint8"), (256, "uint16"), (65535, "uint16"), (65536, "uint32"),
     (2**32 - 1, "uint32")],
)  # fmt: skip
def test_the_labels_file_is_ome_tiff_of_the_type_needed(
    entry: ImageEntry, top: int, dtype: str
) -> None:
    labels = np.zeros((96, 96), np.int64)
    labels[3:9, 2:4] = top
    entry.save_labels(labels, object_table(labels))
    with tifffile.TiffFile(entry.folder / "labels.tif") as tiff:
        assert tiff.is_ome
        assert tiff.series[0].dtype == dtype
        assert tiff.pages[0].compression == tifffile.COMPRESSION.ADOBE_DEFLATE
        pixels = tifffile.xml2dict(tiff.ome_metadata)["OME"]["Image"]["Pixels"]
    assert (pixels["PhysicalSizeY"], pixels["PhysicalSizeX"]) == (0.5, 0.25)
    assert (pixels["PhysicalSizeYUnit"], pixels["PhysicalSizeXUnit"]) == ("µm", "µm")
    np.testing.assert_array_equal(tifffile.imread(entry.folder / "labels.tif"), labels)


def test_saving_again_replaces_labels_and_table(entry: ImageEntry, scene: Scene) -> None:
    labels = scene[1].copy()
    entry.save_labels(labels, object_table(labels))
    labels[labels == 3] = 0
    entry.save_labels(labels, object_table(labels))
    again, table = reopened(entry).load_labels()
    np.testing.assert_array_equal(again, labels)
    assert list(table["label"]) == [1, 2]
    assert not list(entry.folder.glob("*.bak.*"))


def test_no_labels_yet_is_told(entry: ImageEntry) -> None:
    assert not entry.has_labels
    with pytest.raises(ProjectError, match="no corrected labels yet"):
        entry.load_labels()


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (np.zeros((96, 95), np.int32), r"\(96, 95\) but the image “discs” has shape \(96, 96\)"),
        (np.zeros((2, 96, 96), np.int32), "save them to the image they were drawn on"),
        (np.zeros((96,), np.int32), "can't be saved as labels"),
        (np.zeros((0, 96), np.int32), "can't be saved as labels"),
        (np.zeros((96, 96), np.float32), "can't be saved as labels"),
        (np.full((96, 96), 2**32), "more than 32 bits hold"),
        (np.array([[-1, 2**31]]).repeat(96, 0).repeat(48, 1), "more than 32 bits hold"),
    ],
)  # fmt: skip
def test_labels_that_do_not_fit_are_refused(
    entry: ImageEntry, labels: np.ndarray, words: str
) -> None:
    before = snapshot(entry.folder)
    with pytest.raises(ProjectError, match=words):
        entry.save_labels(labels, pd.DataFrame())
    assert snapshot(entry.folder) == before


def test_labels_of_an_image_with_channels_have_none(project: Project) -> None:
    pixels = np.zeros((3, 8, 9), np.uint8)
    entry = project.add_image(
        "channels",
        source_path=None,
        pixels_sha256=pixels_sha256(pixels),
        shape=pixels.shape,
        dtype=pixels.dtype,
        axes="CYX",
        embed=pixels,
    )
    entry.save_labels(np.ones((8, 9), int), pd.DataFrame({"label": [1]}))
    assert entry.load_labels()[0].shape == (8, 9)
    assert entry.load_image().view.channel_axis == 0


# Two windows


def test_labels_saved_by_another_window_are_not_overwritten(
    entry: ImageEntry, scene: Scene
) -> None:
    labels = scene[1]
    entry.save_labels(labels, object_table(labels))
    other = reopened(entry)
    theirs, table = other.load_labels()
    theirs[:5] = 7
    other.save_labels(theirs, object_table(theirs))
    before = snapshot(entry.folder)
    with pytest.raises(ProjectError, match="were changed by another program or window"):
        entry.save_labels(labels, table)
    assert snapshot(entry.folder) == before

    entry.save_labels(labels, table, force=True)
    np.testing.assert_array_equal(reopened(entry).load_labels()[0], labels)
    kept = entry.folder / "labels.1.bak.tif"
    assert kept.read_bytes() == before["labels.tif"]
    assert (entry.folder / "objects.1.bak.json").read_bytes() == before["objects.json"]
    entry.save_labels(labels, table)
    assert kept.read_bytes() == before["labels.tif"]


def test_labels_never_read_are_not_overwritten(entry: ImageEntry, scene: Scene) -> None:
    entry.save_labels(scene[1], object_table(scene[1]))
    other = reopened(entry)
    with pytest.raises(ProjectError, match="were saved by another program"):
        other.save_labels(scene[1], object_table(scene[1]))
    other.load_labels()
    other.save_labels(scene[1], object_table(scene[1]))


def test_every_forced_save_keeps_one_more_backup(entry: ImageEntry, scene: Scene) -> None:
    for number in (1, 2, 3):
        fresh = reopened(entry)
        labels = np.where(scene[1] > 0, number, 0)
        fresh.save_labels(labels, object_table(labels), force=True)
    first, second = (tifffile.imread(entry.folder / f"labels.{n}.bak.tif") for n in (1, 2))
    assert (first.max(), second.max()) == (1, 2)
    assert reopened(entry).load_labels()[0].max() == 3


def test_labels_deleted_from_outside_can_be_saved_again(entry: ImageEntry, scene: Scene) -> None:
    entry.save_labels(scene[1], object_table(scene[1]))
    (entry.folder / "labels.tif").unlink()
    entry.save_labels(scene[1], object_table(scene[1]))
    np.testing.assert_array_equal(reopened(entry).load_labels()[0], scene[1])


def test_prompts_of_another_window_are_kept(project: Project, prompts: PromptTable) -> None:
    project.save_prompts(PromptTable())
    other = Project.open(project.folder)
    assert other.load_prompts() == PromptTable()
    other.save_prompts(prompts)
    assert not list(project.folder.glob("*.bak.*"))
    project.save_prompts(PromptTable())
    kept = project.folder / "prompts.1.bak.json"
    assert PromptTable.from_json(kept.read_text("utf-8")) == prompts
    assert Project.open(project.folder).load_prompts() == PromptTable()


# Damage


def test_labels_changed_outside_are_told(entry: ImageEntry, scene: Scene) -> None:
    entry.save_labels(scene[1], object_table(scene[1]))
    tifffile.imwrite(entry.folder / "labels.tif", scene[1] + 1)
    with pytest.raises(ProjectError, match="changed outside napari-vlseg"):
        reopened(entry).load_labels()


@pytest.mark.parametrize("content", [None, b"{", b'{"format": "napari-vlseg-objects"}'])
def test_a_bad_object_table_is_told_and_can_be_saved_over(
    entry: ImageEntry, scene: Scene, content: bytes | None
) -> None:
    entry.save_labels(scene[1], object_table(scene[1]))
    path = entry.folder / "objects.json"
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ProjectError, match=r"objects\.json.*put it back from a backup"):
        reopened(entry).load_labels()
    entry.save_labels(scene[1], object_table(scene[1]))
    np.testing.assert_array_equal(reopened(entry).load_labels()[0], scene[1])
    if content is not None:
        assert (entry.folder / "objects.1.bak.json").read_bytes() == content


@pytest.mark.parametrize(
    "content", [b"{", b"\xff", b'{"format": "napari-vlseg-prompts", "version": 9}']
)
def test_bad_prompts_are_told(project: Project, content: bytes) -> None:
    (project.folder / "prompts.json").write_bytes(content)
    with pytest.raises(ProjectError, match=r"prompts\.json"):
        project.load_prompts()


# Interruptions


class KilledError(BaseException):
    """Stands for the end of the process."""


STEPS = ("replace", "fsync")


@pytest.mark.parametrize("function", STEPS)
@pytest.mark.parametrize("error", [KilledError(), OSError(errno.ENOSPC, "No space left")])
def test_a_save_that_dies_at_any_step_leaves_one_whole_state(
    entry: ImageEntry,
    scene: Scene,
    monkeypatch: pytest.MonkeyPatch,
    function: str,
    error: BaseException,
) -> None:
    old, new = scene[1], np.where(scene[1] == 1, 0, scene[1])
    entry.save_labels(old, object_table(old))
    original = getattr(os, function)
    survived = 0
    for step in range(20):
        calls = iter(range(10**6))

        def die(*args: object, calls: object = calls, step: int = step) -> None:
            if next(calls) == step:  # type: ignore[call-overload]
                raise error
            original(*args)

        with monkeypatch.context() as patched:
            patched.setattr(os, function, die)
            try:
                reopened_entry = reopened(entry)
                reopened_entry.load_labels()
                reopened_entry.save_labels(new, object_table(new))
            except (KilledError, ProjectError):
                survived += 1
        labels, table = reopened(entry).load_labels()
        state = new if labels.max() and not (labels == 1).any() else old
        np.testing.assert_array_equal(labels, state)
        assert_frame_equal(table, object_table(state))
        assert not list(entry.folder.glob(".tmp-*"))
        again = reopened(entry)
        again.load_labels()
        again.save_labels(old, object_table(old))
    assert survived >= 3


@pytest.mark.parametrize(
    ("number", "words"),
    [(errno.EACCES, "read-only"), (errno.EROFS, "read-only"), (errno.ENOSPC, "disk is full")],
)
def test_a_refused_save_is_told_and_can_be_repeated(
    entry: ImageEntry, scene: Scene, monkeypatch: pytest.MonkeyPatch, number: int, words: str
) -> None:
    old, new = scene[1], scene[1] * 2
    for after in (0, 1, 2):
        entry.save_labels(old, object_table(old))
        with monkeypatch.context() as patched:
            refuse(patched, number, after)
            with pytest.raises(ProjectError, match=words):
                entry.save_labels(new, object_table(new))
        labels, table = reopened(entry).load_labels()
        np.testing.assert_array_equal(labels, old)
        assert_frame_equal(table, object_table(old))
    entry.save_labels(new, object_table(new))
    np.testing.assert_array_equal(reopened(entry).load_labels()[0], new)


def test_a_project_whose_folder_vanished_is_told(
    project: Project, entry: ImageEntry, scene: Scene, proposals: Proposals
) -> None:
    shutil.rmtree(project.folder)
    for write in (
        lambda: entry.save_labels(scene[1], object_table(scene[1])),
        lambda: entry.save_proposals(proposals),
        lambda: project.save_prompts(PromptTable()),
    ):
        with pytest.raises(ProjectError, match="is gone: reconnect"):
            write()
    assert not project.folder.exists()
    project.folder.mkdir()  # an empty mount point is left where the drive was
    with pytest.raises(ProjectError, match="folder is gone"):
        entry.save_labels(scene[1], object_table(scene[1]))


# Proposals


def test_proposals_come_back_exactly(entry: ImageEntry, proposals: Proposals) -> None:
    assert entry.save_proposals(proposals, index=(3, 1)) == "0001"
    (kept,) = reopened(entry).proposals()
    assert (kept.id, kept.index) == ("0001", (3, 1))
    for name in ("classes", "thresholds", "postprocess", "prompts", "model", "working_scale",
                 "notices"):  # fmt: skip
        assert getattr(kept, name) == getattr(proposals, name), name
    assert_frame_equal(kept.objects, proposals.objects, check_exact=True)
    np.testing.assert_array_equal(kept.load_labels(), proposals.labels, strict=True)
    assert not kept.has_probabilities
    with pytest.raises(ProjectError, match="without probabilities"):
        kept.load()


def test_probabilities_are_kept_when_asked(entry: ImageEntry, proposals: Proposals) -> None:
    entry.save_proposals(proposals, keep_probabilities=True)
    again = reopened(entry).proposals()[0].load()
    assert again.probabilities.dtype == np.float32
    np.testing.assert_allclose(again.probabilities, proposals.probabilities, atol=2**-11)
    np.testing.assert_array_equal(again.labels, proposals.labels, strict=True)
    assert again.prompts == proposals.prompts


def test_proposals_are_numbered_and_never_changed(
    project: Project, entry: ImageEntry, proposals: Proposals
) -> None:
    entry.save_proposals(proposals)
    before = snapshot(entry.folder / "proposals")
    other = reopened(entry)
    assert [other.save_proposals(proposals), entry.save_proposals(proposals)] == ["0002", "0003"]
    after = snapshot(entry.folder / "proposals")
    assert {name: after[name] for name in before} == before
    assert [kept.id for kept in entry.proposals()] == ["0001", "0002", "0003"]


def test_a_changed_or_missing_proposal_file_is_told(
    entry: ImageEntry, proposals: Proposals
) -> None:
    entry.save_proposals(proposals, keep_probabilities=True)
    folder = entry.folder / "proposals"
    (folder / "0001.npz").write_bytes(b"x")
    (folder / "0001.tif").unlink()
    (kept,) = entry.proposals()
    with pytest.raises(ProjectError, match=r"0001\.npz” was changed"):
        kept.load()
    with pytest.raises(ProjectError, match=r"0001\.tif” is missing"):
        kept.load_labels()
    (folder / "0001.json").write_text("{", "utf-8")
    with pytest.raises(ProjectError, match="damaged"):
        entry.proposals()


def test_a_proposal_that_dies_half_way_does_not_exist(
    entry: ImageEntry, proposals: Proposals, monkeypatch: pytest.MonkeyPatch
) -> None:
    for after in (0, 1):
        with monkeypatch.context() as patched:
            refuse(patched, errno.ENOSPC, after)
            with pytest.raises(ProjectError, match="disk is full"):
                entry.save_proposals(proposals)
        assert reopened(entry).proposals() == ()
    number = entry.save_proposals(proposals)
    assert [kept.id for kept in reopened(entry).proposals()] == [number]


# Events


def test_every_write_is_one_line(
    project: Project, entry: ImageEntry, scene: Scene, proposals: Proposals
) -> None:
    entry.save_proposals(proposals)
    entry.save_labels(scene[1], object_table(scene[1]))
    project.save_prompts(proposals.prompts)
    events = project.events()
    assert [(event["what"], Path(event["file"]).name) for event in events] == [
        ("create_project", "project.json"),
        ("add_image", "image.json"),
        ("add_image", "pixels.tif"),
        ("save_proposals", "0001.tif"),
        ("save_proposals", "0001.json"),
        ("save_objects", "objects.json"),
        ("save_labels", "labels.tif"),
        ("save_prompts", "prompts.json"),
    ]
    for event in events:
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", event["time"])
        assert abs(datetime.now(UTC) - datetime.fromisoformat(event["time"])).total_seconds() < 60
        assert event["annotator"] == "a1"
        assert len(event["sha256"]) == 64
        assert (project.folder / event["file"]).is_file()


def test_a_torn_last_event_is_tolerated_and_set_aside(project: Project, entry: ImageEntry) -> None:
    path = project.folder / "events.jsonl"
    sound = project.events()
    with path.open("ab") as stream:
        stream.write(b'{"time": "2026-')
    again = Project.open(project.folder)
    assert again.events() == sound
    again.save_prompts(PromptTable())
    assert len(again.events()) == len(sound) + 1
    assert path.with_name("events.jsonl.torn").read_bytes() == b'{"time": "2026-\n'


def test_a_damaged_event_is_told(project: Project) -> None:
    with (project.folder / "events.jsonl").open("ab") as stream:
        stream.write(b"nonsense\n")
    with pytest.raises(ProjectError, match="damaged"):
        project.events()
    project.save_prompts(PromptTable())
