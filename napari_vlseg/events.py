"""What long work reports while it runs.

Long work is a generator: it yields these events and returns its result
(``StopIteration.value``). A ``for`` loop, a progress bar on the command line and
napari's thread worker all consume the same stream. A consumer cancels by closing
the generator, which takes effect at the next event.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Progress:
    """One finished piece of work.

    Attributes
    ----------
    stage : str
        What is being done, in the person's words: "encoding", "segmenting".
    done, total : int
        Pieces finished and pieces in all; ``0 <= done <= total``.
    """

    stage: str
    done: int
    total: int


@dataclass(frozen=True)
class Notice:
    """Something the person should know; the work goes on.

    Attributes
    ----------
    message : str
        One sentence with the fact and, where there is one, the remedy.
    """

    message: str


@dataclass(frozen=True, eq=False)
class Partial:
    """A part of a result that can be shown already; whoever waits for the end may ignore it.

    Attributes
    ----------
    index : tuple of int
        Position of the plane on each leading axis.
    rows, cols : slice
        Where on the plane the part lies, in pixels.
    labels : numpy.ndarray, shape (h, w), integer
        0 is background. Numbers are those of this run; the whole result may have others.
    """

    index: tuple[int, ...]
    rows: slice
    cols: slice
    labels: Any


Event = Progress | Notice | Partial
Work = Generator[Event, None, T]


def run(work: Work[T], on_event: Callable[[Event], Any] | None = None) -> T:
    """Run a generator of events to its end and return its result.

    Parameters
    ----------
    work : generator
        Yields events, returns the result.
    on_event : callable, optional
        Called with each event, in the calling thread.

    Returns
    -------
    object
        What the generator returns.
    """
    while True:
        try:
            event = next(work)
        except StopIteration as stop:
            return stop.value
        if on_event is not None:
            on_event(event)
