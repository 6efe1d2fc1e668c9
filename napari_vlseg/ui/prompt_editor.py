"""The prompt table while a person edits it: every edit makes a new table."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from psygnal import Signal

from napari_vlseg.errors import PromptError
from napari_vlseg.files import atomic_write_text, reading
from napari_vlseg.images import Channel
from napari_vlseg.prompts import COLORS, ClassPrompt, PromptTable, ReferencePrompt
from napari_vlseg.visual_prompts import VisualPromptSettings

_MINUS = "-−–"
_AUTOMATIC_NAME = re.compile(r"class \d+")


def parse_phrases(text: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Split what a person typed, "nuclei, cell nuclei; -debris", into phrases and negatives."""
    parts = [part.strip() for part in re.split(r"[,;\n]", text)]
    phrases = tuple(dict.fromkeys(p for p in parts if p and p[0] not in _MINUS))
    negatives = [p.lstrip(_MINUS).strip() for p in parts if p and p[0] in _MINUS]
    return phrases, tuple(dict.fromkeys(p for p in negatives if p))


def format_phrases(row: ClassPrompt) -> str:
    """The inverse of `parse_phrases`."""
    return "; ".join(
        part for part in (", ".join(row.phrases), ", ".join(f"−{n}" for n in row.negatives)) if part
    )


Question = tuple[Any, ...]


def question(table: PromptTable, names: tuple[str, ...] | None = None) -> Question:
    """What of a table the model is asked: equal questions have equal probabilities.

    Thresholds and colours are no part of it, and visibility only chooses the rows: those in
    `names`, or the visible ones that are not empty.
    """
    rows = [
        row
        for row in table.rows
        if (row.name in names if names is not None else row.visible and not row.is_empty)
    ]
    asked = tuple(
        (row.name, row.phrases, row.negatives, row.references, row.mix)
        for row in sorted(rows, key=lambda row: row.name)
    )
    return (table.templates, table.visual, asked)


class PromptEditor:
    """Holds the table and makes the edits."""

    changed = Signal(PromptTable)

    def __init__(self) -> None:
        self._table = PromptTable((ClassPrompt("class 1"),))

    @property
    def table(self) -> PromptTable:
        """The table as it stands."""
        return self._table

    def set_table(self, table: PromptTable) -> None:
        """Replace the whole table."""
        if not table.rows:
            table = replace(table, rows=(ClassPrompt("class 1"),))
        self._table = table
        self.changed.emit(table)

    def add_row(self) -> None:
        """Add an empty class with a free name and the next colour."""
        names = {row.name for row in self._table.rows}
        number = next(n for n in range(1, len(names) + 2) if f"class {n}" not in names)
        used = {row.color for row in self._table.rows}
        free = [color for color in COLORS if color not in used]
        color = (free or COLORS)[0]
        self._set_rows((*self._table.rows, ClassPrompt(f"class {number}", color=color)))

    def remove_row(self, position: int) -> None:
        """Remove a class; the last one leaves an empty row behind."""
        rows = self._table.rows
        self._set_rows((*rows[:position], *rows[position + 1 :]) or (ClassPrompt("class 1"),))

    def move_row(self, position: int, step: int) -> None:
        """Move a class up (−1) or down (+1)."""
        rows = list(self._table.rows)
        target = position + step
        if 0 <= target < len(rows):
            rows[position], rows[target] = rows[target], rows[position]
            self._set_rows(tuple(rows))

    def set_phrases(self, position: int, text: str) -> None:
        """Take what a person typed; a class without a name of its own is named after it."""
        phrases, negatives = parse_phrases(text)
        row = self._table.rows[position]
        others = {r.name for i, r in enumerate(self._table.rows) if i != position}
        name = row.name
        if _AUTOMATIC_NAME.fullmatch(name) and phrases and phrases[0] not in others:
            name = phrases[0]
        self.edit(position, name=name, phrases=phrases, negatives=negatives)

    def edit(self, position: int, **changes: Any) -> None:
        """Change fields of one row.

        Raises
        ------
        PromptError
            If the row or the table would not be valid; the table stays as it was.
        """
        rows = list(self._table.rows)
        edited = replace(rows[position], **changes)
        if edited == rows[position]:
            return
        rows[position] = edited
        self._set_rows(tuple(rows))

    def toggle_visible(self, position: int) -> None:
        """Show a hidden class, or hide it."""
        self.edit(position, visible=not self._table.rows[position].visible)

    def set_templates(self, templates: tuple[str, ...]) -> None:
        """Change the sentences around phrases."""
        self._table = replace(self._table, templates=templates)
        self.changed.emit(self._table)

    def set_visual(self, visual: VisualPromptSettings) -> None:
        """Change how the surroundings of references are treated."""
        self._table = replace(self._table, visual=visual)
        self.changed.emit(self._table)

    def set_channels(self, channels: tuple[Channel, ...]) -> None:
        """Keep which channels the model sees, and how, with the prompts."""
        if channels != self._table.channels:
            self._table = replace(self._table, channels=channels)
            self.changed.emit(self._table)

    def add_reference(self, name: str, reference: ReferencePrompt) -> None:
        """Show a class a region; a region that it has already is not added twice."""
        self._edit_named(name, lambda refs: refs if reference in refs else (*refs, reference))

    def remove_reference(self, position: int, number: int) -> None:
        """Forget one reference of a class."""
        refs = self._table.rows[position].references
        self.edit(position, references=(*refs[:number], *refs[number + 1 :]))

    def save(self, path: Path) -> None:
        """Write the table as JSON, atomically."""
        atomic_write_text(path, self._table.to_json())

    def load(self, path: Path) -> None:
        """Read a table that `save` wrote."""
        with reading(path, PromptError):
            text = path.read_text(encoding="utf-8", errors="replace")
        self.set_table(PromptTable.from_json(text))

    def _edit_named(
        self,
        name: str,
        change: Callable[[tuple[ReferencePrompt, ...]], tuple[ReferencePrompt, ...]],
    ) -> None:
        for position, row in enumerate(self._table.rows):
            if row.name == name:
                self.edit(position, references=change(row.references))
                return
        raise PromptError(f"The class “{name}” is gone: add it again, then its reference.")

    def _set_rows(self, rows: tuple[ClassPrompt, ...]) -> None:
        self._table = replace(self._table, rows=rows)
        self.changed.emit(self._table)
