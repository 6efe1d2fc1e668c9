"""How the controller has long work done, without knowing of threads."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from napari_vlseg.errors import VlsegError
from napari_vlseg.events import Event, Progress, Work, run

LOG = logging.getLogger("napari_vlseg")

_SECONDS_BETWEEN_EVENTS = 0.04


@dataclass(frozen=True)
class Handlers:
    """What to do with a job's news, on the main thread.

    Exactly one of `done`, `failed` and `cancelled` ends a job.
    """

    event: Callable[[Event], None]
    done: Callable[[Any], None]
    failed: Callable[[str], None]
    cancelled: Callable[[], None]


class Runner(Protocol):
    """Runs one job per lane."""

    def start(self, lane: str, work: Work[Any], handlers: Handlers) -> None:
        """Start a job; one that runs in the lane is cancelled and no longer heard."""
        ...

    def cancel(self, lane: str) -> None:
        """Ask the job of a lane to stop, which it does at its next event."""
        ...

    def busy(self, lane: str) -> bool:
        """Whether a job of the lane has not ended."""
        ...

    def close(self) -> None:
        """Cancel everything and stop listening."""
        ...


@dataclass(frozen=True)
class Done:
    """A job's result."""

    value: Any


@dataclass(frozen=True)
class Failed:
    """Why a job has no result, in one sentence."""

    message: str


def guard(work: Work[Any]) -> Work[Done | Failed]:
    """Turn errors into sentences and thin out progress, so that a window is not flooded."""
    last = 0.0
    try:
        while True:
            try:
                event = next(work)
            except StopIteration as stop:
                return Done(stop.value)
            now = time.monotonic()
            finished = isinstance(event, Progress) and event.done >= event.total
            if finished or not isinstance(event, Progress) or now - last >= _SECONDS_BETWEEN_EVENTS:
                last = now
                yield event
    except VlsegError as error:
        return Failed(str(error))
    except Exception as error:
        LOG.exception("a job stopped unexpectedly")
        detail = str(error).strip().splitlines()
        return Failed(
            f"This stopped unexpectedly ({type(error).__name__}"
            f"{': ' + detail[0] if detail else ''}): the log has the details."
        )
    finally:
        work.close()


class SyncRunner:
    """Runs each job to its end at once: for scripts and tests."""

    def start(self, lane: str, work: Work[Any], handlers: Handlers) -> None:
        outcome = run(guard(work), handlers.event)
        if isinstance(outcome, Done):
            handlers.done(outcome.value)
        else:
            handlers.failed(outcome.message)

    def cancel(self, lane: str) -> None:
        """Nothing runs between calls."""

    def busy(self, lane: str) -> bool:
        return False

    def close(self) -> None:
        """Nothing is held."""
