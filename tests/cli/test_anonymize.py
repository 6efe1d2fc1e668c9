"""``napari-vlseg anonymize``."""

from __future__ import annotations

import json

import pytest

from napari_vlseg.corrections.store import Project


def test_a_project_no_longer_tells_who_made_it(cli, tmp_path):
    folder = tmp_path / "project"
    Project.create(folder, annotator="reader-2")
    done = cli("anonymize", str(folder), "--json")
    assert done.code == 0
    assert json.loads(done.out) == {"project": str(folder), "files": 2, "notices": []}
    assert b"reader-2" not in (folder / "project.json").read_bytes()
    assert Project.open(folder).annotator == ""


@pytest.mark.parametrize("place", ["missing", ""])
def test_what_is_no_project_is_told(cli, tmp_path, place):
    done = cli("anonymize", str(tmp_path / place))
    assert done.code == 1
    assert "not a napari-vlseg project" in done.err
