"""Whether a window can be opened, found out without risking this process."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys

BINDINGS = ("PyQt6", "PySide6", "PyQt5", "PySide2")
_PROBE = "from qtpy.QtWidgets import QApplication; QApplication([])"
_PROBE_SECONDS = 60


def has_display() -> bool:
    """Whether a screen is announced: always on Windows and macOS, else by the environment."""
    if sys.platform in ("win32", "darwin"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def has_qt() -> bool:
    """Whether a Qt binding is installed."""
    return any(importlib.util.find_spec(name) is not None for name in BINDINGS)


def why_no_window() -> str | None:
    """One sentence on why no window can be opened, with the remedy; None where one can.

    Qt ends the process when a system library is missing or the display does not answer, so
    it is first tried in a process of its own.
    """
    if not has_display():
        return (
            "There is no screen, so napari can't open: work on a desktop, or use the commands "
            "that `napari-vlseg --help` lists."
        )
    if not has_qt():
        return "Qt is not installed, so napari can't open: run pip install 'napari-vlseg[all]'."
    if not _qt_starts():
        return (
            "Qt can't open a window here: check the display, and on Linux install Qt's system "
            "libraries (.ci/system-deps does it on Debian and Ubuntu)."
        )
    return None


def _qt_starts() -> bool:
    try:
        probe = subprocess.run(
            [sys.executable, "-c", _PROBE],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=_PROBE_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return probe.returncode == 0
