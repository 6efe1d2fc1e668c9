"""Undo and redo of any depth, over planes, strokes, results, commits and actions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from napari_vlseg.ui.controller import Controller
from tests.gui.editing.scenes import check, labels_of, rows, segment, session, uid
from tests.gui.fakes import blobs


def snapshot(controller: Controller) -> tuple[Any, ...]:
    """Everything that undo has to bring back, and what the next result is composed on."""
    layer, table = labels_of(controller), controller.editing.table(labels_of(controller))
    held = {str(key): record for key, record in controller.results.records(layer).items()}
    planes = [held[key] for key in sorted(held)]
    return (
        np.array(layer.data).tobytes(),
        tuple(sorted((one, str(table.row(one))) for one in table)),
        tuple(record.edited.tobytes() for record in planes),
        tuple(record.kept(table).tobytes() for record in planes),
        tuple(record.basis.semantic for record in planes),
    )


def click(controller: Controller, *place: float) -> None:
    controller.clicks.set_tool("point")
    controller.clicks.click(np.array(place, float), True)
    controller.clicks.commit()
    controller.clicks.put_down()


def some_of_everything(controller: Controller, front: tuple[int, ...] = ()) -> list[Any]:
    layer, editing, prompts = labels_of(controller), controller.editing, controller.prompts
    layer.brush_size = 9
    return [
        lambda: layer.paint((*front, 48, 48), 9),
        lambda: prompts.edit(0, threshold=0.3),
        lambda: layer.fill((*front, 26, 26), 0),
        lambda: segment(controller, "cells"),
        lambda: click(controller, *front, 48, 100),
        lambda: editing.accept([uid(controller, 9)]),
        lambda: editing.reject([next(iter(editing.table(layer)))]),
        lambda: prompts.edit(0, threshold=0.6),
        lambda: controller.relabel.toggle_mode(),
        lambda: layer.paint((*front, 5, 5), 1),
        lambda: controller.relabel.toggle_mode(),
        lambda: editing.merge(list(controller.editing.table(layer))[-2:]),
    ]


@pytest.mark.parametrize(("stack", "beside"), [(False, False), (True, False), (False, True)])
def test_everything_is_taken_back_and_done_again(
    stack: bool, beside: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if beside:
        monkeypatch.setattr("napari_vlseg.ui.editing.past.MANY", 0)
        monkeypatch.setattr("napari_vlseg.ui.editing.acting.MANY", 0)
    controller = session(np.stack([blobs(), blobs()]) if stack else None)
    front = controller.images.index(controller.images.require())
    states = [snapshot(controller)]
    for act in some_of_everything(controller, front):
        act()
        check(controller)
        states.append(snapshot(controller))
    assert len(set(states)) == len(states), "every one of them is an edit"
    for state in reversed(states[:-1]):
        controller.editing.undo()
        assert snapshot(controller) == state
        check(controller)
    for state in states[1:]:
        controller.editing.redo()
        assert snapshot(controller) == state
    check(controller)


def test_a_result_after_undo_is_what_it_would_have_been() -> None:
    controller = session()
    layer = labels_of(controller)
    layer.fill((26, 26), 0)
    layer.brush_size = 8
    layer.paint((26, 90), 2)
    segment(controller, "cells")
    assert len(rows(controller)) == 3
    for _ in range(3):
        controller.editing.undo()
    segment(controller, "cells")
    assert {row["status"] for row in rows(controller).values()} == {"proposed"}
    assert len(rows(controller)) == 4
    check(controller)


def test_undo_moves_to_the_plane_where_it_was_and_says_so() -> None:
    controller = session(np.stack([blobs()] * 3))
    layer, dims = labels_of(controller), controller.viewer.dims
    dims.set_current_step(0, 2)
    layer.paint((2, 48, 48), 9)
    dims.set_current_step(0, 0)
    layer.paint((0, 48, 48), 9)
    controller.editing.undo()
    assert (dims.current_step[0], controller.activity) == (0, "undone: paint on plane 1")
    controller.editing.undo()
    assert (dims.current_step[0], controller.activity) == (2, "undone: paint on plane 3")
    controller.editing.redo()
    assert controller.activity == "done again: paint on plane 3"
    check(controller)


def test_the_history_survives_a_change_of_the_slice() -> None:
    controller = session(np.stack([blobs()] * 2))
    layer = labels_of(controller)
    index = controller.images.index(controller.images.require())
    layer.paint((*index, 48, 48), 9)
    painted = layer.data.copy()
    controller.viewer.dims.set_current_step(0, 1 - index[0])
    controller.viewer.dims.set_current_step(0, index[0])
    controller.editing.undo()
    assert not (layer.data == 9).any()
    controller.editing.redo()
    np.testing.assert_array_equal(layer.data, painted)


def test_the_keys_of_the_layer_are_ours_until_the_widget_closes() -> None:
    controller = session()
    layer = labels_of(controller)
    assert {str(key) for key in layer.keymap} >= {"Ctrl+Z", "Ctrl+Shift+Z"}
    layer.paint((48, 48), 9)
    for key, call in layer.keymap.items():
        if str(key) == "Ctrl+Z":
            call(layer)
    assert not (layer.data == 9).any()
    controller.close()
    assert not layer.keymap


def test_what_nobody_told_of_is_undone_first() -> None:
    controller = session()
    layer = labels_of(controller)
    layer.paint((48, 48), 9)
    layer.data[layer.data == 9] = 10
    controller.editing.undo()
    assert controller.activity == "undone: change"
    assert (layer.data == 9).any()
    controller.editing.undo()
    assert not (layer.data == 9).any()
    check(controller)


def test_the_active_layer_is_the_one_that_is_undone() -> None:
    controller = session()
    first = labels_of(controller)
    first.paint((48, 48), 9)
    controller.viewer.add_image(blobs(level=0.7), name="b")
    segment(controller)
    controller.viewer.layers.selection.active = first
    controller.editing.undo()
    assert not (first.data == 9).any()
    controller.viewer.layers.selection.active = controller.viewer.layers["b"]
    controller.editing.undo()
    assert not labels_of(controller).data.any()


def test_without_labels_there_is_nothing_to_undo() -> None:
    controller = session(phrase="")
    controller.editing.undo()
    assert "there are no labels yet" in controller.activity


def test_a_stroke_during_a_preview_is_kept() -> None:
    """The slider has settled, the answer is on its way, and the person paints already."""
    controller = session()
    layer = labels_of(controller)
    controller.relabel.preview("nuclei", 0.3)
    shown = (layer.data > 0).sum()
    layer.brush_size = 6
    layer.paint((48, 48), 9)
    drawn = layer.data == 9
    assert drawn.any()
    assert (layer.data > 0).sum() < shown + drawn.sum(), "the preview is taken away"
    controller.prompts.edit(0, threshold=0.3)
    np.testing.assert_array_equal(layer.data == 9, drawn)
    check(controller)


def test_hiding_a_class_is_an_edit_like_others() -> None:
    controller = session()
    controller.prompts.add_row()
    controller.prompts.set_phrases(1, "dark")
    controller.segmenter.start()
    before = rows(controller)
    controller.prompts.toggle_visible(1)
    assert len(rows(controller)) < len(before)
    controller.editing.undo()
    assert {label: row["class"] for label, row in rows(controller).items()} == {
        label: row["class"] for label, row in before.items()
    }
    check(controller)


def test_a_journal_that_cannot_be_read_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    controller = session()
    layer = labels_of(controller)
    ledger = controller.editing.ledger(layer)
    held = layer.data.copy()
    lines = ledger._lines
    monkeypatch.setattr(lines, "line", lambda number: b'{"n":1}')
    controller.editing.undo()
    assert "damaged" in controller.activity
    np.testing.assert_array_equal(layer.data, held)


def test_composing_remembers_one_base_for_many_thresholds() -> None:
    controller = session()
    for threshold in (0.3, 0.4, 0.5, 0.6):
        controller.prompts.edit(0, threshold=threshold)
    book = controller.editing.book(labels_of(controller))
    every = [basis.base for _, *pair in book._bases.values() for basis in pair]
    assert len({id(base) for base in every if base is not None}) == 1
