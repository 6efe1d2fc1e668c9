"""What every training run shares: its folder, its loop, its log, and the command around it."""

from __future__ import annotations

import json
import shutil
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import Field, asdict
from pathlib import Path
from typing import Any, ClassVar, Protocol, TypeVar

import numpy as np
import torch
from rich.console import Console
from torch import nn
from torch.utils.data import DataLoader, Dataset

from napari_vlseg.errors import ModelError, VlsegError
from napari_vlseg.events import Event, Notice, Progress, Work
from napari_vlseg.training.checkpoint import load_checkpoint, save_checkpoint
from napari_vlseg.training.optimisation import Optimisers

LOG_NAME, MODEL_FOLDER, SETTINGS_NAME = "log.jsonl", "model", "settings.json"
WEIGHTS_NAME = "model.safetensors"

_STEADY_LINES = 20

B = TypeVar("B")
B_contra = TypeVar("B_contra", contravariant=True)


class RunSettings(Protocol):
    """A dataclass of settings, of which the loop needs these."""

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]

    @property
    def steps(self) -> int: ...
    @property
    def workers(self) -> int: ...
    @property
    def log_every(self) -> int: ...
    @property
    def save_every(self) -> int: ...


class StepTrainer(Protocol[B_contra]):
    """What moves by a batch at a time."""

    device: torch.device
    optimisers: Optimisers

    @property
    def modules(self) -> dict[str, nn.Module]:
        """What a checkpoint keeps."""
        ...

    def step(self, batch: B_contra, number: int) -> dict[str, float]:
        """Learn from a batch; returns what the log is told."""
        ...


def open_run(out: Path, settings: RunSettings) -> None:
    """Make the folder of a run and write down its settings."""
    out.mkdir(parents=True, exist_ok=True)
    write_json(out / SETTINGS_NAME, asdict(settings))


def train(
    out: Path,
    settings: RunSettings,
    trainer: StepTrainer[B],
    dataset: Dataset[B],
    save_model: Callable[[Path], None],
) -> Work[Path]:
    """Go through the steps that are left of a run.

    Parameters
    ----------
    out : Path
        Folder of the run.
    settings : RunSettings
    trainer : StepTrainer
    dataset : Dataset
        Batches by number of the step.
    save_model : callable
        Writes the model as it is now into a folder.

    Yields
    ------
    Progress or Notice

    Returns
    -------
    Path
        The model folder.
    """
    done = load_checkpoint(out, settings, trainer.modules, trainer.optimisers)
    yield Notice(f"Training on {trainer.device} from step {done}.")
    folder = out / MODEL_FOLDER
    log = RunLog(out / LOG_NAME, settings.log_every)
    batches: Iterator[B] = _batches(dataset, settings, done)
    for step, batch in enumerate(batches, done):
        log.add(step, trainer.step(batch, step))
        finished = step + 1
        if finished % settings.save_every == 0 or finished == settings.steps:
            save_checkpoint(out, finished, settings, trainer.modules, trainer.optimisers)
            save_model(folder)
        yield Progress("training", finished, settings.steps)
    return folder


def _batches(dataset: Dataset[B], settings: RunSettings, done: int) -> Iterator[B]:
    loader = DataLoader(
        dataset,
        batch_size=None,
        sampler=range(done, settings.steps),
        num_workers=settings.workers,
        prefetch_factor=4 if settings.workers else None,
        worker_init_fn=_one_thread_each,
    )
    return iter(loader)


def _one_thread_each(worker: int) -> None:
    """Leave the cores to the training itself."""
    torch.set_num_threads(1)


class RunLog:
    """Means over a few steps, one JSON line each."""

    def __init__(self, path: Path, every: int) -> None:
        self._path, self._every = path, every
        self._values: dict[str, list[float]] = defaultdict(list)
        self._began = time.monotonic()

    def add(self, step: int, report: dict[str, float]) -> None:
        """Keep a step's report and write a line when it is time."""
        for name, value in report.items():
            self._values[name].append(value)
        if (step + 1) % self._every == 0:
            means = {name: round(float(np.mean(v)), 5) for name, v in self._values.items()}
            seconds = round(time.monotonic() - self._began, 1)
            with self._path.open("a") as file:
                file.write(json.dumps({"step": step + 1, "seconds": seconds} | means) + "\n")
            self._values.clear()


def seconds_per_step(finished: Path) -> float:
    """Mean over the last lines of a run's log, which one run has written without a pause."""
    text = (finished / LOG_NAME).read_text(encoding="utf-8")
    lines = [json.loads(line) for line in text.splitlines()]
    first, last = lines[max(0, len(lines) - _STEADY_LINES)], lines[-1]
    return float(last["seconds"] - first["seconds"]) / max(1, last["step"] - first["step"])


def copy_model(finished: Path, target: Path) -> None:
    """Copy the model of a finished run into a folder; files of the same names are replaced.

    Raises
    ------
    ModelError
        If the run has no model.
    """
    model = finished / MODEL_FOLDER
    if not (model / WEIGHTS_NAME).is_file():
        raise ModelError(f"{finished} holds no trained model; give the folder of a finished run.")
    target.mkdir(parents=True, exist_ok=True)
    for path in sorted(model.iterdir()):
        shutil.copyfile(path, target / path.name)


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write a document that people may read."""
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def show(events: Iterable[Event], every: int) -> int:
    """Print a run's notices and some of its progress; the exit status of the command."""
    console = Console()
    try:
        for event in events:
            if isinstance(event, Notice):
                console.print(event.message)
            elif isinstance(event, Progress) and event.done % every == 0:
                console.print(f"{event.stage} {event.done} of {event.total}", highlight=False)
    except VlsegError as error:
        console.print(f"[red]{error}")
        return 1
    return 0
