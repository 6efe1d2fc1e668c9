"""What must be in a project after its program was killed: every edit that was reported."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from zlib import crc32

import numpy as np

from napari_vlseg.corrections.entry import ImageEntry
from napari_vlseg.corrections.replay import replay_onto
from napari_vlseg.corrections.store import Project
from napari_vlseg.corrections.stored_edits import read_stored
from napari_vlseg.corrections.verify import verify
from napari_vlseg.events import run
from napari_vlseg.object_table import ObjectTable
from tests.crash.killing import Done


@dataclass
class Mirror:
    """Labels and objects of one image as its journal gives them, up to one edit."""

    labels: np.ndarray
    table: ObjectTable = field(default_factory=ObjectTable)
    number: int = 0


class Account:
    """Follows the journals of a project from one kill to the next.

    Attributes
    ----------
    n_edits : int
        Edits that were found bit for bit as reported.
    """

    def __init__(self, project: Path) -> None:
        self._project = project
        self._mirrors: dict[str, Mirror] = {}
        self.n_edits = 0

    def settle(self, done: Iterable[Done], *, thorough: bool = False) -> None:
        """Open the project and compare it with what was reported.

        Parameters
        ----------
        done : iterable of Done
        thorough : bool
            Whether all files are looked through, too.

        Raises
        ------
        AssertionError
            If an edit is missing, the labels are others, or a file is not as it was written.
        """
        reported: dict[str, dict[int, int]] = {}
        for edit in done:
            reported.setdefault(edit.image, {})[edit.number] = edit.checksum
        project = Project.open(self._project)
        entries = {entry.id: entry for entry in project.images}
        assert set(reported) <= set(entries)
        for entry in entries.values():
            self._settle(entry, reported.get(entry.id, {}))
        if thorough:
            findings = run(verify(project))
            assert not findings, findings

    def _settle(self, entry: ImageEntry, reported: dict[int, int]) -> None:
        stored = read_stored(entry.folder)
        if stored is None:
            assert not reported, f"{entry.id} has no journal"
            return
        ledger = stored.ledger()
        mirror = self._mirrors.setdefault(entry.id, Mirror(np.zeros(ledger.shape, ledger.dtype)))
        missing = [number for number in reported if number > ledger.last]
        assert not missing, f"{entry.id} lost the edits {missing}"
        for edit in ledger.edits(mirror.number):
            mirror.labels = replay_onto(mirror.labels, mirror.table, [edit], ledger.edit)
            mirror.number = edit.number
            expected = reported.get(edit.number)
            if expected is not None:
                found = crc32(mirror.labels.tobytes())
                assert found == expected, f"edit {edit.number} of {entry.id} is another"
                self.n_edits += 1
        if mirror.number:
            self._compare(entry, mirror)

    def _compare(self, entry: ImageEntry, mirror: Mirror) -> None:
        """What the project opens with is what its journal gives."""
        labels, frame = entry.load_labels()
        np.testing.assert_array_equal(labels, mirror.labels)
        table = ObjectTable.from_frame(frame)
        assert set(table) == set(mirror.table)
        for name in ("label", "status", "class", "area", "comment"):
            cells = zip(table.uids, table.column(name), strict=True)
            others = [uid for uid, cell in cells if mirror.table.get(uid, name) != cell]
            assert not others, f"{name} of {others} in {entry.id} is another"
