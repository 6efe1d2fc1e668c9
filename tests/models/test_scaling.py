"""Working scale and tiles by the size of the plane."""

from __future__ import annotations

import pytest

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
        ((704, 704), 352, 9),
    ],
)
def test_one_tile_up_to_a_quarter_more_than_the_input(
    shape: tuple[int, int], side: int, count: int
) -> None:
    plan = plan_windows(shape, 352, 16)
    assert (plan.side, len(plan.tiles)) == (side, count)
    assert plan.overlap == side // 4


def test_a_shortage_of_memory_bounds_the_side() -> None:
    plan = plan_windows((352, 352), 352, 16, side=176)
    assert (plan.side, len(plan.tiles)) == (176, 9)
    assert plan_windows((100, 60), 352, 16, side=176).side == 112
