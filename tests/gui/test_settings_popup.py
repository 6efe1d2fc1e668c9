"""The settings popup shows what is set without reporting, and reports what a person changes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from qtpy.QtWidgets import QWidget

from napari_vlseg.ui.jobs import ModelSettings
from napari_vlseg.ui.views.popups import SettingsPopup

pytestmark = pytest.mark.gui


@pytest.fixture
def popup(qtbot: Any) -> Iterator[SettingsPopup]:
    window = QWidget()
    qtbot.addWidget(window)
    yield SettingsPopup(window)
    window.close()


def test_showing_settings_reports_nothing(popup: SettingsPopup) -> None:
    reports: list[ModelSettings] = []
    popup.edited.connect(reports.append)
    popup.show_settings(ModelSettings(device="cpu", working_scale=2.0, offline=True))
    assert reports == []
    assert popup.form.device.value == "cpu"
    assert popup.form.working_scale.value == 2.0
    assert popup.form.offline.value is True


def test_a_change_is_reported_with_all_settings(popup: SettingsPopup) -> None:
    reports: list[ModelSettings] = []
    popup.show_settings(ModelSettings(device="cpu", working_scale=2.0))
    popup.edited.connect(reports.append)
    popup.form.precision.value = "bfloat16"
    popup.form.working_scale.value = 0
    assert reports[0] == ModelSettings(device="cpu", precision="bfloat16", working_scale=2.0)
    assert reports[1] == ModelSettings(device="cpu", precision="bfloat16")
    assert popup.form.working_scale.native.text() == "auto"


@pytest.mark.parametrize("edges", [None, True, False])
def test_edges_are_shown_and_reported(popup: SettingsPopup, edges: bool | None) -> None:
    reports: list[ModelSettings] = []
    popup.show_settings(ModelSettings(edges=edges))
    assert popup.form.edges.value is edges
    popup.edited.connect(reports.append)
    popup.form.offline.value = True
    assert reports == [ModelSettings(edges=edges, offline=True)]
    popup.form.edges.value = edges is None
    assert reports[-1].edges is (edges is None)
