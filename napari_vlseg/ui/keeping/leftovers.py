"""Unsaved work of earlier sessions, offered until somebody says what becomes of it."""

from __future__ import annotations

from collections.abc import Callable

from psygnal import Signal

from napari_vlseg.ui.queue import WorkQueue
from napari_vlseg.ui.recovery import Leftover, UnsavedWork, discard


class Leftovers:
    """What earlier sessions left, the newest first.

    Parameters
    ----------
    unsaved : UnsavedWork
    queue : WorkQueue
    open_again : callable
        Goes on with unsaved work.
    failed : callable
        Called with one sentence.
    """

    changed = Signal()

    def __init__(
        self,
        unsaved: UnsavedWork,
        queue: WorkQueue,
        open_again: Callable[[Leftover], object],
        failed: Callable[[str], object],
    ) -> None:
        self._unsaved = unsaved
        self._queue = queue
        self._open_again = open_again
        self._failed = failed
        self._found: tuple[Leftover, ...] = ()

    @property
    def first(self) -> Leftover | None:
        """The one that is offered."""
        return self._found[0] if self._found else None

    def look(self) -> None:
        """Look for some, in the background."""
        self._queue.add(self._unsaved.leftovers(), self._show, self._failed)

    def restore(self) -> None:
        """Go on with the one that is offered; others are offered by the next session."""
        if self._found:
            leftover = self._found[0]
            self._show(())
            self._open_again(leftover)

    def discard(self) -> None:
        """Delete the one that is offered, and offer the next."""
        if self._found:
            leftover, rest = self._found[0], self._found[1:]
            self._queue.add(discard([leftover]), lambda _: self._show(rest), self._failed)

    def _show(self, found: tuple[Leftover, ...]) -> None:
        self._found = found
        self.changed.emit()
