"""What every exporter takes: one labelled plane at a time."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import chain, count
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import numpy as np

from napari_vlseg.errors import ExportError
from napari_vlseg.names import safe_name

DEFAULT_CLASS = "object"
"""Class of a label that has none."""

FACTS = (
    "object_uid",
    "status",
    "source",
    "score",
    "uncertainty",
    "n_edits",
    "edit_seconds",
    "iou_proposal_final",
)
"""What is exported of an object beside its class, see
`napari_vlseg.proposals.OBJECT_COLUMNS`. Who drew it and when is not."""

Fact: TypeAlias = str | int | float
_DIGITS = 4


@dataclass(frozen=True, eq=False)
class ExportItem:
    """A plane and its labels.

    Attributes
    ----------
    name : str
        The image's name; made safe and unique by the exporter.
    image : numpy.ndarray, shape (H, W) or (H, W, C)
        Pixels as they are in the source.
    labels : numpy.ndarray, shape (H, W), integer
        0 is background.
    classes : mapping of int to str
        Class name of each label; a label without one is a `DEFAULT_CLASS`.
    pixel_size : tuple of float or None
        (row, col) in `unit`.
    unit : str
    objects : mapping of int to mapping
        Cells of the row of each label, those of `FACTS` and others.
    """

    name: str
    image: np.ndarray
    labels: np.ndarray
    classes: Mapping[int, str] = field(default_factory=dict)
    pixel_size: tuple[float, float] | None = None
    unit: str = ""
    objects: Mapping[int, Mapping[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        fits = self.image.ndim in (2, 3) and self.image.shape[:2] == self.labels.shape
        if self.labels.ndim != 2 or not fits:
            raise ExportError(
                f"The labels of “{self.name}” have shape {self.labels.shape} and its image "
                f"{self.image.shape}: give one label for each pixel."
            )

    def class_of(self, label: int) -> str:
        """Class name of a label."""
        return self.classes.get(label) or DEFAULT_CLASS

    def facts_of(self, label: int) -> dict[str, Fact]:
        """What is known of a label, `FACTS` that are empty or nan left out."""
        row = self.objects.get(label, {})
        known = {name: _plain(row[name]) for name in FACTS if name in row}
        return {name: value for name, value in known.items() if value == value and value != ""}


class Writer(Protocol):
    """One export in progress, into a folder that is put in its place when it is complete."""

    def add(self, item: ExportItem) -> None:
        """Write one item."""
        ...

    def finish(self) -> None:
        """Write what belongs to the whole set."""
        ...


class WriterFactory(Protocol):
    """Starts an export into an empty folder."""

    def __call__(self, folder: Path) -> Writer: ...


class UniqueNames:
    """Makes file names that every file system takes and tells apart."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def __call__(self, name: str) -> str:
        """A safe name like `name`, different from all before it."""
        wished = safe_name(name)
        numbered = (f"{wished}_{number}" for number in count(2))
        free = next(c for c in chain([wished], numbered) if _key(c) not in self._taken)
        self._taken.add(_key(free))
        return free


def _plain(value: Any) -> Fact:
    """NumPy scalars as Python's; four digits tell apart all that can be told apart."""
    plain = value.item() if isinstance(value, np.generic) else value
    return round(plain, _DIGITS) if isinstance(plain, float) else plain


def _key(name: str) -> str:
    # Some file systems take “A” and “a”, or two spellings of “é”, for one name.
    return unicodedata.normalize("NFC", name.casefold())
