"""How fast a journal of edits is written, replayed and opened, without a window.

A person's strokes on one image of 4096 × 4096 with 500 objects: discs of a brush of 20 pixels,
one row of the table changed by each. The journal is a file in a project, as in the window.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from harness import Result, empty_plane_in, options, report

from napari_vlseg.corrections.edits import Edit
from napari_vlseg.corrections.ledger import Ledger
from napari_vlseg.corrections.store import Project
from napari_vlseg.object_table import ObjectTable
from napari_vlseg.pixel_changes import PixelChange

SIDE = 4096
RADIUS = 10
N_OBJECTS = 500
N_EDITS = 10_000
N_SINCE = 200
"""Edits since labels were saved, where they were."""


class Strokes:
    """Draws discs and journals them."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.labels, self.table = np.zeros((SIDE, SIDE), np.int32), ObjectTable()
        self._rng = np.random.default_rng(0)
        rows, cols = np.mgrid[-RADIUS : RADIUS + 1, -RADIUS : RADIUS + 1]
        self._disc = rows**2 + cols**2 <= RADIUS**2
        added = [self.table.added(label=label) for label in range(1, N_OBJECTS + 1)]
        self.table.apply(ledger.append(Edit("propose", rows=tuple(added))).rows)

    def draw(self) -> float:
        """One stroke; seconds that journalling it took."""
        top, left = self._rng.integers(0, SIDE - 2 * RADIUS - 1, 2)
        side = 2 * RADIUS + 1
        view = self.labels[top : top + side, left : left + side]
        inside = np.nonzero(self._disc)
        flat = (top + inside[0]) * SIDE + left + inside[1]
        old, value = view[self._disc], int(self._rng.integers(1, N_OBJECTS + 1))
        view[self._disc] = value
        start = time.perf_counter()
        pixels = PixelChange.at(flat, old, value)
        uid = self.table.uid_of(value)
        rows = (self.table.changed(uid, n_edits=self.table.get(uid, "n_edits") + 1),)
        self.table.apply_with(pixels, rows)
        self.ledger.append(Edit("paint", pixels, rows))
        return time.perf_counter() - start


def main() -> bool:
    """Measure, report, and say whether every goal was reached."""
    arguments = options(__doc__, repeats=3)
    with tempfile.TemporaryDirectory() as folder:
        entry = empty_plane_in(Path(folder) / "project", SIDE)
        ledger = entry.open_ledger()
        strokes = Strokes(ledger)
        writing = [strokes.draw() for _ in range(N_EDITS - N_SINCE)]
        ledger.flush()
        entry.checkpoint(strokes.labels, strokes.table.to_frame(), ledger.last)
        writing += [strokes.draw() for _ in range(N_SINCE)]
        ledger.close()
        size = sum(path.stat().st_size for path in entry.folder.glob("edits*"))
        seconds = {"journalling a stroke": writing}
        seconds["opening, labels saved 200 edits ago"] = [
            _seconds_to_open(entry.folder, strokes.labels) for _ in range(arguments.repeats)
        ]
        for path in entry.folder.glob("labels*"):
            path.unlink()
        seconds["opening from the journal alone"] = [
            _seconds_to_open(entry.folder, strokes.labels) for _ in range(arguments.repeats)
        ]
    slow = 1e3 * float(np.quantile(writing, 0.99))
    saved, alone = (min(seconds[name]) for name in list(seconds)[1:])
    results = [
        Result("journalling a stroke, 99 of 100", slow, 2, "ms", "less"),
        Result("opening, labels saved 200 edits ago", saved, 2, "s", "less"),
        Result("opening from 10,000 edits alone", alone, 15, "s", "less"),
        Result("replaying", N_EDITS / alone, 1000, "edits/s", "more"),
        Result("journal of 10,000 strokes", size / 1e6, 20, "MB", "less"),
    ]
    return report("replaying", results, seconds, arguments.out)


def _seconds_to_open(folder: Path, expected: np.ndarray) -> float:
    """Open the image for editing, as a window does; its labels are compared."""
    start = time.perf_counter()
    entry = Project.open(folder.parents[1]).images[0]
    ledger = entry.open_ledger()
    labels, _ = entry.load_labels()
    seconds = time.perf_counter() - start
    ledger.close()
    if not np.array_equal(labels, expected):
        raise SystemExit("the labels are not those that were drawn")
    return seconds


if __name__ == "__main__":
    sys.exit(not main())
