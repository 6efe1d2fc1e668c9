"""Every change of labels is one edit: what is journalled, and what it does to the objects."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_vlseg.corrections.ledger import Ledger
from napari_vlseg.corrections.store import Project
from napari_vlseg.images import pixels_sha256
from napari_vlseg.object_table import ObjectTable
from napari_vlseg.proposals import empty_objects
from napari_vlseg.ui.editing.pace import Pace
from tests.gui.editing.scenes import check, labels_of, rows, segment, session, uid
from tests.gui.fakes import blobs


def ops(controller: Any) -> list[str]:
    return [edit.op for edit in controller.editing.ledger(labels_of(controller)).edits()]


def test_strokes_are_edits_of_their_kind() -> None:
    controller = session()
    layer = labels_of(controller)
    layer.paint((48, 48), 9)
    layer.paint((48, 48), 0)
    layer.mode = "fill"
    layer.fill((26, 26), 7)
    layer.mode = "polygon"
    layer.paint_polygon([(2, 2), (2, 12), (9, 7)], 12)
    assert ops(controller) == ["propose", "paint", "erase", "fill", "polygon"]
    check(controller)


def test_a_drawn_object_gets_a_row_of_the_current_class() -> None:
    controller = session()
    controller.prompts.add_row()
    controller.clicks.set_row(1)
    labels_of(controller).brush_size = 5
    labels_of(controller).paint((48, 48), 9)
    row = rows(controller)[9]
    assert (row["class"], row["status"], row["source"]) == ("class 1", "edited", "manual")
    assert (row["n_edits"], row["created_by"], row["modified_by"]) == (1, "tester", "tester")
    assert row["object_uid"]
    check(controller)


def test_an_object_that_is_painted_on_is_edited_and_counted() -> None:
    controller = session()
    layer = labels_of(controller)
    layer.brush_size = 9
    layer.paint((26, 33), 1)
    layer.paint((26, 20), 0)
    row = rows(controller)[1]
    assert (row["status"], row["source"], row["n_edits"]) == ("edited", "semi-auto", 2)
    assert row["score"] > 0.5, "what the model said of it stays"
    assert [r["status"] for r in rows(controller).values()].count("proposed") == 3
    check(controller)


def test_painting_over_a_neighbour_edits_both() -> None:
    controller = session()
    labels_of(controller).brush_size = 66
    labels_of(controller).paint((26, 56), 1)
    status = {label: row["status"] for label, row in rows(controller).items()}
    assert status == {1: "edited", 2: "edited", 3: "proposed", 4: "proposed"}
    check(controller)


def test_the_row_goes_with_the_last_pixel_and_its_place_is_decided() -> None:
    controller = session()
    layer = labels_of(controller)
    layer.fill((26, 26), 0)
    assert sorted(rows(controller)) == [2, 3, 4]
    segment(controller, "cells")
    assert not layer.data[20:32, 20:32].any()
    check(controller)


def test_who_paints_with_the_label_of_a_rejected_object_brings_it_back() -> None:
    controller = session()
    first = uid(controller, 1)
    controller.editing.reject([first])
    labels_of(controller).paint((26, 26), 1)
    assert uid(controller, 1) == first
    assert rows(controller)[1]["status"] == "edited"
    check(controller)


def test_what_nobody_told_of_is_found_on_looking() -> None:
    controller = session()
    layer = labels_of(controller)
    layer.data[40:45, 40:45] = 30
    layer.refresh()
    controller.look_at_edits()
    assert ops(controller) == ["propose", "other"]
    assert controller.unsaved
    layer.data = np.where(layer.data == 30, 31, layer.data)
    controller.look_at_edits()
    assert rows(controller)[31]["source"] == "manual"
    check(controller)


def test_what_napari_takes_back_for_a_script_is_found_too() -> None:
    controller = session()
    layer = labels_of(controller)
    layer.paint((48, 48), 9)
    layer.undo()
    controller.look_at_edits()
    assert ops(controller) == ["propose", "paint", "other"]
    check(controller)


def test_a_stroke_under_way_is_not_looked_at() -> None:
    controller = session()
    layer = labels_of(controller)
    with layer.block_history():
        layer.paint((48, 48), 9)
        controller.look_at_edits()
        layer.paint((48, 49), 9)
    assert ops(controller) == ["propose", "paint"]
    check(controller)


def test_another_plane_that_is_written_is_found_before_saving() -> None:
    controller = session(np.stack([blobs(), blobs()]))
    layer = labels_of(controller)
    layer.data[0 if controller.images.index(controller.images.require())[0] else 1, :3, :3] = 50
    assert not controller.editing.look(layer)
    assert controller.results.reconcile(layer)
    check(controller)


def test_a_stroke_through_planes_is_one_edit() -> None:
    controller = session(np.stack([blobs()] * 4))
    layer = labels_of(controller)
    layer.n_edit_dimensions, layer.brush_size = 3, 7
    layer.paint((2, 48, 48), 9)
    *_, edit = controller.editing.ledger(layer).edits()
    assert len(edit.pixels.planes(layer.data.shape)) == 4
    check(controller)


def test_a_channel_axis_is_no_axis_of_the_journal() -> None:
    controller = session(np.stack([blobs()] * 2, axis=-1), phrase="")
    controller.images.set_channel_axis(2)
    segment(controller)
    layer = labels_of(controller)
    assert layer.data.shape == (96, 128, 1)
    assert controller.editing.ledger(layer).shape == (96, 128)
    layer.brush_size = 6
    layer.paint((48, 48, 0), 9)
    controller.editing.undo()
    check(controller)


def test_labels_that_are_brought_along_are_where_history_begins() -> None:
    controller = session(phrase="")
    held = np.zeros(blobs().shape, np.uint8)
    held[10:14, 40:50], held[40:50, 40:50] = 7, 200
    layer = controller.viewer.add_labels(held)
    controller.set_target(layer)
    assert {row["status"] for row in rows(controller).values()} == {"proposed"}
    assert {row["source"] for row in rows(controller).values()} == {"manual"}
    controller.editing.undo()
    assert controller.activity == "nothing to undo"
    segment(controller)
    assert sorted(rows(controller)) == [7, 200, 201, 202, 203, 204]
    check(controller)


@pytest.mark.parametrize("stack", [False, True])
def test_a_large_fill_is_told_by_its_box(stack: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("napari_vlseg.ui.editing.patches._LARGE", 100)
    controller = session(np.stack([blobs()] * 2) if stack else None)
    layer = labels_of(controller)
    front = controller.images.index(controller.images.require())
    before = layer.data.copy()
    for place, value in (((0, 0), 300), ((26, 26), 300), ((26, 90), 0), ((0, 0), 0)):
        layer.fill((*front, *place), value)
        check(controller)
    assert layer.data[front].max(initial=0) < 5
    for _ in range(4):
        controller.editing.undo()
        check(controller)
    np.testing.assert_array_equal(layer.data, before)
    assert not controller.record.edited.any()


def test_a_label_too_large_for_the_type_widens_it_for_as_long_as_it_is_there() -> None:
    controller = session(phrase="")
    layer = controller.viewer.add_labels(np.full(blobs().shape, 255, np.uint8))
    layer.data[12:90, 12:110] = 0
    controller.set_target(layer)
    segment(controller)
    assert layer.data.dtype == np.int32
    check(controller)
    controller.editing.undo()
    assert layer.data.dtype == np.uint8
    check(controller)
    controller.editing.redo()
    assert layer.data.max() == 259
    check(controller)


def test_labels_of_another_type_are_noticed() -> None:
    controller = session()
    layer = labels_of(controller)
    layer.data = layer.data.astype(np.uint8)
    controller.look_at_edits()
    layer.paint((48, 48), 9)
    check(controller)
    controller.editing.undo()
    controller.editing.undo()
    assert layer.data.dtype == np.int32
    check(controller)


def test_a_layer_of_another_shape_begins_anew() -> None:
    controller = session()
    layer = labels_of(controller)
    layer.data = np.ones((20, 30), np.int32)
    controller.look_at_edits()
    assert controller.editing.ledger(layer).shape == (20, 30)
    assert not controller.editing.ledger(layer).can_undo
    check(controller)


def test_others_hear_of_every_edit() -> None:
    controller = session()
    heard: list[Any] = []
    controller.editing.edited.connect(lambda layer, edit: heard.append(edit.op))
    controller.editing.changed.connect(lambda layer: heard.append(layer))
    layer = labels_of(controller)
    layer.paint((48, 48), 9)
    controller.editing.accept([uid(controller, 1)])
    controller.editing.undo()
    assert heard == ["paint", layer, "accept", layer, "undo", layer]


def test_a_journal_that_is_bound_goes_on_with_the_same_memory() -> None:
    controller = session()
    layer = labels_of(controller)
    editing = controller.editing
    layer.fill((26, 26), 0)
    editing.attach(layer, editing.ledger(layer), editing.table(layer))
    segment(controller, "cells")
    assert not layer.data[20:32, 20:32].any()
    check(controller)


def test_a_journal_of_an_earlier_session_says_what_was_erased_and_rejected() -> None:
    controller = session()
    layer, editing = labels_of(controller), controller.editing
    layer.fill((26, 26), 0)
    layer.fill((26, 90), 0)
    editing.undo()
    rejected = uid(controller, 3)
    editing.reject([rejected])
    proposals = controller.record.proposals
    again = session(phrase="")
    held = again.viewer.add_labels(layer.data.copy())
    again.results.set_target(again.images.require(), held)
    again.editing.attach(held, editing.ledger(layer), editing.table(layer).copy())
    again.results.restore(held, (None, None), proposals)
    segment(again)
    assert sorted(rows(again)) == [2, 4]
    again.editing.restore([rejected])
    assert sorted(rows(again)) == [2, 3, 4]
    check(again, held)
    for _ in range(4):
        again.editing.undo()
    assert sorted(rows(again)) == [1, 2, 3, 4]
    check(again, held)


def test_seconds_are_counted_up_to_ten_and_not_where_nothing_is_recorded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    times = iter([0.0, 2.5, 100.0, 0.0, 2.5])
    pace = Pace(lambda: next(times))
    assert [pace.acted().seconds, pace.acted().seconds] == [2.5, 10.0]
    monkeypatch.setenv("NAPARI_VLSEG_ANNOTATOR", "off")
    silent = Pace(lambda: next(times)).acted()
    assert (silent.seconds, silent.by, silent.at[10:19]) == (0.0, "", "T00:00:00")


def test_the_features_show_what_has_pixels() -> None:
    controller = session()
    layer = labels_of(controller)
    controller.editing.reject([uid(controller, 2)])
    assert list(layer.features["index"]) == [1, 3, 4]
    layer.paint((48, 48), 9)
    controller.look_at_edits()
    assert list(layer.features["index"]) == [1, 3, 4, 9]
    assert len(controller.results.objects(layer)) == 5
    assert controller.n_objects == 4


def test_an_empty_journal_fits_an_empty_layer() -> None:
    controller = session(phrase="")
    layer = controller.viewer.add_labels(np.zeros(blobs().shape, np.int32))
    controller.results.set_target(controller.images.require(), layer)
    controller.editing.attach(layer, Ledger(blobs().shape), ObjectTable())
    controller.editing.redo()
    assert controller.activity == "nothing to redo"


def test_a_journal_that_goes_on_after_another_is_followed(tmp_path: Path) -> None:
    controller = session()
    layer, editing = labels_of(controller), controller.editing
    rejected = uid(controller, 1)
    editing.reject([rejected])
    controller.prompts.edit(0, threshold=0.3)
    before = editing.ledger(layer).last
    project = Project.create(tmp_path / "project")
    image = blobs()
    entry = project.add_image(
        "a",
        source_path=None,
        pixels_sha256=pixels_sha256(image),
        shape=image.shape,
        dtype=image.dtype,
        axes="YX",
        pixel_size=None,
        unit="",
        scale=(1, 1),
        translate=(0, 0),
        embed=image,
    )
    entry.save_labels(np.ones(image.shape, np.int32), empty_objects())
    entry.bind_ledger(editing.ledger(layer), force=True)
    assert editing.ledger(layer).last > before
    editing.restore([rejected])
    assert controller.activity == "restored 1 object"
    editing.undo()
    editing.undo()
    assert controller.record.basis.base is not None
    editing.undo()
    assert sorted(rows(controller)) == [1, 2, 3, 4]
    editing.ledger(layer).close()
