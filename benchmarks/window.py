"""What benchmarks of the window share: a screen, a heartbeat of the event loop, and patience."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

BEAT_MS = 5


class Heartbeat:
    """Notes the seconds between the beats of a timer in the event loop."""

    def __init__(self) -> None:
        from qtpy.QtCore import Qt, QTimer

        self._timer = QTimer()
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.setInterval(BEAT_MS)
        self._timer.timeout.connect(self._on_beat)
        self._last = 0.0
        self._gaps: list[float] = []
        self._apart: list[float] | None = None

    @contextmanager
    def listening(self) -> Iterator[list[float]]:
        """Collect gaps, in seconds, while the block runs."""
        self._gaps, self._last = [], time.perf_counter()
        self._timer.start()
        try:
            yield self._gaps
        finally:
            self._on_beat()
            self._timer.stop()

    def next_gap_into(self, gaps: list[float]) -> None:
        """Keep the gap that is open now apart from the others."""
        self._apart = gaps

    def _on_beat(self) -> None:
        now = time.perf_counter()
        (self._gaps if self._apart is None else self._apart).append(now - self._last)
        self._last, self._apart = now, None


def pump(seconds: float) -> None:
    """Let the event loop run for a while."""
    from qtpy.QtCore import QEventLoop, QTimer

    loop = QEventLoop()
    QTimer.singleShot(round(seconds * 1000), loop.quit)
    loop.exec()


def pump_until(done: Callable[[], bool]) -> None:
    while not done():
        pump(0.05)


def with_a_screen() -> int | None:
    """Run again on a virtual screen where there is none; None where there is one."""
    names = ("DISPLAY", "WAYLAND_DISPLAY")
    if sys.platform in ("darwin", "win32") or any(os.environ.get(name) for name in names):
        return None
    if shutil.which("xvfb-run") is None:
        print("There is no screen: apt-get install xvfb.", file=sys.stderr)
        return 2
    command = ["xvfb-run", "-a", "-s", "-screen 0 1400x900x24", sys.executable, *sys.argv]
    return subprocess.run(command, check=False).returncode
