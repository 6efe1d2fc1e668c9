"""A list of objects from a file: what annotators disagree on, image after image."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from napari.layers import Labels

from napari_vlseg.workflow.disagreements import Disagreement, read_queue

if TYPE_CHECKING:
    from napari_vlseg.ui.controller import Controller
    from napari_vlseg.ui.review.desk import ReviewDesk

_MOST_PLACES = 3


class GivenList:
    """Keeps the rows of a file, and lists those of the image in use.

    Parameters
    ----------
    controller : Controller
    review : ReviewDesk
    """

    def __init__(self, controller: Controller, review: ReviewDesk) -> None:
        self._controller = controller
        self._review = review
        self._rows: tuple[Disagreement, ...] = ()
        self._layer: Labels | None = None
        review.listed.connect(self._follow)

    def open(self, path: Path) -> None:
        """List what a file of `napari-vlseg compare` names; the person is told if it can't be."""
        with self._controller.told():
            self._rows = read_queue(path)
            if self._show():
                self._review.front_wanted.emit()
            else:
                self._controller.tell(self._nothing_here(), "info")

    def forget(self) -> None:
        """List all objects from now on, on other images too."""
        self._rows = ()

    def _follow(self) -> None:
        """The image in use may be another one: list its part."""
        if self._rows and self._review.layer is not self._layer:
            self._show()

    def _show(self) -> bool:
        """List the objects of the image in use, if there are any."""
        table, self._layer = self._review.table, self._review.layer
        reasons = {
            uid: row.reason
            for row in self._rows
            for uid in (*row.uids, *row.uids_b)
            if table is not None and uid in table
        }
        if reasons:
            self._review.list_only(list(reasons), list(reasons.values()))
            self._tell_missing(set(reasons))
        return bool(reasons)

    def _tell_missing(self, listed: set[str]) -> None:
        """Objects of the other annotator have no row here: say where they are."""
        missing = [row for row in self._of_image() if listed.isdisjoint((*row.uids, *row.uids_b))]
        if missing:
            count = f"{len(missing)} object{'s'[: len(missing) != 1]}"
            more = ", …" if len(missing) > _MOST_PLACES else ""
            places = "; ".join(map(_place, missing[:_MOST_PLACES]))
            self._controller.tell(f"{count} of the other annotator missing: {places}{more}", "info")

    def _of_image(self) -> Iterator[Disagreement]:
        image = self._controller.images.layer
        entry = None if image is None else self._controller.desk.entry(image)
        name = "" if image is None else image.name if entry is None else entry.name
        return (row for row in self._rows if row.name == name)

    def _nothing_here(self) -> str:
        names = sorted({row.name for row in self._rows})
        if not names:
            return "The list is empty: the annotators agree."
        return f"No object of this image is in the list: go to {_enumerated(names)}."


def _place(row: Disagreement) -> str:
    top, left, bottom, right = row.bbox
    plane = f" on plane {','.join(map(str, row.plane))}" if row.plane else ""
    return f"row {(top + bottom) // 2}, column {(left + right) // 2}{plane}"


def _enumerated(names: Sequence[str]) -> str:
    shown = ", ".join(f"“{name}”" for name in names[:_MOST_PLACES])
    return f"{shown} …" if len(names) > _MOST_PLACES else shown
