"""What keeps edits from being written: told once, and when it is over."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from napari_vlseg.corrections.ledger import Ledger

if TYPE_CHECKING:
    from napari_vlseg.ui.controller import Controller


class Troubles:
    """Failures by what failed, beside those that journals tell of themselves.

    Parameters
    ----------
    controller : Controller
    ledgers : callable
        Gives the journals that are open.
    changed : callable
        Called when the trouble is another.
    """

    def __init__(
        self,
        controller: Controller,
        ledgers: Callable[[], Iterable[Ledger]],
        changed: Callable[[], object],
    ) -> None:
        self._controller = controller
        self._ledgers = ledgers
        self._changed = changed
        self._failures: dict[object, str] = {}
        self._told = ""

    def __contains__(self, what: object) -> bool:
        return what in self._failures

    @property
    def text(self) -> str:
        """One sentence; "" where all is written."""
        waiting = (ledger.trouble for ledger in self._ledgers())
        return next(filter(None, (*waiting, *self._failures.values())), "")

    def fail(self, what: object, text: str) -> None:
        """Note why something could not be written."""
        self._failures[what] = text
        self.check()

    def settle(self, what: object) -> None:
        """Note that it is written, or not wanted any more."""
        self._failures.pop(what, None)
        self.check()

    def clear(self) -> None:
        """Forget all failures: everything goes to another place."""
        self._failures.clear()

    def check(self) -> None:
        """Tell the person if anything changed."""
        trouble = self.text
        if trouble == self._told:
            return
        before, self._told = self._told, trouble
        if trouble:
            self._controller.tell(trouble, "error")
        elif before:
            self._controller.say("written again: nothing is missing")
        self._controller.facts_changed.emit()
        self._changed()
