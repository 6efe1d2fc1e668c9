"""What to look at next and how good the rest is, asked from the window."""

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
    """A folder of seven images of which the first is open."""
    folder = tmp_path / "plate"
    folder.mkdir()
    for number in range(7):
        tifffile.imwrite(folder / f"{number}.tif", np.rot90(blobs(level=0.5 + number / 14), number))
    made = Controller(ViewerModel(), SyncRunner(), Loader(BrightnessModel()))
    made.prompts.set_phrases(0, "nuclei")
    made.desk.open_folder([folder])
    return made


def test_the_next_image_is_opened_and_the_reason_told(controller: Controller) -> None:
    controller.guide.go_to_next("uncertain")
    worklist = controller.desk.worklist
    assert worklist.position != 0
    assert controller.guide.text.startswith(f"look at {worklist.items[worklist.position].name}: ")


def test_there_is_an_end(controller: Controller) -> None:
    worklist = controller.desk.worklist
    for position in range(len(worklist.items)):
        worklist.go(position)
        worklist.mark("done")
    controller.guide.go_to_next()
    assert controller.guide.text == "there is no other image left to look at"


def test_the_rest_is_estimated_once_enough_is_done(controller: Controller) -> None:
    told: list[str] = []
    controller.message.connect(lambda text, severity: told.append(text))
    controller.guide.estimate()
    assert len(told) == 1, "none is done yet"
    for position in range(5):
        controller.desk.worklist.go(position)
        controller.segmenter.start()
        controller.desk.worklist.mark("done")
    controller.desk.save_now()
    controller.guide.estimate()
    assert "2 images you have not seen" in controller.guide.text
    assert len(told) == 1


def test_without_a_project_there_is_one_message() -> None:
    controller = Controller(ViewerModel(), SyncRunner(), Loader(BrightnessModel()))
    told: list[str] = []
    controller.message.connect(lambda text, severity: told.append(text))
    controller.guide.estimate()
    assert told == ["There is no project yet: create or open one first."]
