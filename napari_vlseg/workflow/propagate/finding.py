"""What a way to find objects on the next plane takes and gives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import numpy.typing as npt

from napari_vlseg.events import Work
from napari_vlseg.workflow.propagate.appearance import Appearance
from napari_vlseg.workflow.propagate.candidates import Candidate
from napari_vlseg.workflow.propagate.motion import Shift
from napari_vlseg.workflow.propagate.pieces import Piece

Plane = npt.NDArray[np.float32]

_STEADY = 0.5


@dataclass(frozen=True, eq=False)
class Track:
    """An object on the plane where it was last.

    Attributes
    ----------
    piece : Piece
    look : Appearance
    velocity : tuple of float
        (rows, cols) per plane, in the direction of the work.
    growth : float
        Area relative to that on the plane before, as it went lately.
    """

    piece: Piece
    look: Appearance = field(repr=False)
    velocity: Shift = (0.0, 0.0)
    growth: float = 1.0

    def followed(self, piece: Piece, look: Appearance) -> Track:
        """The same object one plane further."""
        moved = np.subtract(piece.centre, self.piece.centre)
        row, col = _STEADY * np.asarray(self.velocity) + (1 - _STEADY) * moved
        growth = self.growth**_STEADY * (piece.area / self.piece.area) ** (1 - _STEADY)
        return Track(piece, self.look.adapted(look), (float(row), float(col)), growth)


@dataclass(frozen=True, eq=False)
class Found:
    """What may be the objects on a plane.

    Attributes
    ----------
    candidates : mapping of int to sequence of Candidate
        Object → what it may be, best first; empty where nothing was found.
    leaving : frozenset of int
        Objects that are moving out of the image.
    """

    candidates: Mapping[int, Sequence[Candidate]]
    leaving: frozenset[int] = frozenset()


class Finder(Protocol):
    """A way to find objects again; one direction at a time."""

    @property
    def name(self) -> str:
        """Of the model, with its revision."""
        ...

    def turn(self, step: int) -> None:
        """Forget all objects: planes come in another direction now, 1 upwards, -1 downwards."""
        ...

    def learn(self, known: Mapping[int, Piece], number: int, plane: Plane) -> Work[None]:
        """Take note of what objects are on a plane, because a person says so."""
        ...

    def find(
        self, tracks: Mapping[int, Track], number: int, before: Plane, after: Plane
    ) -> Work[Found]:
        """Look for objects on the next plane.

        Parameters
        ----------
        tracks : mapping of int to Track
            Every object that is followed; others may be forgotten.
        number : int
            Of the plane that is looked at.
        before, after : numpy.ndarray, shape (H, W, 3), float32 in [0, 1]
            The plane of the tracks, and the one that is looked at.
        """
        ...
