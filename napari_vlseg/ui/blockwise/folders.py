"""Where runs keep what they computed, so that one that was cancelled or killed goes on."""

from __future__ import annotations

import os
import shutil
import time
from contextlib import suppress
from pathlib import Path

import platformdirs

FOLDER_VARIABLE = "NAPARI_VLSEG_RUNS"
"""Environment variable with the folder to use instead of one in the user's cache folder."""

_LONGEST_S = 14 * 24 * 3600.0


def runs_folder() -> Path:
    """`FOLDER_VARIABLE`, else a folder in the user's cache folder."""
    named = os.environ.get(FOLDER_VARIABLE, "").strip()
    base = platformdirs.user_cache_path("napari-vlseg", appauthor=False) / "runs"
    return Path(named).expanduser() if named else base


def forget_old_runs(folder: Path, longest_s: float = _LONGEST_S) -> int:
    """Delete runs to which nothing was added for two weeks; how many there were."""
    old = [place for place in folder.glob("*/") if time.time() - _touched(place) > longest_s]
    for place in old:
        shutil.rmtree(place, ignore_errors=True)
    return len(old)


def _touched(place: Path) -> float:
    """When something was last added to a run: each plane has a folder, whose time that changes."""
    times = [0.0]
    for path in (place, *place.glob("*"), *place.glob("*/*/")):
        with suppress(OSError):
            times.append(path.stat().st_mtime)
    return max(times)
