"""Random work on the layers of a viewer: journalled, taken back and done again, bit for bit."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from napari_vlseg.ui.controller import Controller
from tests.gui.editing.scenes import check, labels_of, rows, session
from tests.gui.fakes import blobs

N_EDITS = 160
N_PLANES = 3


class Someone:
    """Does at random what napari and the plugin offer, on all planes."""

    def __init__(self, controller: Controller, seed: int) -> None:
        self.controller, self.rng = controller, np.random.default_rng(seed)
        self.layer = labels_of(controller)
        self.first = controller.editing.ledger(self.layer).last
        self.ways = {
            self.paint: 9,
            self.fill: 1,
            self.polygon: 2,
            self.draw_through: 1,
            self.click: 2,
            self.threshold: 1,
            self.decide: 6,
            self.merge: 2,
            self.split: 2,
            self.undo: 4,
            self.redo: 3,
        }

    def act(self) -> None:
        weights = np.array(list(self.ways.values()), float)
        way = list(self.ways)[int(self.rng.choice(len(weights), p=weights / weights.sum()))]
        plane = int(self.rng.integers(N_PLANES))
        self.controller.viewer.dims.set_current_step(0, plane)
        self.controller.look_at_edits()
        way(plane)

    def place(self, plane: int) -> tuple[int, int, int]:
        _, height, width = self.layer.data.shape
        return plane, int(self.rng.integers(height)), int(self.rng.integers(width))

    def value(self) -> int:
        """The eraser, a label that is there, or a new one."""
        present = [0, *rows(self.controller), int(self.layer.data.max()) + 1]
        return int(self.rng.choice(present))

    def paint(self, plane: int) -> None:
        self.layer.brush_size = int(self.rng.integers(1, 25))
        with self.layer.block_history():
            for _ in range(3):
                self.layer.paint(self.place(plane), self.value())

    def fill(self, plane: int) -> None:
        self.layer.fill(self.place(plane), self.value())

    def polygon(self, plane: int) -> None:
        corners = [self.place(plane) for _ in range(4)]
        self.layer.mode = "polygon"
        self.layer.paint_polygon(corners, self.value())
        self.layer.mode = "paint"

    def draw_through(self, plane: int) -> None:
        self.layer.n_edit_dimensions = 3
        self.paint(plane)
        self.layer.n_edit_dimensions = 2

    def click(self, plane: int) -> None:
        clicks = self.controller.clicks
        clicks.click(np.array(self.place(plane)[1:], float), True)
        clicks.commit()

    def threshold(self, plane: int) -> None:
        self.controller.prompts.edit(0, threshold=float(self.rng.uniform(0.2, 0.9)))
        self.controller.segmenter.start()

    def decide(self, plane: int) -> None:
        desk, chosen = self.controller.editing, self.uids(3)
        every = [*desk.table(self.layer)]
        rejected = [u for u in every if desk.table(self.layer).get(u, "status") == "rejected"]
        number = int(self.rng.integers(7))
        if number == 0 and rejected:
            desk.restore(rejected[:2])
        elif chosen:
            (
                lambda: desk.accept(chosen),
                lambda: desk.reject(chosen[:1]),
                lambda: desk.flag(chosen),
                lambda: desk.delete(chosen[:1]),
                lambda: desk.set_class(chosen, str(self.rng.choice(["cells", "debris"]))),
                lambda: desk.comment(chosen[0], f"“{number}” µ"),
                lambda: desk.accept(chosen),
            )[number]()

    def merge(self, plane: int) -> None:
        chosen = self.uids(2)
        if len(chosen) == 2:
            self.controller.editing.merge(chosen)

    def split(self, plane: int) -> None:
        for uid in self.uids(1):
            self.controller.editing.split(uid)

    def undo(self, plane: int) -> None:
        """Not of the proposals that were there at first."""
        about = self.controller.editing.ledger(self.layer).next_undo
        if about is not None and about.number > self.first:
            self.controller.editing.undo()

    def redo(self, plane: int) -> None:
        self.controller.editing.redo()

    def uids(self, n: int) -> list[str]:
        found = [row["object_uid"] for row in rows(self.controller).values()]
        return [str(u) for u in self.rng.permutation(found)[:n]]


def objects(controller: Controller) -> dict[str, str]:
    table: Any = controller.editing.table(labels_of(controller))
    return {uid: repr(table.row(uid)) for uid in table}


def test_random_work_is_replayed_taken_back_and_done_again() -> None:
    controller = session(np.stack([blobs((48, 64), 0.9)] * N_PLANES))
    someone, layer = Someone(controller, seed=0), labels_of(controller)
    ledger = controller.editing.ledger(layer)
    proposed = layer.data.copy()
    for _ in range(N_EDITS):
        someone.act()
    check(controller)
    kinds = Counter(edit.op for edit in ledger.edits())
    assert {"propose", "paint", "polygon", "commit", "merge", "undo", "redo"} <= set(kinds)

    after, rows_after, steps = layer.data.copy(), objects(controller), 0
    while ledger.next_undo is not None and ledger.next_undo.number > someone.first:
        controller.editing.undo()
        steps += 1
    assert steps > N_EDITS / 4
    np.testing.assert_array_equal(layer.data, proposed)
    check(controller)
    for _ in range(steps):
        controller.editing.redo()
    np.testing.assert_array_equal(layer.data, after)
    assert objects(controller) == rows_after
    check(controller)
