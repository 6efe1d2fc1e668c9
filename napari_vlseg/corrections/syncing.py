"""Waiting for the disk on a thread of its own, many writes at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable

_IDLE_S = 5.0
_PAUSE_S = 0.05


class Syncer:
    """Calls a function in a background thread soon after it was asked to, once for many asks.

    The thread starts when it is first needed and ends when there is nothing to do for a
    while, so that nobody has to end it.

    Parameters
    ----------
    sync : callable
        Takes care of its own errors.
    """

    def __init__(self, sync: Callable[[], None]) -> None:
        self._sync = sync
        self._lock = threading.Lock()
        self._asked = threading.Event()
        self._thread: threading.Thread | None = None

    def ask(self) -> None:
        """Have `sync` called soon."""
        with self._lock:
            self._asked.set()
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="edits", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        while True:
            if not self._asked.wait(_IDLE_S):
                with self._lock:
                    if not self._asked.is_set():
                        self._thread = None
                        return
            self._asked.clear()
            self._sync()
            threading.Event().wait(_PAUSE_S)  # strokes that come meanwhile share the next one
