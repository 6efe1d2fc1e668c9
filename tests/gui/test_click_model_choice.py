"""A click model from a file, such as an adapter, is chosen in the window like any other."""

from __future__ import annotations

import pytest
from pytestqt.qtbot import QtBot
from qtpy.QtWidgets import QFileDialog

from napari_vlseg.models.registry import specs
from napari_vlseg.ui.views.click_box import ClickBox


def test_a_file_becomes_an_item_of_its_own(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    box = ClickBox(specs("clicks"))
    qtbot.addWidget(box)
    answers = iter(["/models/mine.safetensors", ""])
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (next(answers), ""))
    chosen: list[str] = []
    box.model_chosen.connect(chosen.append)
    last = box.model.count() - 1
    box.model.activated.emit(last)
    box.show_state(None, chosen[0], in_progress=False, step=None)
    assert box.model.currentText() == "mine.safetensors"
    assert box.model.currentData() == "/models/mine.safetensors"
    assert box.model.itemText(box.model.count() - 1) == "choose file…"
    box.model.activated.emit(box.model.count() - 1)
    assert chosen == ["/models/mine.safetensors", ""], "a dialog that was closed chooses nothing"
    box.show_state(None, "sam-mini", in_progress=False, step=None)
    assert box.model.currentText() == "sam-mini"
    assert box.model.count() == last + 2
