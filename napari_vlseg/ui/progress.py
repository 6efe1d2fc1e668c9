"""Progress in words: what is done, how much of it, and how long it will take."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from napari_vlseg.events import Progress

_UNITS = {"encoding": "tiles", "segmenting": "tiles", "downloading": "MB"}
_COUNTED = {
    "segmenting planes": ("segmenting", "planes"),
    "segmenting blocks": ("segmenting", "blocks"),
    "setting thresholds": ("setting thresholds", "planes"),
    "following": ("following", "planes"),
    "linking planes": ("linking", "planes"),
    "joining objects": ("joining objects", "planes"),
    "following labels": ("following labels", "planes"),
}
"""Stages that say what they count."""


@dataclass(frozen=True)
class ProgressState:
    """What a progress bar shows.

    Attributes
    ----------
    fraction : float or None
        In [0, 1]; None while it is not known.
    text : str
    """

    fraction: float | None
    text: str


class Clock:
    """Estimates the time left of the present stage."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._stage = ""
        self._start = 0.0
        self._first = 0

    def update(self, event: Progress) -> ProgressState:
        """Take notice of an event and say how things stand."""
        now = self._now()
        if event.stage != self._stage or event.done < self._first:
            self._stage, self._start, self._first = event.stage, now, event.done
        if event.total <= 1 and event.done == 0:
            return ProgressState(None, f"{event.stage} …")
        counted = f"{event.done} of {event.total}"
        unit = _UNITS.get(event.stage.split()[0], "")
        stage, unit = _COUNTED.get(event.stage, (event.stage, unit))
        text = f"{stage} · {counted} {unit}".rstrip()
        gained = event.done - self._first
        if gained > 0 and event.done < event.total:
            left = (now - self._start) / gained * (event.total - event.done)
            text += f" · {_duration(left)} left"
        return ProgressState(event.done / event.total, text)


def _duration(seconds: float) -> str:
    if seconds < 1:
        return "1 s"
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min"
