"""The prompt table: one row per class."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from qtpy.QtCore import QEvent, QObject, Qt, Signal
from qtpy.QtWidgets import QFrame, QScrollArea, QVBoxLayout, QWidget

from napari_vlseg.prompts import PromptTable
from napari_vlseg.ui.views.class_row import ClassRow
from napari_vlseg.ui.views.parts import column, push, row


class PromptTableView(QWidget):
    """Shows a table and reports what is done to a row, with the row's position."""

    edited = Signal(int, str, object)
    phrases_edited = Signal(int, str)
    threshold_moved = Signal(int, float)
    reference_removed = Signal(int, int)
    reference_menu_wanted = Signal(int, object)
    heatmap_wanted = Signal(int)
    moved = Signal(int, int)
    removed = Signal(int)
    added = Signal()
    save_wanted = Signal()
    load_wanted = Signal()
    current_changed = Signal(int)

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[ClassRow] = []
        self.current = 0
        self._stack = QVBoxLayout()
        self._stack.setSpacing(4)
        self._stack.setContentsMargins(0, 0, 0, 0)
        self._stack.addStretch(1)
        inside = QWidget()
        inside.setLayout(self._stack)
        self._scroll = QScrollArea()
        self._scroll.setWidget(inside)
        self._scroll.setWidgetResizable(True)
        self._scroll.setFrameShape(QFrame.Shape.NoFrame)
        self._scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        layout = column(self, margin=0)
        layout.addWidget(self._scroll, 1)
        layout.addLayout(
            row(
                push("+ class", "Add a class (Alt+Shift+N)", self.added.emit),
                1,
                push("save…", "Save the prompt table as JSON", self.save_wanted.emit),
                push("load…", "Load a prompt table", self.load_wanted.emit),
            )
        )

    def show_table(
        self,
        table: PromptTable,
        automatic_threshold: Callable[[str], float],
        warnings: Mapping[str, str],
    ) -> None:
        """Show all rows; widgets stay, so that focus and cursor do.

        `automatic_threshold` tells what "auto" stands for, by class name.
        """
        while len(self.rows) < len(table.rows):
            self._add_row(len(self.rows))
        while len(self.rows) > len(table.rows):
            gone = self.rows.pop()
            self._stack.removeWidget(gone)
            gone.hide()
            gone.deleteLater()
        for widget, shown in zip(self.rows, table.rows, strict=True):
            automatic = automatic_threshold(shown.name)
            widget.show_class(shown, automatic, warnings.get(shown.name, ""))
        self.current = min(self.current, len(self.rows) - 1)

    def set_current(self, position: int) -> None:
        """Make a row the one that keys act on."""
        if position != self.current:
            self.current = position
            self.current_changed.emit(position)

    def commit(self) -> None:
        """Report what is typed and not yet finished."""
        for position, widget in enumerate(self.rows):
            if widget.phrases.isModified():
                widget.phrases.setModified(False)
                self.phrases_edited.emit(position, widget.phrases.text())

    def eventFilter(  # noqa: N802 - Qt's name
        self, watched: QObject | None, event: QEvent | None
    ) -> bool:
        """Remember the row that a person works on: keys act on it."""
        if event is not None and event.type() == QEvent.Type.FocusIn:
            for position, widget in enumerate(self.rows):
                if isinstance(watched, QWidget) and widget.isAncestorOf(watched):
                    self.set_current(position)
        return super().eventFilter(watched, event)

    def _add_row(self, position: int) -> None:
        widget = ClassRow()
        fields = ("name", "color", "visible", "mix", "threshold")
        for name in fields:
            signal: Any = getattr(widget, f"{name}_edited")
            signal.connect(partial(self.edited.emit, position, name))
        widget.phrases_edited.connect(partial(self.phrases_edited.emit, position))
        widget.threshold_moved.connect(partial(self.threshold_moved.emit, position))
        widget.reference_removed.connect(partial(self.reference_removed.emit, position))
        widget.reference_menu_wanted.connect(partial(self.reference_menu_wanted.emit, position))
        widget.heatmap_wanted.connect(partial(self.heatmap_wanted.emit, position))
        widget.moved.connect(partial(self.moved.emit, position))
        widget.removed.connect(partial(self.removed.emit, position))
        for child in (widget.name, widget.phrases, widget.eye, widget.more, widget.automatic):
            child.installEventFilter(self)
        self.rows.append(widget)
        self._stack.insertWidget(position, widget)
