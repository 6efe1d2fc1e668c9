"""Learning while a person works: when it is time for another short training. No Qt in here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari.layers import Labels
from psygnal import Signal

from napari_vlseg.corrections.edits import Edit
from napari_vlseg.ui.preferences import load_preferences, remember
from napari_vlseg.ui.training.lessons import DECIDED

if TYPE_CHECKING:
    from napari_vlseg.ui.controller import Controller

_DECIDED = DECIDED | {"rejected"}


class LiveMode:
    """Counts what a person decides about, and asks for a training when it is enough.

    Parameters
    ----------
    controller : Controller

    Attributes
    ----------
    is_on : bool
    every : int
        Objects after which a training is wanted.
    wanted : Signal
        A training is wanted.
    changed : Signal
        It was switched on or off, or the number changed.
    """

    wanted = Signal()
    changed = Signal()

    def __init__(self, controller: Controller) -> None:
        self._controller = controller
        chosen = load_preferences()
        self.is_on, self.every = chosen.live, chosen.live_every
        self._fresh: set[str] = set()
        self._n_done = 0
        self._is_due = False
        controller.editing.edited.connect(self._on_edited)
        controller.desk.worklist.changed.connect(self._on_worklist)

    @property
    def n_fresh(self) -> int:
        """Objects that were decided about since the last training began."""
        return len(self._fresh)

    def set_on(self, on: bool) -> None:
        """Switch it on or off; the choice is remembered."""
        self.is_on = on
        remember(live=on)
        self.changed.emit()
        self.look()

    def set_every(self, every: int) -> None:
        """Choose after how many objects the model learns."""
        self.every = every
        remember(live_every=every)
        self.changed.emit()
        self.look()

    def look(self) -> None:
        """Ask for a training if it is time."""
        if self.is_on and (self._is_due or self.n_fresh >= self.every):
            self.wanted.emit()

    def begin(self) -> None:
        """A training begins: what was decided until now is in it."""
        self._fresh.clear()
        self._is_due = False

    def _on_edited(self, layer: Labels, edit: Edit) -> None:
        for row in edit.rows:
            status = None if row.new is None else row.new.get("status")
            if status in _DECIDED:
                self._fresh.add(row.uid)
            elif status is not None or row.new is None:
                self._fresh.discard(row.uid)
        if edit.rows:
            self.look()

    def _on_worklist(self) -> None:
        """An image that is done teaches more than its objects: there is nothing else in it."""
        n_done = self._controller.desk.worklist.counts["done"]
        grown, self._n_done = n_done > self._n_done, n_done
        if grown and self._fresh:
            self._is_due = True
            self.look()
