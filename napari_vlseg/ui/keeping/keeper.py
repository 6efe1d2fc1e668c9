"""Where the edits of each labels layer are written, and what is wrong with that. No Qt in here."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary, WeakSet

from napari.layers import Image, Labels
from psygnal import Signal

from napari_vlseg.corrections.ledger import Ledger
from napari_vlseg.corrections.store import ImageEntry, Project
from napari_vlseg.ui.keeping.facts import SentLabels, facts_of, labels_of, proposals_of
from napari_vlseg.ui.keeping.jobs import MAX_EMBEDDED_BYTES, flush_job, house_job, save_job
from napari_vlseg.ui.queue import WorkQueue
from napari_vlseg.ui.recovery import UnsavedWork

if TYPE_CHECKING:
    from napari_vlseg.ui.controller import Controller

KEEP_LANE = "keep"

_EDITS_BETWEEN = 200
_SECONDS_BETWEEN = 180.0
_QUICK_BYTES = 128 << 20  # of labels that are copied in a blink


@dataclass(eq=False)
class Home:
    """The place of a labels layer in a project.

    Attributes
    ----------
    project : Project
    entry : ImageEntry
    ledger : Ledger
    is_unsaved : bool
        Whether it is work without a project of the person's.
    saved : int
        Last edit that the label image holds.
    saved_at : float
        Monotonic time of that.
    """

    project: Project
    entry: ImageEntry
    ledger: Ledger
    is_unsaved: bool = False
    saved: int = 0
    saved_at: float = field(default_factory=time.monotonic)


class Keeper:
    """Binds journals to projects as soon as there is an edit, and writes label images.

    Parameters
    ----------
    controller : Controller
    unsaved : UnsavedWork
        Where edits go while there is no project.
    """

    changed = Signal()

    def __init__(self, controller: Controller, unsaved: UnsavedWork) -> None:
        self._controller = controller
        self.unsaved = unsaved
        self.queue = WorkQueue(
            controller.runner, KEEP_LANE, lambda text: controller.tell(text, "warning")
        )
        self.project: Project | None = None
        self._homes: WeakKeyDictionary[Labels, Home] = WeakKeyDictionary()
        self._entries: WeakKeyDictionary[Image, tuple[Project, ImageEntry]] = WeakKeyDictionary()
        self._moving: WeakSet[Labels] = WeakSet()
        self._unkept: WeakSet[Labels] = WeakSet()
        self._ours: set[ImageEntry] = set()
        self._left: list[tuple[Home, SentLabels]] = []
        self._failures: dict[object, str] = {}
        self._told = ""
        controller.editing.changed.connect(self.look)
        controller.viewer.layers.events.removed.connect(self._on_removed)

    # ---- what others may ask

    def home(self, labels: Labels | None) -> Home | None:
        """Where the edits of a layer are written."""
        home = None if labels is None else self._homes.get(labels)
        return home if home is None or home.ledger is self._ledger(labels) else None

    def entry(self, image: Image) -> ImageEntry | None:
        """The entry of an image in a project."""
        known = self._entries.get(image)
        return None if known is None else known[1]

    @property
    def trouble(self) -> str:
        """What keeps edits from being written, in one sentence; "" where nothing does."""
        ledgers = [home.ledger for home in (*self._homes.values(), *(h for h, _ in self._left))]
        gone = set(self._failures) - set(self.layers)
        failures = [
            text
            for what, text in self._failures.items()
            if what not in gone or not isinstance(what, Labels)
        ]
        return next(filter(None, (*(ledger.trouble for ledger in ledgers), *failures)), "")

    @property
    def is_saved(self) -> bool:
        """Whether every edit in the viewer is in a project of the person's."""
        homes = [(labels, self.home(labels)) for labels in self.layers]
        return not self.trouble and all(
            (home is not None and not home.is_unsaved) or not self._edited(labels)
            for labels, home in homes
        )

    @property
    def layers(self) -> list[Labels]:
        """Labels of the images in the viewer."""
        found = map(self._controller.results.target, self._controller.images.layers)
        return [labels for labels in found if labels is not None]

    # ---- what happens

    def look(self, labels: Labels) -> None:
        """After an edit: see that it is written somewhere."""
        known = labels in self._moving or labels in self._unkept or self.home(labels) is not None
        if not known and self._edited(labels):
            self.house(labels)
        self.check()

    def adopt(self, image: Image, labels: Labels | None, home: Home) -> None:
        """Take over an image that was opened from a project."""
        self._entries[image] = (home.project, home.entry)
        if labels is not None:
            self._homes[labels] = home
            self._ours.add(home.entry)

    def know(self, image: Image, project: Project, entry: ImageEntry) -> None:
        """Remember the entry of an image that has no labels yet."""
        self._entries[image] = (project, entry)

    def open_in(self, project: Project) -> dict[str, Ledger]:
        """Journals in a project that are open here, by the id of their image."""
        homes = (home for home in self._homes.values() if home.project is project)
        return {home.entry.id: home.ledger for home in homes}

    def move(self, project: Project, moved: Mapping[str, ImageEntry]) -> None:
        """Note that journals go on in another project, where their images have these entries."""
        for labels, home in list(self._homes.items()):
            image = self._controller.results.image_of(labels)
            if home.is_unsaved and home.entry.id in moved and image is not None:
                self.adopt(image, labels, Home(project, moved[home.entry.id], home.ledger))

    def begin(self, project: Project) -> None:
        """Write everything in the viewer into a project from now on."""
        self.project = project
        for labels, home in list(self._homes.items()):
            if home.project is not project:
                del self._homes[labels]
                for record in self._controller.results.records(labels).values():
                    record.proposals_saved = record.proposals is None
        self._failures.clear()
        self._unkept.clear()

    def close(self) -> None:
        """Listen no more."""
        self._controller.viewer.layers.events.removed.disconnect(self._on_removed)

    def rescue(self) -> None:
        """Before closing, move what can't be written where it belongs to the unsaved work."""
        stuck = [labels for labels in self.layers if self._is_stuck(labels)]
        if stuck and self.unsaved.is_on:
            self.project = None
            for labels in stuck:
                self._homes.pop(labels, None)
                self.house(labels)
            self.queue.finish()

    def house(self, labels: Labels, then: Callable[[], object] = lambda: None) -> None:
        """Write the journal of a layer into the project; without one, into the unsaved work."""
        project, unsaved = self.project, self.unsaved
        image = self._controller.results.image_of(labels)
        ledger = self._ledger(labels)
        if image is None or ledger is None or (project is None and not unsaved.is_on):
            return
        self._moving.add(labels)
        known = self._entries.get(image)
        taken = {
            home.entry.id
            for other, home in self._homes.items()
            if other is not labels and home.project is (project or unsaved.project)
        }
        work = house_job(
            unsaved.begin if project is None else lambda: project,
            facts_of(self._controller, image),
            ledger,
            known[1] if known is not None and known[0] is (project or unsaved.project) else None,
            known is not None and known[1] in self._ours,
            taken,
            MAX_EMBEDDED_BYTES if project is None else None,
        )

        def housed(made: tuple[Project, ImageEntry] | None) -> None:
            self._moving.discard(labels)
            if made is None:
                self._unkept.add(labels)
                return
            self.adopt(image, labels, Home(*made, ledger, is_unsaved=project is None))
            self._homes[labels].saved = 0
            self._settled(labels)
            then()
            self._controller.facts_changed.emit()
            self.changed.emit()

        def failed(text: str) -> None:
            self._moving.discard(labels)
            self._failed(labels, text)

        self.queue.add(work, housed, failed)

    def save(self, labels: Labels, *, leaving: bool = False) -> None:
        """Write proposals and the label image of a layer, where they are not written yet.

        Parameters
        ----------
        labels : napari.layers.Labels
        leaving : bool
            Whether the layer is taken away: its journal is closed, and its labels need no copy.
        """
        home = self.home(labels)
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

        def done(_: None) -> None:
            home.saved, home.saved_at = sent.number, time.monotonic()
            self._settled(labels)

        def failed(text: str) -> None:
            if leaving:
                self._left_again(home, sent, text)
            else:
                self._failed(labels, text)

        if leaving:
            self._homes.pop(labels, None)
        self.queue.add(work, done, failed)

    def save_proposals(self) -> None:
        """Write proposals that arrived, and label images that are far behind their journals."""
        if self.queue.busy or self.trouble:
            return
        for labels in self.layers:
            home, image = self.home(labels), self._controller.results.image_of(labels)
            if home is None or image is None:
                continue
            if self._is_due(home, labels):
                self.save(labels)
                continue
            proposals = proposals_of(self._controller, image, labels)
            if proposals:
                work = save_job(home.entry, home.ledger, proposals, None)
                self.queue.add(
                    work,
                    _then(self._settled, labels),
                    partial(self._failed, labels),
                )

    def retry(self) -> None:
        """Try again to write what could not be written."""
        if self.queue.busy or not self.trouble:
            return
        waiting = [home.ledger for home in self._homes.values() if home.ledger.trouble]
        left, self._left = self._left, []
        for home, sent in left:
            self.queue.add(
                save_job(home.entry, home.ledger, (), sent, leaving=True),
                _then(self._settled, home),
                partial(self._left_again, home, sent),
            )
        self._failures.clear()
        for labels in self.layers:
            if self.home(labels) is None and self._edited(labels):
                self.look(labels)
        self.queue.add(flush_job(waiting), lambda _: self.check(), lambda _: self.check())

    def check(self) -> None:
        """Tell the person, once, that edits can't be written, and when they are again."""
        trouble = self.trouble
        if trouble == self._told:
            return
        before, self._told = self._told, trouble
        if trouble:
            self._controller.tell(trouble, "error")
        elif before:
            self._controller.say("written again: nothing is missing")
        self._controller.facts_changed.emit()
        self.changed.emit()

    # ---- inside

    def _on_removed(self, event: Any) -> None:
        """A layer that the person took away is written as it was; its journal is there to go on."""
        if isinstance(event.value, Labels):
            self.save(event.value, leaving=True)

    def _ledger(self, labels: Labels) -> Ledger | None:
        book = self._controller.editing.known(labels)
        return None if book is None else book.ledger

    def _edited(self, labels: Labels) -> bool:
        ledger = self._ledger(labels)
        return ledger is not None and ledger.last > 0

    def _is_stuck(self, labels: Labels) -> bool:
        home = self.home(labels)
        return self._edited(labels) and (home is None or bool(home.ledger.trouble))

    def _is_due(self, home: Home, labels: Labels) -> bool:
        behind = home.ledger.last - home.saved
        late = time.monotonic() - home.saved_at > _SECONDS_BETWEEN
        return bool(labels.data.nbytes <= _QUICK_BYTES) and (
            behind >= _EDITS_BETWEEN or (behind > 0 and late)
        )

    def _left_again(self, home: Home, sent: SentLabels, text: str) -> None:
        self._left.append((home, sent))
        self._failed(home, text)

    def _failed(self, what: object, text: str) -> None:
        self._failures[what] = text
        self.check()

    def _settled(self, what: object) -> None:
        self._failures.pop(what, None)
        self.check()


def _then(call: Callable[[object], object], what: object) -> Callable[[object], object]:
    """What is called with a result and passes it by."""
    return lambda _: call(what)
