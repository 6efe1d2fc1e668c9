"""What a person types becomes a prompt table, and back."""

from __future__ import annotations

import pytest

from napari_vlseg.errors import PromptError
from napari_vlseg.prompts import ClassPrompt, PromptTable
from napari_vlseg.ui.prompt_editor import PromptEditor, format_phrases, parse_phrases, question


@pytest.mark.parametrize(
    ("text", "phrases", "negatives"),
    [
        ("nuclei", ("nuclei",), ()),
        ("nuclei, cell nuclei; -debris", ("nuclei", "cell nuclei"), ("debris",)),
        ("−dust; nuclei;; ,–smudge", ("nuclei",), ("dust", "smudge")),
        ("nuclei, nuclei", ("nuclei",), ()),
        ("T-cell", ("T-cell",), ()),
        ("  ; - ", (), ()),
    ],
)
def test_phrases(text: str, phrases: tuple[str, ...], negatives: tuple[str, ...]) -> None:
    assert parse_phrases(text) == (phrases, negatives)
    row = ClassPrompt("x", phrases, negatives)
    assert parse_phrases(format_phrases(row)) == (phrases, negatives)


def test_a_class_is_named_after_its_first_phrase_unless_it_has_a_name() -> None:
    editor = PromptEditor()
    editor.set_phrases(0, "nuclei, cells")
    assert editor.table.rows[0].name == "nuclei"
    editor.set_phrases(0, "cells")
    assert editor.table.rows[0].name == "nuclei"
    editor.add_row()
    editor.set_phrases(1, "nuclei")
    assert editor.table.rows[1].name == "class 1"


def test_an_edit_that_is_not_valid_leaves_the_table() -> None:
    editor = PromptEditor()
    editor.add_row()
    before = editor.table
    with pytest.raises(PromptError, match="named “class 1”"):
        editor.edit(1, name="class 1")
    with pytest.raises(PromptError, match="no name"):
        editor.edit(0, name=" ")
    assert editor.table is before


def test_rows_are_added_moved_and_removed() -> None:
    editor = PromptEditor()
    editor.add_row()
    editor.add_row()
    assert len({row.color for row in editor.table.rows}) == 3
    editor.move_row(2, -1)
    editor.move_row(0, -1)
    assert [row.name for row in editor.table.rows] == ["class 1", "class 3", "class 2"]
    for _ in range(3):
        editor.remove_row(0)
    assert [row.name for row in editor.table.rows] == ["class 1"]


def test_an_edit_that_changes_nothing_is_not_reported() -> None:
    editor = PromptEditor()
    seen: list[PromptTable] = []
    editor.changed.connect(seen.append)
    editor.edit(0, threshold=0.4)
    editor.edit(0, threshold=0.4)
    assert len(seen) == 1


def test_the_question_is_what_the_model_is_asked() -> None:
    editor = PromptEditor()
    editor.set_phrases(0, "nuclei")
    asked = question(editor.table)
    editor.edit(0, threshold=0.3, color="#000000")
    editor.add_row()
    assert question(editor.table) == asked
    editor.set_phrases(1, "cells")
    assert question(editor.table) != asked
