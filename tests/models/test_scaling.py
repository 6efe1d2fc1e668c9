"""Working scale and tiles by the size of the plane."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_vlseg.errors import SettingsError
from napari_vlseg.models.scaling import choose_scale, model_shape, plan_windows


@pytest.mark.parametrize(
    ("shape", "scale"),
    [((352, 352), 1.0), ((100, 176), 0.5), ((704, 300), 2.0), ((4000, 3000), 2.0), ((5, 5), 1 / 8)],
)
def test_whole_images_are_shown_as_long_as_little_is_lost(
    shape: tuple[int, int], scale: float
) -> None:
    assert choose_scale(shape, 352) == pytest.approx(scale)


def test_the_scale_of_training_and_the_choice_of_the_person_come_first() -> None:
    assert choose_scale((4000, 3000), 128, native=1.5) == 1.5
    assert choose_scale((4000, 3000), 128, requested=3, native=1.5) == 3.0


@pytest.mark.parametrize("scale", [0.0, -2.0, 100.0, float("inf"), float("nan")])
def test_a_scale_out_of_range_is_named(scale: float) -> None:
    with pytest.raises(SettingsError, match=r"0\.125 to 64"):
        choose_scale((100, 100), 352, requested=scale)


def test_a_plane_keeps_a_pixel_at_any_scale() -> None:
    assert model_shape((3, 1000), 64) == (1, 16)


@pytest.mark.parametrize(
    ("shape", "side", "count"),
    [
        ((100, 352), 352, 1),
        ((353, 10), 368, 1),
        ((432, 432), 432, 1),
        ((433, 352), 352, 2),
    ],
)
def test_one_tile_up_to_a_quarter_more_than_the_input(
    shape: tuple[int, int], side: int, count: int
) -> None:
    plan = plan_windows(shape, 352, 16)
    assert (plan.side, len(plan.tiles)) == (side, count)


@pytest.mark.parametrize(
    ("shape", "side", "count"),
    [((704, 704), 384, 4), ((512, 512), 144, 16), ((256, 256), 136, 4), ((128, 300), 128, 3)],
)
def test_the_size_of_tiles_is_the_one_that_covers_the_plane_with_fewest_pixels(
    shape: tuple[int, int], side: int, count: int
) -> None:
    plan = plan_windows(shape, *((352, 16) if max(shape) > 600 else (128, 8)))
    assert (plan.side, len(plan.tiles)) == (side, count)


@given(
    height=st.integers(1, 3000),
    width=st.integers(1, 3000),
    limit=st.none() | st.integers(40, 128),
)
def test_tiles_share_an_eighth_and_are_spread_evenly(
    height: int, width: int, limit: int | None
) -> None:
    plan = plan_windows((height, width), 128, 8, side=limit)
    assert plan.side % 8 == 0
    assert plan.side <= (160 if limit is None else limit)
    assert plan.overlap >= min(plan.side, 128) // 8
    if len(plan.tiles) > 1 and height == width:
        per_axis = round(len(plan.tiles) ** 0.5)
        assert plan.overlap == (per_axis * plan.side - height) // (per_axis - 1)


def test_a_shortage_of_memory_bounds_the_side() -> None:
    plan = plan_windows((352, 352), 352, 16, side=176)
    assert (plan.side, len(plan.tiles)) == (176, 9)
    assert plan_windows((100, 60), 352, 16, side=176).side == 112
