"""One person, two images, a real window: everything is as it was left when it is opened again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from napari_vlseg.corrections.store import Project
from tests.gui.driving import (
    ALT,
    SHIFT,
    drag,
    press_key,
    press_segment,
    type_phrase,
    wait_idle,
)
from tests.gui.fakes import blobs

pytestmark = pytest.mark.gui

CTRL = Qt.KeyboardModifier.ControlModifier


@pytest.fixture
def plate(tmp_path: Path) -> Path:
    """A stack of two planes, and one plane."""
    folder = tmp_path / "plate"
    folder.mkdir()
    tifffile.imwrite(
        folder / "a.tif", np.stack([blobs(), blobs(level=0.9)]), metadata={"axes": "ZYX"}
    )
    tifffile.imwrite(folder / "b.tif", blobs(level=0.7))
    return folder


class Story:
    """What the person does, and what there is to see."""

    def __init__(self, widget: Any, qtbot: Any) -> None:
        self.widget, self.qtbot, self.controller = widget, qtbot, widget.controller
        self.told: list[str] = []
        self.controller.message.connect(lambda text, severity: self.told.append(text))

    def open(self, plate: Path) -> None:
        self.controller.desk.open_folder([plate])
        self.settle()
        self.controller.viewer.reset_view()
        self.widget.window().activateWindow()

    def settle(self) -> None:
        desk = self.controller.desk
        self.qtbot.waitUntil(
            lambda: not (desk.keeper.queue.busy or desk.worklist.busy), timeout=20_000
        )
        wait_idle(self.qtbot, self.widget)

    def segment(self, plane: int | None = None) -> None:
        self.widget.tabs.setCurrentIndex(0)
        if plane is not None:
            self.controller.viewer.dims.set_current_step(0, plane)
        press_segment(self.qtbot, self.widget)
        self.settle()

    def paint(self, label: int, path: list[tuple[int, ...]]) -> None:
        """Take napari's brush and draw with it."""
        layer = self.controller.labels
        self.controller.viewer.layers.selection.active = layer
        layer.mode, layer.brush_size, layer.selected_label = "paint", 5, label
        drag(self.qtbot, self.widget, layer, path)

    def key(self, key: Any, modifier: Any = Qt.KeyboardModifier.NoModifier) -> None:
        press_key(self.qtbot, self.widget, key, modifier)
        self.settle()

    def review(self) -> None:
        self.widget.tabs.setCurrentWidget(self.widget.review)
        self.qtbot.waitUntil(lambda: self.rows.rowCount() > 0, timeout=5000)

    def select(self, *uids: str) -> None:
        """Select rows of the list with the mouse, the second and later ones with Ctrl."""
        table = self.widget.review.table
        table.selectionModel().clear()
        for uid in uids:
            index = self.rows.index(self.row(uid), 0)
            table.scrollTo(index)
            modifier = CTRL if uid != uids[0] else Qt.KeyboardModifier.NoModifier
            QTest.mouseClick(
                table.viewport(),
                Qt.MouseButton.LeftButton,
                modifier,
                table.visualRect(index).center(),
            )
        chosen = {index.row() for index in table.selectionModel().selectedRows()}
        assert chosen == {self.row(uid) for uid in uids}

    def row(self, uid: str) -> int:
        return next(row for row in range(self.rows.rowCount()) if self.rows.uid(row) == uid)

    @property
    def rows(self) -> Any:
        return self.widget.review.table.objects

    @property
    def labels(self) -> np.ndarray:
        return np.array(self.controller.labels.data)

    @property
    def plane(self) -> int:
        return int(self.controller.viewer.dims.current_step[0])

    def uid(self, label: int) -> str:
        found = self.controller.editing.table(self.controller.labels).uid_of(label)
        assert found is not None
        return found

    def objects(self) -> dict[str, str]:
        """What is known of each object, as text; less what is found out when saving."""
        table = self.controller.editing.table(self.controller.labels)
        names = [name for name in table.columns if name not in ("iou_proposal_final", "proposal")]
        return {uid: repr([table.get(uid, name) for name in names]) for uid in table}

    def statuses(self) -> dict[int, str]:
        table = self.controller.editing.table(self.controller.labels)
        return {table.get(uid, "label"): table.get(uid, "status") for uid in table}


def test_all_is_as_it_was_left(
    make_widget: Callable[..., Any], qtbot: Any, plate: Path, make_napari_viewer: Any
) -> None:
    story = Story(make_widget(), qtbot)
    story.open(plate)
    type_phrase(qtbot, story.widget, "nuclei")
    story.segment(plane=0)
    story.segment(plane=1)
    first, second, third, fourth = (
        int(story.labels[0, row, col]) for row in (26, 70) for col in (26, 90)
    )
    assert len(set(story.labels[story.labels > 0])) == 8

    story.controller.viewer.dims.set_current_step(0, 0)
    story.review()
    story.select(story.uid(first))
    story.key(Qt.Key.Key_A)
    story.select(story.uid(second))
    story.key(Qt.Key.Key_R)
    assert story.statuses()[first] == "accepted"
    assert story.statuses()[second] == "rejected"
    assert not (story.labels == second).any()

    story.controller.viewer.dims.set_current_step(0, 0)
    story.paint(third, [(0, 45, 20), (0, 46, 40), (0, 48, 60)])
    assert story.statuses()[third] == "edited"
    assert (story.labels[0] == third).sum() > 144

    story.select(story.uid(third), story.uid(fourth))
    story.key(Qt.Key.Key_U)
    (merged,) = {third, fourth} & set(story.labels[0].ravel().tolist())
    before_split = story.objects()
    story.select(story.uid(merged))
    story.key(Qt.Key.Key_S)
    assert len(story.objects()) > len(before_split)

    story.controller.viewer.dims.set_current_step(0, 1)
    before = story.labels
    story.paint(50, [(1, 44, 50), (1, 48, 60), (1, 52, 70)])
    painted = story.labels
    assert (painted != before).any()
    story.controller.viewer.dims.set_current_step(0, 0)
    story.key(Qt.Key.Key_Z, CTRL)
    assert story.plane == 1
    np.testing.assert_array_equal(story.labels, before)
    story.key(Qt.Key.Key_Z, CTRL | SHIFT)
    np.testing.assert_array_equal(story.labels, painted)
    left_first = (story.labels, story.objects())

    story.key(Qt.Key.Key_Right, ALT | SHIFT)
    assert [layer.name for layer in story.controller.images.layers] == ["b"]
    story.segment()
    story.paint(9, [(46, 50), (46, 60)])
    left_second = (story.labels, story.objects())
    folder = story.controller.desk.project.folder
    story.controller.viewer.close()

    again = Story(make_widget(), qtbot)
    again.open(plate)
    assert again.told == []
    assert [layer.name for layer in again.controller.images.layers] == ["b"]
    np.testing.assert_array_equal(again.labels, left_second[0])
    assert again.objects() == left_second[1]
    again.key(Qt.Key.Key_Left, ALT | SHIFT)
    np.testing.assert_array_equal(again.labels, left_first[0])
    assert again.objects() == left_first[1]
    again.key(Qt.Key.Key_Z, CTRL)
    np.testing.assert_array_equal(again.labels, before)
    again.controller.desk.save_now()
    entry = next(entry for entry in Project.open(folder).images if entry.name == "a")
    np.testing.assert_array_equal(entry.load_labels()[0], before)
