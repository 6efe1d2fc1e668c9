"""Jobs that must not be lost: done one after another, and never cancelled."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from napari_vlseg.errors import VlsegError
from napari_vlseg.events import Event, Notice, Work, run
from napari_vlseg.ui.runner import Handlers, Runner


@dataclass(frozen=True, eq=False)
class Task:
    """A job that can be begun anew: done twice, it leaves what it leaves when done once.

    Attributes
    ----------
    make : callable
        Gives the work.
    done : callable
        Called with its result.
    failed : callable
        Called with one sentence.
    """

    make: Callable[[], Work[Any]]
    done: Callable[[Any], object]
    failed: Callable[[str], object]


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
        self,
        make: Callable[[], Work[Any]],
        done: Callable[[Any], object],
        failed: Callable[[str], object],
    ) -> None:
        """Do a job after those that were added before; see `Task`."""
        self._waiting.append(Task(make, done, failed))
        if self._running is None:
            self._next()

    def finish(self) -> None:
        """Do what is left on this thread, and what runs in the lane once more: before closing."""
        running, self._running = self._running, None
        tasks = [*([] if running is None else [running]), *self._waiting]
        self._waiting.clear()
        for task in tasks:
            try:
                result = run(task.make(), self._on_event)
            except VlsegError as error:
                task.failed(str(error))
            else:
                task.done(result)

    def _next(self) -> None:
        if not self._waiting:
            return
        task = self._running = self._waiting.popleft()

        def ended(call: Callable[[Any], object], value: Any) -> None:
            if self._running is task:
                self._running = None
                call(value)
                if self._running is None:
                    self._next()

        handlers = Handlers(
            event=self._on_event,
            done=lambda result: ended(task.done, result),
            failed=lambda text: ended(task.failed, text),
            cancelled=lambda: ended(task.failed, "stopped before its end"),
        )
        self._runner.start(self._lane, task.make(), handlers)

    def _on_event(self, event: Event) -> None:
        if isinstance(event, Notice):
            self._told(event.message)
