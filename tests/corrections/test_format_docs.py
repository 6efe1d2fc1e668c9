"""docs/on-disk-format.md says what is written, and nothing else."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_vlseg.corrections.documents import VERSION
from napari_vlseg.corrections.edits import OPS, Edit
from napari_vlseg.corrections.store import Project
from napari_vlseg.events import run
from napari_vlseg.exporters import formats
from napari_vlseg.proposals import OBJECT_COLUMNS, Proposals
from napari_vlseg.workflow.export import export_project

from .helpers import Scene, add, object_table

PAGE = (Path(__file__).parents[2] / "docs" / "on-disk-format.md").read_text("utf-8")
COMMON = {"format", "version"}


@pytest.fixture
def folder(tmp_path: Path, scene: Scene, proposals: Proposals) -> Path:
    """The project of the page's example."""
    image, labels = scene
    project = Project.create(tmp_path / "project")
    project.save_prompts(proposals.prompts)
    entry = add(project, "nuclei", image)
    entry.save_proposals(proposals)
    entry.save_proposals(proposals, keep_probabilities=True)
    entry.save_labels(labels, object_table(labels))
    run(entry.compact())
    labels = np.where(labels == 1, 0, labels)
    entry.save_labels(labels, object_table(labels))
    ledger = entry.open_ledger()
    ledger.undo()
    ledger.append(Edit("comment", plane=(0,), cause={"text": "a"}))
    ledger.close()
    return project.folder


def section(title: str) -> str:
    return PAGE.split(f"## {title}\n")[1].split("\n## ")[0]


def fields(title: str) -> list[str]:
    return fields_of(section(title))


def fields_of(text: str) -> list[str]:
    table = text.split("| field |")[1].split("\n\n")[0]
    return re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)


def document(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text("utf-8"))


def tree(lines: list[str]) -> set[str]:
    """Paths of the files of an indented listing."""
    parents: list[str] = []
    found = set()
    for line in lines:
        depth = (len(line) - len(line.lstrip())) // 2
        parents = [*parents[:depth], line.strip().rstrip("/")]
        if not line.endswith("/"):
            found.add("/".join(parents[1:]))
    return found


def test_the_example_tree_is_what_is_written(folder: Path) -> None:
    listing = section("Example").split("```text\n")[1].split("```")[0].splitlines()
    written = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
    assert tree(listing) == {path for path in written if not path.endswith((".lock", ".editing"))}


@pytest.mark.parametrize(
    ("title", "path"),
    [
        ("`project.json`", "project.json"),
        ("`image.json`", "images/0001-nuclei/image.json"),
        ("`objects.json`", "images/0001-nuclei/objects.json"),
        ("`proposals/<n>.json`", "images/0001-nuclei/proposals/0002.json"),
        ("`prompts.json`", "prompts.json"),
    ],
)
def test_the_fields_are_those_written(folder: Path, title: str, path: str) -> None:
    written = document(folder / path)
    assert fields(title) == [name for name in written if name not in COMMON]
    assert list(written)[:2] == fields("Common to all JSON documents")
    assert written["version"] == (1 if path == "prompts.json" else VERSION)
    assert written["format"].removeprefix("napari-vlseg-") in section(
        "Common to all JSON documents"
    )
    for name, value in written.items():
        if isinstance(value, dict) and name != "prompts":
            row = next(line for line in section(title).splitlines() if f"| `{name}` |" in line)
            assert all(f"`{key}`" in row for key in value), name


def test_the_lines_of_the_journal_are_those_written(folder: Path) -> None:
    image = folder / "images/0001-nuclei"
    data = gzip.decompress((image / "edits.0001.jsonl.gz").read_bytes())
    data += (image / "edits.jsonl").read_bytes()
    lines = [json.loads(line) for line in data.splitlines()]
    headers = [line for line in lines if "n" not in line]
    first = section("`edits.jsonl`: the first line")
    named = re.findall(r"`(\w+)`", first.split("| field |")[1].split("`napari")[0])
    assert [list(header) for header in headers] == [[*named, *fields_of(first)]] * 2
    edits = [line for line in lines if "n" in line]
    known = fields("`edits.jsonl`: edits")
    for edit in edits:
        assert list(edit) == [name for name in known if name in edit]
    assert {name for edit in edits for name in edit} == set(known) - {"annotator"}
    ops = next(row for row in section("`edits.jsonl`: edits").splitlines() if "| `op` |" in row)
    assert re.findall(r"`(\w+)`", ops)[1:] == list(OPS)
    pixels = next(row for row in section("`edits.jsonl`: edits").splitlines() if "`pixels`" in row)
    assert re.findall(r"`(\w+)`", pixels)[1:] == list(edits[0]["pixels"])


def test_the_events_are_those_written(folder: Path) -> None:
    events = Project.open(folder).events()
    assert {name for event in events for name in event} == set(fields("`events.jsonl`"))
    for event in events:
        assert f"`{event['what']}`" in section("`events.jsonl`")


def test_the_columns_are_those_of_the_table() -> None:
    listed = re.findall(r"^\| `(\w+)` \|", section("`objects.json`").split("| column |")[1], re.M)
    assert tuple(listed) == OBJECT_COLUMNS


def test_the_code_runs(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    space: dict[str, Any] = {}
    for code in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL):
        exec(compile(code, "on-disk-format.md", "exec"), space)  # noqa: S102
    space["summarize"](folder)
    space["read_labels"](folder)
    assert capsys.readouterr().out == "nuclei (96, 96) 3\n3 [2, 3]\n"
    labels, _ = Project.open(folder).images[0].load_labels()
    np.testing.assert_array_equal(space["replay"](folder), labels, strict=True)


def test_the_version_told_is_the_one_written() -> None:
    assert f"**format version {VERSION}**" in PAGE


@pytest.mark.parametrize("name", formats())
def test_the_exports_are_those_written(folder: Path, tmp_path: Path, name: str) -> None:
    files = run(export_project(folder, name, tmp_path / "out"))
    rows = re.findall(rf"^\| `{name}`: `(.+?)`", section("Exports"), re.MULTILINE)
    expected = {row.replace("<name>", "nuclei") for row in rows} | {"export.json"}
    assert {path.relative_to(tmp_path / "out").as_posix() for path in files} == expected
