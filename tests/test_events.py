"""Generators of events are run to their result."""

from __future__ import annotations

import pytest

from napari_vlseg.events import Event, Notice, Progress, Work, run


def count(total: int) -> Work[str]:
    for done in range(1, total + 1):
        yield Progress("counting", done, total)
    yield Notice("that was all")
    return "result"


def test_result_is_returned_and_events_are_reported_in_order() -> None:
    seen: list[Event] = []
    assert run(count(2), seen.append) == "result"
    expected = [Progress("counting", 1, 2), Progress("counting", 2, 2), Notice("that was all")]
    assert seen == expected


def test_nobody_needs_to_listen() -> None:
    assert run(count(3)) == "result"


def test_a_consumer_that_fails_stops_the_work() -> None:
    work = count(3)

    def refuse(_: Event) -> None:
        raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        run(work, refuse)
    work.close()
    with pytest.raises(StopIteration):
        next(work)
