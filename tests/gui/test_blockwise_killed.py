"""A session that is killed in the middle of a stack: planes are kept, and the run goes on."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_vlseg.ui.controller import Controller
from napari_vlseg.ui.runner import SyncRunner
from tests.gui.editing.scenes import check
from tests.gui.fakes import N_TILES, BrightnessModel, Loader, blobs
from tests.gui.large import take_all_for_large

N_PLANES, N_DONE = 8, 4

KILLED = f"""
import os, signal
import napari_vlseg.ui.layers
from tests.gui.test_blockwise_killed import opened
napari_vlseg.ui.layers.LARGE_BYTES = 0
controller, _ = opened()
done = []
def count(layer, edit):
    done.append(edit.plane)
    if len(done) > {N_DONE}:
        os.kill(os.getpid(), signal.SIGKILL)
controller.editing.edited.connect(count)
controller.segment()
"""


def opened(has_image: bool = True) -> tuple[Controller, BrightnessModel]:
    """A session that is about to segment a stack."""
    model = BrightnessModel()
    controller = Controller(ViewerModel(), SyncRunner(), Loader(model))
    if has_image:
        stack = np.stack([np.roll(blobs(), 3 * n, axis=0) for n in range(N_PLANES)])
        controller.viewer.add_image(stack, name="stack")
        ask(controller)
    return controller, model


def ask(controller: Controller) -> None:
    controller.viewer.dims.set_current_step(0, 0)
    controller.prompts.set_phrases(0, "nuclei")
    controller.scope.choose("stack")


@pytest.mark.slow
def test_planes_are_kept_and_the_run_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    take_all_for_large(monkeypatch, tmp_path / "working")
    monkeypatch.setenv("NAPARI_VLSEG_UNSAVED", str(tmp_path / "unsaved"))
    monkeypatch.setenv("NAPARI_VLSEG_RUNS", str(tmp_path / "runs"))
    surroundings: dict[str, Any] = {**os.environ, "XDG_CONFIG_HOME": str(tmp_path / "config")}
    root = Path(__file__).parents[2]
    killed = subprocess.run([sys.executable, "-c", KILLED], cwd=root, env=surroundings, check=False)
    assert killed.returncode < 0
    controller, model = opened(has_image=False)
    controller.desk.leftovers.look()
    controller.desk.leftovers.restore()
    assert controller.labels is not None
    kept = np.asarray(controller.labels.data)
    assert kept[:N_DONE].any(axis=(1, 2)).all()
    assert not kept[N_DONE + 2 :].any()
    ask(controller)
    controller.segment()
    whole = np.asarray(controller.labels.data)
    assert whole.any(axis=(1, 2)).all()
    np.testing.assert_array_equal(whole[:N_DONE], kept[:N_DONE])
    # Planes that were done are not computed again; what may be left out is asked once.
    assert model.tiles_encoded <= (N_PLANES - N_DONE + 1) * N_TILES
    check(controller)
    controller.close()
