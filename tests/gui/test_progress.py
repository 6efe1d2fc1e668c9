"""Progress in words, and what a runner makes of a job."""

from __future__ import annotations

from napari_vlseg.errors import PromptError
from napari_vlseg.events import Event, Notice, Progress, Work, run
from napari_vlseg.ui.progress import Clock
from napari_vlseg.ui.runner import Done, Failed, guard


class Ticks:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_the_time_left_follows_the_pace() -> None:
    ticks = Ticks()
    clock = Clock(ticks)
    assert clock.update(Progress("encoding", 1, 20)).text == "encoding · 1 of 20 tiles"
    ticks.now = 6.0
    state = clock.update(Progress("encoding", 13, 20))
    assert state.text == "encoding · 13 of 20 tiles · 4 s left"
    assert state.fraction == 13 / 20
    assert clock.update(Progress("encoding", 20, 20)).text == "encoding · 20 of 20 tiles"
    assert clock.update(Progress("segmenting", 1, 4)).text == "segmenting · 1 of 4 tiles"


def test_long_times_are_minutes() -> None:
    ticks = Ticks()
    clock = Clock(ticks)
    clock.update(Progress("downloading x", 0, 600))
    ticks.now = 60.0
    assert clock.update(Progress("downloading x", 60, 600)).text.endswith("· 9 min left")


def test_what_can_not_be_counted_has_no_fraction() -> None:
    state = Clock().update(Progress("loading the model", 0, 1))
    assert state.fraction is None
    assert state.text == "loading the model …"


def test_a_flood_of_progress_is_thinned_out_and_notices_are_not() -> None:
    def flood() -> Work[str]:
        for done in range(1000):
            yield Progress("encoding", done, 1000)
        yield Notice("something")
        yield Progress("encoding", 1000, 1000)
        return "result"

    seen: list[Event] = []
    assert run(guard(flood()), seen.append) == Done("result")
    assert len(seen) < 100
    assert Notice("something") in seen
    assert seen[-1] == Progress("encoding", 1000, 1000)


def test_errors_become_one_sentence() -> None:
    def told() -> Work[None]:
        yield Progress("a", 0, 1)
        raise PromptError("Type something.")

    def untold() -> Work[None]:
        yield Progress("a", 0, 1)
        raise KeyError("first line\nsecond line")

    assert run(guard(told())) == Failed("Type something.")
    failed = run(guard(untold()))
    assert isinstance(failed, Failed)
    assert "KeyError" in failed.message
    assert "\n" not in failed.message


def test_closing_the_guard_closes_the_work() -> None:
    closed: list[bool] = []

    def work() -> Work[None]:
        try:
            yield Progress("a", 1, 2)
            yield Progress("a", 2, 2)
        finally:
            closed.append(True)

    guarded = guard(work())
    next(guarded)
    guarded.close()
    assert closed == [True]
