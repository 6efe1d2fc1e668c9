"""Starting a program, killing it at a random instant, and reading what it had said."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

PATIENCE = 120.0
"""Seconds until a program that does not get ready is given up."""


@dataclass(frozen=True)
class Done:
    """An edit that was reported as complete.

    Attributes
    ----------
    image : str
        Id of the image.
    number : int
        Of the edit in its journal.
    checksum : int
        CRC-32 of the labels after it.
    op : str
    """

    image: str
    number: int
    checksum: int
    op: str


@dataclass(frozen=True)
class Killed:
    """What is known of a program that was killed.

    Attributes
    ----------
    done : tuple of Done
    phase : str
        What it was about when it died; "" in between.
    epochs : tuple of (int, int)
        Finished epochs that were reported: of which training, and how many of it.
    """

    done: tuple[Done, ...]
    phase: str
    epochs: tuple[tuple[int, int], ...] = ()


def kill_at_random(command: Sequence[str], report: Path, delay: float) -> Killed:
    """Run a program, kill it some time after it is ready, and read its report.

    Parameters
    ----------
    command : sequence of str
        Says “open” once it is ready.
    report : Path
        File for what it says; replaced.
    delay : float
        Seconds between its being ready and its end.

    Raises
    ------
    RuntimeError
        If the program ended by itself, or never got ready.
    """
    with report.open("wb") as stream:
        process = subprocess.Popen(command, stdout=stream, stdin=subprocess.DEVNULL)
        try:
            _wait_until_ready(process, report)
            time.sleep(delay)
        finally:
            process.kill()  # SIGKILL: nothing of the program runs any more
            ended = process.wait()
    if ended >= 0:
        said = report.read_text("utf-8").splitlines()
        raise RuntimeError(f"{command} ended by itself with {ended}: {said[-1:]}")
    return read_report(report.read_text("utf-8"))


def read_report(text: str) -> Killed:
    """Edits and epochs that were reported, and what was going on at the end."""
    done, phase, epochs = [], "", []
    for line in text.splitlines():
        word, _, rest = line.partition(" ")
        if word == "done":
            number, checksum, op, image = rest.split(" ", 3)
            done.append(Done(image, int(number), int(checksum), op))
        elif word == "epoch":
            training, number = rest.split()
            epochs.append((int(training), int(number)))
        elif word == "begin":
            phase = rest
        elif word == "end":
            phase = ""
    return Killed(tuple(done), phase, tuple(epochs))


def _wait_until_ready(process: subprocess.Popen[bytes], report: Path) -> None:
    start = time.monotonic()
    while b"open\n" not in report.read_bytes():
        if process.poll() is not None or time.monotonic() - start > PATIENCE:
            raise RuntimeError(f"{process.args} did not get ready: {process.returncode}")
        time.sleep(0.005)
