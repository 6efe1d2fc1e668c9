"""How a command speaks: progress and notices on stderr, its result on stdout, one exit code."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from enum import IntEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import typer

from napari_vlseg.errors import VlsegError
from napari_vlseg.events import Event, Notice, Progress, T, Work, run

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.progress import Progress as ProgressBars
    from rich.progress import TaskID


class ExitCode(IntEnum):
    """What the shell is told."""

    DONE = 0
    USER_ERROR = 1
    USAGE = 2
    INTERRUPTED = 130


class Reporter:
    """Shows events and results; use it as a context, which owns the progress bars.

    Parameters
    ----------
    as_json : bool
        Whether the result is one JSON document on stdout, with nothing else there.
    quiet : bool
        Whether to say nothing at all, because another process says it.
    """

    def __init__(self, as_json: bool = False, quiet: bool = False) -> None:
        from rich.console import Console

        self.as_json, self._quiet = as_json, quiet
        self.notices: list[str] = []
        self._errors: Console = Console(
            stderr=True, soft_wrap=True, highlight=False, emoji=False, quiet=quiet
        )
        self._bars: ProgressBars | None = None
        self._tasks: dict[str, TaskID] = {}
        self._last: dict[str, Progress] = {}

    def __enter__(self) -> Reporter:
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
        )

        self._bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=self._errors,
            transient=True,
            disable=not self._errors.is_terminal,
        )
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._bars is not None:
            self._bars.stop()
            self._bars = None
            self._tasks.clear()

    def run(self, work: Work[T]) -> T:
        """Run a generator of events to its end with its progress shown."""
        try:
            return run(work, self.on_event)
        finally:
            work.close()  # also where showing an event was interrupted

    def on_event(self, event: Event) -> None:
        """Show one event of a generator."""
        if isinstance(event, Progress):
            self._last[event.stage] = event
        if isinstance(event, Notice):
            self.note(event.message)
        elif isinstance(event, Progress) and self._bars is not None:
            task = self._tasks.get(event.stage)
            if task is None:
                task = self._tasks[event.stage] = self._bars.add_task(event.stage)
            self._bars.update(task, completed=event.done, total=event.total)

    def interrupted(self, resumable: Mapping[str, str]) -> str:
        """What is kept, and how to go on; the stages that are resumed, and what they count."""
        if not resumable:
            return "Interrupted; what was finished is kept."
        counts = [
            f"{self._last[stage].done} of {self._last[stage].total} {noun}"
            for stage, noun in resumable.items()
            if stage in self._last
        ]
        done = f" with {' and '.join(counts)} done" if counts else ""
        return f"Interrupted{done}; what is done is kept, and the same command goes on from there."

    def note(self, message: str) -> None:
        """Tell the person something, once; it becomes part of the JSON result."""
        if message not in self.notices:
            self.notices.append(message)
            self._errors.print(message, style="yellow", markup=False)

    def fail(self, message: str) -> None:
        """Say in one sentence what went wrong."""
        self._errors.print(f"Error: {message}", style="red", markup=False)

    def result(self, document: dict[str, Any], *shown: RenderableType) -> None:
        """Print the result: the document as JSON, or `shown` for people."""
        self.__exit__()
        if self._quiet:
            return
        if self.as_json:
            _write_json(document)
            return
        from rich.console import Console

        console = Console(highlight=False, soft_wrap=True, emoji=False)
        for part in shown:
            console.print(part, markup=False)


@contextmanager
def reporting(
    as_json: bool,
    debug: bool,
    quiet: bool = False,
    resumable: Mapping[str, str] = MappingProxyType({}),
) -> Iterator[Reporter]:
    """Run a command's body: whatever goes wrong becomes one sentence and an exit code.

    Parameters
    ----------
    as_json : bool
        Also print ``{"error": …}`` on stdout where the body fails.
    debug : bool
        Let exceptions through, with their traceback.
    quiet : bool
        Say nothing; the exit code stays.
    resumable : mapping of str to str
        Stages in which the same command goes on where it was interrupted, and what they count.
    """
    reporter = Reporter(as_json, quiet)
    try:
        with reporter:
            yield reporter
    except KeyboardInterrupt as error:
        reporter.fail(reporter.interrupted(resumable))
        raise typer.Exit(ExitCode.INTERRUPTED) from error
    except (typer.Exit, typer.Abort, typer.BadParameter):
        raise
    except Exception as error:
        if debug:
            raise
        message = _sentence(error)
        reporter.fail(message)
        if as_json and not quiet:
            _write_json({"error": {"type": type(error).__name__, "message": message}})
        raise typer.Exit(ExitCode.USER_ERROR) from error


def _sentence(error: Exception) -> str:
    if isinstance(error, VlsegError):
        return str(error)
    cause = " ".join(str(error).split()) or "no details"
    return (
        f"An unexpected {type(error).__name__} ({cause}): "
        "run the command again with --debug for the details."
    )


def _write_json(document: dict[str, Any]) -> None:
    # Escaped to ASCII, which every console and every pipe passes on unharmed.
    sys.stdout.write(json.dumps(document, indent=2) + "\n")
