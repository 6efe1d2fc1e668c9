"""Objects followed through a stack in the window, with real clicks."""

from __future__ import annotations

import threading
import time
from typing import Any

import numpy as np
import pytest
from napari.layers import Tracks
from qtpy.QtCore import Qt

from napari_vlseg.events import Progress, Work
from napari_vlseg.models.base import MaskProposal, PromptableEmbedding
from napari_vlseg.object_prompts import MaskLogits, ObjectPrompt
from napari_vlseg.proposals import ModelInfo
from tests.gui.driving import click_at, press_key, take_tool, wait_idle

pytestmark = pytest.mark.gui

N_PLANES = 8
SIDE = 64
LEFT = Qt.MouseButton.LeftButton


def disc(row: float, col: float, radius: float = 8) -> np.ndarray:
    rows, cols = np.mgrid[:SIDE, :SIDE]
    return (rows - row) ** 2 + (cols - col) ** 2 <= radius**2


def film() -> tuple[np.ndarray, np.ndarray]:
    """Two discs that move apart; the second is gone from plane 6 on."""
    truth = np.zeros((N_PLANES, SIDE, SIDE), np.uint8)
    for plane in range(N_PLANES):
        truth[plane][disc(16, 14 + 4 * plane)] = 1
        if plane < 6:
            truth[plane][disc(46, 46 - 4 * plane)] = 2
    noise = np.random.default_rng(0).integers(0, 6, truth.shape)
    return (np.array([20, 220, 160])[truth] + noise).astype(np.uint8), truth


class BrightModel:
    """Outlines the bright object at a click, in a box or under a mask, as the plane shows it."""

    input_size = 64

    def __init__(self, gate: threading.Event | None = None) -> None:
        self.info = ModelInfo("bright", "1", device="cpu")
        self.gate, self.n_encoded = gate, 0

    def embedding_key(self, plane: np.ndarray) -> str:
        return str(hash(plane.tobytes()))

    def encode_steps(self, plane: np.ndarray) -> Work[PromptableEmbedding]:
        self.n_encoded += 1
        yield Progress("encoding", 0, 1)
        while self.gate is not None and not self.gate.wait(0.01):
            yield Progress("encoding", 0, 1)
        return PromptableEmbedding(self.embedding_key(plane), plane.shape[:2], plane[..., 0])

    def predict_objects_steps(
        self,
        embedding: PromptableEmbedding,
        prompts: list[ObjectPrompt],
        *,
        multimask: bool = False,
    ) -> Work[list[list[MaskProposal]]]:
        yield Progress("segmenting", 1, 1)
        return [[self._answer(embedding.content, prompt)] for prompt in prompts]

    def _answer(self, gray: np.ndarray, prompt: ObjectPrompt) -> MaskProposal:
        from skimage.measure import label

        parts = label(gray > 0.4)
        if len(prompt.points):
            row, col = np.round(prompt.points[0]).astype(int)
            number = int(parts[row, col])
        else:
            assert prompt.box is not None
            top, left, bottom, right = (round(edge + 0.5) for edge in prompt.box)
            counts = np.bincount(parts[top:bottom, left:right].ravel(), minlength=2)
            number = int(counts[1:].argmax()) + 1 if counts[1:].any() else 0
        if not number:
            nothing = MaskLogits(np.full((2, 2), -8, np.float32), (0, 0, *gray.shape))
            return MaskProposal(nothing, 0.1, gray.shape)
        return MaskProposal(MaskLogits.of_mask(parts == number), 0.9, gray.shape)

    def encode(self, plane: np.ndarray) -> PromptableEmbedding:
        raise NotImplementedError("the window encodes in steps")

    predict = predict_steps = predict_objects = pack = unpack = encode


@pytest.fixture
def widget(make_widget: Any, qtbot: Any) -> Any:
    """The widget on the first plane of the film, with the point tool in hand."""
    made = make_widget(clicks=BrightModel())
    viewer = made.controller.viewer
    viewer.window.resize(1200, 900)
    viewer.add_image(film()[0], name="film", scale=(2, 0.5, 0.5))
    viewer.dims.set_point(0, 0)
    qtbot.wait(50)
    take_tool(qtbot, made, "point")
    return made


def outline(qtbot: Any, widget: Any, plane: int, row: int, col: int) -> int:
    """Click an object on a plane and commit it; its label."""
    image = widget.controller.viewer.layers["film"]
    widget.controller.viewer.dims.set_point(0, plane * image.scale[0])
    qtbot.wait(20)
    wait_idle(qtbot, widget)
    click_at(qtbot, widget, image, (plane, row, col))
    press_key(qtbot, widget, "c")
    return int(widget.controller.labels.selected_label)


def press(qtbot: Any, widget: Any, button: Any) -> None:
    qtbot.mouseClick(button, LEFT)
    wait_idle(qtbot, widget)


def stops_of(widget: Any) -> list[str]:
    box = widget.through.stops
    return [box.item(n).text() for n in range(box.count())]


def test_the_box_is_there_for_stacks_alone(widget: Any, qtbot: Any) -> None:
    assert widget.through.isVisible()
    assert not widget.through.axis.isVisible()
    widget.controller.viewer.add_image(film()[0][0], name="plane")
    assert not widget.through.isVisible()
    widget.controller.viewer.add_image(film()[0][None], name="two axes")
    assert widget.through.axis.isVisible()
    assert [widget.through.axis.itemText(n) for n in (0, 1)] == ["axis 1 (1)", "axis 2 (8)"]


def test_a_clicked_object_is_followed_without_being_committed_first(
    widget: Any, qtbot: Any
) -> None:
    image = widget.controller.viewer.layers["film"]
    click_at(qtbot, widget, image, (0, 16, 14))
    press(qtbot, widget, widget.through.propagate)
    labels, truth = widget.controller.labels.data, film()[1]
    for plane in range(N_PLANES):
        both = np.count_nonzero((labels[plane] == 1) & (truth[plane] == 1))
        assert both / np.count_nonzero(labels[plane] | (truth[plane] == 1)) > 0.9
    assert stops_of(widget) == []
    assert "followed 1 object through all planes" in widget.controller.activity
    table = widget.controller.editing.table(widget.controller.labels)
    assert list(table.column("area")) == [np.count_nonzero(labels)]


def test_stops_are_listed_and_a_click_goes_there(widget: Any, qtbot: Any) -> None:
    outline(qtbot, widget, 0, 16, 14)
    outline(qtbot, widget, 0, 46, 46)
    widget.through.which.setCurrentIndex(1)
    widget.through.which.activated.emit(1)
    press(qtbot, widget, widget.through.propagate)
    labels = widget.controller.labels.data
    assert [set(np.unique(plane)) - {0} for plane in labels] == [{1, 2}] * 6 + [{1}] * 2
    (text,) = stops_of(widget)
    assert text.startswith("object 2, plane 7: ")
    assert widget.through.stops.isVisible()
    item = widget.through.stops.item(0)
    place = widget.through.stops.visualItemRect(item).center()
    qtbot.mouseClick(widget.through.stops.viewport(), LEFT, pos=place)
    assert widget.controller.viewer.dims.current_step[0] == 6
    assert widget.controller.labels.selected_label == 2


def test_each_plane_is_one_edit_that_can_be_taken_back(widget: Any, qtbot: Any) -> None:
    outline(qtbot, widget, 3, 16, 26)
    press(qtbot, widget, widget.through.propagate)
    labels = widget.controller.labels
    ledger = widget.controller.editing.ledger(labels)
    ops = [ledger.edit(n).op for n in range(1, ledger.last + 1)]
    assert ops == ["commit"] + ["propagate"] * 7
    for _ in range(7):
        widget.controller.editing.undo()
    assert [bool(plane.any()) for plane in labels.data] == [n == 3 for n in range(N_PLANES)]


def test_a_range_and_a_direction_are_kept(widget: Any, qtbot: Any) -> None:
    outline(qtbot, widget, 3, 16, 26)
    widget.through.direction.setCurrentIndex(2)
    widget.through.direction.activated.emit(2)
    widget.through.planes.setText("2-6")
    press(qtbot, widget, widget.through.propagate)
    there = [bool(plane.any()) for plane in widget.controller.labels.data]
    assert there == [False, True, True, True, False, False, False, False]
    widget.through.planes.setText("6-8")
    press(qtbot, widget, widget.through.propagate)
    assert "don't include the one in view, 4" in widget.controller.activity


def test_what_a_person_drew_is_never_overwritten(widget: Any, qtbot: Any) -> None:
    outline(qtbot, widget, 0, 16, 14)
    layer = widget.controller.labels
    drawn = np.zeros((SIDE, SIDE), bool)
    drawn[20:24, 10:60] = True
    widget.controller.viewer.dims.set_point(0, 4 * 2.0)
    layer.data_setitem((np.full(drawn.sum(), 4), *np.nonzero(drawn)), 9)
    widget.controller.look_at_edits()
    widget.controller.viewer.dims.set_point(0, 0)
    layer.selected_label = 1
    press(qtbot, widget, widget.through.propagate)
    assert (layer.data[4][drawn] == 9).all()
    assert (layer.data[4] == 1).any()
    assert (layer.data[5] == 1).any()


def test_a_correction_redoes_what_depends_on_it(widget: Any, qtbot: Any) -> None:
    outline(qtbot, widget, 0, 16, 14)
    press(qtbot, widget, widget.through.propagate)
    assert not widget.through.again.isEnabled()
    layer, truth = widget.controller.labels, film()[1]
    before = layer.data.copy()
    widget.controller.viewer.dims.set_point(0, 4 * 2.0)
    erased = np.nonzero((layer.data[4] == 1) & (np.arange(SIDE)[:, None] < 12))
    layer.data_setitem((np.full(len(erased[0]), 4), *erased), 0)
    widget.controller.look_at_edits()
    assert widget.controller.through.corrected == ((1, 4),)
    assert widget.through.again.text() == "Again (1)"
    ledger = widget.controller.editing.ledger(layer)
    last = ledger.last
    press(qtbot, widget, widget.through.again)
    after = layer.data
    np.testing.assert_array_equal(after[:4], before[:4])
    assert not (after[4][erased] > 0).any(), "the correction stays"
    redone = {ledger.edit(n).plane for n in range(last + 1, ledger.last + 1)}
    assert redone <= {(5,), (6,), (7,)}
    for plane in (5, 6, 7):
        assert ((after[plane] == 1) & (truth[plane] == 1)).any()
    assert not widget.through.again.isEnabled()


def test_a_later_session_knows_from_the_journal_what_follows(widget: Any, qtbot: Any) -> None:
    outline(qtbot, widget, 2, 16, 22)
    press(qtbot, widget, widget.through.propagate)
    through, layer = widget.controller.through, widget.controller.labels
    through._followed.clear()  # as after opening the project again
    widget.controller.viewer.dims.set_point(0, 5 * 2.0)
    before = layer.data.copy()
    erased = np.nonzero((layer.data[5] == 1) & (np.arange(SIDE)[:, None] < 12))
    layer.data_setitem((np.full(len(erased[0]), 5), *erased), 0)
    widget.controller.look_at_edits()
    assert through.corrected == ((1, 5),)
    press(qtbot, widget, widget.through.again)
    np.testing.assert_array_equal(layer.data[:5], before[:5])
    assert [(plane == 1).any() for plane in layer.data] == [True] * N_PLANES


def test_it_can_be_stopped_and_the_window_goes_on(make_widget: Any, qtbot: Any) -> None:
    model = BrightModel()
    widget = make_widget(clicks=model)
    viewer = widget.controller.viewer
    viewer.add_image(film()[0], name="film")
    viewer.dims.set_point(0, 0)
    take_tool(qtbot, widget, "point")
    click_at(qtbot, widget, viewer.layers["film"], (0, 16, 14))
    wait_idle(qtbot, widget)
    widget.controller.embeddings.clear()
    model.gate = threading.Event()
    qtbot.mouseClick(widget.through.propagate, LEFT)
    qtbot.waitUntil(lambda: widget.through.propagate.text() == "Stop", timeout=5000)
    longest, last = 0.0, time.perf_counter()
    for _ in range(10):
        qtbot.wait(5)
        now = time.perf_counter()
        longest, last = max(longest, now - last), now
    assert longest < 0.5
    begun = time.perf_counter()
    qtbot.mouseClick(widget.through.propagate, LEFT)
    qtbot.waitUntil(lambda: widget.through.propagate.text() == "Propagate", timeout=5000)
    assert time.perf_counter() - begun < 0.5
    assert "stopped" in widget.controller.activity
    model.gate.set()
    wait_idle(qtbot, widget)
    assert [bool(plane.any()) for plane in widget.controller.labels.data] == [True] + [False] * 7


def test_planes_are_linked_in_one_edit_and_shown_as_tracks(widget: Any, qtbot: Any) -> None:
    for plane in range(4):
        outline(qtbot, widget, plane, 16, 14 + 4 * plane)
    labels = widget.controller.labels
    assert set(np.unique(labels.data)) == {0, 1, 2, 3, 4}
    before, area = labels.data.copy(), np.count_nonzero(labels.data)
    press(qtbot, widget, widget.through.link)
    assert len(set(np.unique(labels.data)) - {0}) == 1
    table = widget.controller.editing.table(labels)
    assert list(table.column("area")) == [area]
    widget.controller.editing.undo()
    np.testing.assert_array_equal(labels.data, before)
    widget.controller.editing.redo()
    press(qtbot, widget, widget.through.tracks)
    (tracks,) = [one for one in widget.controller.viewer.layers if isinstance(one, Tracks)]
    assert tracks.data.shape == (4, 4)
    world = tracks.data_to_world(tracks.data[2][1:])
    np.testing.assert_allclose(world, [4, 8, 11], atol=0.3)


def test_there_is_a_word_for_what_is_missing(widget: Any, qtbot: Any) -> None:
    press(qtbot, widget, widget.through.propagate)
    assert "There are no labels yet" in widget.controller.activity
    outline(qtbot, widget, 0, 16, 14)
    widget.controller.labels.selected_label = 5
    press(qtbot, widget, widget.through.propagate)
    assert "no object in hand on this plane" in widget.controller.activity
    widget.controller.through.again()
    assert "Nothing was corrected" in widget.controller.activity
