"""Label images and proposals, written behind the journals."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from napari.layers import Labels

from napari_vlseg.ui.keeping.facts import SentLabels, labels_of, proposals_of
from napari_vlseg.ui.keeping.homes import Home
from napari_vlseg.ui.keeping.jobs import flush_job, save_job

if TYPE_CHECKING:
    from napari_vlseg.ui.controller import Controller
    from napari_vlseg.ui.keeping.keeper import Keeper

_QUICK_BYTES = 128 << 20  # of labels that are copied in a blink


class Saver:
    """Writes what a project holds beside the journals.

    Parameters
    ----------
    controller : Controller
    keeper : Keeper
        Knows where each layer is written.

    Attributes
    ----------
    left : list of (Home, SentLabels)
        Labels whose layers are gone, and which could not be written.
    """

    def __init__(self, controller: Controller, keeper: Keeper) -> None:
        self._controller = controller
        self._keeper = keeper
        self.left: list[tuple[Home, SentLabels]] = []

    def save(self, labels: Labels, *, leaving: bool = False) -> None:
        """Write proposals and the label image of a layer, where they are not written yet.

        Parameters
        ----------
        labels : napari.layers.Labels
        leaving : bool
            Whether the layer is taken away: its journal is closed, and its labels need no copy.
        """
        home = self._keeper.home(labels)
        image = self._controller.results.image_of(labels)
        if home is None or image is None:
            return
        sent = labels_of(self._controller, image, labels, copy=not leaving)
        proposals = proposals_of(self._controller, image, labels)
        is_new = sent.number != home.saved
        if not (is_new or proposals or leaving):
            return
        work = save_job(
            home.entry, home.ledger, proposals, sent if is_new else None, leaving=leaving
        )
        if leaving:
            self._keeper.forget(labels)
            failed = partial(self._left_again, home, sent)
        else:
            failed = partial(self._keeper.troubles.fail, labels)
        self._keeper.queue.add(work, lambda _: self._done(home, labels, sent.number), failed)

    def catch_up(self) -> None:
        """Write proposals that arrived, and label images that are far behind their journals."""
        keeper = self._keeper
        if keeper.queue.busy or keeper.trouble:
            return
        for labels in keeper.layers:
            home, image = keeper.home(labels), self._controller.results.image_of(labels)
            if home is None or image is None:
                continue
            proposals = proposals_of(self._controller, image, labels)
            if home.is_behind and labels.data.nbytes <= _QUICK_BYTES:
                self.save(labels)
            elif proposals:
                done = partial(self._done, home, labels, home.saved)
                failed = partial(keeper.troubles.fail, labels)
                work = save_job(home.entry, home.ledger, proposals, None)
                keeper.queue.add(work, lambda _, done=done: done(), failed)  # type: ignore[misc]

    def retry(self) -> None:
        """Try again to write what could not be written."""
        keeper = self._keeper
        if keeper.queue.busy or not keeper.trouble:
            return
        left, self.left = self.left, []
        for home, sent in left:
            work = save_job(home.entry, home.ledger, (), sent, leaving=True)
            again = partial(self._left_again, home, sent)
            keeper.queue.add(work, partial(self._let_go, home), again)
        for labels in [labels for labels in keeper.layers if labels in keeper.troubles]:
            if keeper.home(labels) is None:
                keeper.house(labels)
            else:
                self.save(labels)
        check = keeper.troubles.check
        keeper.queue.add(flush_job(keeper.waiting()), lambda _: check(), lambda _: check())

    def _done(self, home: Home, labels: Labels, number: int) -> None:
        home.note_saved(number)
        self._keeper.troubles.settle(labels)

    def _let_go(self, home: Home, _: None) -> None:
        self._keeper.troubles.settle(home)

    def _left_again(self, home: Home, sent: SentLabels, text: str) -> None:
        self.left.append((home, sent))
        self._keeper.troubles.fail(home, text)
