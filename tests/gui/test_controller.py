"""The session without Qt: what happens between a question and its answer."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from napari.components import ViewerModel

from napari_vlseg.corrections.store import Project
from napari_vlseg.errors import ProjectError
from napari_vlseg.images import Channel, ImageView
from napari_vlseg.ui.controller import Controller
from napari_vlseg.ui.runner import SyncRunner
from tests.gui.fakes import BrightnessModel, Loader, ManualRunner, blobs


class Session:
    """A controller with what it told the person."""

    def __init__(self, runner: Any = None) -> None:
        self.viewer = ViewerModel()
        self.loader = Loader(BrightnessModel())
        self.runner = runner or SyncRunner()
        self.controller = Controller(self.viewer, self.runner, self.loader)
        self.messages: list[str] = []
        self.controller.message.connect(lambda text, severity: self.messages.append(text))

    def ask(self, text: str = "nuclei") -> None:
        self.controller.prompts.set_phrases(0, text)
        self.controller.segmenter.start()


@pytest.fixture
def session() -> Session:
    made = Session()
    made.viewer.add_image(blobs(), name="a")
    return made


@pytest.fixture
def waiting() -> Session:
    """A session whose segmentation has been started and not run."""
    made = Session(ManualRunner())
    made.viewer.add_image(blobs(), name="a")
    made.ask()
    return made


def test_the_model_is_loaded_and_the_image_encoded_once(session: Session) -> None:
    session.ask()
    session.ask("cells")
    assert session.loader.loads == 1
    assert session.loader.model.tiles_encoded == 20
    assert set(session.controller.labels.features["prompt"]) == {"cells"}


def test_the_person_decides_whether_objects_follow_the_edges(session: Session) -> None:
    for edges in (None, True, False):
        session.controller.set_settings(replace(session.controller.settings, edges=edges))
        session.ask()
    assert session.loader.model.edges_asked == [False, True, False]


def test_a_person_names_the_axes_of_an_image(session: Session) -> None:
    controller, viewer = session.controller, session.viewer
    panel = viewer.add_image(np.stack([blobs(), blobs() * 0], axis=-1), name="panel")
    controller.images.choose(panel)
    controller.name_axes("YXQC")
    assert "“panel” has 3 axes" in session.messages[-1]
    controller.name_axes("YXC")
    image = controller.images.require()
    assert image.data.shape == (2, *blobs().shape)
    assert controller.images.view(image).channel_axis == 0
    session.ask()
    assert controller.labels.data.shape == blobs().shape
    assert controller.n_objects > 3
    controller.name_axes("ZYX")
    assert "has labels on the axes it has" in session.messages[-1]


def test_channels_come_back_with_the_prompts_they_were_saved_with(
    session: Session, tmp_path: Path
) -> None:
    controller, viewer = session.controller, session.viewer
    panel = viewer.add_image(np.stack([blobs()] * 3), name="panel")
    controller.images.choose(panel)
    controller.images.set_channel_axis(0)
    channels = (Channel(2, "#00ff00", (10.0, 90.0)),)
    controller.prompts.set_channels(channels)
    controller.save_prompts(tmp_path / "prompts.json")
    controller.prompts.set_channels(())
    controller.load_prompts(tmp_path / "prompts.json")
    assert controller.images.view(panel) == ImageView(channel_axis=0, channels=channels)
    controller.images.choose(viewer.layers["a"])
    controller.load_prompts(tmp_path / "prompts.json")
    assert controller.images.view(viewer.layers["a"]) == ImageView()


def test_no_image_and_no_prompt_are_sentences() -> None:
    session = Session()
    session.ask()
    session.viewer.add_image(blobs())
    session.ask("")
    assert session.messages[0] == "There is no image yet: open an image or a sample."
    assert session.messages[1].startswith("The prompt is empty")


@pytest.mark.parametrize("text", ["cells", "nuclei, cells", "nuclei; -cells"])
def test_a_prompt_changed_in_mid_run_drops_the_answer(waiting: Session, text: str) -> None:
    waiting.controller.prompts.set_phrases(0, text)
    assert waiting.runner.cancelled == ["model"]
    waiting.runner.finish()
    assert waiting.controller.labels is None
    assert "the prompt changed" in waiting.controller.activity


def test_a_threshold_changed_in_mid_run_is_used(waiting: Session) -> None:
    waiting.controller.prompts.edit(0, threshold=0.3)
    waiting.runner.finish()
    waiting.runner.finish("settle")
    labels = waiting.controller.labels
    assert set(labels.features["threshold"]) == {0.3}
    assert [edit.op for edit in waiting.controller.editing.ledger(labels).edits()] == [
        "propose",
        "threshold",
    ]


def test_another_image_chosen_in_mid_run_gets_nothing(waiting: Session) -> None:
    first = waiting.controller.images.layer
    other = waiting.viewer.add_image(blobs((50, 60)), name="b")
    assert waiting.controller.images.layer is other
    waiting.runner.finish()
    assert waiting.controller.results.target(other) is None
    assert waiting.controller.results.target(first).name == "a — vlseg"


def test_an_image_removed_in_mid_run_gets_nothing(waiting: Session) -> None:
    waiting.viewer.layers.remove("a")
    assert waiting.runner.cancelled == ["model"]
    waiting.runner.finish()
    assert len(waiting.viewer.layers) == 0


def test_image_data_replaced_in_mid_run_drops_the_answer(waiting: Session) -> None:
    waiting.viewer.layers["a"].data = np.zeros((10, 10))
    waiting.runner.finish()
    assert waiting.controller.labels is None


def test_a_labels_layer_removed_in_mid_run_is_made_anew(session: Session) -> None:
    session.ask()
    runner = session.controller.runner = ManualRunner()
    session.ask("cells")
    session.viewer.layers.remove(session.controller.labels)
    runner.finish()
    runner.finish()  # composed anew, on nothing
    labels = session.controller.labels
    assert labels in session.viewer.layers
    assert set(labels.features["status"]) == {"proposed"}


def test_painting_in_mid_run_is_kept(session: Session) -> None:
    session.ask()
    runner = session.controller.runner = ManualRunner()
    session.ask("cells")
    session.controller.labels.paint((48, 48), 9)
    drawn = session.controller.labels.data == 9
    runner.finish()
    runner.finish()  # composed anew, on what was drawn
    np.testing.assert_array_equal(session.controller.labels.data == 9, drawn)
    assert session.controller.n_objects == 5


def test_an_unexpected_error_is_one_sentence(waiting: Session, monkeypatch: Any) -> None:
    def burst(*args: Any, **options: Any) -> Any:
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr(BrightnessModel, "predict_steps", burst)
    waiting.runner.finish()
    (message,) = waiting.messages
    assert "ZeroDivisionError: division by zero" in message
    assert "\n" not in message
    assert not waiting.controller.segmenter.busy


def test_planes_of_a_stack_have_their_own_results() -> None:
    session = Session()
    stack = np.stack([np.zeros_like(blobs()), blobs(), np.rot90(blobs(), 2)])
    session.viewer.add_image(stack, name="stack", scale=(3, 0.5, 0.5), translate=(1, 2, 3))
    for step in (1, 2):
        session.viewer.dims.set_current_step(0, step)
        session.ask(f"plane {step}")
    labels = session.controller.labels
    assert labels.data.shape == stack.shape
    np.testing.assert_array_equal(labels.scale, (3, 0.5, 0.5))
    np.testing.assert_array_equal(labels.translate, (1, 2, 3))
    assert [len(np.unique(plane)) - 1 for plane in labels.data] == [0, 4, 4]
    assert sorted(labels.features["index"]) == list(range(1, 9))
    first = labels.data[1].copy()
    session.controller.prompts.edit(0, threshold=0.3)
    np.testing.assert_array_equal(labels.data[1], first)
    assert session.controller.images.scope() == "plane 3 of 3 · 96 × 128 px"


def test_hiding_a_class_takes_its_objects_away_and_back(session: Session) -> None:
    prompts = session.controller.prompts
    prompts.add_row()
    prompts.set_phrases(1, "dark")
    session.ask()
    labels = session.controller.labels
    assert set(labels.features["class"]) == {"nuclei", "dark"}
    prompts.toggle_visible(1)
    assert set(labels.features["class"]) == {"nuclei"}
    prompts.toggle_visible(1)
    assert set(labels.features["class"]) == {"nuclei", "dark"}
    assert session.loader.model.tiles_encoded == 20


def test_semantic_results_have_the_colours_of_the_table(session: Session) -> None:
    session.ask()
    session.controller.relabel.toggle_mode()
    labels = session.controller.labels
    assert set(np.unique(labels.data)) == {0, 1}
    np.testing.assert_allclose(labels.get_color(1)[:3], (0.902, 0.098, 0.294), atol=0.01)
    session.controller.relabel.toggle_mode()
    assert session.controller.n_objects == 4
    session.controller.editing.undo()
    np.testing.assert_allclose(labels.get_color(1)[:3], (0.902, 0.098, 0.294), atol=0.01)


def test_the_table_survives_changing_the_image(session: Session) -> None:
    session.ask()
    table = session.controller.prompts.table
    session.viewer.add_image(blobs(), name="b")
    assert session.controller.prompts.table is table
    session.controller.segmenter.start()
    assert session.controller.labels.name == "b — vlseg"


def test_prompts_are_saved_and_loaded(session: Session, tmp_path: Path) -> None:
    prompts = session.controller.prompts
    prompts.set_phrases(0, "nuclei, cell nuclei; −debris")
    table = prompts.table
    session.controller.save_prompts(tmp_path / "prompts.json")
    prompts.remove_row(0)
    session.controller.load_prompts(tmp_path / "prompts.json")
    assert prompts.table == table
    (tmp_path / "other.json").write_text("{}")
    session.controller.load_prompts(tmp_path / "other.json")
    assert prompts.table == table
    assert "not a napari-vlseg prompt file" in session.messages[-1]


def test_a_reference_from_the_selected_label(session: Session) -> None:
    session.ask()
    labels = session.controller.labels
    labels.selected_label = 2
    session.viewer.layers.selection.active = labels
    session.controller.references.from_selection(0)
    (reference,) = session.controller.prompts.table.rows[0].references
    assert reference.mask.sum() == 144
    assert "label 2" in reference.source
    session.controller.references.from_selection(0)
    assert len(session.controller.prompts.table.rows[0].references) == 1


def test_a_reference_from_shapes_in_another_place(session: Session) -> None:
    shapes = session.viewer.add_shapes(
        [[[8, 8], [8, 18], [18, 18], [18, 8]]], shape_type="ellipse", scale=(2, 2)
    )
    session.viewer.layers.selection.active = shapes
    session.controller.references.from_selection(0)
    (reference,) = session.controller.prompts.table.rows[0].references
    assert reference.mask.sum() == pytest.approx(np.pi * 10**2, rel=0.05)


def test_saving_without_a_project_says_what_to_do(session: Session) -> None:
    session.ask()
    session.controller.desk.save()
    assert session.messages == ["There is no project yet: create or open one first."]


def test_a_project_is_saved_on_closing(session: Session, tmp_path: Path) -> None:
    session.ask()
    desk = session.controller.desk
    desk.create(tmp_path / "project")
    session.controller.labels.paint((48, 48), 9)
    assert not session.controller.unsaved, "the stroke is in the journal"
    assert "saved" in session.controller.facts()
    desk.save_now()
    (entry,) = Project.open(tmp_path / "project").images
    saved = tifffile.imread(entry.folder / "labels.tif")
    np.testing.assert_array_equal(saved, session.controller.labels.data)
    labels, objects = entry.load_labels()
    np.testing.assert_array_equal(labels, session.controller.labels.data)
    assert objects["status"].tolist().count("edited") == 1


def test_a_second_save_adds_no_proposal_that_is_there(session: Session, tmp_path: Path) -> None:
    session.ask()
    desk = session.controller.desk
    desk.create(tmp_path / "project")
    session.controller.labels.paint((48, 48), 9)
    desk.save()
    assert len(desk.project.images[0].proposals()) == 1
    session.controller.prompts.edit(0, threshold=0.3)
    desk.save()
    assert len(desk.project.images[0].proposals()) == 2


def test_nobody_else_saves_labels_that_are_open_here(session: Session, tmp_path: Path) -> None:
    session.ask()
    session.controller.desk.create(tmp_path / "project")
    (other,) = Project.open(tmp_path / "project").images
    labels, objects = other.load_labels()
    with pytest.raises(ProjectError, match="open for editing in another window"):
        other.save_labels(np.where(labels == 1, 0, labels), objects)
    session.controller.desk.save_now()
    other.save_labels(np.where(labels == 1, 0, labels), objects)
    assert other.load_labels()[0].max() == 4


def test_auto_is_the_threshold_that_the_model_learned(session: Session) -> None:
    session.loader.model.class_thresholds = {"nuclei": 0.8}
    session.controller.prompts.edit(0, name="nuclei")
    session.ask()
    assert set(session.controller.labels.features["threshold"]) == {0.8}
    assert session.controller.relabel.automatic_threshold("nuclei") == 0.8
    assert session.controller.relabel.automatic_threshold("another") == 0.5
    session.controller.prompts.edit(0, threshold=0.3)
    session.controller.prompts.edit(0, threshold=None)
    assert set(session.controller.labels.features["threshold"]) == {0.8}
