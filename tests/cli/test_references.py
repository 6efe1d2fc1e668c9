from __future__ import annotations

from pathlib import Path

import pytest

from napari_vlseg.cli.references import parse_reference
from napari_vlseg.errors import PromptError


@pytest.mark.parametrize(
    ("spec", "image", "mask", "name"),
    [
        ("a.png:m.png", "a.png", "m.png", None),
        ("a.png:m.png:cell nuclei", "a.png", "m.png", "cell nuclei"),
        ("/d/a.png:/d/m.png:x", "/d/a.png", "/d/m.png", "x"),
        (r"C:\a.png:D:\m.png", r"C:\a.png", r"D:\m.png", None),
        (r"C:\a.png:D:\m.png:nuclei", r"C:\a.png", r"D:\m.png", "nuclei"),
        ("C:/a.png:m.png:nuclei", "C:/a.png", "m.png", "nuclei"),
        (r"a.png:D:\m.png:nuclei", "a.png", r"D:\m.png", "nuclei"),
        (r"a.png:D:\m.png", "a.png", r"D:\m.png", None),
        ("a:b", "a", "b", None),
    ],
)
def test_paths_and_class_are_told_apart(spec, image, mask, name):
    parsed = parse_reference(spec)
    assert (parsed.image, parsed.mask, parsed.class_name) == (Path(image), Path(mask), name)


def test_files_with_a_colon_in_their_name_are_found(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("t=1:30.png", "mask:1.png"):
        (tmp_path / name).touch()
    parsed = parse_reference("t=1:30.png:mask:1.png")
    assert (parsed.image, parsed.mask) == (Path("t=1:30.png"), Path("mask:1.png"))
    parsed = parse_reference("t=1:30.png:mask:1.png:cells")
    assert (parsed.mask, parsed.class_name) == (Path("mask:1.png"), "cells")


@pytest.mark.parametrize("spec", ["", "a.png", "a.png:", ":m.png", " : "])
def test_anything_else_is_refused(spec):
    with pytest.raises(PromptError, match="IMAGE:MASK"):
        parse_reference(spec)
