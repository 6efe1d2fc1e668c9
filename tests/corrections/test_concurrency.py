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
from napari_vlseg.images import pixels_sha256
from napari_vlseg.prompts import PromptTable
from napari_vlseg.proposals import Proposals


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


def save_without_end(folder: Path) -> None:
    """Save labels in which every pixel and every row tell the number of the save."""
    (entry,) = Project.open(folder).images
    number = int(entry.load_labels()[0].max())
    while True:
        number += 1
        labels = np.full(entry.shape, number, np.int32)
        entry.save_labels(labels, pd.DataFrame({"label": [number], "class": ["nuclei"]}))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork to be quick")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_killed_process_leaves_one_whole_state(project: Project) -> None:
    pixels = np.random.default_rng(0).integers(0, 99, (64, 64), np.uint8)
    entry = project.add_image(
        "x",
        source_path=None,
        pixels_sha256=pixels_sha256(pixels),
        shape=pixels.shape,
        dtype=pixels.dtype,
        embed=pixels,
    )
    entry.save_labels(np.ones((64, 64), np.int32), pd.DataFrame({"label": [1]}))
    delay, before = random.Random(0), 1
    for _ in range(12):
        child = os.fork()
        if child == 0:
            try:
                save_without_end(project.folder)
            finally:
                os._exit(1)
        time.sleep(delay.uniform(0.02, 0.15))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        labels, objects = Project.open(project.folder).images[0].load_labels()
        assert len(np.unique(labels)) == 1
        assert objects["label"].tolist() == [labels[0, 0]]
        assert labels[0, 0] >= before
        before = int(labels[0, 0])
        assert Project.open(project.folder).events()
    assert before > 12
    again = Project.open(project.folder).images[0]
    again.save_labels(*again.load_labels())
    assert not list(again.folder.glob(".tmp-*"))
