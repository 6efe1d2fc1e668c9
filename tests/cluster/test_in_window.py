"""The window asks a cluster for a stack, and shows what it would have made itself."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_vlseg.samples import load_sample
from napari_vlseg.ui.controller import Controller
from napari_vlseg.ui.runner import SyncRunner


def segmented(device: str, kind: str) -> Controller:
    nuclei, _ = load_sample("fluorescence")
    controller = Controller(ViewerModel(), SyncRunner())
    controller.viewer.add_image(np.stack([nuclei[:128, :128], nuclei[-128:, -128:]]), name="a")
    controller.viewer.dims.set_current_step(0, 0)
    controller.set_settings(replace(controller.settings, device=device))
    controller.prompts.set_phrases(0, "nuclei")
    controller.scope.choose(kind)  # type: ignore[arg-type]
    controller.segment()
    return controller


@pytest.mark.parametrize("kind", ["stack", "plane"])
def test_labels_are_those_of_this_computer(
    machines: Any, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("napari_vlseg.ui.preferences.user_config_path", lambda *_, **__: tmp_path)
    held = []
    for device in ("cpu", machines.address):
        monkeypatch.setenv("NAPARI_VLSEG_RUNS", str(tmp_path / device.replace("/", "-")))
        controller = segmented(device, kind)
        assert controller.labels is not None
        held.append(np.array(controller.labels.data))
    assert f"2 workers at {machines.address}" in controller.facts()
    np.testing.assert_array_equal(*held)
    assert held[0].max() > 2
    controller.close()
