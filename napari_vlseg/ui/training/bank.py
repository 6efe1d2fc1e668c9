"""What the base model is asked again while it learns, computed once and in good time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from napari_vlseg.events import Event, Progress, Work


class SharedWork:
    """Work that several lanes may carry on, each where another one left it.

    A lane that is cancelled leaves it as it is. Safe to use from several threads.

    Parameters
    ----------
    work : generator
        To be carried on to its end, once.
    """

    def __init__(self, work: Work[Any]) -> None:
        self._work = work
        self._lock = threading.Lock()
        self._is_done = False
        self._result: Any = None

    @property
    def is_done(self) -> bool:
        """Whether the result is there."""
        return self._is_done

    def steps(self) -> Work[Any]:
        """Carry it on until the result is there."""
        while not self._is_done:
            event = self._advance()
            if event is not None:
                yield event
        return self._result

    def _advance(self) -> Event | None:
        with self._lock:
            if self._is_done:
                return None
            try:
                return next(self._work)
            except StopIteration as stop:
                self._result, self._is_done = stop.value, True
                return None


class Banks:
    """The replay bank of the model that is trained.

    Parameters
    ----------
    make : callable
        Gives the work that makes one, of a base model, a number of scenes and a seed.
    """

    def __init__(self, make: Callable[[Any, int, int], Work[Any]]) -> None:
        self._make = make
        self._kept: tuple[tuple[Any, ...], SharedWork] | None = None

    def of(self, base: Any, n_scenes: int, seed: int) -> SharedWork:
        """The bank of a base model, begun or done; that of another model is forgotten."""
        key = (base.info.weights_sha256, str(base.info.device), n_scenes, seed)
        if self._kept is None or self._kept[0] != key:
            self._kept = (key, SharedWork(self._make(base, n_scenes, seed)))
        return self._kept[1]


def giving_way(work: Work[Any], person_waits: Callable[[], bool], pause: Callable[[], Any]) -> Work:
    """The same work, resting while a person waits for something else.

    Parameters
    ----------
    work : generator
    person_waits : callable
        Whether the processor is wanted for what somebody asked.
    pause : callable
        Called while that is so; takes a moment.
    """
    try:
        while True:
            event = next(work)
            yield event
            while person_waits():
                pause()
                yield Progress("waiting for you", 0, 0)
    except StopIteration as stop:
        return stop.value
    finally:
        work.close()
