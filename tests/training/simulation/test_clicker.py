"""Where the simulated person clicks."""

from __future__ import annotations

import numpy as np
import pytest

from napari_vlseg.training.sam.clicks import corrective_click
from napari_vlseg.training.simulation.clicker import Click, next_click

NOTHING = np.zeros((20, 30), bool)


def _square(top: int, left: int, height: int, width: int) -> np.ndarray:
    mask = NOTHING.copy()
    mask[top : top + height, left : left + width] = True
    return mask


def test_the_first_click_is_in_the_middle() -> None:
    assert next_click(NOTHING, _square(3, 10, 7, 9)) == Click(6, 13, includes=True)
    assert next_click(NOTHING, NOTHING) is None
    assert next_click(_square(3, 3, 4, 4), _square(3, 3, 4, 4)) is None


def test_the_deeper_error_is_corrected() -> None:
    truth = _square(2, 2, 9, 9)
    too_wide = truth | _square(2, 11, 9, 3)
    assert next_click(too_wide, truth) == Click(3, 12, includes=False)
    lacks_more = too_wide & ~_square(4, 3, 7, 7)
    assert next_click(lacks_more, truth) == Click(7, 6, includes=True)


def test_no_place_is_clicked_twice_and_then_there_is_none() -> None:
    truth = _square(4, 5, 1, 3)
    clicked: list[tuple[int, int]] = []
    while (click := next_click(NOTHING, truth, clicked)) is not None:
        clicked.append(click.place)
    assert clicked == [(4, 5), (4, 6), (4, 7)]


def test_without_jitter_it_is_the_click_that_models_are_evaluated_by() -> None:
    for seed in range(20):
        rng = np.random.default_rng(seed)
        found, truth = (rng.random((2, 20, 30)) < 0.7).astype(bool)
        click = next_click(found, truth, rng=rng)
        assert click is not None
        assert (*click.place, int(click.includes)) == corrective_click(found, truth)


def test_jitter_stays_in_the_error_it_is_meant_for() -> None:
    beside = _square(2, 13, 3, 3)
    truth = _square(2, 2, 9, 9) | beside
    rng = np.random.default_rng(0)
    taken = {(6, 6)}
    places = [next_click(NOTHING, truth, taken, jitter=3, rng=rng) for _ in range(300)]
    assert all(click is not None and click.includes for click in places)
    found = {click.place for click in places if click}
    assert all(truth[place] and not beside[place] for place in found)
    assert not found & taken
    assert len(found) > 30, "it is not always the middle"
    near = [abs(click.row - 6) <= 3 for click in places if click]
    assert np.mean(near) > 0.7, "and mostly near it"


def test_equal_seeds_jitter_equally() -> None:
    def clicks(seed: int) -> list[Click | None]:
        rng = np.random.default_rng(seed)
        return [next_click(NOTHING, _square(2, 2, 9, 9), jitter=2, rng=rng) for _ in range(9)]

    assert clicks(1) == clicks(1) != clicks(2)


@pytest.mark.parametrize("side", [0, 19])
def test_the_border_of_the_plane_is_an_end(side: int) -> None:
    truth = NOTHING.copy()
    truth[side, 3:8] = True
    assert next_click(NOTHING, truth) == Click(side, 3, includes=True)
