"""Every action of the dock widget has a key; this is the list of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from napari.components import ViewerModel
from qtpy.QtCore import Qt
from qtpy.QtGui import QKeySequence
from qtpy.QtWidgets import QShortcut, QWidget


@dataclass(frozen=True)
class Key:
    """One key.

    Attributes
    ----------
    action : str
        Which action of the dock widget.
    qt : str
        As Qt and people write it.
    napari : str
        As napari's key bindings write it.
    text : str
        What it does.
    """

    action: str
    qt: str
    napari: str
    text: str


KEYS = (
    Key("segment", "Ctrl+Return", "Control-Enter", "Segment the plane in view"),
    Key("cancel", "Alt+Shift+X", "Alt-Shift-X", "Cancel"),
    Key("add_class", "Alt+Shift+N", "Alt-Shift-N", "Add a class"),
    Key("remove_class", "Alt+Shift+Del", "Alt-Shift-Delete", "Remove the class"),
    Key("move_up", "Alt+Shift+PgUp", "Alt-Shift-PageUp", "Move the class up"),
    Key("move_down", "Alt+Shift+PgDown", "Alt-Shift-PageDown", "Move the class down"),
    Key("add_reference", "Alt+Shift+R", "Alt-Shift-R", "Selected shapes or label as reference"),
    Key("toggle_visible", "Alt+Shift+V", "Alt-Shift-V", "Show or hide the class"),
    Key("lower", "Alt+Shift+,", "Alt-Shift-,", "Lower its threshold"),
    Key("raise", "Alt+Shift+.", "Alt-Shift-.", "Raise its threshold"),
    Key("heatmap", "Alt+Shift+H", "Alt-Shift-H", "Show its probabilities"),
    Key("toggle_mode", "Alt+Shift+I", "Alt-Shift-I", "Instances or classes"),
    Key("details", "Alt+Shift+D", "Alt-Shift-D", "Open or close Details"),
    Key("save", "Alt+Shift+S", "Alt-Shift-S", "Save to the project"),
    Key("open", "Alt+Shift+O", "Alt-Shift-O", "Open a project"),
    Key("export", "Alt+Shift+E", "Alt-Shift-E", "Export from the project"),
    Key("keys", "Alt+Shift+/", "Alt-Shift-/", "Show these keys"),
)


def register_keys(
    viewer: ViewerModel, widget: QWidget, actions: Mapping[str, Callable[[], object]]
) -> Callable[[], None]:
    """Bind every key on the canvas and inside the widget.

    Returns
    -------
    callable
        Takes the keys off the viewer again.
    """
    bound = []
    for key in KEYS:
        shortcut = QShortcut(QKeySequence(key.qt), widget)
        shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        shortcut.activated.connect(actions[key.action])
        viewer.bind_key(key.napari, _on_canvas(actions[key.action]), overwrite=True)
        bound.append(key.napari)

    def unbind() -> None:
        for name in bound:
            viewer.bind_key(name, None)

    return unbind


def key_texts() -> list[tuple[str, str]]:
    """Keys and what they do, for people."""
    return [(key.qt.replace("Return", "Enter"), key.text) for key in KEYS]


def _on_canvas(action: Callable[[], object]) -> Callable[[Any], None]:
    def call(viewer: Any) -> None:
        action()

    return call
