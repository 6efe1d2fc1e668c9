"""Jobs that must not be lost: done one after another, each exactly once."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Any

from napari_vlseg.errors import VlsegError
from napari_vlseg.events import Event, Notice, Work, run
from napari_vlseg.ui.runner import Done, Failed, Handlers, Runner, guard

_PATIENCE_S = 60.0


class Task:
    """A job, what to do with its result, and who does it.

    Parameters
    ----------
    work : generator
    done : callable
        Called with its result.
    failed : callable
        Called with one sentence.
    """

    def __init__(
        self, work: Work[Any], done: Callable[[Any], object], failed: Callable[[str], object]
    ) -> None:
        self.done = done
        self.failed = failed
        self.outcome: Done | Failed | None = None
        self.ended = threading.Event()
        self._work = work
        self._claim = threading.Lock()

    def steps(self) -> Work[Any]:
        """The work; nothing where another thread does it already."""
        if not self._claim.acquire(blocking=False):
            return None
        try:
            result = yield from self._work
            self.outcome = Done(result)
            return result
        except VlsegError as error:
            self.outcome = Failed(str(error))
            raise
        finally:
            self.ended.set()


class WorkQueue:
    """A lane of a runner in which jobs wait for one another.

    Parameters
    ----------
    runner : Runner
    lane : str
    told : callable
        Called with each notice of a job.
    """

    def __init__(self, runner: Runner, lane: str, told: Callable[[str], object]) -> None:
        self._runner = runner
        self._lane = lane
        self._told = told
        self._waiting: deque[Task] = deque()
        self._running: Task | None = None

    @property
    def busy(self) -> bool:
        """Whether something is done or waits."""
        return self._running is not None or bool(self._waiting)

    def add(
        self, work: Work[Any], done: Callable[[Any], object], failed: Callable[[str], object]
    ) -> None:
        """Do a job after those that were added before; see `Task`."""
        self._waiting.append(Task(work, done, failed))
        if self._running is None:
            self._next()

    def finish(self) -> None:
        """Wait until all is done, here on this thread where no other has begun: before closing."""
        while self.busy:
            task, self._running = self._running or self._waiting.popleft(), None
            outcome = run(guard(task.steps()), self._on_event)
            task.ended.wait(_PATIENCE_S)  # where another thread does it
            if task.outcome is None and isinstance(outcome, Failed):
                task.outcome = outcome
            self._settle(task)

    def _next(self) -> None:
        if self._running is not None or not self._waiting:
            return
        task = self._running = self._waiting.popleft()

        def ended(outcome: Done | Failed) -> None:
            if self._running is task:
                self._running = None
                task.outcome = outcome
                self._settle(task)
                self._next()

        handlers = Handlers(
            event=self._on_event,
            done=lambda result: ended(Done(result)),
            failed=lambda text: ended(Failed(text)),
            cancelled=lambda: ended(Failed("stopped before its end")),
        )
        self._runner.start(self._lane, task.steps(), handlers)

    def _settle(self, task: Task) -> None:
        if isinstance(task.outcome, Done):
            task.done(task.outcome.value)
        else:
            task.failed("not finished in time" if task.outcome is None else task.outcome.message)

    def _on_event(self, event: Event) -> None:
        if isinstance(event, Notice):
            self._told(event.message)
