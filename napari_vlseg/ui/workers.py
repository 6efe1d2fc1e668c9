"""Jobs in napari's worker threads; news arrives on the main thread."""

from __future__ import annotations

from typing import Any

from napari.qt.threading import GeneratorWorker
from qtpy.QtCore import QObject

from napari_vlseg.events import Work
from napari_vlseg.ui.runner import Done, Failed, Handlers, guard


class ThreadRunner(QObject):
    """A `napari_vlseg.ui.runner.Runner` whose jobs run beside the window."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._jobs: dict[str, _Job] = {}

    def start(self, lane: str, work: Work[Any], handlers: Handlers) -> None:
        """See `Runner.start`."""
        if lane in self._jobs:
            self._jobs.pop(lane).abandon()
        job = _Job(work, handlers, lambda ended: self._forget(lane, ended))
        self._jobs[lane] = job
        job.start()

    def cancel(self, lane: str) -> None:
        """See `Runner.cancel`."""
        if lane in self._jobs:
            self._jobs[lane].quit()

    def busy(self, lane: str) -> bool:
        """See `Runner.busy`."""
        return lane in self._jobs

    def close(self) -> None:
        """See `Runner.close`."""
        for job in self._jobs.values():
            job.abandon()
        self._jobs.clear()

    def _forget(self, lane: str, job: _Job) -> None:
        if self._jobs.get(lane) is job:
            del self._jobs[lane]


class _Job(QObject):
    """One worker. A QObject, so that its slots are called on the thread it lives on."""

    def __init__(self, work: Work[Any], handlers: Handlers, forget: Any) -> None:
        super().__init__()
        self._handlers: Handlers | None = handlers
        self._forget = forget
        self._outcome: Done | Failed | None = None
        self._worker = GeneratorWorker(guard, work)
        self._worker.yielded.connect(self._on_event)
        self._worker.returned.connect(self._on_returned)
        self._worker.finished.connect(self._on_finished)

    def start(self) -> None:
        self._worker.start()

    def quit(self) -> None:
        self._worker.quit()

    def abandon(self) -> None:
        """Stop, and tell nobody."""
        self._handlers = None
        self._worker.quit()

    def _on_event(self, event: Any) -> None:
        if self._handlers is not None and not self._worker.abort_requested:
            self._handlers.event(event)

    def _on_returned(self, outcome: Any) -> None:
        self._outcome = outcome

    def _on_finished(self) -> None:
        self._forget(self)
        handlers, self._handlers = self._handlers, None
        if handlers is None:
            return
        if isinstance(self._outcome, Done):
            handlers.done(self._outcome.value)
        elif isinstance(self._outcome, Failed):
            handlers.failed(self._outcome.message)
        else:
            handlers.cancelled()
