"""The question what becomes of objects that are there already, and its answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from psygnal import Signal

from napari_vlseg.ui.composing import Overlap

if TYPE_CHECKING:
    from napari_vlseg.ui.controller import Controller


class MergeQuestion:
    """Asks where new objects overlap others that nobody touched; those are kept until answered.

    Parameters
    ----------
    controller : Controller
    """

    changed = Signal()

    def __init__(self, controller: Controller) -> None:
        self._controller = controller
        self._overlap = Overlap()

    @property
    def text(self) -> str:
        """The question, empty where there is none."""
        new, there = self._overlap.new, self._overlap.there
        if not new:
            return ""
        verb = "overlaps" if new == 1 else "overlap"
        are = "is" if there == 1 else "are"
        return f"{new} new object{'s'[: new != 1]} {verb} {there} that {are} there"

    def consider(self, overlap: Overlap) -> None:
        """Ask about a result, where that is wanted; a question before it is answered by it."""
        wanted = self._controller.policy == "ask"
        self._overlap = overlap if wanted else Overlap()
        self.changed.emit()

    def answer(self, policy: Literal["keep", "replace"], *, always: bool) -> None:
        """Keep or replace the objects that are there, and maybe do so from now on."""
        if always:
            self._controller.set_policy(policy)
        self._overlap = Overlap()
        self.changed.emit()
        if policy == "replace":
            self._controller.relabel.replace_others()
