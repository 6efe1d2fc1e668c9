"""Regions of a large plane: all of it, none twice, none that was reviewed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_vlseg.errors import SettingsError
from napari_vlseg.events import run
from napari_vlseg.prompts import PromptTable
from napari_vlseg.proposals import Proposals
from napari_vlseg.workflow.ordering import ORDERS, Order
from napari_vlseg.workflow.propose import propose
from napari_vlseg.workflow.regions import Region, choose_regions, plan_regions
from tests.fakes import BrightnessSegmenter


@pytest.fixture(scope="module")
def plane() -> np.ndarray:
    """128 × 192 pixels with a sure disc on the left and an unsure one on the right."""
    rows, cols = np.mgrid[:128, :192]
    grey = np.full((128, 192), 0.05)
    grey[(rows - 30) ** 2 + (cols - 30) ** 2 < 150] = 0.98
    grey[(rows - 30) ** 2 + (cols - 160) ** 2 < 150] = 0.55
    return np.repeat(grey[..., None], 3, axis=2).astype(np.float32)


@pytest.fixture(scope="module")
def proposals(plane: np.ndarray) -> Proposals:
    return run(propose(BrightnessSegmenter(), plane, PromptTable.build("bright")))


@given(st.integers(1, 700), st.integers(1, 700), st.integers(32, 300))
@settings(max_examples=60, deadline=None)
def test_they_cover_a_plane_once(height: int, width: int, side: int) -> None:
    covered = np.zeros((height, width), int)
    regions = plan_regions((height, width), side)
    for region in regions:
        covered[region.window] += 1
        assert max(region.height, region.width) <= 1.5 * side + 1
    assert (covered == 1).all()
    assert regions == plan_regions((height, width), side)


@pytest.mark.parametrize("order", ORDERS)
def test_each_is_named_once(plane: np.ndarray, proposals: Proposals, order: Order) -> None:
    found = choose_regions(plane, proposals, order, side=64)
    assert {choice.region for choice in found} == set(plan_regions((128, 192), 64))
    assert len(found) == 6
    assert all(choice.reason for choice in found)


def test_what_the_model_is_unsure_of_comes_first(plane: np.ndarray, proposals: Proposals) -> None:
    found = choose_regions(plane, proposals, "uncertain", side=64, round_=60)
    assert found[0].region == Region(0, 128, 64, 64)
    assert found[0].reason == "the model is unsure of bright"
    assert "nothing" in found[-1].reason


def test_by_chance_those_with_something_in_them_come_first(
    plane: np.ndarray, proposals: Proposals
) -> None:
    first = choose_regions(plane, proposals, "random", side=64)[:2]
    assert {choice.region.col for choice in first} == {0, 128}
    assert {choice.region.row for choice in first} == {0}


def test_what_was_seen_or_reviewed_does_not_come_again(
    plane: np.ndarray, proposals: Proposals
) -> None:
    first, *_ = choose_regions(plane, proposals, "uncertain", side=64, round_=60)
    rest = choose_regions(plane, proposals, "uncertain", side=64, round_=60, seen={first.region})
    assert first.region not in {choice.region for choice in rest}
    reviewed = np.zeros((128, 192), bool)
    reviewed[:64, 128:] = True
    left = choose_regions(plane, proposals, "uncertain", side=64, reviewed=reviewed)
    assert len(left) == 5
    reviewed[20:40, 20:40] = True
    half = choose_regions(plane, proposals, "random", side=64, reviewed=reviewed)
    assert len(half) == 5, "what was reviewed in part still has something left"
    assert (
        choose_regions(plane, proposals, "random", side=64, reviewed=np.ones_like(reviewed)) == []
    )


def test_small_sides_are_refused() -> None:
    with pytest.raises(SettingsError, match="32 or more"):
        plan_regions((100, 100), 8)
