"""The Review tab in a real window: keys, rows in view, and what an edit repaints."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from qtpy.QtCore import QSortFilterProxyModel, Qt
from qtpy.QtWidgets import QApplication

from napari_vlseg.proposals import completed
from napari_vlseg.ui.layers import add_labels
from tests.gui.driving import press_key, take_tool, wait_idle
from tests.gui.reviewing import squares

pytestmark = pytest.mark.gui


def statuses(widget: Any) -> list[str]:
    layer = widget.controller.labels
    return list(widget.controller.editing.table(layer).column("status"))


def open_tab(qtbot: Any, widget: Any) -> None:
    widget.window().activateWindow()
    widget.tabs.setCurrentWidget(widget.review)
    wait_for_pictures(qtbot, widget)


def wait_for_pictures(qtbot: Any, widget: Any) -> None:
    table, gallery = widget.review.table, widget.controller.review.gallery

    def all_are_there() -> bool:
        first, last = (table.rowAt(place) for place in (0, table.viewport().height() - 1))
        rows = range(first, (last if last >= 0 else table.objects.rowCount() - 1) + 1)
        return first >= 0 and all(table.objects.uid(row) in gallery.album for row in rows)

    qtbot.waitUntil(all_are_there, timeout=10_000)


def test_two_fingers_on_the_canvas_and_in_the_list(segmented: Any, qtbot: Any) -> None:
    review = segmented.review
    assert not review.nothing.isVisible()
    open_tab(qtbot, segmented)
    canvas_actions = (Qt.Key.Key_J, Qt.Key.Key_A, Qt.Key.Key_R)
    for key in canvas_actions:
        press_key(qtbot, segmented, key)
    assert sorted(statuses(segmented)) == ["accepted", "proposed", "proposed", "rejected"]
    assert review.progress.text.text() == "2/4 reviewed"
    review.table.setFocus()
    qtbot.keyClick(review.table, Qt.Key.Key_Q)
    assert "flagged" in statuses(segmented)
    qtbot.keyClick(review.table, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert "flagged" not in statuses(segmented)
    press_key(qtbot, segmented, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert sorted(statuses(segmented)) == ["accepted", "proposed", "proposed", "proposed"]
    assert review.actions_.line.text().startswith("#")
    assert review.table.objects.rowCount() == 4
    assert len(segmented.controller.review.gallery.album) == 4


def test_letters_are_letters_elsewhere(segmented: Any, qtbot: Any) -> None:
    review = segmented.review
    open_tab(qtbot, segmented)
    press_key(qtbot, segmented, Qt.Key.Key_J)
    review.filter.search.setFocus()
    qtbot.keyClicks(review.filter.search, "raq")
    assert review.filter.search.text() == "raq"
    qtbot.waitUntil(lambda: not review.table.isVisible(), timeout=2000)
    qtbot.mouseClick(review.all, Qt.MouseButton.LeftButton)
    assert review.table.isVisible()
    take_tool(qtbot, segmented, "point")
    press_key(qtbot, segmented, Qt.Key.Key_A)
    segmented.controller.clicks.set_tool(None)
    segmented.hide()
    press_key(qtbot, segmented, Qt.Key.Key_A)
    segmented.show()
    segmented.tabs.setCurrentIndex(0)
    press_key(qtbot, segmented, Qt.Key.Key_A)
    assert set(statuses(segmented)) == {"proposed"}
    assert "review: outline" not in segmented.controller.viewer.layers


def test_many_at_once_says_how_many_and_is_one_edit(segmented: Any, qtbot: Any) -> None:
    open_tab(qtbot, segmented)
    box = segmented.review.bulk
    box.fold.toggle()
    box.good.setValue(0.0)
    assert box.accept.text() == "Accept 4 of 4  ≥ 0.00"
    assert box.slider.value() == 0
    qtbot.mouseClick(box.accept, Qt.MouseButton.LeftButton)
    assert set(statuses(segmented)) == {"accepted"}
    assert not box.accept.isEnabled()
    segmented.controller.editing.undo()
    assert set(statuses(segmented)) == {"proposed"}


def test_a_comment_and_a_class_are_given_in_the_tab(segmented: Any, qtbot: Any) -> None:
    open_tab(qtbot, segmented)
    press_key(qtbot, segmented, Qt.Key.Key_J)
    press_key(qtbot, segmented, Qt.Key.Key_T)
    field = segmented.review.actions_.comment
    assert QApplication.focusWidget() is field
    qtbot.keyClicks(field, "at the rim")
    qtbot.keyClick(field, Qt.Key.Key_Return)
    table = segmented.controller.review.table
    assert table.get(segmented.controller.review.tour.current, "comment") == "at the rim"
    assert "at the rim" in segmented.review.table.objects.data(
        segmented.review.table.currentIndex(), Qt.ItemDataRole.ToolTipRole
    )


def test_thousands_of_rows_cost_what_is_in_view(make_widget: Any, qtbot: Any) -> None:
    widget = make_widget()
    widget.tabs.setCurrentWidget(widget.review)
    assert widget.review.nothing.isVisible()
    show_objects(widget)
    open_tab(qtbot, widget)
    table, review = widget.review.table, widget.controller.review
    assert table.objects.rowCount() == 5000
    assert not isinstance(table.model(), QSortFilterProxyModel)
    n_rows = table.viewport().height() // table.rowHeight(0) + 3
    assert 0 < len(review.gallery.album) <= n_rows, "thumbnails of rows in view alone"
    assert not table.findChildren(type(widget.review.progress)), "a row is no widget"
    table.verticalScrollBar().setValue(table.verticalScrollBar().maximum())
    wait_for_pictures(qtbot, widget)
    last = table.objects.uid(4999)
    assert review.gallery.album.get(last) is not None
    review.tour.visit(table.objects.uid(2500))
    place = table.verticalScrollBar().value()
    with (
        qtbot.assertNotEmitted(table.objects.modelReset),
        qtbot.waitSignal(table.objects.dataChanged) as changed,
    ):
        widget.actions_of_keys["review_accept"]()
    first, end = (index.row() for index in changed.args[:2])
    assert (first, end) == (2500, 2500)
    assert table.verticalScrollBar().value() == place, "the list did not jump"
    assert widget.minimumSizeHint().width() <= 320
    wait_idle(qtbot, widget)


def show_objects(widget: Any) -> None:
    """An image with 5,000 objects of a project."""
    labels = squares((450, 900), 9)
    controller = widget.controller
    image = controller.viewer.add_image((labels > 0) * np.uint8(200), name="many")
    layer = add_labels(controller.viewer, image, controller.images.view(image), labels)
    numbers = np.arange(1, 5001)
    objects = pd.DataFrame(
        {
            "object_uid": [f"o{number}" for number in numbers],
            "label": numbers,
            "class": "nuclei",
            "score": np.linspace(0, 1, len(numbers)),
            "area": 36,
            "status": "proposed",
            "source": "auto",
        }
    )
    controller.results.adopt(image, layer, completed(objects))
    controller.watch(layer)
