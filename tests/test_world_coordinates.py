"""An object lands on the same world coordinates in the labels, whatever the layout of its file."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import zarr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from napari_vlseg import tiff_files
from napari_vlseg.events import run
from napari_vlseg.images import (
    Channel,
    ImageView,
    SourceImage,
    extract_plane,
    extract_window,
    fixed_contrast,
    label_axes,
    leading_axes,
    read_image,
)
from napari_vlseg.ome import write_labels
from napari_vlseg.ome_zarr_labels import save_labels
from napari_vlseg.workflow.api import segment

from .fakes import BrightnessSegmenter

SIZES = {"t": 2, "c": 2, "z": 3, "y": 36, "x": 44, "s": 3}
DTYPES = ["?", "u1", "<u2", ">u2", "i2", ">i2", "<f4", ">f4", "f8"]
STEPS = {"t": 30.0, "c": 1.0, "z": 2.5, "y": 0.5, "x": 0.25}
UNITS = {"t": "s", "c": "", "z": "µm", "y": "µm", "x": "µm"}
OBJECT = {"t": (1, 2), "c": (0, 1), "z": (1, 2), "y": (9, 21), "x": (24, 34)}


@dataclass(frozen=True)
class Layout:
    """How an image with one bright object is written.

    Attributes
    ----------
    axes : str
        In the order of the file.
    dtype : str
    kind : str
        The format.
    translate : dict of str to float
        Where each axis begins.
    lazy : bool
        Whether a TIFF is read where it is looked at.
    given : bool
        Whether the axes are named by the person.
    """

    axes: str
    dtype: str
    kind: str
    translate: dict[str, float]
    lazy: bool
    given: bool

    @property
    def centre(self) -> dict[str, float]:
        """World coordinates of the object's middle on each axis but channels."""
        middles = {a: (OBJECT[a][0] + OBJECT[a][1] - 1) / 2 for a in self.axes if a not in "cs"}
        return {a: self.translate[a] + STEPS[a] * middle for a, middle in middles.items()}

    def pixels(self) -> np.ndarray:
        """Dark noise and one bright object, on one plane of one channel."""
        shape = [SIZES[axis] for axis in self.axes]
        bright = 1 if self.dtype == "?" else 200
        noise = np.random.default_rng(0).random(shape) * (0 if self.dtype == "?" else 20)
        where = tuple(slice(*OBJECT[a]) if a in OBJECT else slice(None) for a in self.axes)
        noise[where] = bright
        return noise.astype(self.dtype)


@st.composite
def layouts(draw: st.DrawFn) -> Layout:
    letters = ["y", "x", *draw(st.sets(st.sampled_from("tcz")))]
    kind = draw(st.sampled_from(["tiff", "ome-tiff", "imagej", "0.4", "0.5"]))
    axes = "".join(draw(st.permutations(letters)))
    if kind in ("tiff", "ome-tiff") and "c" not in axes and draw(st.booleans()):
        axes = axes.replace("y", "").replace("x", "") + "yxs"
    dtype = draw(st.sampled_from(DTYPES))
    if kind == "ome-tiff" and "s" not in axes:  # whose planes are rows and columns
        axes = axes.replace("y", "").replace("x", "") + "yx"
    if kind == "imagej":  # has one order of axes and three types
        axes = "".join(letter for letter in "tzcyx" if letter in axes)
        dtype = draw(st.sampled_from(["u1", ">u2", ">f4"]))
    if "s" in axes:
        dtype = draw(st.sampled_from(["u1", "<u2"]))
    if kind not in ("tiff", "ome-tiff", "imagej"):
        moves = {a: draw(st.integers(-999, 999)) / 4 for a in axes}
    else:
        moves = dict.fromkeys(axes, 0.0)
    return Layout(axes, dtype, kind, moves, draw(st.booleans()), draw(st.booleans()))


def write(path: Path, layout: Layout) -> Path:
    pixels = layout.pixels()
    if layout.kind not in ("0.4", "0.5"):
        tiff = path / ("a.ome.tif" if layout.kind == "ome-tiff" else "a.tif")
        sizes = {f"PhysicalSize{a.upper()}": STEPS[a] for a in layout.axes if a in "zyx"}
        if "t" in layout.axes:
            sizes["TimeIncrement"] = STEPS["t"]
        options: dict[str, Any] = {"metadata": {"axes": layout.axes.upper(), **sizes}}
        if layout.kind == "imagej":
            spacing = {"unit": "um", "spacing": STEPS["z"], "finterval": STEPS["t"]}
            options["metadata"] |= spacing
            options |= {"imagej": True, "resolution": (1 / STEPS["x"], 1 / STEPS["y"])}
        tifffile.imwrite(
            tiff,
            pixels,
            byteorder=">" if layout.dtype.startswith(">") else None,
            photometric="rgb" if "s" in layout.axes else "minisblack",
            **options,
        )
        return tiff
    group = zarr.open_group(path / "a.zarr", mode="w", zarr_format=3 if layout.kind == "0.5" else 2)
    group.create_array("0", data=pixels, chunks=tuple(min(n, 16) for n in pixels.shape))
    kinds = {"t": "time", "c": "channel"}
    units = {"s": "second", "µm": "micrometer"}
    axes = [
        {"name": a, "type": kinds.get(a, "space"), "unit": units.get(UNITS[a])} for a in layout.axes
    ]
    steps = [
        {"type": "scale", "scale": [STEPS[a] for a in layout.axes]},
        {"type": "translation", "translation": [layout.translate[a] for a in layout.axes]},
    ]
    scales = [{"axes": axes, "datasets": [{"path": "0", "coordinateTransformations": steps}]}]
    inner = {"version": layout.kind, "multiscales": scales}
    group.attrs.update({"ome": inner} if layout.kind == "0.5" else {"multiscales": scales})
    return path / "a.zarr"


def labels_of(image: SourceImage) -> np.ndarray:
    """Labels of every plane, by a model that finds what is bright in the first channel."""
    view = image.view
    if view.channel_axis is not None:
        view = replace(view, channels=(Channel(0),))
    view = fixed_contrast(image.data, view, image.levels)
    leading = leading_axes(image.data, view)
    model = BrightnessSegmenter()
    planes = [
        segment(image.data, text="bright", model=model, view=view, index=index, threshold=0.4)
        for index in np.ndindex(*(image.data.shape[axis] for axis in leading))
    ]
    stack = np.stack([proposals.labels for proposals in planes])
    return stack.reshape(*(image.data.shape[axis] for axis in leading), *stack.shape[1:])


def world_centre(image: SourceImage) -> dict[str, float]:
    """World coordinates of the middle of what is not 0."""
    place = image.placement
    middle = np.argwhere(np.asarray(image.data)).mean(axis=0)
    return {
        letter: place.translate[axis] + place.scale[axis] * middle[axis]
        for axis, letter in enumerate(image.axes)
    }


@given(layouts())
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@pytest.mark.filterwarnings("ignore:.*not written in:UserWarning")
def test_labels_of_a_file_lie_where_its_object_lies(
    monkeypatch: pytest.MonkeyPatch, layout: Layout
) -> None:
    monkeypatch.setattr(tiff_files, "READ_AT_ONCE", 0 if layout.lazy else 2**20)
    expected = layout.centre
    with tempfile.TemporaryDirectory() as folder:
        path = write(Path(folder), layout)
        # What a plain TIFF says of its axes, tifffile keeps; a person may still name them.
        image = read_image(path, axes=layout.axes if layout.given else None)
        assert sorted(image.axes) == sorted(layout.axes)
        labels = labels_of(image)
        assert np.unique(labels).tolist() == [0, 1]
        axes, placement = label_axes(image)
        written = run(save_labels(labels, f"{folder}/l.zarr", axes=axes, placement=placement))
        found = world_centre(read_image(written))
        units = dict(zip(axes, placement.units, strict=True))
        if layout.kind != "tiff":
            assert found == pytest.approx(expected)
            assert units == {letter: UNITS[letter] for letter in axes}
        else:  # which has no place for sizes
            assert found == pytest.approx({a: v / STEPS[a] for a, v in expected.items()})
        write_labels(Path(folder) / "l.ome.tif", labels, axes=axes, placement=placement)
        tiff = read_image(Path(folder) / "l.ome.tif")
        begun = {a: placement.translate[axis] for axis, a in enumerate(axes)}
        assert world_centre(tiff) == pytest.approx({a: found[a] - begun[a] for a in axes})


@given(st.permutations("zcyx"), st.data())
@settings(max_examples=40)
def test_a_plane_may_lie_on_any_two_axes_of_an_array(order: list[str], data: st.DataObject) -> None:
    pixels = np.random.default_rng(0).random((3, 2, 36, 44)).astype(np.float32)
    array = pixels.transpose(["zcyx".index(letter) for letter in order])
    places = tuple(order.index(letter) for letter in "yx")
    view = ImageView(channel_axis=order.index("c"), plane=places)
    plain = fixed_contrast(pixels, ImageView(channel_axis=1))
    view = replace(view, channels=plain.channels)
    z = data.draw(st.integers(0, 2))
    expected = extract_plane(pixels, (z,), plain)
    turned = order.index("y") > order.index("x")
    if turned:  # the model sees a mirrored picture; its labels have the axes of the array
        expected = expected.swapaxes(0, 1)
    np.testing.assert_array_equal(extract_plane(array, (z,), view), expected)
    rows, cols = slice(2, 9), slice(4, 30)
    np.testing.assert_array_equal(
        extract_window(array, (z,), rows, cols, view), expected[rows, cols]
    )
    assert leading_axes(array, view) == (order.index("z"),)
