"""Several writers, and a process that is killed, leave one whole project."""

from __future__ import annotations

import os
import random
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from filelock import FileLock

from napari_vlseg.corrections import journal
from napari_vlseg.corrections.store import ImageEntry, Project
from napari_vlseg.errors import ProjectError
from napari_vlseg.prompts import PromptTable
from napari_vlseg.proposals import Proposals

from .helpers import add


def test_a_project_that_another_program_keeps_is_told(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "_PATIENCE_S", 0.05)
    with (
        FileLock(project.folder / journal.LOCK_NAME),
        pytest.raises(ProjectError, match=r"Another program is writing.*try again"),
    ):
        project.save_prompts(PromptTable())
    project.save_prompts(PromptTable())


def test_threads_write_one_after_the_other(entry: ImageEntry, proposals: Proposals) -> None:
    with ThreadPoolExecutor(4) as pool:
        numbers = list(pool.map(lambda _: entry.save_proposals(proposals), range(8)))
    assert sorted(numbers) == [f"{number:04d}" for number in range(1, 9)]
    project = Project.open(entry.folder.parents[1])
    assert len(project.images[0].proposals()) == 8
    assert len(project.events()) == 3 + 2 * 8


def save_without_end(folder: Path, saved: int) -> None:
    """Save labels in which every pixel and every row tell the number of the save.

    A byte is written to the descriptor `saved` after each.
    """
    (entry,) = Project.open(folder).images
    number = int(entry.load_labels()[0].max())
    while True:
        number += 1
        labels = np.full(entry.shape, number, np.int32)
        entry.save_labels(labels, pd.DataFrame({"label": [number], "class": ["nuclei"]}))
        os.write(saved, b".")


def kill_while_saving(folder: Path, delay: float) -> None:
    """Fork a process that saves, and kill it some time after its first save."""
    ready, saved = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            save_without_end(folder, saved)
        finally:
            os._exit(1)
    os.close(saved)
    try:
        assert os.read(ready, 1) == b"."
        time.sleep(delay)
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(ready)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork to be quick")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_killed_process_leaves_one_whole_state(project: Project) -> None:
    entry = add(project, "x", np.zeros((64, 64), np.uint8))
    entry.save_labels(np.ones((64, 64), np.int32), pd.DataFrame({"label": [1]}))
    delay, before = random.Random(0), 1
    for _ in range(12):
        kill_while_saving(project.folder, delay.uniform(0, 0.05))
        labels, objects = Project.open(project.folder).images[0].load_labels()
        assert len(np.unique(labels)) == 1
        assert objects["label"].tolist() == [labels[0, 0]]
        assert labels[0, 0] > before
        before = int(labels[0, 0])
        assert Project.open(project.folder).events()
    again = Project.open(project.folder).images[0]
    again.save_labels(*again.load_labels())
    assert not list(again.folder.glob(".tmp-*"))
