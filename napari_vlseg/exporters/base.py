"""What every exporter takes: one labelled plane at a time."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import chain, count
from pathlib import Path
from typing import Protocol

import numpy as np

from napari_vlseg.errors import ExportError
from napari_vlseg.names import safe_name

DEFAULT_CLASS = "object"
"""Class of a label that has none."""


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
    """

    name: str
    image: np.ndarray
    labels: np.ndarray
    classes: Mapping[int, str] = field(default_factory=dict)
    pixel_size: tuple[float, float] | None = None
    unit: str = ""

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


def _key(name: str) -> str:
    # Some file systems take “A” and “a”, or two spellings of “é”, for one name.
    return unicodedata.normalize("NFC", name.casefold())
