"""Every action of the dock widget has a key; this is the list of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from napari.components import ViewerModel
from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtGui import QKeyEvent, QKeySequence
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
    Key("segment", "Ctrl+Return", "Control-Enter", "Segment (the plane in view)"),
    Key("next_scope", "Alt+Shift+Down", "Alt-Shift-Down", "Next choice of what Segment works on"),
    Key(
        "apply_thresholds",
        "Alt+Shift+End",
        "Alt-Shift-End",
        "Thresholds on all planes",
    ),
    Key("region", "Alt+Shift+Home", "Alt-Shift-Home", "Edit a region of a huge plane, put it back"),
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
    Key("next_image", "Alt+Shift+Right", "Alt-Shift-Right", "Next image of the project"),
    Key("previous_image", "Alt+Shift+Left", "Alt-Shift-Left", "Previous image of the project"),
    Key("done_and_next", "Alt+Shift+Return", "Alt-Shift-Enter", "Image done, go to the next"),
    Key("skip_and_next", "Alt+Shift+K", "Alt-Shift-K", "Skip the image, go to the next"),
    Key("export", "Alt+Shift+E", "Alt-Shift-E", "Export from the project"),
    Key("train", "Alt+Shift+T", "Alt-Shift-T", "Train on what was corrected"),
    Key("stop_training", "Alt+Shift+Q", "Alt-Shift-Q", "Stop training, keep the best epoch"),
    Key("live", "Alt+Shift+Y", "Alt-Shift-Y", "Learn while you work, or not"),
    Key("activate", "Alt+Shift+C", "Alt-Shift-C", "Use the selected training"),
    Key("roll_back", "Alt+Shift+U", "Alt-Shift-U", "Roll back to the training before"),
    Key("use_base", "Alt+Shift+M", "Alt-Shift-M", "Use the base model"),
    Key("thresholds", "Alt+Shift+Z", "Alt-Shift-Z", "Thresholds from your own masks"),
    Key("go_there", "Alt+Shift+G", "Alt-Shift-G", "Go to the image most worth looking at"),
    Key("quality", "Alt+Shift+J", "Alt-Shift-J", "How good the rest is"),
    Key("point", "Alt+Shift+P", "Alt-Shift-P", "Click objects"),
    Key("box", "Alt+Shift+B", "Alt-Shift-B", "Draw boxes around objects"),
    Key("scribble", "Alt+Shift+W", "Alt-Shift-W", "Scribble over objects"),
    Key("lasso", "Alt+Shift+L", "Alt-Shift-L", "Draw around objects"),
    Key("refine", "Alt+Shift+F", "Alt-Shift-F", "Correct the object under the pointer by clicks"),
    Key("find_alike", "Alt+Shift+A", "Alt-Shift-A", "Find all objects like this one"),
    Key("propagate", "Alt+Shift+F2", "Alt-Shift-F2", "Follow objects through the stack, or stop"),
    Key("propagate_again", "Alt+Shift+F3", "Alt-Shift-F3", "Follow corrected objects again"),
    Key("link_planes", "Alt+Shift+F4", "Alt-Shift-F4", "Join objects of all planes"),
    Key("show_tracks", "Alt+Shift+F6", "Alt-Shift-F6", "Show where objects go"),
    Key("keys", "Alt+Shift+/", "Alt-Shift-/", "Show these keys"),
)

_APART = frozenset(
    (
        *("next_scope", "propagate", "propagate_again", "link_planes", "show_tracks"),
        *("train", "stop_training", "live"),
    )
)
"""Actions that the list of keys shows in a group of their own, so that it fits on a screen."""

CLICK_KEYS = (
    ("click_commit", "C", "Commit: new, or in place of the one taken up"),
    ("click_new", "N", "Commit as a new object"),
    ("click_add", "A", "Add to the object below"),
    ("click_subtract", "S", "Take away from the object below"),
    ("click_replace", "R", "Replace the object below"),
    ("click_next", "Tab", "Next candidate"),
    ("click_previous", "Shift+Tab", "Candidate before"),
    ("click_undo", "Ctrl+Z", "Take the last click back, else the last commit"),
    ("click_redo", "Ctrl+Shift+Z", "Do it again"),
    ("click_drop", "Esc", "Drop the outline, else put the tool down"),
    ("next_class", "G", "Next class to commit to"),
    ("refine", "E", "Correct the object under the pointer"),
    ("find_alike", "F", "Commit, and find all objects like it"),
    ("point", "1", "Point tool"),
    ("box", "2", "Box tool"),
    ("scribble", "3", "Scribble tool"),
    ("lasso", "4", "Lasso tool"),
)
"""Action, key and what it does: on the canvas, while a click tool is in hand."""

REVIEW_KEYS = (
    ("review_next", "J", "Next object"),
    ("review_next", "Down", "Next object"),
    ("review_previous", "K", "Object before"),
    ("review_previous", "Up", "Object before"),
    ("review_accept", "A", "Accept, and go on"),
    ("review_reject", "R", "Reject, and go on"),
    ("review_flag", "Q", "Flag for later, and go on"),
    ("review_fly", "H", "Show it in the middle"),
    ("review_clicks", "O", "Correct its outline by clicks"),
    ("review_brush", "D", "Draw: correct it with the brush"),
    ("review_merge", "U", "Unite the selected rows"),
    ("review_split", "S", "Split it"),
    ("review_delete", "Del", "Delete it for good"),
    ("review_restore", "W", "Bring a rejected object back"),
    ("review_comment", "T", "Type a comment"),
    ("review_undo", "Ctrl+Z", "Take the last edit back"),
    ("review_redo", "Ctrl+Shift+Z", "Do it again"),
)
"""Action, key and what it does: on the canvas and in the list, while the Review tab is in front.

napari's labels layers use none of these letters, so that the brush and its sizes, 1 to 7, go on
working.
"""

EDIT_KEYS = (
    ("Ctrl+Z", "Take the last edit back, on any plane"),
    ("Ctrl+Shift+Z", "Do it again"),
)
"""Key and what it does: on the canvas, with the labels or an image in hand."""

CLICK_GESTURES = (
    ("click", "The object is here"),
    ("Alt+click", "It is not here (or: right click)"),
    ("Shift+click", "Take up the object below and correct it"),
    ("hold Space", "Drag moves the image with every tool"),
)


class CanvasKeys(QObject):
    """Keys without modifiers, which napari's layers have too: ours while a click tool is in hand.

    Parameters
    ----------
    canvas : QWidget
    actions : mapping of str to callable
    hold_space : callable
        Called with True when Space goes down, and with False when it comes up.
    """

    def __init__(
        self,
        canvas: QWidget,
        actions: Mapping[str, Callable[[], object]],
        hold_space: Callable[[bool], object],
    ) -> None:
        super().__init__(canvas)
        self._canvas = canvas
        self._hold_space = hold_space
        self._shortcuts = []
        for action, key, _ in CLICK_KEYS:
            # Qt asks shortcuts before the canvas, so that they come before a layer's own keys.
            shortcut = QShortcut(QKeySequence(key), canvas)
            shortcut.setContext(Qt.ShortcutContext.WidgetShortcut)
            shortcut.activated.connect(actions[action])
            self._shortcuts.append(shortcut)
        canvas.installEventFilter(self)
        self.set_on(False)

    def set_on(self, on: bool) -> None:
        """Listen or not."""
        for shortcut in self._shortcuts:
            shortcut.setEnabled(on)
        if not on:
            self._hold_space(False)

    def take_focus(self) -> None:
        """Have keys go to the canvas."""
        self._canvas.setFocus()

    def close(self) -> None:
        """Take the keys off the canvas."""
        self._canvas.removeEventFilter(self)
        for shortcut in self._shortcuts:
            shortcut.setParent(None)
            shortcut.deleteLater()
        self._shortcuts.clear()

    def eventFilter(  # noqa: N802 - Qt's name
        self, watched: QObject | None, event: QEvent | None
    ) -> bool:
        """Notice Space going down and up; napari sees it too."""
        if isinstance(event, QKeyEvent) and event.key() == Qt.Key.Key_Space:
            if event.type() == QEvent.Type.KeyPress:
                self._hold_space(True)
            elif event.type() == QEvent.Type.KeyRelease and not event.isAutoRepeat():
                self._hold_space(False)
        return super().eventFilter(watched, event)


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


def key_texts() -> list[tuple[str, list[tuple[str, str]]]]:
    """Groups of keys and what they do, for people."""
    everywhere, apart = (
        [
            (key.qt.replace("Return", "Enter"), key.text)
            for key in KEYS
            if (key.action in _APART) == wanted
        ]
        for wanted in (False, True)
    )
    clicks = [(key, text) for _, key, text in CLICK_KEYS]
    return [
        ("Everywhere", everywhere),
        ("Everywhere, for stacks and to train", apart),
        ("On the canvas", list(EDIT_KEYS)),
        ("On the canvas, with a click tool", [*CLICK_GESTURES, *clicks]),
        ("In review: list and canvas", [(key, text) for _, key, text in REVIEW_KEYS]),
    ]


def _on_canvas(action: Callable[[], object]) -> Callable[[Any], None]:
    def call(viewer: Any) -> None:
        action()

    return call
