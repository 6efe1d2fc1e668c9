"""The quality of unseen images: covered as often as it says, whatever the order."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_vlseg.errors import SettingsError
from napari_vlseg.workflow.stopping import advice, estimate_quality

N_IMAGES = 50


def _project(rng: np.random.Generator, kind: str) -> tuple[np.ndarray, np.ndarray]:
    """Qualities in [0, 1] and uncertainties that say something about them."""
    unsure = rng.beta(2, 5, N_IMAGES)
    if kind == "steady":
        quality = 1 - 0.8 * unsure + rng.normal(0, 0.1, N_IMAGES)
    elif kind == "noisy":
        quality = 0.6 + rng.normal(0, 0.2, N_IMAGES)
    else:  # mostly perfect, some lost
        lost = rng.random(N_IMAGES) < 0.6 * unsure**2 + 0.02
        quality = np.where(lost, rng.uniform(0, 0.3, N_IMAGES), 1 - 0.1 * rng.random(N_IMAGES))
    return np.clip(quality, 0, 1), unsure


@pytest.mark.parametrize("order", ["random", "uncertain"])
@pytest.mark.parametrize("kind", ["steady", "noisy", "lost"])
@pytest.mark.parametrize("n", [5, 12, 30])
def test_the_interval_covers_the_truth(kind: str, order: str, n: int) -> None:
    """In 60 projects; the goal is 85 of 100, and chance may cost some of 60."""
    rng = np.random.default_rng(n)
    covered = 0
    for _ in range(60):
        quality, unsure = _project(rng, kind)
        noise = rng.gumbel(size=N_IMAGES)
        places = np.argsort(-noise - (np.log(unsure) if order == "uncertain" else 0))
        seen, left = places[:n], places[n:]
        found = estimate_quality(quality[seen], unsure[seen], unsure[left])
        covered += found.low <= quality[left].mean() <= found.high
    assert covered / 60 >= 0.8


def test_uncertain_images_first_do_not_bias_it() -> None:
    rng = np.random.default_rng(1)
    errors, plain = [], []
    for _ in range(40):
        quality, unsure = _project(rng, "steady")
        places = np.argsort(-unsure)
        seen, left = places[:15], places[15:]
        truth = quality[left].mean()
        errors.append(estimate_quality(quality[seen], unsure[seen], unsure[left]).quality - truth)
        plain.append(quality[seen].mean() - truth)
    assert np.mean(plain) < -0.15
    assert abs(np.mean(errors)) < 0.05


@given(
    st.lists(st.floats(0, 1), min_size=5, max_size=25),
    st.integers(1, 40),
    st.integers(0, 1000),
    st.booleans(),
)
@settings(max_examples=40, deadline=None)
def test_it_stays_within_bounds(
    quality: list[float], n_unseen: int, seed: int, is_known: bool
) -> None:
    rng = np.random.default_rng(seed)
    unsure = rng.random(len(quality) + n_unseen) if is_known else np.full(100, math.nan)
    reviewed, unseen = unsure[: len(quality)], unsure[-n_unseen:]
    found = estimate_quality(quality, reviewed, unseen)
    assert 0 <= found.low <= found.quality <= found.high <= 1
    assert (found.n_reviewed, found.n_unseen) == (len(quality), n_unseen)
    assert found == estimate_quality(quality, reviewed, unseen), "the same question, one answer"
    if n_unseen > 1:
        assert found.half_width_after(0) == pytest.approx(found.half_width)


def test_five_perfect_images_prove_little_and_forty_more() -> None:
    few = estimate_quality([1.0] * 5, [0.1] * 5, [0.1] * 30)
    many = estimate_quality([1.0] * 40, [0.1] * 40, [0.1] * 30)
    assert few.low < 0.9 < many.low
    assert many.half_width < few.half_width / 2


def test_it_is_told_in_words() -> None:
    unsure = np.random.default_rng(0).beta(2, 5, N_IMAGES)
    found = estimate_quality(1 - 0.5 * unsure[:16], unsure[:16], unsure[16:])
    text = str(found)
    assert text.startswith("The 34 images you have not seen: about ")
    assert "of objects right (" in text
    assert "would narrow it to ±" in text
    assert found.to_dict()["says"] == text
    more = found.more_for(0.8 * found.half_width)
    assert more is not None
    assert found.half_width_after(more) <= 0.8 * found.half_width
    assert found.half_width_after(more - 1) > 0.8 * found.half_width
    assert found.more_for(1e-4) is None
    with pytest.raises(SettingsError, match="34 images"):
        found.half_width_after(34)


def test_advice_follows_the_interval() -> None:
    found = estimate_quality([0.8, 0.82, 0.79, 0.81] * 5, [0.3] * 20, [0.3] * 30)
    assert advice(found, 0.5).startswith("You can stop")
    assert advice(found, 0.97).startswith("Go on")
    assert "can't be told" in advice(found, found.quality)
    with pytest.raises(SettingsError, match="between 0 and 1"):
        advice(found, 90)


@pytest.mark.parametrize(
    ("quality", "reviewed", "unseen", "word"),
    [
        ([1.0] * 4, [0.1] * 4, [0.1], "mark 5 as done"),
        ([1.0] * 5, [0.1] * 4, [0.1], "one for each"),
        ([1.0] * 5, [0.1] * 5, [], "nothing left"),
    ],
)
def test_what_can_not_be_estimated_is_refused(
    quality: list[float], reviewed: list[float], unseen: list[float], word: str
) -> None:
    with pytest.raises(SettingsError, match=word):
        estimate_quality(quality, reviewed, unseen)
