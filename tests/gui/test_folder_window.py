"""Going through a folder in the real window, by buttons and keys."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from qtpy.QtCore import Qt

from napari_vlseg.corrections.store import Project
from napari_vlseg.ui.recovery import FOLDER_VARIABLE
from tests.gui.driving import ALT, SHIFT, press_key, press_segment, type_phrase, wait_idle
from tests.gui.fakes import blobs

pytestmark = pytest.mark.gui


def names(widget: Any) -> list[str]:
    return [layer.name for layer in widget.controller.images.layers]


def test_a_folder_is_gone_through(make_widget: Any, qtbot: Any, tmp_path: Path) -> None:
    folder = tmp_path / "plate"
    folder.mkdir()
    for number in range(3):
        tifffile.imwrite(folder / f"f{number}.tif", blobs(level=0.6 + 0.1 * number))
    widget = make_widget()
    assert not widget.stepper.isVisible()
    widget.project.folder_wanted.emit(str(folder))
    wait_idle(qtbot, widget)
    assert widget.stepper.isVisible()
    assert widget.stepper._where.text() == "1 of 3 · new"
    type_phrase(qtbot, widget, "nuclei")
    press_segment(qtbot, widget)
    assert widget.stepper._where.text() == "1 of 3 · in progress"
    assert "saved" in widget.status._facts.text()
    widget.controller.labels.paint((48, 48), 9)
    drawn = widget.controller.labels.data.copy()

    field = widget.table.rows[0].phrases
    field.clear()
    qtbot.keyClicks(field, "cells")  # typed, and not finished
    qtbot.mouseClick(widget.stepper.done, Qt.MouseButton.LeftButton)
    wait_idle(qtbot, widget)
    assert names(widget) == ["f1"]
    assert widget.controller.prompts.table.rows[0].phrases == ("cells",)
    press_key(qtbot, widget, Qt.Key.Key_K, ALT | SHIFT)
    assert names(widget) == ["f2"]
    box = widget.project.images
    marks = [box.model.data(box.model.index(row), Qt.ItemDataRole.ToolTipRole) for row in range(3)]
    assert marks == ["f0.tif: done", "f1.tif: skipped", "f2.tif: new"]
    press_key(qtbot, widget, Qt.Key.Key_Left, ALT | SHIFT)
    assert names(widget) == ["f1"]
    box.list.activated.emit(box.model.index(0))
    wait_idle(qtbot, widget)
    assert names(widget) == ["f0"]
    np.testing.assert_array_equal(widget.controller.labels.data, drawn)
    widget.shut_down()
    (entry, *_) = Project.open(tmp_path / "plate-vlseg").images
    np.testing.assert_array_equal(tifffile.imread(entry.folder / "labels.tif"), drawn)


def test_unsaved_work_is_offered_in_one_line(
    make_widget: Any, qtbot: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "unsaved"))
    widget = make_widget()
    wait_idle(qtbot, widget)
    assert not widget.leftover.isVisible()
    widget.controller.viewer.add_image(blobs(), name="squares")
    type_phrase(qtbot, widget, "nuclei")
    press_segment(qtbot, widget)
    wait_idle(qtbot, widget)
    assert "not saved, kept" in widget.status._facts.text()
    widget.shut_down()

    again = make_widget()
    qtbot.waitUntil(again.leftover.isVisible, timeout=5000)
    assert "(1 image)" in again.leftover._text.text()
    qtbot.mouseClick(again.leftover.discard, Qt.MouseButton.LeftButton)
    assert again.leftover.discard.text() == "Discard for good"
    qtbot.mouseClick(again.leftover.restore, Qt.MouseButton.LeftButton)
    wait_idle(qtbot, again)
    assert again.controller.n_objects == 4
    assert not again.leftover.isVisible()
