"""Going through a folder of images: no window, except where it is the point."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from napari.components import ViewerModel

from napari_vlseg.corrections.store import Project
from napari_vlseg.corrections.worklist import WorkItem, Worklist, WorklistFile
from napari_vlseg.events import run
from napari_vlseg.images import ImageView
from napari_vlseg.ui.controller import Controller
from napari_vlseg.ui.runner import SyncRunner
from napari_vlseg.ui.worklist.ahead import Encoding, ahead_job
from napari_vlseg.workflow.cache import EmbeddingCache
from tests.gui.fakes import BrightnessModel, Loader, ManualRunner, blobs
from tests.gui.painting import PaintingModel


@pytest.fixture
def plate(tmp_path: Path) -> Path:
    """Four images that differ."""
    folder = tmp_path / "plate"
    folder.mkdir()
    for number in range(4):
        tifffile.imwrite(folder / f"f{number}.tif", blobs(level=0.5 + 0.1 * number))
    return folder


class Session:
    """A controller that went through a folder, with what it told the person."""

    def __init__(self, runner: Any = None) -> None:
        self.viewer, self.model = ViewerModel(), BrightnessModel()
        self.controller = Controller(
            self.viewer, runner or SyncRunner(), Loader(self.model), Loader(PaintingModel())
        )
        self.messages: list[str] = []
        self.controller.message.connect(lambda text, severity: self.messages.append(text))

    @property
    def list(self) -> Any:
        return self.controller.desk.worklist

    @property
    def shown(self) -> list[str]:
        return [layer.name for layer in self.controller.images.layers]

    @property
    def statuses(self) -> list[str]:
        return [item.status for item in self.list.items]

    def segment(self) -> None:
        self.controller.prompts.set_phrases(0, "nuclei")
        self.controller.segmenter.start()


@pytest.fixture
def session(plate: Path) -> Session:
    made = Session()
    made.controller.desk.open_folder([plate])
    return made


def test_a_folder_shows_its_first_image(session: Session, plate: Path) -> None:
    assert session.shown == ["f0"]
    assert session.controller.desk.project.folder == plate.with_name("plate-vlseg")
    assert session.statuses == ["new"] * 4


def test_moving_on_keeps_prompts_and_labels(session: Session) -> None:
    session.segment()
    session.controller.prompts.edit(0, threshold=0.4)
    drawn = session.controller.labels.data.copy()
    session.list.next_image()
    assert session.shown == ["f1"]
    assert len(session.viewer.layers) == 1
    row = session.controller.prompts.table.rows[0]
    assert (row.phrases, row.threshold) == (("nuclei",), 0.4)
    session.list.previous_image()
    assert session.shown == ["f0"]
    np.testing.assert_array_equal(session.controller.labels.data, drawn)
    assert session.controller.n_objects == 4


def test_done_and_next_passes_what_is_finished(session: Session) -> None:
    session.list.go(2)
    session.list.finish("skipped")
    assert session.shown == ["f3"]
    session.list.go(1)
    session.list.finish()
    assert session.shown == ["f3"], "f2 was skipped before"
    session.list.finish()
    assert session.shown == ["f0"], "the first that is not finished, from the beginning"
    session.list.finish()
    assert session.shown == ["f0"]
    assert "all images are done" in session.controller.activity
    assert session.statuses == ["done", "done", "skipped", "done"]


def test_the_list_can_be_narrowed(session: Session) -> None:
    session.list.go(1)
    session.list.mark("done")
    session.list.go(3)
    session.list.mark("done")
    session.list.list_only("done")
    session.list.previous_image()
    assert session.shown == ["f1"]
    session.list.previous_image()
    assert session.shown == ["f1"]
    assert "no image further on" in session.controller.activity


def test_it_resumes_where_it_stopped(session: Session, plate: Path) -> None:
    session.list.go(2)
    session.segment()
    session.list.mark("done")
    session.list.next_image()
    session.controller.desk.save_now()
    again = Session()
    again.controller.desk.open_folder([plate])
    assert again.shown == ["f3"]
    assert again.statuses[2] == "done"
    again.list.previous_image()
    assert again.controller.n_objects == 4
    assert again.controller.prompts.table.rows[0].phrases == ("nuclei",)


def test_the_next_image_is_encoded_while_this_one_is_looked_at(session: Session) -> None:
    session.list.next_image()
    assert session.model.tiles_encoded == 0, "no model is loaded for what nobody asked"
    session.segment()
    assert session.model.tiles_encoded == 40
    session.list.next_image()
    assert session.model.tiles_encoded == 60
    session.controller.segmenter.start()
    assert session.model.tiles_encoded == 60


def test_encoding_ahead_rests_while_a_person_waits() -> None:
    waits = [False, True, True, False]

    def person_waits() -> bool:
        return waits.pop(0) if waits else False

    class Source:
        data, view, levels = blobs(), ImageView(), ()

    model, cache = BrightnessModel(), EmbeddingCache()
    seen = []
    work = ahead_job(Source, None, [Encoding(model)], cache, person_waits)
    run(work, lambda event: seen.append(model.tiles_encoded))
    assert seen[:4] == [1, 2, 2, 2]
    assert len(cache) == 1


def test_an_image_that_cannot_be_opened_leaves_the_one_that_is_shown(
    session: Session, plate: Path
) -> None:
    (plate / "f1.tif").write_bytes(b"no image")
    session.list.next_image()
    assert session.shown == ["f0"]
    assert "f1.tif" in session.messages[-1]
    session.list.go(2)
    assert session.shown == ["f2"]


def test_steps_in_quick_succession_open_the_last(plate: Path) -> None:
    runner = ManualRunner()
    session = Session(runner)
    session.controller.desk.open_folder([plate])
    runner.finish("keep")
    for _ in range(3):
        session.list.next_image()
    runner.finish("worklist")
    runner.finish("keep")
    assert session.shown == ["f0"], "f1 is passed over"
    while runner.busy("keep"):
        runner.finish("keep")
    assert session.shown == ["f3"]


def test_new_files_are_offered_and_added(session: Session, plate: Path) -> None:
    tifffile.imwrite(plate / "late.tif", blobs())
    session.controller.desk.save_now()
    again = Session()
    again.controller.desk.open(plate.with_name("plate-vlseg"))
    assert again.list.n_new_files == 1
    again.list.add_new_files()
    assert [item.name for item in again.list.items][-1] == "late.tif"
    assert again.list.n_new_files == 0
    again.list.go(4)
    assert again.shown == ["late"]


def test_marks_of_another_window_are_seen(session: Session) -> None:
    folder = session.controller.desk.project.folder
    WorklistFile(folder).change(lambda found: found.with_item(3, status="skipped"))
    session.list.mark("done")
    assert session.statuses == ["done", "new", "new", "skipped"]


def test_a_project_without_a_list_shows_one_image_too(tmp_path: Path) -> None:
    session = Session()
    for level in (0.6, 0.7):
        session.viewer.add_image(blobs(level=level), name=f"at {level}")
        session.segment()
    session.controller.desk.create(tmp_path / "project")
    session.controller.desk.save_now()
    again = Session()
    again.controller.desk.open(tmp_path / "project")
    assert again.shown == ["at 0.7"], "the one that was in use"
    again.list.previous_image()
    assert again.shown == ["at 0.6"]
    assert again.controller.n_objects == 4


def test_channels_chosen_once_hold_for_the_next_image(tmp_path: Path) -> None:
    folder = tmp_path / "two channels"
    folder.mkdir()
    for name in "ab":
        pixels = np.stack([np.zeros_like(blobs()), blobs()])
        tifffile.imwrite(folder / f"{name}.tif", pixels, metadata={"axes": "QYX"})
    session = Session()
    session.controller.desk.open_folder([folder])
    session.controller.images.set_channel_axis(0)
    session.segment()
    assert session.controller.labels.data.shape == (96, 128)
    session.list.next_image()
    image = session.controller.images.layer
    assert session.controller.images.view(image).channel_axis == 0
    session.controller.desk.save_now()
    again = Session()
    again.controller.desk.open(Project.open(session.controller.desk.project.folder).folder)
    again.list.previous_image()
    assert again.controller.labels.data.shape == (96, 128)


@pytest.mark.gui
def test_ten_thousand_images_are_listed_at_once(qtbot: Any) -> None:
    from napari_vlseg.ui.views.worklist_box import WorklistBox

    worklist = Worklist(Path("/plate"), "*", tuple(WorkItem(f"{n}.tif") for n in range(10_000)))
    box = WorklistBox()
    qtbot.addWidget(box)
    box.resize(320, 400)
    box.show()
    start = time.perf_counter()
    box.show_items(worklist.items, 0, None, worklist.counts())
    first = time.perf_counter() - start
    start = time.perf_counter()
    changed = worklist.with_item(5000, status="done")
    box.show_items(changed.items, 5000, None, changed.counts())
    step = time.perf_counter() - start
    box.show_items(changed.items, 5000, "done", changed.counts())
    assert box.model.rowCount() == 1
    assert max(first, step) < 0.5, "measured: 0.06 s"


def test_images_that_are_open_are_chosen_and_not_opened_again(tmp_path: Path) -> None:
    session = Session()
    for level in (0.6, 0.7):
        session.viewer.add_image(blobs(level=level), name=f"at {level}")
        session.segment()
    session.controller.desk.create(tmp_path / "project")
    session.list.previous_image()
    assert session.controller.images.layer.name == "at 0.6"
    assert session.list.position == 0
    assert session.shown == ["at 0.6", "at 0.7"]


def test_a_folder_that_is_no_project_leaves_the_image_alone(
    session: Session, tmp_path: Path
) -> None:
    session.segment()
    (tmp_path / "photos").mkdir()
    session.controller.desk.open(tmp_path / "photos")
    assert "is not a napari-vlseg project" in session.messages[-1]
    assert session.shown == ["f0"]
    session.list.next_image()
    assert session.shown == ["f1"]


def test_another_folder_takes_the_place_of_the_one_before(session: Session, plate: Path) -> None:
    session.segment()
    tifffile.imwrite(plate.with_name("other.tif"), blobs(level=0.3))
    session.controller.desk.open_folder([plate.with_name("other.tif")], plate.with_name("others"))
    assert session.shown == ["other"]
    session.controller.desk.open_folder([plate])
    assert session.shown == ["f0"]
    assert session.controller.n_objects == 4


def test_a_labels_layer_that_is_taken_away_stays_in_the_journal(session: Session) -> None:
    session.segment()
    session.viewer.layers.remove(session.controller.labels)
    session.segment()
    folder = session.controller.desk.project.folder
    (entry,) = Project.open(folder).images
    assert session.controller.desk.state == "saved"
    assert entry.load_labels()[0].max() == session.controller.labels.data.max()
