"""Blocks cover a plane, their cores once, and look through the tiles of the plane."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_vlseg.tiling import Blender, Tile, plan_tiles
from napari_vlseg.workflow.blocks import grid as grids
from napari_vlseg.workflow.blocks.grid import plan_blocks
from napari_vlseg.workflow.blocks.store import RunFolder
from tests.fakes import BrightnessSegmenter


class Latticed(BrightnessSegmenter):
    """Has tiles of 32 pixels that share 8, at a scale."""

    def __init__(self, scale: float = 1.0) -> None:
        super().__init__()
        self.scale = scale

    def lattice(self, shape, working_scale=None):
        scale = working_scale or self.scale
        return plan_tiles(tuple(round(n / scale) for n in shape), 32, 8), scale

    def embedding_key(self, plane, working_scale=None, plan=None):
        return super().embedding_key(plane, working_scale)

    def encode_steps(self, plane, *, working_scale=None, plan=None):
        return super().encode_steps(plane, working_scale=working_scale)


@pytest.fixture(autouse=True)
def _small(small_blocks):
    pass


@pytest.mark.parametrize("model", [BrightnessSegmenter(), Latticed(), Latticed(2.0)])
@pytest.mark.parametrize("shape", [(500, 333), (129, 128), (40, 700), (300, 31)])
def test_cores_cover_the_plane_once_and_lie_inside_their_blocks(model, shape):
    grid = plan_blocks(model, shape)
    times = np.zeros(shape, int)
    for number in range(len(grid)):
        block = grid.block(number)
        times[block.core] += 1
        for span in (block.rows, block.cols):
            assert span.start <= span.core[0] < span.core[1] <= span.stop
    assert (times == 1).all()


@given(st.integers(33, 900), st.integers(33, 900))
def test_the_tiles_of_all_blocks_are_those_of_the_plane(height, width):
    model = Latticed()
    grid = plan_blocks(model, (height, width))
    found = []
    for number in range(len(grid)):
        block = grid.block(number)
        plan = grid.plan(block)
        assert plan.padded_shape == (
            block.rows.stop - block.rows.start,
            block.cols.stop - block.cols.start,
        )
        found += [Tile(t.row + block.rows.start, t.col + block.cols.start) for t in plan.tiles]
    assert len(found) == len(set(found))
    assert set(found) == set(model.lattice((height, width))[0].tiles)


def test_blocks_blend_to_what_the_plane_gives(tmp_path):
    shape, model, rng = (310, 250), Latticed(), np.random.default_rng(3)
    plan = model.lattice(shape)[0]
    answers = {tile: rng.random((1, 32, 32), np.float32) for tile in plan.tiles}
    whole = Blender(plan, 1)
    for tile, values in answers.items():
        whole.add(tile, values)
    grid = plan_blocks(model, shape)
    assert len(grid) > 4
    store = RunFolder(tmp_path, grid, 1)
    for number in range(len(grid)):
        block = grid.block(number)
        blender = Blender(grid.plan(block), 1)
        for tile in grid.plan(block).tiles:
            at = Tile(tile.row + block.rows.start, tile.col + block.cols.start)
            blender.add(tile, answers[at])
        store.put("plane", number, "key", blender.result().astype(np.float16))
    found = store.window("plane", slice(0, 310), slice(0, 250))
    np.testing.assert_allclose(found, whole.result(), atol=1e-3)


def test_blocks_near_the_focus_come_first():
    grid = plan_blocks(BrightnessSegmenter(), (500, 500))
    first = grid.block(grid.order((400, 10))[0])
    assert first.rows.core[0] <= 400 < first.rows.core[1]
    assert first.cols.core[0] <= 10 < first.cols.core[1]
    assert sorted(grid.order((400, 10))) == list(range(len(grid)))


def test_a_plane_that_is_smaller_than_a_block_is_one_block():
    grid = plan_blocks(BrightnessSegmenter(), (100, grids.BLOCK_SIDE))
    assert len(grid) == 1
    assert grid.plan(grid.block(0)) is None
