"""How long a person took for an edit."""

from __future__ import annotations

import time
from collections.abc import Callable

from napari_vlseg.corrections.people import annotator_id, clock, is_recorded
from napari_vlseg.ui.editing.rows import Stamp

_LONGEST_S = 10.0
"""Whoever does nothing for longer does something else."""


class Pace:
    """Stamps edits with who and when, and with the time since the person's last one.

    Nothing but the day is in a stamp where the person lets nothing be recorded.

    Parameters
    ----------
    now : callable
        Seconds on a clock that never goes back.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._recorded = is_recorded()
        self._by, self._clock = annotator_id(), clock()
        self._last = now()

    @property
    def annotator(self) -> str:
        """Opaque id of the person, may be empty."""
        return self._by

    def stamp(self) -> Stamp:
        """Who and when, for what takes a person no time."""
        return Stamp(self._by, self._clock())

    def acted(self) -> Stamp:
        """A person did something just now."""
        now = self._now()
        seconds, self._last = min(now - self._last, _LONGEST_S), now
        return Stamp(self._by, self._clock(), round(seconds, 2) if self._recorded else 0.0)
