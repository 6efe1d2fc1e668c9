"""Undo and redo reach every edit, across planes, in memory and in files."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_vlseg.corrections.edits import Edit, Head
from napari_vlseg.corrections.ledger import Ledger
from napari_vlseg.corrections.replay import apply_edit, replay
from napari_vlseg.corrections.undoing import UndoStack
from napari_vlseg.errors import LedgerError
from napari_vlseg.object_table import ObjectTable, RowChange
from napari_vlseg.pixel_changes import PixelChange

SHAPE = (2, 6, 7)


def stroke(labels: np.ndarray, value: int, rng: random.Random) -> Edit:
    flat = np.array(rng.sample(range(labels.size), rng.randint(1, 9)))
    return Edit("paint", PixelChange.at(flat, labels.ravel()[flat], value), cause={"brush": 3})


def test_every_edit_is_numbered_and_stamped() -> None:
    ledger = Ledger(SHAPE, annotator="a1")
    assert (ledger.last, ledger.can_undo, ledger.can_redo) == (0, False, False)
    assert ledger.undo() is ledger.redo() is ledger.next_undo is ledger.next_redo is None
    first, second = (ledger.append(Edit("comment", cause={"n": n})) for n in (1, 2))
    assert (first.number, second.number, ledger.last) == (1, 2, 2)
    assert first.time.endswith("Z")
    assert first.time <= second.time
    assert [edit.annotator for edit in ledger.edits()] == ["a1", "a1"]
    assert [edit.cause["n"] for edit in ledger.edits(after=1)] == [2]
    assert ledger.next_undo.cause == {"n": 2}


def test_a_kind_that_is_unknown_is_refused() -> None:
    for op in ("", "painted", "undo", "redo"):
        with pytest.raises(ValueError, match="no kind of edit"):
            Ledger(SHAPE).append(Edit(op))


@pytest.mark.parametrize("seed", range(5))
def test_undo_and_redo_give_back_every_state(seed: int) -> None:
    rng, ledger = random.Random(seed), Ledger(SHAPE)
    labels, table = np.zeros(SHAPE, np.int32), ObjectTable()
    states = [labels.copy()]
    for value in range(1, 9):
        row = table.added(label=value)
        edit = stroke(labels, value, rng)
        edit = Edit(edit.op, edit.pixels, (row,), (value % 2,))
        apply_edit(labels, table, edit)
        ledger.append(edit)
        states.append(labels.copy())
    place = 8
    for _ in range(40):
        is_undo = rng.random() < 0.5
        edit = ledger.undo() if is_undo else ledger.redo()
        expected = place - 1 if is_undo else place + 1
        if not 0 <= expected <= 8:
            assert edit is None
            continue
        place = expected
        assert edit.op == ("undo" if is_undo else "redo")
        assert edit.cause["what"] == "paint"
        assert edit.plane == (edit.cause["of"] % 2,)
        apply_edit(labels, table, edit)
        np.testing.assert_array_equal(labels, states[place])
        assert len(table) == place
        assert (ledger.can_undo, ledger.can_redo) == (place > 0, place < 8)
    for lookup in (None, ledger.edit):
        again, objects = replay(ledger.edits(), SHAPE, np.int32, lookup)
        np.testing.assert_array_equal(again, labels)
        assert set(objects) == set(table)
        assert {u: objects.get(u, "area") for u in objects} == {
            u: table.get(u, "area") for u in table
        }


def test_a_new_edit_forgets_what_was_taken_back() -> None:
    ledger = Ledger(SHAPE)
    for number in range(3):
        ledger.append(Edit("comment", cause={"n": number}))
    ledger.undo()
    ledger.undo()
    assert ledger.next_redo.cause == {"n": 1}
    ledger.append(Edit("comment", cause={"n": 9}))
    assert not ledger.can_redo
    assert [ledger.undo().cause["of"] for _ in range(2)] == [6, 1]
    assert ledger.undo() is None


def test_history_begins_at_an_import() -> None:
    ledger = Ledger(SHAPE)
    ledger.append(Edit("paint"))
    ledger.append(Edit("import"))
    assert not ledger.can_undo
    ledger.append(Edit("paint"))
    assert ledger.undo().cause["of"] == 3
    assert not ledger.can_undo


def test_an_edit_whose_rows_do_not_fit_changes_no_pixel() -> None:
    labels, table = np.zeros(SHAPE, np.int32), ObjectTable()
    edit = Edit("paint", PixelChange.at(np.array([3]), 0, 1), (RowChange("no", {}, {}),))
    with pytest.raises(LedgerError):
        apply_edit(labels, table, edit)
    assert not labels.any()


@given(st.lists(st.sampled_from(["edit", "undo", "redo", "import"]), max_size=60))
def test_the_stack_comes_back_from_its_spans(steps: list[str]) -> None:
    stack = UndoStack()
    for number, step in enumerate(steps, start=1):
        if step == "undo" and stack.done:
            stack.note(Head(number, "undo", stack.done[-1]))
        elif step == "redo" and stack.undone:
            stack.note(Head(number, "redo", stack.undone[-1]))
        elif step in ("edit", "import"):
            stack.note(Head(number, "paint" if step == "edit" else "import"))
    again = UndoStack(*stack.spans())
    assert (again.done, again.undone) == (stack.done, stack.undone)
    assert len(stack.spans()[0]) <= 1 + len(steps) // 2
