"""Killing a program again and again while one project grows, and looking after each time."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from napari_vlseg.corrections.segments import ACTIVE_NAME
from napari_vlseg.corrections.store import Project
from napari_vlseg.errors import VlsegWarning
from tests.crash.account import Account
from tests.crash.killing import Killed, kill_at_random
from tests.crash.worker import add_image

LONGEST_DELAY = 0.8
"""Seconds of work before the end, at most."""


def headless_command(project: Path, number: int) -> list[str]:
    """A program without a window that works on a project."""
    return [sys.executable, "-m", "tests.crash.worker", str(project), str(number)]


def campaign(
    folder: Path,
    n_kills: int,
    seed: int,
    command: Callable[[Path, int], list[str]] = headless_command,
    longest: float = LONGEST_DELAY,
) -> Iterator[tuple[Killed, Account]]:
    """Kill a program many times on one project; what it had reported is there each time.

    After every third kill the journals end with half a line, as after a power cut.

    Parameters
    ----------
    folder : Path
        For the project and the reports.
    n_kills : int
    seed : int
        Of the delays.
    command : callable
        Gives the program for a project and the number of the kill.
    longest : float
        Seconds.

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
    project = folder / "project"
    add_image(Project.create(project), rng)
    account = Account(project)
    for number in range(n_kills):
        delay = float(rng.uniform(0, longest))
        killed = kill_at_random(command(project, number), folder / "report.txt", delay)
        if number % 3 == 2:
            tear(project, rng)
        with warnings.catch_warnings():
            warnings.simplefilter("error", VlsegWarning)
            account.settle(killed.done)
        yield killed, account


def tear(project: Path, rng: np.random.Generator) -> None:
    """Put a part of a line at the end of each journal, as if it was being written."""
    for path in sorted(project.glob(f"images/*/{ACTIVE_NAME}")):
        *_, last, _ = path.read_bytes().split(b"\n")
        with path.open("ab") as stream:
            stream.write(last[: int(rng.integers(1, len(last)))])
