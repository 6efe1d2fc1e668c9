"""Labels that the window takes for large whatever their size."""

from __future__ import annotations

from pathlib import Path

import pytest


def take_all_for_large(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Labels lie on the disk, and planes are packed as soon as another one is used."""
    monkeypatch.setenv("NAPARI_VLSEG_WORKING", str(folder))
    monkeypatch.setattr("napari_vlseg.ui.layers.LARGE_BYTES", 0)
    monkeypatch.setattr("napari_vlseg.ui.project_job.LARGE_BYTES", 0)
    monkeypatch.setattr("napari_vlseg.ui.shelf.Shelf.__init__.__defaults__", (0, 0))
    monkeypatch.setattr("napari_vlseg.ui.shelf._FEWEST", 1)
