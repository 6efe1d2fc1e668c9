"""A cluster as the device: what is chosen, what is said, and that a lost one is asked for anew."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from qtpy.QtWidgets import QWidget

from napari_vlseg.errors import ClusterError
from napari_vlseg.events import Progress, Work, run
from napari_vlseg.ui.jobs import LoadedModel, ModelSettings, load_by_registry
from napari_vlseg.ui.remote import address_of, where_the_model_is
from napari_vlseg.ui.views.popups import SettingsPopup
from tests.gui.editing.scenes import session
from tests.gui.fakes import BrightnessModel


class Far:
    """What the window asks of a model on a cluster."""

    def __init__(self) -> None:
        self.is_lost, self.n_closed = False, 0
        self.cluster = self
        self.where = "2 workers at tcp://gpu-box:8786"
        self.info = BrightnessModel().info

    def close(self) -> None:
        self.n_closed += 1


@pytest.fixture
def popup(qtbot: Any) -> Iterator[SettingsPopup]:
    window = QWidget()
    qtbot.addWidget(window)
    yield SettingsPopup(window)
    window.close()


@pytest.mark.parametrize(
    ("device", "named"),
    [
        ("tcp://box:8786", "tcp://box:8786"),
        ("tls://box:8786", "tls://box:8786"),
        ("/srv/scheduler.json", "/srv/scheduler.json"),
        ("auto", "None"),
        ("cuda:1", "None"),
    ],
)
def test_a_device_names_a_scheduler_or_none(device: str, named: str) -> None:
    assert str(address_of(device)) == named


@pytest.mark.gui
def test_the_address_is_typed_where_the_device_is_a_cluster(popup: SettingsPopup) -> None:
    reports: list[ModelSettings] = []
    popup.show_settings(ModelSettings())
    popup.edited.connect(reports.append)
    assert not popup.form.scheduler.enabled
    popup.form.device.value = "cluster"
    assert popup.form.scheduler.enabled
    assert reports[-1].device == "auto", "nothing is asked of a cluster without an address"
    popup.form.scheduler.value = " tcp://gpu-box:8786 "
    assert reports[-1].device == "tcp://gpu-box:8786"
    popup.form.device.value = "cpu"
    assert reports[-1].device == "cpu"
    popup.show_settings(ModelSettings(device="tcp://other:1"))
    assert (popup.form.device.value, popup.form.scheduler.value) == ("cluster", "tcp://other:1")


def test_a_model_whose_cluster_is_lost_is_made_ready_anew() -> None:
    made: list[Far] = []

    def load(settings: ModelSettings) -> Work[Far]:
        yield Progress("connecting", 0, 1)
        made.append(Far())
        return made[-1]

    models = LoadedModel(load)
    settings = ModelSettings(device="tcp://gpu-box:8786")
    assert run(models.get(settings)) is run(models.get(settings)) is made[0]
    made[0].is_lost = True
    assert models.peek(settings) is None
    assert run(models.get(settings)) is made[1]
    assert (made[0].n_closed, made[1].n_closed) == (1, 0)
    models.let_go()
    assert made[1].n_closed == 1


def test_the_line_of_facts_says_how_many_workers_there_are() -> None:
    controller = session(phrase="")
    controller.models.base._kept = (controller.settings.load_key, Far())  # type: ignore[assignment]
    assert "2 workers at tcp://gpu-box:8786" in controller.facts()


def test_clicks_are_answered_here() -> None:
    controller = session(phrase="")
    controller.set_settings(replace(controller.settings, device="tcp://gpu-box:8786"))
    assert controller.clicks.settings.device == "auto"
    controller.set_settings(replace(controller.settings, device="cpu"))
    assert controller.clicks.settings.device == "cpu"


def test_blocks_are_answered_by_the_loaded_model_where_it_is_here() -> None:
    assert where_the_model_is(ModelSettings(), BrightnessModel()) is None


def test_a_scheduler_file_that_is_not_there_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("napari_vlseg.workflow.distributed.connecting.TIMEOUT_S", 0.1)
    settings = ModelSettings(device=str(tmp_path / "scheduler.json"))
    with pytest.raises(ClusterError, match=r"scheduler\.json"):
        run(load_by_registry(settings))
