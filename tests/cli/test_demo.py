from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest

from napari_vlseg.cli import screen
from napari_vlseg.samples import load_sample


@pytest.fixture(autouse=True)
def no_screen(monkeypatch, tmp_path):
    monkeypatch.setattr(screen, "has_display", lambda: False)
    monkeypatch.chdir(tmp_path)


def test_the_demo_prints_a_table_and_where_things_are(cli, model, tmp_path):
    done = cli("demo")
    assert done.code == 0
    _, truth = load_sample("fluorescence")
    assert str(truth.max()) in done.out
    assert "IoU" in done.out
    for name in ("project", "coco", "labels.tif", "overlay.png"):
        assert (tmp_path / "vlseg-demo" / name).exists()
        assert name in done.out
    assert "no screen" in done.err


def test_a_second_demo_leaves_the_first_alone(cli, model, tmp_path):
    cli("demo", "--no-show")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "vlseg-demo").rglob("*")}
    done = cli("demo", "--no-show")
    assert done.code == 0
    assert (tmp_path / "vlseg-demo-2").is_dir()
    after = {path: path.stat().st_mtime_ns for path in (tmp_path / "vlseg-demo").rglob("*")}
    assert after == before


def test_json_is_all_that_stdout_holds(cli, model, tmp_path):
    done = cli("demo", "--out", tmp_path / "here", "--json", "--no-show")
    document = done.document
    assert document["project"] == str(tmp_path / "here" / "project")
    assert [score["name"] for score in document["scores"]] == ["text", "reference", "corrected"]
    assert document["notices"] == []


def test_a_folder_with_contents_is_refused(cli, model, tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    done = cli("demo", "--out", tmp_path)
    assert done.code == 1
    assert len(done.err.strip().splitlines()) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_the_window_opens_on_the_project(cli, model, tmp_path, monkeypatch):
    opened = []
    window = SimpleNamespace(open_window=lambda **options: opened.append(options))
    monkeypatch.setitem(sys.modules, "napari_vlseg.ui.app", window)
    monkeypatch.setattr(screen, "why_no_window", lambda: None)
    assert cli("demo").code == 0
    assert opened == [{"project": tmp_path / "vlseg-demo" / "project"}]
    cli("demo", "--no-show")
    assert len(opened) == 1
