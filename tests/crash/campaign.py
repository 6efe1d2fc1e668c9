"""Killing a program again and again while one project grows, and looking after each time."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch

from napari_vlseg.corrections.segments import ACTIVE_NAME
from napari_vlseg.corrections.store import Project
from napari_vlseg.errors import VlsegWarning
from napari_vlseg.training.finetune.resuming import STATE_NAME
from tests.crash.account import Account
from tests.crash.killing import Killed, kill_at_random
from tests.crash.learner import folder_of, settings_of
from tests.crash.worker import add_image, add_squares


@dataclass(frozen=True)
class Kind:
    """What is killed.

    Attributes
    ----------
    name : str
    module : str
        The program; it is given the folder of a project and a number.
    prepare : callable
        Fills a new project with images.
    longest : float
        Seconds that it works before the end, at most.
    look : callable
        Looks at what else is there after each kill; raises AssertionError if something is lost.
    """

    name: str
    module: str
    prepare: Callable[[Project], object]
    longest: float
    look: Callable[[Path, Killed], object] = lambda project, killed: None


def look_at_epochs(project: Path, killed: Killed) -> None:
    """Every finished epoch that was reported can be gone on from."""
    for training, number in dict(killed.epochs).items():
        folder = folder_of(project, training)
        kept = torch.load(folder / STATE_NAME, map_location="cpu", weights_only=True)
        assert len(kept["curves"]) >= number, f"training {training} lost epoch {number}"
        assert kept["best_state"] is not None
        assert kept["key"]["settings"] == asdict(settings_of(training))


HEADLESS = Kind(
    "without a window",
    "tests.crash.worker",
    lambda project: add_image(project, np.random.default_rng(0)),
    0.8,
)
LEARNING = Kind(
    "while it learns",
    "tests.crash.learner",
    lambda project: add_image(project, np.random.default_rng(0)),
    6.0,
    look_at_epochs,
)
WINDOW = Kind("in the window", "tests.crash.window", add_squares, 4.0)


def campaign(kind: Kind, folder: Path, n_kills: int, seed: int) -> Iterator[tuple[Killed, Account]]:
    """Kill a program many times on one project; what it had reported is there each time.

    After every third kill the journals end with half a line, as after a power cut.

    Parameters
    ----------
    kind : Kind
    folder : Path
        For the project and the reports.
    n_kills : int
    seed : int
        Of the delays.

    Yields
    ------
    killed : Killed
    account : Account
        After the comparison.

    Raises
    ------
    AssertionError
        If an edit is missing or another, or the project is damaged.
    """
    rng = np.random.default_rng(seed)
    project, report = folder / "project", folder / "report.txt"
    kind.prepare(Project.create(project))
    account, rarely = Account(project), max(n_kills // 10, 3)
    for number in range(n_kills):
        command = [sys.executable, "-m", kind.module, str(project), str(seed + number)]
        killed = kill_at_random(command, report, float(rng.uniform(0, kind.longest)))
        if number % 3 == 2:
            tear(project, rng)
        with warnings.catch_warnings():
            warnings.simplefilter("error", VlsegWarning)
            account.settle(killed.done, thorough=number % rarely == rarely - 1)
        kind.look(project, killed)
        yield killed, account


def tear(project: Path, rng: np.random.Generator) -> None:
    """Put a part of a line at the end of each journal, as if it was being written."""
    for path in sorted(project.glob(f"images/*/{ACTIVE_NAME}")):
        *_, last, _ = path.read_bytes().split(b"\n")
        with path.open("ab") as stream:
            stream.write(last[: int(rng.integers(1, len(last)))])
