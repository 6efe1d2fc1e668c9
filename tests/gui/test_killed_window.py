"""The real window, killed while somebody paints in it. Many more: ``python -m tests.crash``."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.crash.campaign import WINDOW, campaign

N_KILLS = 2


@pytest.mark.gui
@pytest.mark.slow
def test_every_stroke_that_was_complete_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NAPARI_VLSEG_UNSAVED", "off")
    n_reported = 0
    for killed, account in campaign(WINDOW, tmp_path, N_KILLS, seed=2):
        n_reported += len(killed.done)
        assert account.n_edits == n_reported
    assert n_reported > N_KILLS
