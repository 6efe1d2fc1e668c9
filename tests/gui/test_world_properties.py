"""In the window: labels of an object lie where the object lies, whatever the layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import dask.array as da
import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st
from napari.components import ViewerModel
from napari.layers import Image

from napari_vlseg.errors import ImageError
from napari_vlseg.images import ImageView, default_channels, extract_plane, fixed_contrast
from napari_vlseg.ui.arranging import arranged_layer, axes_text
from napari_vlseg.ui.geometry import image_array, plane_index, plane_key
from napari_vlseg.ui.image_choice import ImageChoice
from napari_vlseg.ui.layers import add_labels

DTYPES = ["?", "u1", "<u2", ">u2", "i2", "<f4", ">f4", "f8"]
KINDS = {
    "numpy": np.asarray,
    "dask": lambda pixels: da.from_array(pixels, chunks=16),
    "zarr": zarr.array,
}


@dataclass(frozen=True)
class Case:
    """An image layer with one bright object.

    Attributes
    ----------
    shape : tuple of int
        Without RGB.
    view : ImageView
    dtype, kind : str
    transform : dict
        Keyword arguments of the layer.
    multiscale : bool
    """

    shape: tuple[int, ...]
    view: ImageView
    dtype: str
    kind: str
    transform: dict[str, Any]
    multiscale: bool

    @property
    def box(self) -> list[slice]:
        """Where the object is; on the last plane of each leading axis, in every channel."""
        box = [slice(n - 1, n) for n in self.shape]
        rows, cols = self.plane
        box[rows], box[cols] = slice(5, 12), slice(9, 14)
        if self.view.channel_axis is not None:
            box[self.view.channel_axis] = slice(None)
        return box

    @property
    def plane(self) -> tuple[int, ...]:
        """Axes of rows and columns."""
        rest = [axis for axis in range(len(self.shape)) if axis != self.view.channel_axis]
        return tuple(rest[-2:])

    @property
    def shape_of_plane(self) -> tuple[int, ...]:
        """(H, W)."""
        return tuple(self.shape[axis] for axis in self.plane)

    @property
    def middle(self) -> np.ndarray:
        """Of the object, in pixels of the array; of all channels."""
        return np.array(
            [
                (part.indices(n)[0] + part.indices(n)[1] - 1) / 2
                for part, n in zip(self.box, self.shape, strict=True)
            ]
        )

    def pixels(self) -> np.ndarray:
        """The image."""
        pixels = np.zeros((*self.shape, 3) if self.view.rgb else self.shape, self.dtype)
        pixels[tuple(self.box)] = 1 if self.dtype == "?" else 200
        return pixels


@st.composite
def transforms(draw: st.DrawFn, ndim: int, channel: int | None) -> dict[str, Any]:
    """Scale, translate, and turns and shears; a channel axis is not mixed with others."""
    scale = [draw(st.sampled_from([0.25, 0.5, 1.0, 2.0, 7.0])) for _ in range(ndim)]
    move = [draw(st.integers(-50, 50)) / 2 for _ in range(ndim)]
    found: dict[str, Any] = {"scale": scale, "translate": move}
    free = [axis for axis in range(ndim) if axis != channel]
    if draw(st.booleans()):
        angle = np.radians(draw(st.integers(-180, 180)))
        one, other = draw(st.permutations(free))[:2]
        turn = np.eye(ndim)
        turn[[one, one, other, other], [one, other, one, other]] = (
            np.cos(angle),
            -np.sin(angle),
            np.sin(angle),
            np.cos(angle),
        )
        found["rotate"] = turn
    if draw(st.booleans()):
        shear = np.eye(ndim)
        shear[free[-2], free[-1]] = draw(st.integers(-4, 4)) / 8
        found["shear"] = shear
    if draw(st.booleans()):
        affine = np.eye(ndim + 1)
        for axis in free:
            affine[axis, free] += np.array([draw(st.integers(-2, 2)) for _ in free]) / 16
            affine[axis, -1] = draw(st.integers(-9, 9))
        found["affine"] = affine
    return found


@st.composite
def cases(draw: st.DrawFn) -> Case:
    leading = draw(st.lists(st.integers(1, 3), max_size=2))
    shape = [*leading, 24, 28]
    view = ImageView()
    layout = draw(st.sampled_from(["gray", "rgb", "channels"]))
    if layout == "rgb":
        view = ImageView(rgb=True)
    elif layout == "channels":
        axis = draw(st.integers(0, len(shape)))
        count = draw(st.integers(1, 3))
        shape.insert(axis, count)
        view = ImageView(channel_axis=axis, channels=default_channels(count))
    dtype = draw(st.sampled_from(["u1", "<u2"] if view.rgb else DTYPES))
    kind = draw(st.sampled_from(sorted(KINDS)))
    transform = draw(transforms(len(shape), view.channel_axis))
    return Case(tuple(shape), view, dtype, kind, transform, draw(st.booleans()))


def layer_of(viewer: ViewerModel, case: Case) -> Image:
    pixels = case.pixels()
    step = [slice(None)] * pixels.ndim
    for axis in case.plane:
        step[axis] = slice(None, None, 2)
    make = KINDS[case.kind]
    data = [make(pixels), make(pixels[tuple(step)])] if case.multiscale else make(pixels)
    return viewer.add_image(
        data,
        rgb=case.view.rgb,
        multiscale=case.multiscale,
        contrast_limits=(0, 255),
        **case.transform,
    )


@given(cases())
@settings(max_examples=40, deadline=None)
@pytest.mark.filterwarnings("ignore:Non-orthogonal slicing:UserWarning")
def test_labels_in_the_window_lie_where_the_object_lies(case: Case) -> None:
    viewer = ViewerModel()
    images = ImageChoice(viewer)
    image = layer_of(viewer, case)
    images.set_view(case.view)
    data = image_array(image)
    truth = np.array(image.data_to_world(case.middle))
    viewer.dims.point = truth
    index = images.index(image)
    expected = [case.box[axis].start for axis in range(len(case.shape))]
    channel = case.view.channel_axis
    leading = [a for a in range(len(case.shape)) if a not in (*case.plane, channel)]
    assert index == tuple(expected[axis] for axis in leading)
    view = fixed_contrast(data, case.view)
    plane = extract_plane(data, plane_index(image, view, plane_key(image, view, index)), view)
    mask = plane.mean(axis=-1) > 0.3
    labels = add_labels(viewer, image, view)
    key = plane_key(image, view, index)
    labels.data[tuple(slice(None) if part is None else part for part in key)] = mask
    found = np.array(labels.data_to_world(np.argwhere(labels.data).mean(axis=0)))
    if channel == 0:  # in front it is dropped, and napari aligns axes from the back
        truth = truth[1:]
    np.testing.assert_allclose(found, truth, atol=1e-6)
    images.close()


@given(cases(), st.data())
@settings(max_examples=30, deadline=None)
@pytest.mark.filterwarnings("ignore:Non-orthogonal slicing:UserWarning")
def test_named_axes_leave_every_pixel_where_it_is(case: Case, data: st.DataObject) -> None:
    n_leading = len(case.shape) - 2 - (case.view.channel_axis is not None)
    letters = [*"tz"[2 - n_leading :], "y", "x"]
    if case.view.channel_axis is not None:
        letters.insert(case.view.channel_axis, "c")
    order = data.draw(st.permutations(range(len(letters))))
    viewer = ViewerModel()
    plain = case.pixels()
    n_axes = len(letters)
    turned = np.transpose(plain, [*order, *range(n_axes, plain.ndim)])
    named = "".join(letters[axis] for axis in order) + "s" * case.view.rgb
    transform = data.draw(transforms(n_axes, None))
    layer = viewer.add_image(KINDS[case.kind](turned), rgb=case.view.rgb, **transform)
    truth = np.array(layer.data_to_world(case.middle[list(order)]))
    new, view = arranged_layer(viewer, layer, named)
    assert list(viewer.layers) == [new]
    assert view.rgb == case.view.rgb
    assert new.axis_labels[-2:] == ("y", "x")
    np.testing.assert_array_equal(
        extract_plane(image_array(new), [0] * n_leading, view).shape[:2], case.shape_of_plane
    )
    places = [letters.index(letter) for letter in new.axis_labels]
    world = dict(zip([letters[axis] for axis in order], truth, strict=True))
    found = new.data_to_world(case.middle[places])
    np.testing.assert_allclose(found, [world[letter] for letter in new.axis_labels], atol=1e-6)
    spans = [letters.index(letter) for letter in new.axis_labels]
    expected = np.transpose(plain, [*spans, *range(n_axes, plain.ndim)])
    np.testing.assert_array_equal(np.asarray(image_array(new)[...]), expected)


def test_a_layer_may_become_rgb_or_channels_and_wrong_letters_are_named() -> None:
    viewer = ViewerModel()
    pixels = np.random.default_rng(0).integers(0, 255, (3, 24, 28)).astype(np.uint8)
    layer = viewer.add_image(pixels, scale=(1, 0.5, 0.25), translate=(0, 3, 4), name="a")
    colors, view = arranged_layer(viewer, layer, "syx")
    assert colors.rgb
    assert view == ImageView(rgb=True)
    np.testing.assert_allclose(colors.data_to_world((2, 4)), (4, 5))
    again, view = arranged_layer(viewer, colors, "yxc")
    assert view == ImageView(channel_axis=0)
    np.testing.assert_allclose(again.data_to_world((1, 2, 4)), (1, 4, 5))
    np.testing.assert_array_equal(again.data, pixels)
    same, _ = arranged_layer(viewer, again, "zyx")
    assert same is again
    assert axes_text(same) == "ZYX"
    with pytest.raises(ImageError, match="“a” has 3 axes of 3 × 24 × 28"):
        arranged_layer(viewer, same, "yx")
