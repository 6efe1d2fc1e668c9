"""What was altered outside is found, and what was not is left in peace."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_vlseg.corrections.edits import Edit
from napari_vlseg.corrections.store import ImageEntry, Project
from napari_vlseg.corrections.verify import verify
from napari_vlseg.events import Notice, run
from napari_vlseg.pixel_changes import PixelChange
from napari_vlseg.proposals import Proposals

from .helpers import Scene, object_table, snapshot


@pytest.fixture
def worked(project: Project, entry: ImageEntry, scene: Scene, proposals: Proposals) -> Path:
    """A project in which everything was done, and a line was cut short at the end."""
    project.save_prompts(proposals.prompts)
    entry.save_proposals(proposals, keep_probabilities=True)
    entry.save_labels(scene[1], object_table(scene[1]))
    run(entry.compact())
    entry.save_labels(scene[1] * 2, object_table(scene[1] * 2))
    ledger = entry.open_ledger()
    ledger.undo()
    ledger.append(Edit("paint", PixelChange.at(np.array([0]), 0, 9)))
    ledger.rotate()
    ledger.append(Edit("paint", PixelChange.at(np.array([1]), 0, 9)))
    ledger.close()
    with (entry.folder / "edits.jsonl").open("ab") as stream:
        stream.write(b'{"n":5,"op":"pa')
    (entry.folder / ".tmp-123.json").write_bytes(b"{")
    return project.folder


def findings(folder: Path) -> list[str]:
    notices: list[str] = []
    work = verify(Project.open(folder))
    found = run(work, lambda event: notices.append(event) if isinstance(event, Notice) else None)
    assert len(notices) == len(found)
    return [str(finding).removeprefix("images/0001-discs/") for finding in found]


def test_a_project_as_it_was_written_is_sound(worked: Path) -> None:
    before = snapshot(worked)
    assert findings(worked) == []
    assert snapshot(worked) == before


def change(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b"0", b"1", 1) + b" ")


def repaint(path: Path) -> None:
    labels = tifffile.imread(path)
    labels[0, 0] = 3
    tifffile.imwrite(path, labels)


def rewrite(path: Path) -> None:
    """A line that is sound by itself, but is not what was drawn."""
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:1], *lines[2:]]))


IMAGE = "images/0001-discs"


@pytest.mark.parametrize(
    ("name", "alter", "words"),
    [
        ("project.json", change, "project.json was changed outside"),
        ("prompts.json", change, "prompts.json was changed outside"),
        (f"{IMAGE}/image.json", Path.touch, None),
        (f"{IMAGE}/pixels.tif", change, "pixels.tif was changed outside"),
        (f"{IMAGE}/pixels.tif", Path.unlink, "pixels.tif is missing"),
        (f"{IMAGE}/proposals/0001.npz", change, "proposals/0001.npz was changed outside"),
        (f"{IMAGE}/labels.tif", repaint, "labels.tif can't be used"),
        (f"{IMAGE}/objects.previous.json", change, "objects.previous.json was changed outside"),
        (f"{IMAGE}/edits.0001.jsonl.gz", change, "edits.0001.jsonl.gz was changed outside"),
        (f"{IMAGE}/edits.0002.jsonl", change, "edits.0002.jsonl is damaged"),
        (f"{IMAGE}/edits.jsonl", rewrite, None),
        (f"{IMAGE}/notes.txt", lambda path: path.write_text("x"), "notes.txt was not written"),
    ],
)
def test_what_was_altered_is_found(
    worked: Path, name: str, alter: Callable[[Path], object], words: str | None
) -> None:
    alter(worked / name)
    found = findings(worked)
    assert bool(found) == (words is not None)
    if words is not None:
        assert words in found[0]


def test_labels_that_are_not_what_the_journal_gives_are_found(worked: Path) -> None:
    folder = worked / IMAGE
    document = json.loads((folder / "objects.json").read_text("utf-8"))
    document["edits"] = 1
    (folder / "objects.json").write_text(json.dumps(document), "utf-8")
    assert "labels.tif is not what the journal of edits gives" in findings(worked)


def test_a_missing_segment_is_found(worked: Path) -> None:
    (worked / IMAGE / "edits.0001.jsonl.gz").unlink()
    found = findings(worked)
    assert "edits.0001.jsonl.gz is missing" in found
    assert any("does not follow" in finding for finding in found)
