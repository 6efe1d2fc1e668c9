"""Planes too large to be edited as a whole: a pyramid of labels, and regions that are edited."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_vlseg.errors import ImageError
from napari_vlseg.images import ImageView
from napari_vlseg.proposals import PostProcess
from napari_vlseg.ui.blockwise.overview import Overview
from napari_vlseg.ui.controller import Controller
from tests.gui.editing.scenes import check
from tests.gui.fakes import blobs
from tests.gui.test_blockwise_desk import asked, headless, large_plane, segment

pytestmark = pytest.mark.usefixtures("_all_is_huge")


@pytest.fixture
def _all_is_huge(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NAPARI_VLSEG_RUNS", str(tmp_path / "runs"))
    monkeypatch.setenv("NAPARI_VLSEG_WORKING", str(tmp_path / "working"))
    monkeypatch.setattr("napari_vlseg.ui.blockwise.overview.LONGEST_SIDE", 1000)
    monkeypatch.setattr("napari_vlseg.ui.blockwise.overview._COARSEST", 300)


def look_at(controller: Controller, rows: tuple[int, int], cols: tuple[int, int]) -> None:
    image = controller.images.require()
    image.corner_pixels = np.array([[rows[0], cols[0]], [rows[1] - 1, cols[1] - 1]])


def overview_of(controller: Controller) -> Any:
    return controller.blockwise.huge.overview(controller.images.require())


def test_a_huge_plane_is_that_of_the_command_line_at_all_resolutions(tmp_path: Path) -> None:
    controller = asked(large_plane())
    segment(controller, "plane")
    overview = overview_of(controller)
    result = headless(tmp_path / "headless", large_plane())
    whole = np.asarray(overview.levels[0])
    np.testing.assert_array_equal(whole, result.labels)
    assert len(overview.levels) == 4
    for number, level in enumerate(overview.levels):
        np.testing.assert_array_equal(level, whole[:: 2**number, :: 2**number])
    assert overview.layer.multiscale
    assert controller.labels is None
    assert controller.activity == f"found {len(result.objects):,} objects"


def test_parts_in_view_have_numbers_of_their_own() -> None:
    controller = asked(large_plane())
    look_at(controller, (0, 200), (0, 300))
    segment(controller, "view")
    first = np.asarray(overview_of(controller).levels[0])
    look_at(controller, (1500, 1700), (1500, 1700))
    segment(controller, "view")
    both = np.asarray(overview_of(controller).levels[0])
    np.testing.assert_array_equal(both[:500, :500], first[:500, :500])
    new = set(np.unique(both[1500:1700, 1500:1700])) - {0}
    assert new
    assert not new & set(np.unique(first))


def test_what_a_person_does_in_a_region_stays(tmp_path: Path) -> None:
    controller = asked(large_plane())
    segment(controller, "plane")
    whole, overview = controller.images.require(), overview_of(controller)
    before = np.asarray(overview.levels[0])
    look_at(controller, (200, 600), (300, 800))
    controller.blockwise.huge.toggle()
    region, layer = controller.images.require(), controller.labels
    assert region is not whole
    assert layer is not None
    assert region.data.shape == layer.data.shape == (400, 500)
    np.testing.assert_array_equal(layer.data, before[200:600, 300:800])
    np.testing.assert_array_equal(region.translate, [200, 300])
    layer.brush_size = 21
    layer.paint((100, 100), int(layer.data.max()) + 1)
    objects = controller.editing.table(layer).to_frame()
    proposed = objects[objects["status"] == "proposed"]
    assert set(proposed["class"]) == {"nuclei"}
    assert set(proposed["label"]) <= set(np.unique(before))
    check(controller)
    drawn = np.asarray(layer.data) == layer.data.max()
    controller.blockwise.huge.toggle()
    assert controller.images.require() is whole
    assert layer not in controller.viewer.layers
    after = np.asarray(overview.levels[0])
    number = int(after[300, 400])
    assert number > before.max()
    np.testing.assert_array_equal(after[200:600, 300:800] == number, drawn)
    outside = np.ones(before.shape, bool)
    outside[200:600, 300:800] = False
    np.testing.assert_array_equal(after[outside], before[outside])
    segment(controller, "plane")
    again = np.asarray(overview.levels[0])
    np.testing.assert_array_equal(again == number, after == number)
    np.testing.assert_array_equal(overview.levels[1], again[::2, ::2])


def test_the_clean_up_of_a_huge_plane_is_applied_without_the_model() -> None:
    controller = asked(large_plane())
    segment(controller, "plane")
    model = controller.models.peek(controller.settings)
    tiles = model.tiles_encoded  # type: ignore[union-attr]
    assert np.asarray(overview_of(controller).levels[0]).any()
    controller.relabel.set_postprocess(PostProcess(min_size=5000))
    assert controller.blockwise.thresholds_differ == 1
    controller.blockwise.apply_thresholds()
    assert not np.asarray(overview_of(controller).levels[0]).any()
    assert controller.blockwise.thresholds_differ == 0
    assert model.tiles_encoded == tiles  # type: ignore[union-attr]


def test_a_region_of_a_stack_with_channels_lies_over_its_plane() -> None:
    data = np.zeros((2, 3, 1100, 64), np.uint8)
    data[1, 2, 500:600] = 9
    controller = asked(data, plane=1)
    image = controller.images.require()
    controller.images.set_channel_axis(1)
    image.scale, image.translate = (2, 1, 0.5, 0.25), (0, 0, 10, 20)
    image.corner_pixels = np.array([[0, 0, 500, 8], [1, 2, 599, 39]])
    controller.viewer.dims.set_current_step(0, 1)
    controller.blockwise.huge.edit()
    region = controller.images.require()
    assert region.data.shape == (3, 100, 32)
    np.testing.assert_array_equal(region.data[2], 9)
    np.testing.assert_allclose(region.translate, [0, 260, 22])
    assert controller.images.view(region).channel_axis == 0


def test_what_cannot_be_edited_says_what_to_do_instead() -> None:
    controller = asked(large_plane())
    image = controller.images.require()
    with pytest.raises(ImageError, match="Edit this region"):
        controller.results.require_target(controller.place(image))
    told: list[str] = []
    controller.message.connect(lambda text, kind: told.append(text))
    controller.viewer.layers.remove(image)
    controller.viewer.add_image(blobs(), name="small")
    controller.blockwise.huge.edit()
    controller.blockwise.huge.put_back()
    assert told == [
        "This plane can be edited as a whole.",
        "The image that this is a region of is not in the viewer.",
    ]


def test_odd_sides_are_shrunk_as_slices_are() -> None:
    controller = asked(np.zeros((1001, 1003), np.uint8))
    overview = Overview(controller.images.require(), ImageView())
    labels = np.random.default_rng(0).integers(1, 99, (77, 131))
    overview.write((), slice(13, 90), slice(872, 1003), labels)
    whole = np.asarray(overview.levels[0])
    np.testing.assert_array_equal(whole[13:90, 872:], labels)
    for number, level in enumerate(overview.levels):
        np.testing.assert_array_equal(level, whole[:: 2**number, :: 2**number])
