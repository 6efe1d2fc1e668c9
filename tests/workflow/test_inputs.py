from __future__ import annotations

from pathlib import Path

import pytest

from napari_vlseg.errors import ImageError
from napari_vlseg.workflow.inputs import find_inputs, left_out


@pytest.fixture
def slides(tmp_path, monkeypatch):
    """Images on two levels, something else, and a Zarr group with a chunk called like an image."""
    for name in ("a10.tif", "a2.tif", "notes.txt", ".hidden.tif", "x/a2.tif", "x/y/b.png"):
        path = tmp_path / "slides" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    group = tmp_path / "slides" / "x" / "z.ome.zarr"
    (group / "0").mkdir(parents=True)
    (group / "zarr.json").touch()
    (group / "0" / "preview.png").touch()
    monkeypatch.chdir(tmp_path)
    return Path("slides")


def found(*given, out=None):
    images, others = find_inputs(given, out)
    names = [(str(i.path), str(i.below), i.is_named) for i in images]
    return names, [path.name for path in others]


def test_a_folder_gives_the_images_in_it_in_natural_order(slides):
    images = [("slides/a2.tif", ".", False), ("slides/a10.tif", ".", False)]
    assert found("slides") == (images, ["notes.txt"])


def test_a_pattern_keeps_the_folders_below_its_fixed_part(slides):
    images, others = found("slides/**/*")
    assert [(path, below) for path, below, _ in images] == [
        ("slides/a2.tif", "."),
        ("slides/a10.tif", "."),
        ("slides/x/a2.tif", "x"),
        ("slides/x/y/b.png", "x/y"),
        ("slides/x/z.ome.zarr", "x"),
    ]
    assert others == ["notes.txt"]


def test_several_folders_are_told_apart_by_what_they_have_not_in_common(slides):
    images, _ = found("slides/x", "slides/x/y")
    assert [(Path(path).name, below) for path, below, _ in images] == [
        ("a2.tif", "."),
        ("z.ome.zarr", "."),
        ("b.png", "y"),
    ]


def test_an_image_that_is_named_too_is_there_once_as_named(slides):
    assert found("slides", "slides/a2.tif")[0] == [
        ("slides/a2.tif", ".", True),
        ("slides/a10.tif", ".", False),
    ]


def test_what_exists_is_no_pattern(slides):
    (slides / "a[1].tif").touch()
    assert found("slides/a[1].tif")[0] == [("slides/a[1].tif", ".", True)]


def test_labels_of_an_earlier_run_are_no_images(slides):
    out = slides / "labels"
    (out / "x").mkdir(parents=True)
    (out / "x" / "a2.tif").touch()
    pattern = "slides/**/*.tif"
    assert "slides/labels/x/a2.tif" in [path for path, *_ in found(pattern)[0]]
    assert "slides/labels/x/a2.tif" not in [path for path, *_ in found(pattern, out=out)[0]]
    below = found("slides/x", out=slides)  # here the images lie in the folder of the labels
    assert below[0] == [("slides/x/a2.tif", ".", False), ("slides/x/z.ome.zarr", ".", False)]
    with pytest.raises(ImageError, match="among the images"):
        find_inputs(["slides"], slides)


@pytest.mark.parametrize("given", ["slides/*.jpg", "nowhere/*.tif", "slides/x/y/*.tif"])
def test_nothing_found_is_an_error_that_names_what_was_typed(slides, given):
    with pytest.raises(ImageError, match="gives no images"):
        find_inputs([given])


def test_a_file_that_is_missing_is_left_to_whoever_reads_it():
    assert found("missing.tif") == ([("missing.tif", ".", True)], [])


def test_files_that_are_left_out_are_named():
    others = [Path(f"{name}.txt") for name in "abcd"]
    assert left_out(others) == "4 files are no images and are left out: a.txt, b.txt, c.txt, …"
    assert left_out(others[:1]) == "1 file is no image and is left out: a.txt"
