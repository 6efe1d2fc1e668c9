"""Thresholds from known masks: the best Dice, and promises that hold on average."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_vlseg.errors import SettingsError
from napari_vlseg.workflow.calibration import (
    GRID,
    Bound,
    Evidence,
    best_dice,
    bounded,
    fewest_for,
    thresholds_of,
)

SHAPE = (24, 24)


def _image(rng: np.random.Generator, shift: float, spread: float = 0.25) -> Evidence:
    """A square whose pixels are `shift` more probable than those around it, about."""
    mask = np.zeros(SHAPE, bool)
    mask[6:16, 5:19] = True
    probability = rng.normal(0.3, spread, SHAPE) + np.where(mask, shift, 0)
    return Evidence.of(np.clip(probability, 0, 1), mask, np.ones(SHAPE, bool))


def _images(n: int, seed: int = 0) -> list[Evidence]:
    rng = np.random.default_rng(seed)
    return [_image(rng, rng.normal(0.4, 0.12)) for _ in range(n)]


@given(
    st.lists(st.floats(0, 1, width=32), min_size=1, max_size=40),
    st.integers(0, 2**32 - 1),
)
@settings(max_examples=60, deadline=None)
def test_counts_are_those_of_each_threshold(values: list[float], seed: int) -> None:
    probability = np.array([values], np.float32)
    rng = np.random.default_rng(seed)
    mask, reviewed = rng.random((2, *probability.shape)) < 0.5
    counted = Evidence.of(probability, mask, reviewed)
    rounded = np.round(probability[reviewed].astype(float), 7)
    for place in (0, 29, 98):
        # A pixel within rounding of a threshold may count either way.
        least = np.count_nonzero(rounded > GRID[place] + 1e-6)
        most = np.count_nonzero(rounded >= GRID[place] - 1e-6)
        assert least <= counted.found[place] <= most
    assert counted.wanted == np.count_nonzero(mask & reviewed)
    assert (np.diff(counted.found) <= 0).all()
    assert (counted.hits <= np.minimum(counted.found, counted.wanted)).all()
    assert counted.is_whole == reviewed.all()


def test_the_best_threshold_is_where_both_sides_part() -> None:
    found = best_dice("nuclei", _images(12), 12)
    assert found.threshold is not None
    assert found.threshold_interval is not None
    assert found.interval is not None
    assert found.estimate is not None
    low, high = found.threshold_interval
    assert low <= found.threshold <= high
    assert 0.3 < low < high < 0.75
    assert found.interval[0] < found.estimate < found.interval[1]
    assert (found.n_objects, found.n_images, found.units) == (12, 12, "images")
    assert found.note == ""
    assert thresholds_of([found]) == {"nuclei": found.threshold}


def test_more_images_narrow_it() -> None:
    widths = []
    for n in (5, 80):
        intervals = [best_dice("nuclei", _images(n, seed), n).interval for seed in range(6)]
        widths.append(np.mean([high - low for low, high in filter(None, intervals)]))
    assert widths[1] < widths[0] / 2


def test_equally_good_thresholds_leave_the_present_one() -> None:
    mask = np.zeros(SHAPE, bool)
    mask[:10] = True
    flat = Evidence.of(np.where(mask, 0.9, 0.1), mask, np.ones(SHAPE, bool))
    assert best_dice("a", [flat, flat], 2, present=0.45).threshold == 0.45
    assert best_dice("a", [flat, flat], 2, present=0.95).threshold == 0.9


def test_what_can_not_be_told_is_said() -> None:
    (one,) = _images(1)
    alone = best_dice("a", [one], 1)
    assert alone.interval is None
    assert "alone" in alone.note
    part = Evidence(one.wanted, one.found, one.hits, is_whole=False)
    assert "marked as done" in best_dice("a", [part, part], 2).note
    nothing = Evidence(0, one.found - one.hits, one.hits * 0, n_objects=0)
    with pytest.raises(SettingsError, match="No pixel"):
        best_dice("a", [nothing], 1)


@pytest.mark.parametrize(("at", "n"), [(0.1, 9), (0.05, 19), (0.5, 1), (0.3, 3), (0.2, 4)])
def test_a_promise_takes_enough_images(at: float, n: int) -> None:
    assert fewest_for(at) == n
    mask = np.zeros(SHAPE, bool)
    mask[:10] = True
    perfect = Evidence.of(np.where(mask, 1.0, 0.0), mask, np.ones(SHAPE, bool))
    for bound in ("missed", "false"):
        assert bounded("a", [perfect] * n, bound, at, n).threshold is not None
        if n > 1:
            short = bounded("a", [perfect] * (n - 1), bound, at, n - 1)
            assert short.threshold is None
            assert str(n) in short.note


def test_images_that_are_not_done_promise_nothing() -> None:
    (one,) = _images(1)
    part = Evidence(one.wanted, one.found, one.hits, is_whole=False)
    refused = bounded("a", [part] * 20, "missed", 0.1, 0)
    assert refused.threshold is None
    assert "there are 0" in refused.note


def test_a_model_that_misses_too_much_is_told() -> None:
    mask = np.zeros(SHAPE, bool)
    mask[:10] = True
    blind = Evidence.of(np.zeros(SHAPE), mask, np.ones(SHAPE, bool))
    refused = bounded("a", [blind] * 30, "missed", 0.1, 30)
    assert refused.threshold is None
    assert "100%" in refused.note


@pytest.mark.parametrize(("bound", "at"), [("area", 0.1), ("missed", 0.0), ("false", 1.0)])
def test_bounds_that_make_no_sense_are_refused(bound: Bound, at: float) -> None:
    with pytest.raises(SettingsError):
        bounded("a", _images(2), bound, at, 2)


@pytest.mark.parametrize("bound", ["missed", "false"])
@pytest.mark.parametrize(("n", "at"), [(9, 0.2), (20, 0.1), (40, 0.3)])
def test_the_promise_holds_on_average(bound: Bound, n: int, at: float) -> None:
    """The loss of the next image, over 400 draws of n images and a next one."""
    pool = _images(300, seed=3)
    rng = np.random.default_rng(n)
    losses = []
    for _ in range(400):
        *known, following = (pool[place] for place in rng.choice(len(pool), n + 1, replace=False))
        threshold = bounded("a", known, bound, at, n).threshold
        # Where nothing is promised everything is kept, or nothing, which errs nowhere.
        losses.append(0 if threshold is None else _loss(following, bound, threshold))
    slack = 2 * np.std(losses) / len(losses) ** 0.5
    assert np.mean(losses) <= at + slack
    assert np.mean(losses) > at / 3, "the promise is not kept by asking for too much"


def _loss(one: Evidence, bound: Bound, threshold: float) -> float:
    place = GRID.index(threshold)
    hits, found = one.hits[place], one.found[place]
    if bound == "missed":
        return float(1 - hits / one.wanted)
    return float((found - hits) / (one.wanted + found - hits))


@given(st.integers(0, 10_000), st.floats(0.12, 0.9))
@settings(max_examples=30, deadline=None)
def test_asking_for_less_is_never_stricter(seed: int, at: float) -> None:
    evidence = _images(12, seed)
    for bound, sign in (("missed", 1), ("false", -1)):
        strict = bounded("a", evidence, bound, at, 12).threshold
        loose = bounded("a", evidence, bound, min(at + 0.05, 0.95), 12).threshold
        if strict is not None:
            assert loose is not None
            assert sign * (loose - strict) >= 0
