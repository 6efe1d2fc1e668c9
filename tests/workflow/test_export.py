"""A project's corrected labels become a training set."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile
from pycocotools.coco import COCO

from napari_vlseg.corrections.store import ImageEntry, Project
from napari_vlseg.errors import ExportError, ProjectError
from napari_vlseg.events import Progress, run
from napari_vlseg.images import pixels_sha256
from napari_vlseg.workflow.export import export_project


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project.create(tmp_path / "project")


def add(
    project: Project,
    name: str,
    pixels: np.ndarray,
    labels: np.ndarray | None,
    axes: str = "",
    status: str = "edited",
) -> ImageEntry:
    entry = project.add_image(
        name,
        source_path=None,
        pixels_sha256=pixels_sha256(pixels),
        shape=pixels.shape,
        dtype=pixels.dtype,
        axes=axes,
        pixel_size=(0.5, 0.5),
        unit="µm",
        embed=pixels,
    )
    if labels is not None:
        numbers = np.unique(labels[labels > 0])
        table = pd.DataFrame({"label": numbers, "class": "nuclei", "status": status})
        entry.save_labels(labels, table)
    return entry


def test_images_with_labels_are_exported(
    tmp_path: Path, project: Project, scene: tuple[np.ndarray, np.ndarray]
) -> None:
    image, labels = scene
    add(project, "discs", image, labels)
    add(project, "untouched", image, None)
    add(project, "nothing there", image, np.zeros_like(labels))
    events: list[object] = []
    files = run(export_project(project.folder, "tiff", tmp_path / "out"), events.append)
    assert events == [
        Progress("reading", 1, 2),
        Progress("reading", 2, 2),
        Progress("exporting", 1, 2),
        Progress("exporting", 2, 2),
    ]
    assert [path.relative_to(tmp_path / "out").as_posix() for path in files] == [
        "classes.csv",
        "images/discs.tif",
        "images/nothing there.tif",
        "masks/discs.tif",
        "masks/nothing there.tif",
        "export.json",
    ]
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "out/images/discs.tif"), image)
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "out/masks/discs.tif"), labels)


def test_coco_reads_back_the_corrected_labels(
    tmp_path: Path, project: Project, scene: tuple[np.ndarray, np.ndarray]
) -> None:
    image, labels = scene
    add(project, "discs", image, labels)
    run(export_project(project.folder, "coco", tmp_path / "out"))
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO(str(tmp_path / "out" / "instances.json"))
    assert [category["name"] for category in coco.cats.values()] == ["nuclei"]
    for number, annotation in enumerate(coco.anns.values(), start=1):
        np.testing.assert_array_equal(coco.annToMask(annotation), labels == number)


@pytest.mark.parametrize(
    ("shape", "axes", "positions"),
    [
        ((4, 6, 7), "", ["_z001", "_z003"]),
        ((4, 6, 7), "TYX", ["_t001", "_t003"]),
        ((2, 4, 6, 7), "", ["_t000_z001", "_t000_z003", "_t001_z001", "_t001_z003"]),
        ((1200, 6, 7), "ZYX", ["_z0001", "_z0003"]),
    ],
)
def test_a_stack_becomes_its_labelled_planes(
    tmp_path: Path, project: Project, shape: tuple[int, ...], axes: str, positions: list[str]
) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, shape, np.uint8)
    labels = np.zeros(shape, int)
    labels[..., 1, 2:4, 2:4] = 1
    labels[..., 3, 2:4, 2:4] = 2
    add(project, "stack", pixels, labels, axes)
    run(export_project(project.folder, "tiff", tmp_path / "out"))
    folder = tmp_path / "out" / "images"
    assert sorted(path.stem for path in folder.iterdir()) == [f"stack{p}" for p in positions]
    planes = [1, 3] * (len(positions) // 2)
    for position, plane in zip(positions, planes, strict=True):
        index = (*((0,) * (len(shape) - 3)), plane)
        if position.startswith("_t001_"):
            index = (1, plane)
        again = tifffile.imread(folder / f"stack{position}.tif")
        np.testing.assert_array_equal(again, pixels[index])


@pytest.mark.parametrize(
    ("shape", "axes", "channel"),
    [((6, 7, 3), "YXS", 2), ((2, 6, 7), "CYX", 0), ((2, 6, 7), "", 0), ((4, 2, 6, 7), "ZCYX", 1)],
)
def test_channels_are_exported_with_their_plane(
    tmp_path: Path, project: Project, shape: tuple[int, ...], axes: str, channel: int
) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, shape, np.uint8)
    side = tuple(length for axis, length in enumerate(shape) if axis != channel)
    add(project, "c", pixels, np.ones(side, int), axes)
    run(export_project(project.folder, "tiff", tmp_path / "out"))
    first = sorted((tmp_path / "out" / "images").iterdir())[0]
    expected = pixels if len(shape) == 3 else pixels[0]
    np.testing.assert_array_equal(tifffile.imread(first), expected)


def test_rejected_objects_are_left_out(
    tmp_path: Path, project: Project, scene: tuple[np.ndarray, np.ndarray]
) -> None:
    image, labels = scene
    entry = add(project, "discs", image, labels)
    _, table = entry.load_labels()
    table.loc[table["label"] == 2, "status"] = "rejected"
    entry.save_labels(labels, table)
    run(export_project(project.folder, "tiff", tmp_path / "out"))
    mask = tifffile.imread(tmp_path / "out" / "masks" / "discs.tif")
    np.testing.assert_array_equal(mask, np.where(labels == 2, 0, labels))


def test_labels_of_the_wrong_axes_are_told(tmp_path: Path, project: Project) -> None:
    add(project, "c", np.zeros((2, 3, 6, 7), np.uint8), np.ones((6, 7), int))
    with pytest.raises(ExportError, match=r"shape \(6, 7\) but its image has shape \(2, 3, 6, 7\)"):
        run(export_project(project.folder, "tiff", tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def test_what_cannot_be_exported_is_told(tmp_path: Path, project: Project) -> None:
    with pytest.raises(ExportError, match="unknown: choose one of"):
        run(export_project(project.folder, "yolo", tmp_path / "out"))
    with pytest.raises(ExportError, match="no corrected labels"):
        run(export_project(project.folder, "tiff", tmp_path / "out"))
    with pytest.raises(ProjectError, match="not a napari-vlseg project"):
        run(export_project(tmp_path / "no", "tiff", tmp_path / "out"))
    assert not (tmp_path / "out").exists()
