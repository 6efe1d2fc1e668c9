"""An export appears whole, and over nothing that it did not write."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_vlseg.errors import ExportError
from napari_vlseg.events import Progress
from napari_vlseg.exporters import ExportItem, export, export_steps, formats
from napari_vlseg.exporters.base import UniqueNames

Items = list[ExportItem]


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.mark.parametrize("name", formats())
def test_the_files_told_are_those_written(tmp_path: Path, items: Items, name: str) -> None:
    files = export(items, name, tmp_path / "new" / "out")
    assert {path.relative_to(tmp_path / "new" / "out").as_posix() for path in files} == set(
        contents(tmp_path / "new" / "out")
    )
    assert len(files) == len(set(files))


def test_progress_counts_items(tmp_path: Path, items: Items) -> None:
    events = list(export_steps(items, "tiff", tmp_path / "out", total=3))
    assert events == [Progress("exporting", done, 3) for done in (1, 2, 3)]


def test_an_unknown_format_is_told_with_the_known_ones(tmp_path: Path, items: Items) -> None:
    with pytest.raises(ExportError, match="“yolo” is unknown: choose one of tiff, coco"):
        export(items, "yolo", tmp_path / "out")


def test_nothing_to_export_is_told(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="no corrected labels to export"):
        export([], "coco", tmp_path / "out")
    assert not any(tmp_path.iterdir())


def test_an_earlier_export_is_replaced_only_when_asked(tmp_path: Path, items: Items) -> None:
    out = tmp_path / "out"
    export(items, "tiff", out)
    before = contents(out)
    with pytest.raises(ExportError, match="already holds an export"):
        export(items, "coco", out)
    assert contents(out) == before
    export(items[:1], "coco", out, overwrite=True)
    assert set(contents(out)) == {"instances.json", "images/grey.png", "export.json"}
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("after_export", [True, False])
def test_other_files_are_never_replaced(tmp_path: Path, items: Items, after_export: bool) -> None:
    out = tmp_path / "out"
    if after_export:
        export(items, "tiff", out)
    out.mkdir(exist_ok=True)
    (out / "notes.txt").write_text("mine")
    before = contents(out)
    with pytest.raises(ExportError, match=r"holds files that no export wrote.*“notes\.txt”"):
        export(items, "tiff", out, overwrite=True)
    assert contents(out) == before


@pytest.mark.parametrize("manifest", ["{", "[]", '{"format": "other", "files": ["notes.txt"]}'])
def test_a_foreign_manifest_gives_no_right_to_overwrite(
    tmp_path: Path, items: Items, manifest: str
) -> None:
    (tmp_path / "export.json").write_text(manifest)
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(ExportError, match="holds files that no export wrote"):
        export(items, "tiff", tmp_path, overwrite=True)
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_a_file_in_the_place_of_the_folder_is_told(tmp_path: Path, items: Items) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(ExportError, match="is a file: choose a folder"):
        export(items, "tiff", tmp_path / "file", overwrite=True)
    with pytest.raises(ExportError, match="a file is in the place of"):
        export(items, "tiff", tmp_path / "file" / "out")
    assert contents(tmp_path) == {"file": b"x"}


@pytest.mark.parametrize("earlier", [True, False])
def test_a_cancelled_export_leaves_what_was_there(
    tmp_path: Path, items: Items, earlier: bool
) -> None:
    out = tmp_path / "out"
    if earlier:
        export(items, "tiff", out)
    before = contents(tmp_path)
    work = export_steps(items, "coco", out, overwrite=True)
    next(work)
    work.close()
    assert contents(tmp_path) == before


@pytest.mark.parametrize(
    ("function", "number", "words"),
    [
        ("mkdir", errno.EACCES, "read-only: choose another folder"),
        ("rename", errno.ENOSPC, "disk is full"),
        ("fsync", errno.EIO, "choose another folder"),
    ],
)
def test_what_the_system_refuses_is_told(
    tmp_path: Path,
    items: Items,
    monkeypatch: pytest.MonkeyPatch,
    function: str,
    number: int,
    words: str,
) -> None:
    def fail(*_args: object, **_kwargs: object) -> None:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patched:
        patched.setattr(os, function, fail)
        with pytest.raises(ExportError, match=words):
            export(items, "coco", tmp_path / "out")
    assert not any(tmp_path.iterdir())


def test_labels_that_do_not_fit_their_image_are_refused(items: Items) -> None:
    with pytest.raises(ExportError, match=r"\(5, 5\) and its image \(96, 96\)"):
        ExportItem("x", items[0].image, np.zeros((5, 5), int))


@pytest.mark.parametrize("name", formats())
@pytest.mark.parametrize(
    "image", [np.zeros((4, 4), complex), np.full((4, 4), 2**40), np.zeros((4, 4), "datetime64[s]")]
)
def test_pixels_without_a_tiff_type_are_told(tmp_path: Path, image: np.ndarray, name: str) -> None:
    item = ExportItem("odd", image, np.ones((4, 4), np.uint8))
    with pytest.raises(ExportError, match=r"“odd” can't be exported.*convert it"):
        export([item], name, tmp_path / "out")
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("name", formats())
def test_names_that_collide_are_told_apart(tmp_path: Path, items: Items, name: str) -> None:
    plane = items[0]
    names = ["a/b", "a_b", "A_B", "../a", "a_b_2", ""]
    same = [ExportItem(wished, plane.image, plane.labels) for wished in names]
    export(same, name, tmp_path / "out")
    written = sorted(path.stem for path in (tmp_path / "out" / "images").iterdir())
    assert written == sorted(["a_b", "a_b_2", "A_B_3", "_a", "a_b_2_2", "_"])
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@given(st.lists(st.text(st.characters(codec="utf-8"), max_size=5)))
def test_any_names_are_safe_and_unique(names: list[str]) -> None:
    unique = UniqueNames()
    made = [unique(name) for name in names]
    assert len({name.casefold() for name in made}) == len(made)
    assert not any("/" in name or "\\" in name or name in ("", ".", "..") for name in made)


def test_the_manifest_lists_the_files(tmp_path: Path, items: Items) -> None:
    export(items, "tiff", tmp_path / "out")
    manifest = json.loads((tmp_path / "out" / "export.json").read_bytes())
    assert (manifest["format"], manifest["kind"]) == ("napari-vlseg-export", "tiff")
    assert {*manifest["files"], "export.json"} == set(contents(tmp_path / "out"))
