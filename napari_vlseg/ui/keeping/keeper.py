"""Where the edits of each labels layer are written. No Qt in here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary, WeakSet

from napari.layers import Image, Labels
from psygnal import Signal

from napari_vlseg.corrections.ledger import Ledger
from napari_vlseg.corrections.store import ImageEntry, Project
from napari_vlseg.ui.keeping.facts import facts_of
from napari_vlseg.ui.keeping.homes import Home
from napari_vlseg.ui.keeping.jobs import MAX_EMBEDDED_BYTES, house_job
from napari_vlseg.ui.keeping.saving import Saver
from napari_vlseg.ui.keeping.troubles import Troubles
from napari_vlseg.ui.queue import WorkQueue
from napari_vlseg.ui.recovery import UnsavedWork

if TYPE_CHECKING:
    from napari_vlseg.ui.controller import Controller

KEEP_LANE = "keep"


class Keeper:
    """Binds journals to projects as soon as there is an edit.

    Parameters
    ----------
    controller : Controller
    unsaved : UnsavedWork
        Where edits go while there is no project.

    Attributes
    ----------
    queue : WorkQueue
        Reads and writes of projects, one after another.
    project : Project or None
        The one in use.
    troubles : Troubles
    saver : Saver
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
        self.troubles = Troubles(controller, self._open_ledgers, self.changed.emit)
        self.saver = Saver(controller, self)
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
        return self.troubles.text

    @property
    def is_saved(self) -> bool:
        """Whether every edit in the viewer is in a project of the person's."""
        homes = [(labels, self.home(labels)) for labels in self.layers]
        return not self.trouble and all(
            (home is not None and not home.is_unsaved) or not self.is_edited(labels)
            for labels, home in homes
        )

    @property
    def layers(self) -> list[Labels]:
        """Labels of the images in the viewer."""
        found = map(self._controller.results.target, self._controller.images.layers)
        return [labels for labels in found if labels is not None]

    def is_edited(self, labels: Labels) -> bool:
        """Whether there is anything to write of a layer."""
        ledger = self._ledger(labels)
        return ledger is not None and ledger.last > 0

    # ---- what happens

    def look(self, labels: Labels) -> None:
        """After an edit: see that it is written somewhere."""
        known = labels in self._moving or labels in self._unkept or self.home(labels) is not None
        if not known and self.is_edited(labels):
            self.house(labels)
        self.troubles.check()

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
                    record.note_new_home()
        self.troubles.clear()
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
            self.troubles.settle(labels)
            then()
            self._controller.facts_changed.emit()
            self.changed.emit()

        def failed(text: str) -> None:
            self._moving.discard(labels)
            self.troubles.fail(labels, text)

        self.queue.add(work, housed, failed)

    def forget(self, labels: Labels) -> None:
        """A layer is taken away."""
        self._homes.pop(labels, None)
        self.troubles.settle(labels)

    def waiting(self) -> list[Ledger]:
        """Journals with edits that could not be written."""
        return [ledger for ledger in self._open_ledgers() if ledger.trouble]

    # ---- inside

    def _on_removed(self, event: Any) -> None:
        """A layer that the person took away is written as it was; its journal is there to go on."""
        if isinstance(event.value, Labels):
            self.saver.save(event.value, leaving=True)
            self.troubles.settle(event.value)

    def _open_ledgers(self) -> list[Ledger]:
        left = (home.ledger for home, _ in self.saver.left)
        return [*(home.ledger for home in self._homes.values()), *left]

    def _ledger(self, labels: Labels) -> Ledger | None:
        book = self._controller.editing.known(labels)
        return None if book is None else book.ledger

    def _is_stuck(self, labels: Labels) -> bool:
        home = self.home(labels)
        return self.is_edited(labels) and (home is None or bool(home.ledger.trouble))
