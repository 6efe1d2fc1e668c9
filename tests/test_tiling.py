"""Tiles cover every pixel, and blending gives back what the tiles agree on."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_vlseg.errors import ImageError, SettingsError
from napari_vlseg.tiling import Blender, Tile, TilePlan, cut_tile, pad_plane, plan_tiles

extents = st.integers(1, 70)


@st.composite
def plans(draw: st.DrawFn) -> TilePlan:
    side = draw(st.integers(1, 24))
    overlap = draw(st.integers(0, side - 1))
    return plan_tiles((draw(extents), draw(extents)), side, overlap)


@given(plans())
def test_every_pixel_is_covered_by_full_tiles(plan: TilePlan) -> None:
    covered = np.zeros(plan.padded_shape, int)
    for tile in plan.tiles:
        window = cut_tile(covered, plan, tile)
        assert window.shape == (plan.side, plan.side)
        window += 1
    assert covered.min() >= 1
    assert len(set(plan.tiles)) == len(plan.tiles)


@given(plans(), st.floats(-1e3, 1e3, width=32))
def test_constant_in_is_constant_out(plan: TilePlan, value: float) -> None:
    blender = Blender(plan, 2)
    tile_values = np.stack([np.full((plan.side, plan.side), v, np.float32) for v in (value, 1)])
    for tile in plan.tiles:
        blender.add(tile, tile_values)
    result = blender.result()
    assert result.shape == (2, *plan.shape)
    assert result.dtype == np.float32
    assert (result[0] == np.float32(value)).all()
    assert (result[1] == 1).all()


@given(plans(), st.integers(0, 2**32 - 1))
def test_cutting_and_blending_restores_any_plane(plan: TilePlan, seed: int) -> None:
    plane = np.random.default_rng(seed).random(plan.shape, np.float32)
    padded = pad_plane(plane, plan)
    blender = Blender(plan, 1)
    for tile in plan.tiles:
        blender.add(tile, cut_tile(padded, plan, tile)[np.newaxis])
    np.testing.assert_allclose(blender.result()[0], plane, atol=1e-6)


@given(plans())
def test_weights_are_positive_and_symmetric(plan: TilePlan) -> None:
    assert plan.weights.dtype == np.float32
    assert plan.weights.min() > 0
    assert plan.weights.max() <= 1
    np.testing.assert_allclose(plan.weights, plan.weights[::-1].T, rtol=1e-6)


def test_weights_of_neighbours_add_up_to_one() -> None:
    row = plan_tiles((64, 64), 16, 6).weights[8]
    np.testing.assert_allclose(row[-6:] + row[:6], row[8], atol=1e-6)
    np.testing.assert_allclose(row[6:-6], 1, atol=1e-6)


def test_disagreeing_tiles_blend_gradually_from_one_to_the_other() -> None:
    plan = plan_tiles((8, 14), 8, 2)
    blender = Blender(plan, 1)
    for tile, value in zip(plan.tiles, (0.0, 1.0), strict=True):
        blender.add(tile, np.full((1, 8, 8), value, np.float32))
    row = blender.result()[0, 4]
    assert (row[:6] == 0).all()
    assert (row[8:] == 1).all()
    assert 0 < row[6] < row[7] < 1


def test_result_before_the_last_tile_is_a_snapshot() -> None:
    plan = plan_tiles((8, 16), 8, 0)
    blender = Blender(plan, 1)
    blender.add(plan.tiles[0], np.ones((1, 8, 8), np.float32))
    early = blender.result()
    blender.add(plan.tiles[1], np.ones((1, 8, 8), np.float32))
    assert early[0, :, :8].min() == 1
    assert early[0, :, 8:].max() == 0
    assert blender.result().min() == 1


def test_tiles_come_from_the_focus_outwards() -> None:
    plan = plan_tiles((100, 100), 20, 0, focus=(50, 90))
    assert plan.tiles[0] == Tile(40, 80)
    distances = [np.hypot(t.row + 10 - 50, t.col + 10 - 90) for t in plan.tiles]
    assert distances == sorted(distances)
    assert set(plan.tiles) == set(plan_tiles((100, 100), 20, 0).tiles)


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1), (3, 20), (16, 16)])
def test_small_planes_are_padded_after_their_last_pixel(shape: tuple[int, int]) -> None:
    plane = np.random.default_rng(0).random((*shape, 3), np.float32)
    plan = plan_tiles(shape, 16, 4)
    padded = pad_plane(plane, plan)
    assert padded.shape == (*plan.padded_shape, 3)
    np.testing.assert_array_equal(padded[: shape[0], : shape[1]], plane)
    assert np.isin(padded, plane).all()


def test_padding_mirrors_where_it_can_and_repeats_where_it_cannot() -> None:
    plane = np.arange(10.0)[np.newaxis]
    padded = pad_plane(plane, plan_tiles((1, 10), 12, 0))
    np.testing.assert_array_equal(padded[0, 10:], [8, 7])
    padded = pad_plane(plane, plan_tiles((1, 10), 32, 0))
    assert (padded[0, 10:] == 9).all()


def test_large_planes_are_not_copied() -> None:
    plane = np.zeros((40, 30))
    assert pad_plane(plane, plan_tiles((40, 30), 16, 4)) is plane


@pytest.mark.parametrize(("side", "overlap"), [(0, 0), (8, 8), (8, -1)])
def test_impossible_tiles_are_refused(side: int, overlap: int) -> None:
    with pytest.raises(SettingsError, match="overlap"):
        plan_tiles((10, 10), side, overlap)


@pytest.mark.parametrize("shape", [(0, 5), (5,), (1, 2, 3)])
def test_a_plane_without_pixels_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ImageError, match="no pixels"):
        plan_tiles(shape, 8, 0)


def test_shapes_that_do_not_fit_the_plan_are_named() -> None:
    plan = plan_tiles((10, 10), 8, 2)
    with pytest.raises(ValueError, match=r"\(9, 10\).*\(10, 10\)"):
        pad_plane(np.zeros((9, 10)), plan)
    with pytest.raises(ValueError, match=r"\(5, 5\).*\(10, 10\)"):
        cut_tile(np.zeros((5, 5)), plan, plan.tiles[0])
    with pytest.raises(ValueError, match=r"\(1, 8, 8\).*\(2, 8, 8\)"):
        Blender(plan, 2).add(plan.tiles[0], np.zeros((1, 8, 8), np.float32))
