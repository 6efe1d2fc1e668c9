"""A program that is killed while it paints, saves, compacts and goes from image to image.

Many more kills: ``python -m tests.crash --kills 200``, see docs/reliability.md.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from napari_vlseg.corrections.store import Project
from tests.crash.campaign import HEADLESS, LEARNING, campaign

N_KILLS = 9
N_KILLS_LEARNING = 2


def test_every_edit_that_was_complete_is_there(tmp_path: Path) -> None:
    phases: Counter[str] = Counter()
    n_reported = 0
    for killed, account in campaign(HEADLESS, tmp_path, N_KILLS, seed=0):
        phases[killed.phase] += 1
        n_reported += len(killed.done)
        assert account.n_edits == n_reported
    assert n_reported > 20 * N_KILLS
    assert len(phases) > 1
    project = Project.open(tmp_path / "project")
    for entry in project.images:
        ledger = entry.open_ledger()
        ledger.close()
    assert list((tmp_path / "project").rglob("*.torn")), "no half line was set aside"
    assert not list((tmp_path / "project").rglob(".tmp-*"))


@pytest.mark.slow
def test_no_finished_epoch_is_lost_and_no_edit_beside_it(tmp_path: Path) -> None:
    n_epochs = n_edits = 0
    for killed, account in campaign(LEARNING, tmp_path, N_KILLS_LEARNING, seed=1):
        n_epochs, n_edits = n_epochs + len(killed.epochs), account.n_edits
    assert n_epochs
    assert n_edits
