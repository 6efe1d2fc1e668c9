"""Labels and heatmaps lie where their image lies, whatever its axes and transforms."""

from __future__ import annotations

import dask.array as da
import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image

from napari_vlseg.errors import ImageError
from napari_vlseg.images import ImageView
from napari_vlseg.ui.geometry import axes_of, geometry, pixel_size_of, plane_index, plane_key
from napari_vlseg.ui.layers import add_labels, show_heatmap, write_pixels

FIRST, SECOND = ImageView(channel_axis=0), ImageView(channel_axis=1)
CASES = [
    ((8, 9), ImageView(), (8, 9), (), (None, None), "YX"),
    ((8, 9, 3), ImageView(rgb=True), (8, 9), (), (None, None), "YXS"),
    ((5, 8, 9), ImageView(), (5, 8, 9), (3,), (3, None, None), "ZYX"),
    ((2, 8, 9), FIRST, (8, 9), (), (None, None), "CYX"),
    ((5, 2, 8, 9), SECOND, (5, 1, 8, 9), (3,), (3, 0, None, None), "ZCYX"),
    ((2, 5, 8, 9), FIRST, (5, 8, 9), (3,), (3, None, None), "CZYX"),
    ((4, 5, 8, 9), ImageView(), (4, 5, 8, 9), (2, 3), (2, 3, None, None), "TZYX"),
]


@pytest.mark.parametrize(("shape", "view", "expected", "index", "key", "axes"), CASES)
def test_shape_and_place_of_a_plane(
    shape: tuple[int, ...],
    view: ImageView,
    expected: tuple[int, ...],
    index: tuple[int, ...],
    key: tuple[int | None, ...],
    axes: str,
) -> None:
    image = Image(np.zeros(shape, np.uint8), rgb=view.rgb)
    assert geometry(image, view).shape == expected
    assert plane_key(image, view, index) == key
    assert plane_index(image, view, key) == index
    assert axes_of(image, view) == axes


def test_labels_lie_on_a_turned_and_stretched_image() -> None:
    viewer = ViewerModel()
    image = viewer.add_image(
        np.zeros((6, 8, 9)),
        scale=(4, 2, 3),
        translate=(1, 2, 3),
        rotate=20,
        shear=[0, 0, 0.2],
        affine=np.diag([1, 1.5, 1, 1]),
        units=("um", "um", "um"),
    )
    labels = add_labels(viewer, image, ImageView())
    for point in ((0, 0, 0), (2, 5, 7)):
        np.testing.assert_allclose(labels.data_to_world(point), image.data_to_world(point))
    assert labels.units == image.units


def test_channels_in_front_are_dropped_with_their_part_of_the_transform() -> None:
    viewer = ViewerModel()
    image = viewer.add_image(
        np.zeros((2, 8, 9)), scale=(1, 2, 3), translate=(0, 5, 6), shear=[0, 0, 0.2]
    )
    labels = add_labels(viewer, image, ImageView(channel_axis=0))
    np.testing.assert_allclose(labels.data_to_world((4, 5)), image.data_to_world((0, 4, 5))[1:])


def test_channels_in_the_middle_share_their_labels() -> None:
    viewer = ViewerModel()
    image = viewer.add_image(np.zeros((5, 4, 8, 9)), scale=(1, 2, 1, 1))
    labels = add_labels(viewer, image, ImageView(channel_axis=1))
    for channel in range(4):
        world = image.data_to_world((3, channel, 2, 2))
        np.testing.assert_array_equal(np.round(labels.world_to_data(world)), (3, 0, 2, 2))


def test_a_heatmap_lies_on_its_plane_alone() -> None:
    viewer = ViewerModel()
    image = viewer.add_image(np.zeros((5, 8, 9)), scale=(2, 1, 1), rotate=30)
    values = np.zeros((8, 9), np.float32)
    heatmap = show_heatmap(viewer, image, ImageView(), (3, None, None), values, "nuclei")
    assert heatmap.data.shape == (1, 8, 9)
    np.testing.assert_allclose(heatmap.data_to_world((0, 4, 5)), image.data_to_world((3, 4, 5)))
    again = show_heatmap(viewer, image, ImageView(), (1, None, None), values, "nuclei")
    assert again is heatmap
    np.testing.assert_allclose(heatmap.data_to_world((0, 4, 5)), image.data_to_world((1, 4, 5)))


def test_pixel_size_has_the_units_of_the_layer() -> None:
    image = Image(np.zeros((8, 9)), scale=(0.5, 0.25), units=("um", "um"))
    assert pixel_size_of(image, ImageView()) == ((0.5, 0.25), "micrometer")
    assert pixel_size_of(Image(np.zeros((8, 9))), ImageView()) == (None, "")


@pytest.mark.parametrize("order", ["C", "F"])
def test_pixels_are_written_whatever_the_array_and_small_types_widened(order: str) -> None:
    layer = ViewerModel().add_labels(np.zeros((3, 8, 9), np.uint8, order=order))
    flat = np.arange(72, 144)
    write_pixels(layer, flat, np.arange(72))
    np.testing.assert_array_equal(layer.data[1].ravel(), np.arange(72))
    write_pixels(layer, flat, np.arange(72) * 10)
    np.testing.assert_array_equal(layer.data[1].ravel(), np.arange(72) * 10)
    assert not layer.data[::2].any()


def test_labels_that_are_no_numpy_array_are_written_by_slices() -> None:
    layer = ViewerModel().add_labels(da.zeros((3, 8, 9), dtype="int32"))
    write_pixels(layer, np.array([80, 90, 200]), np.array([4, 5, 6]))
    np.testing.assert_array_equal(np.asarray(layer.data).ravel()[[80, 90, 200]], (4, 5, 6))


def test_a_layer_that_cannot_be_written_says_what_to_do() -> None:
    data = np.zeros((8, 9), np.int32)
    data.flags.writeable = False
    layer = ViewerModel().add_labels(data)
    with pytest.raises(ImageError, match="choose a new layer"):
        write_pixels(layer, np.array([3]), np.array([4]))
