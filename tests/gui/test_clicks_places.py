"""What is clicked on the canvas is what is outlined, however the image lies in the world."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.gui.driving import ALT, click_at, drag, press_key, take_tool, wait_idle
from tests.gui.painting import RADII

pytestmark = pytest.mark.gui

PLACES = {
    "square": ((96, 96), {}),
    "wide": ((60, 200), {}),
    "tall": ((200, 60), {}),
    "scaled": ((96, 120), {"scale": (0.25, 0.25)}),
    "uneven pixels": ((96, 120), {"scale": (2.0, 0.5)}),
    "translated": ((96, 120), {"translate": (-300.5, 1000.25)}),
    "rotated": ((96, 120), {"rotate": 30, "scale": (0.5, 0.5)}),
    "sheared": ((96, 120), {"shear": [0.4], "translate": (7, 9)}),
    "moved by an affine": (
        (96, 120),
        {"affine": [[0.8, 0.6, 40], [-0.6, 0.8, -30], [0, 0, 1]], "scale": (3, 3)},
    ),
    "colour": ((96, 120, 3), {}),
    "stack": ((5, 96, 120), {"scale": (4.0, 0.5, 0.5), "translate": (10, 0, 3)}),
    "time and stack": ((2, 3, 96, 120), {}),
}


def centre(mask: np.ndarray) -> np.ndarray:
    return np.argwhere(mask).mean(0)


@pytest.fixture
def widget(make_widget: Any, qtbot: Any) -> Any:
    """The widget without an image, in a window with a canvas of some size."""
    made = make_widget()
    made.controller.viewer.window.resize(1200, 850)
    qtbot.wait(50)
    return made


def test_the_outline_lies_under_the_click(widget: Any, qtbot: Any) -> None:
    take_tool(qtbot, widget, "point")
    for name, (shape, placement) in PLACES.items():
        rgb = name == "colour"
        image = widget.controller.viewer.add_image(
            np.zeros(shape, np.uint8), name=name, rgb=rgb, **placement
        )
        _click_and_commit(qtbot, widget, image, shape[:-1] if rgb else shape)
        widget.controller.viewer.layers.clear()


def _click_and_commit(qtbot: Any, widget: Any, image: Any, shape: tuple[int, ...]) -> None:
    controller, clicks = widget.controller, widget.controller.clicks
    plane = tuple(n - 1 for n in shape[:-2])
    for axis in range(len(plane)):
        controller.viewer.dims.set_point(axis, image.data_to_world((*plane, 0, 0))[axis])
    assert controller.images.index(image) == plane
    controller.viewer.reset_view()
    qtbot.wait(50)
    place = (*plane, round(0.3 * shape[-2]), round(0.7 * shape[-1]))
    click_at(qtbot, widget, image, place)

    click = clicks.session.step.points[0]
    np.testing.assert_allclose(click, place[-2:], atol=1, err_msg=image.name)
    found = centre(clicks.session.outline.on_plane(shape[-2:]))
    np.testing.assert_allclose(found, click, atol=0.5, err_msg=image.name)
    shown = clicks.marks.layers[0]
    here = np.round(shown.world_to_data(image.data_to_world(place))).astype(int)
    assert shown.data[tuple(here)] > 0, f"{image.name}: the candidate is shown elsewhere"

    press_key(qtbot, widget, "c")
    labels = controller.labels
    assert labels.data.shape == shape
    np.testing.assert_allclose(
        centre(labels.data[plane] > 0), place[-2:], atol=0.75, err_msg=image.name
    )
    assert (labels.data > 0).sum() == (labels.data[plane] > 0).sum()
    np.testing.assert_allclose(labels.data_to_world(place), image.data_to_world(place))


def test_channels_in_front_are_no_planes(widget: Any, qtbot: Any) -> None:
    image = widget.controller.viewer.add_image(np.zeros((2, 80, 90), np.uint8))
    widget.controller.images.set_channel_axis(0)
    take_tool(qtbot, widget, "point")
    click_at(qtbot, widget, image, (0, 20, 60))
    press_key(qtbot, widget, "c")
    assert widget.controller.labels.data.shape == (80, 90)
    np.testing.assert_allclose(centre(widget.controller.labels.data > 0), (20, 60), atol=0.75)


def test_a_level_of_detail_is_clicked_in_full_resolution(widget: Any, qtbot: Any) -> None:
    fine = np.zeros((128, 96), np.uint8)
    image = widget.controller.viewer.add_image([fine, fine[::2, ::2]], multiscale=True)
    take_tool(qtbot, widget, "point")
    click_at(qtbot, widget, image, (100, 30))
    found = centre(widget.controller.clicks.session.outline.on_plane((128, 96)))
    np.testing.assert_allclose(found, (100, 30), atol=1)


@pytest.fixture
def clicking(widget: Any) -> Any:
    """The widget on a rotated image, and the image."""
    image = widget.controller.viewer.add_image(np.zeros((96, 120), np.uint8), rotate=20)
    widget.controller.viewer.reset_view()
    return widget, image


def test_a_dragged_box_is_the_box(clicking: Any, qtbot: Any) -> None:
    widget, image = clicking
    take_tool(qtbot, widget, "box")
    drag(qtbot, widget, image, [(20, 30), (30, 40), (50, 80)])
    mask = widget.controller.clicks.session.outline.on_plane((96, 120))
    np.testing.assert_allclose(np.argwhere(mask).min(0), (20, 30), atol=1)
    np.testing.assert_allclose(np.argwhere(mask).max(0), (50, 80), atol=1)


def test_a_scribble_is_followed(clicking: Any, qtbot: Any) -> None:
    widget, image = clicking
    take_tool(qtbot, widget, "scribble")
    drag(qtbot, widget, image, [(20, col) for col in range(20, 81, 10)])
    mask = widget.controller.clicks.session.outline.on_plane((96, 120))
    assert mask[20, 25:76].mean() > 0.7
    assert not mask[40:].any()
    drag(qtbot, widget, image, [(20, 60), (20, 70), (20, 80)], ALT)
    mask = widget.controller.clicks.session.outline.on_plane((96, 120))
    assert not mask[20, 68]
    assert mask[20, 35]


def test_a_lasso_gives_what_it_encloses(clicking: Any, qtbot: Any) -> None:
    widget, image = clicking
    take_tool(qtbot, widget, "lasso")
    drag(qtbot, widget, image, [(20, 30), (20, 60), (60, 60), (60, 30), (22, 30)])
    mask = widget.controller.clicks.session.outline.on_plane((96, 120))
    assert mask[25:55, 35:55].all()
    drag(qtbot, widget, image, [(15, 45), (15, 70), (70, 70), (70, 45), (16, 45)], ALT)
    mask = widget.controller.clicks.session.outline.on_plane((96, 120))
    assert mask[25:55, 33:40].all()
    assert not mask[25:55, 50:].any()


def test_outside_the_image_nothing_happens(clicking: Any, qtbot: Any) -> None:
    widget, image = clicking
    take_tool(qtbot, widget, "point")
    click_at(qtbot, widget, image, (-8, 60))
    assert "outside the image" in widget.controller.activity
    assert widget.controller.clicks.session is None or not widget.controller.clicks.in_progress


def test_three_dimensions_are_refused_with_a_remedy(widget: Any, qtbot: Any) -> None:
    image = widget.controller.viewer.add_image(np.zeros((4, 60, 60), np.uint8))
    widget.controller.viewer.dims.ndisplay = 3
    widget.controller.clicks.set_tool("point")
    widget.controller.clicks.click(np.array([0.0, 30, 30]), True)
    assert "switch back from 3D" in widget.controller.activity
    assert not widget.controller.clicks.in_progress
    wait_idle(qtbot, widget)
    assert image in widget.controller.viewer.layers


def test_the_disc_has_the_size_of_the_first_candidate(clicking: Any, qtbot: Any) -> None:
    widget, image = clicking
    take_tool(qtbot, widget, "point")
    click_at(qtbot, widget, image, (40, 40))
    assert widget.controller.clicks.session.outline.mask.sum() == pytest.approx(
        np.pi * RADII[0] ** 2, rel=0.2
    )
