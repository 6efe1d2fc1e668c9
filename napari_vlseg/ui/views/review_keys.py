"""Letters that decide about the object in review: in the list and on the canvas."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from qtpy.QtCore import QObject, Qt
from qtpy.QtGui import QKeySequence
from qtpy.QtWidgets import QShortcut, QWidget

from napari_vlseg.ui.keys import REVIEW_KEYS


class ReviewKeys(QObject):
    """The keys of `REVIEW_KEYS`, in two places.

    In the list they always listen. On the canvas they do while the Review tab is in front and no
    click tool is in hand, whose keys are some of the same letters.

    Parameters
    ----------
    canvas, table : QWidget
    actions : mapping of str to callable
    """

    def __init__(
        self, canvas: QWidget, table: QWidget, actions: Mapping[str, Callable[[], object]]
    ) -> None:
        super().__init__(table)
        self._on_canvas = [_shortcut(canvas, key, actions[name]) for name, key, _ in REVIEW_KEYS]
        self._on_table = [_shortcut(table, key, actions[name]) for name, key, _ in REVIEW_KEYS]
        self.set_on(False)

    def set_on(self, on: bool) -> None:
        """Listen on the canvas or not."""
        for shortcut in self._on_canvas:
            shortcut.setEnabled(on)

    def close(self) -> None:
        """Take the keys off the canvas."""
        for shortcut in self._on_canvas:
            shortcut.setParent(None)
            shortcut.deleteLater()
        self._on_canvas.clear()


def _shortcut(widget: QWidget, key: str, action: Callable[[], object]) -> QShortcut:
    shortcut = QShortcut(QKeySequence(key), widget)
    shortcut.setContext(Qt.ShortcutContext.WidgetShortcut)
    shortcut.activated.connect(action)
    return shortcut
