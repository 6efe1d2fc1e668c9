"""The program that is killed: one that works on the images of a project until it is.

``python -m tests.crash.worker PROJECT SEED`` writes to stdout what it is about to do and, once an
edit is journalled, its number and a checksum of the labels as they then are. Stdout is a file or
a pipe; each line is one call of the system, so that what was said survives the end.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from zlib import crc32

import numpy as np

from napari_vlseg.corrections.entry import ImageEntry
from napari_vlseg.corrections.ledger import Ledger
from napari_vlseg.corrections.store import Project
from napari_vlseg.errors import ProjectError
from napari_vlseg.events import run
from napari_vlseg.images import pixels_sha256
from napari_vlseg.object_table import ObjectTable
from napari_vlseg.prompts import ClassPrompt, PromptTable
from tests.crash.person import Person

SHAPES = ((40, 56), (3, 32, 40), (2, 2, 24, 24))
MOST_IMAGES = 6
THOUGHT_S = 0.002
"""Between two edits: most of the time nobody saves."""


def main() -> None:
    """Work for ever."""
    folder, seed = Path(sys.argv[1]), int(sys.argv[2])
    rng = np.random.default_rng(seed)
    project = Project.open(folder)
    say("open")
    while True:
        if len(project.images) < MOST_IMAGES and rng.random() < 0.2:
            with about("adding an image"):
                add_image(project, rng)
        with about("switching images"):
            entry = project.images[int(rng.integers(len(project.images)))]
            ledger = entry.open_ledger()
            labels, table = state_of(entry, ledger)
        stay(entry, ledger, Person(rng, labels, table, ledger), rng)
        if rng.random() < 0.2:
            with about("saving prompts"):
                project.save_prompts(PromptTable((ClassPrompt("nuclei", (f"nuclei {seed}",)),)))


def stay(entry: ImageEntry, ledger: Ledger, person: Person, rng: np.random.Generator) -> None:
    """Work on one image for a while, and leave it as it was saved."""
    for _ in range(int(rng.integers(1, 4))):
        saving = None
        if rng.random() < 0.5:
            saving = threading.Thread(target=checkpoint, args=(entry, *copies(person)))
            saving.start()
        with about("painting" if saving is None else "painting while saving"):
            paint(entry, person, int(rng.integers(5, 40)))
        if saving is not None:
            with about("saving"):
                saving.join()
        if rng.random() < 0.3:
            with about("compacting"):
                run(entry.compact())
    with about("switching images"):
        checkpoint(entry, *copies(person))
        ledger.close()


def paint(entry: ImageEntry, person: Person, n_edits: int) -> None:
    """Random edits, each told when it is complete."""
    for _ in range(n_edits):
        time.sleep(THOUGHT_S)
        edit = person.act()
        # The number is the ledger's: undo and redo give the edit that they made.
        number = person.ledger.last
        say(f"done {number} {crc32(person.labels.tobytes())} {edit.op} {entry.id}")


def checkpoint(entry: ImageEntry, labels: np.ndarray, table: ObjectTable, number: int) -> None:
    """Save, as the window does it beside the painting."""
    entry.checkpoint(labels, table.to_frame(), number)


def copies(person: Person) -> tuple[np.ndarray, ObjectTable, int]:
    """What a checkpoint saves while the person goes on."""
    return person.labels.copy(), person.table.copy(), person.ledger.last


def state_of(entry: ImageEntry, ledger: Ledger) -> tuple[np.ndarray, ObjectTable]:
    """Labels and objects that an image is opened with."""
    if not ledger.last:
        return np.zeros(ledger.shape, ledger.dtype), ObjectTable()
    labels, frame = entry.load_labels()
    return labels, ObjectTable.from_frame(frame)


def add_image(project: Project, rng: np.random.Generator) -> ImageEntry:
    """A new image of one of several shapes."""
    shape = SHAPES[int(rng.integers(len(SHAPES)))]
    return add_pixels(project, rng.integers(0, 255, shape).astype(np.uint8))


def add_squares(project: Project) -> None:
    """Three images of bright squares, which the models of the tests know."""
    for number in range(3):
        pixels = np.zeros((96, 96), np.uint8)
        pixels[16:36, 16 + number : 36] = pixels[60:80, 50:70] = 230
        add_pixels(project, pixels)


def add_pixels(project: Project, pixels: np.ndarray) -> ImageEntry:
    """An image that has no file."""
    return project.add_image(
        f"image {len(project.images)}",
        source_path=None,
        pixels_sha256=pixels_sha256(pixels),
        shape=pixels.shape,
        dtype=pixels.dtype,
        axes="",
        embed=pixels,
    )


@contextmanager
def about(phase: str) -> Iterator[None]:
    """Tell what is going on while it does."""
    say(f"begin {phase}")
    yield
    say("end")


def say(line: str) -> None:
    """One line, written at once."""
    os.write(1, line.encode() + b"\n")


if __name__ == "__main__":
    try:
        main()
    except ProjectError as failure:
        say(f"failed {failure}")
        raise
