"""Thresholds from the person's own masks, asked for in the window."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from napari.components import ViewerModel

from napari_vlseg.ui.controller import Controller
from napari_vlseg.ui.runner import SyncRunner
from tests.gui.fakes import BrightnessModel, Loader, blobs


@pytest.fixture
def controller(tmp_path: Path) -> Controller:
    """A folder with an image of four squares, which are proposed."""
    folder = tmp_path / "plate"
    folder.mkdir()
    tifffile.imwrite(folder / "a.tif", blobs(level=0.7))
    made = Controller(ViewerModel(), SyncRunner(), Loader(BrightnessModel()))
    made.prompts.set_phrases(0, "nuclei")
    made.desk.open_folder([folder])
    made.segmenter.start()
    return made


def test_accepted_objects_set_the_threshold_of_their_class(controller: Controller) -> None:
    table = controller.editing.table(controller.labels)
    controller.editing.accept(list(table.uids))
    labels = np.array(controller.labels.data)
    controller.thresholds.fit()
    (row,) = controller.prompts.table.rows
    assert row.threshold is not None
    assert controller.thresholds.text.startswith(f"{row.name}: {row.threshold:.2f}, Dice ")
    assert "from 4 objects in 1 image." in controller.thresholds.text
    np.testing.assert_array_equal(controller.labels.data, labels)


def test_without_masks_there_is_one_message(controller: Controller) -> None:
    told: list[str] = []
    controller.message.connect(lambda text, severity: told.append(severity))
    controller.thresholds.fit()
    assert told == ["error"]
    assert controller.thresholds.text == ""
    assert controller.prompts.table.rows[0].threshold is None


def test_without_a_project_there_is_one_message() -> None:
    controller = Controller(ViewerModel(), SyncRunner(), Loader(BrightnessModel()))
    told: list[str] = []
    controller.message.connect(lambda text, severity: told.append(text))
    controller.thresholds.fit()
    assert len(told) == 1
    assert "no masks to go by" in told[0]
