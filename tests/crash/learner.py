"""The program that is killed while it learns: one thread works on images, another one trains.

``python -m tests.crash.learner PROJECT SEED`` works on the images of a project as
`tests.crash.worker` does. Beside it the corrections of that project are read and the bundled
model learns a few painted objects, which are always the same, so that a training that was killed
is gone on with. What a finished epoch was is said as ``epoch TRAINING NUMBER``.
"""

from __future__ import annotations

import sys
import threading
from pathlib import Path

import torch

from napari_vlseg.corrections.store import Project
from napari_vlseg.events import Event, run
from napari_vlseg.files import atomic_write_text
from napari_vlseg.models.clipseg import ClipSegSegmenter
from napari_vlseg.models.registry import load
from napari_vlseg.training.finetune.from_project import project_corrections
from napari_vlseg.training.finetune.replay import replay_bank
from napari_vlseg.training.finetune.settings import FinetuneSettings
from napari_vlseg.training.finetune.training import Epoch, finetune
from tests.crash import worker
from tests.training.finetune.helpers import TABLE, corrected

EPOCHS, STEPS = 8, 2


def settings_of(number: int) -> FinetuneSettings:
    """A short training; each number is another one."""
    return FinetuneSettings(
        epochs=EPOCHS, steps=STEPS, batch=4, patience=EPOCHS, replay_scenes=2, seed=number
    )


def folder_of(project: Path, number: int) -> Path:
    """Where the finished epochs of a training are."""
    return project.with_name(f"training {number}")


def begun(project: Path) -> int:
    """Number of the training that is not finished."""
    number = 0
    while (folder_of(project, number) / "taught").exists():
        number += 1
    return number


def learn(project: Path, model: ClipSegSegmenter) -> None:
    """Train for ever, one training after the other."""
    planes = [corrected(seed, size=128) for seed in (0, 2)]
    bank = run(replay_bank(model, 2))
    while True:
        number = begun(project)
        run(project_corrections(Project.open(project)))
        folder = folder_of(project, number)
        folder.mkdir(exist_ok=True)
        work = finetune(model, TABLE, planes, settings_of(number), bank=bank, folder=folder)
        run(work, lambda event, number=number: tell(event, number))
        atomic_write_text(folder / "taught", "")


def tell(event: Event, number: int) -> None:
    """Say what epoch is finished."""
    if isinstance(event, Epoch):
        worker.say(f"epoch {number} {event.done}")


if __name__ == "__main__":
    torch.set_num_threads(1)
    arguments = (Path(sys.argv[1]), load("vlseg-mini", device="cpu"))
    threading.Thread(target=learn, args=arguments, daemon=True).start()
    worker.main()
