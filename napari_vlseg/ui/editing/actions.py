"""What a person does to objects: each one edit, whatever their number, and one sentence."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from napari_vlseg.corrections.edits import Edit
from napari_vlseg.ui.editing import planning
from napari_vlseg.ui.editing.book import LayerBook
from napari_vlseg.ui.editing.planning import Plan
from napari_vlseg.ui.editing.rows import Stamp

if TYPE_CHECKING:
    from napari_vlseg.ui.controller import Controller
    from napari_vlseg.ui.editing.pace import Pace

Cause = Mapping[str, Any] | None
Planner = Callable[[LayerBook, Stamp], Plan]


class ObjectActions:
    """Actions on objects of the labels of the image in use, by their ids.

    What can't be done is told to the person, and then nothing is done.
    """

    controller: Controller
    pace: Pace

    def accept(self, uids: Iterable[str], cause: Cause = None) -> Edit | None:
        """The objects are right as they are."""
        chosen = list(uids)
        return self._act(
            lambda book, stamp: planning.accept(book, chosen, stamp), cause, len(chosen)
        )

    def reject(self, uids: Iterable[str], cause: Cause = None) -> Edit | None:
        """There are no such objects: their pixels go, and no proposal brings them back."""
        chosen = list(uids)
        return self._act(
            lambda book, stamp: planning.reject(book, chosen, stamp), cause, len(chosen)
        )

    def flag(self, uids: Iterable[str], cause: Cause = None) -> Edit | None:
        """Mark objects to come back to them; those that all are marked are so no more."""
        chosen = list(uids)
        return self._act(lambda book, stamp: planning.flag(book, chosen, stamp), cause, len(chosen))

    def restore(self, uids: Iterable[str], cause: Cause = None) -> Edit | None:
        """Bring rejected objects back where their place is free."""
        chosen = list(uids)
        return self._act(
            lambda book, stamp: planning.restore(book, chosen, stamp), cause, len(chosen)
        )

    def delete(self, uids: Iterable[str], cause: Cause = None) -> Edit | None:
        """Take objects away with their rows."""
        chosen = list(uids)
        return self._act(
            lambda book, stamp: planning.delete(book, chosen, stamp), cause, len(chosen)
        )

    def merge(self, uids: Iterable[str], cause: Cause = None) -> Edit | None:
        """Make one object of several: the largest takes the others in."""
        chosen = list(uids)
        return self._act(
            lambda book, stamp: planning.merge(book, chosen, stamp), cause, len(chosen)
        )

    def split(self, uid: str, cause: Cause = None) -> Edit | None:
        """Take an object apart: by its pieces, else at its waist."""
        return self._act(lambda book, stamp: planning.split(book, uid, stamp), cause, 1)

    def set_class(self, uids: Iterable[str], name: str, cause: Cause = None) -> Edit | None:
        """Give objects another class."""
        chosen = list(uids)
        return self._act(
            lambda book, stamp: planning.set_class(book, chosen, name, stamp), cause, len(chosen)
        )

    def comment(self, uid: str, text: str, cause: Cause = None) -> Edit | None:
        """Write something down about an object."""
        return self._act(lambda book, stamp: planning.comment(book, uid, text, stamp), cause, 1)

    def _act(self, planner: Planner, cause: Cause, n_objects: int) -> Edit | None:
        raise NotImplementedError
