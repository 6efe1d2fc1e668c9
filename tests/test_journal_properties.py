"""Ten thousand random edits: replayed, taken back and done again, bit for bit."""

from __future__ import annotations

from collections import Counter
from zlib import crc32

import numpy as np

from napari_vlseg.corrections.edits import OPS
from napari_vlseg.corrections.ledger import Ledger
from napari_vlseg.corrections.replay import apply_edit, replay
from napari_vlseg.object_table import ObjectTable
from tests.crash.person import Person

N_EDITS = 10_000
SHAPE = (2, 2, 16, 20)
N_PROPOSED = 10

State = tuple[int, int]


def state(labels: np.ndarray, table: ObjectTable) -> State:
    """Checksums of all pixels, and for every eighth of those of what the objects are."""
    pixels = crc32(labels.tobytes())
    if pixels % 8:
        return pixels, 0
    columns = (table.column(name) for name in ("object_uid", "label", "status", "class"))
    return pixels, hash(frozenset(zip(*columns, strict=True)))


def rows(table: ObjectTable) -> dict[str, str]:
    """Objects as text, in which a missing number equals another one."""
    return {uid: repr(table.row(uid)) for uid in table}


class Worked:
    """What ten thousand edits made; the states on the way are kept without the ledger's help."""

    def __init__(self, seed: int) -> None:
        self.labels, self.table, self.ledger = (
            np.zeros(SHAPE, np.int32),
            ObjectTable(),
            Ledger(SHAPE),
        )
        person = Person(np.random.default_rng(seed), self.labels, self.table, self.ledger)
        for _ in range(N_PROPOSED):
            person.propose()
        self.ops: Counter[str] = Counter()
        self.past, self.future = [self.now()], []
        for _ in range(N_EDITS):
            self.note(person.act().op)

    def now(self) -> State:
        return state(self.labels, self.table)

    def note(self, op: str) -> None:
        """Account for an edit, and see whether undo and redo led where they should."""
        self.ops[op] += 1
        now = self.now()
        if op == "undo":
            self.future.append(self.past.pop())
        elif op == "redo":
            self.past.append(self.future.pop())
        else:
            self.future.clear()
            self.past.append(now)
        assert now == self.past[-1]


def test_ten_thousand_random_edits() -> None:
    """One test, so that they are made once however the tests are distributed."""
    worked = Worked(seed=0)
    every_kind_comes_up_on_every_plane(worked)
    replaying_gives_the_labels_and_the_objects(worked)
    taking_all_back_restores_the_proposals_and_redo_brings_all_back(worked)


def every_kind_comes_up_on_every_plane(worked: Worked) -> None:
    edits = list(worked.ledger.edits())
    kinds = {edit.op for edit in edits}
    planes = {plane for edit in edits if edit.pixels for plane in edit.pixels.planes(SHAPE)}
    assert kinds == set(OPS) - {"import", "threshold", "propagate", "link", "other"}
    assert planes == set(np.ndindex(SHAPE[:2]))
    assert worked.ledger.last >= N_EDITS
    assert len(worked.past) > N_EDITS / 2


def replaying_gives_the_labels_and_the_objects(worked: Worked) -> None:
    labels, table = replay(worked.ledger.edits(), SHAPE, np.int32)
    np.testing.assert_array_equal(labels, worked.labels)
    assert rows(table) == rows(worked.table)
    numbers, areas = np.unique(labels[labels > 0], return_counts=True)
    uids = [table.uid_of(number) for number in numbers.tolist()]
    assert [table.get(uid, "area") for uid in uids] == areas.tolist()


def taking_all_back_restores_the_proposals_and_redo_brings_all_back(worked: Worked) -> None:
    after = worked.labels.copy()
    undone = 0
    while len(worked.past) > 1:
        apply_edit(worked.labels, worked.table, worked.ledger.undo())
        worked.note("undo")
        undone += 1
    proposals = list(worked.ledger.edits())[:N_PROPOSED]
    proposed, _ = replay(proposals, SHAPE, np.int32)
    np.testing.assert_array_equal(worked.labels, proposed)
    for _ in range(undone):
        apply_edit(worked.labels, worked.table, worked.ledger.redo())
        worked.note("redo")
    np.testing.assert_array_equal(worked.labels, after)
    replayed, _ = replay(worked.ledger.edits(), SHAPE, np.int32)
    np.testing.assert_array_equal(replayed, after)
