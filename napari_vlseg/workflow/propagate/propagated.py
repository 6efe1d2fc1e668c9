"""What propagation gives: outlines of objects on planes, and the record of how they came."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_vlseg.events import Progress, Work
from napari_vlseg.workflow.propagate.pieces import Piece, painted
from napari_vlseg.workflow.propagate.records import PropagationLog

Pieces = Mapping[int, Mapping[int, Piece]]
"""Plane → object → its outline there."""


@dataclass(frozen=True, eq=False)
class Propagated:
    """Objects through planes.

    Attributes
    ----------
    pieces : mapping of int to mapping of int to Piece
        Plane → object → outline; those of one plane share no pixel.
    shape : tuple of int
        (H, W) of the planes.
    n_planes : int
    log : PropagationLog
        Where each outline comes from, its score, and where and why objects stopped.
    """

    pieces: Pieces = field(repr=False)
    shape: tuple[int, int]
    n_planes: int
    log: PropagationLog

    def labels(self, plane: int) -> npt.NDArray[np.int32]:
        """Labels of a plane, int32 (H, W)."""
        return np.asarray(painted(self.pieces.get(plane, {}), self.shape), np.int32)

    def of(self, number: int) -> dict[int, Piece]:
        """Outlines of one object by plane, ascending."""
        return {plane: of[number] for plane, of in sorted(self.pieces.items()) if number in of}

    def without(self, redone: Mapping[int, Iterable[int]]) -> Propagated:
        """The same without some objects on some planes; the log stays."""
        gone = {number: set(planes) for number, planes in redone.items()}
        pieces = {
            plane: {n: piece for n, piece in of.items() if plane not in gone.get(n, ())}
            for plane, of in self.pieces.items()
        }
        return Propagated(pieces, self.shape, self.n_planes, self.log)

    def joined(self, later: Propagated, redone: Mapping[int, Iterable[int]]) -> Propagated:
        """This after planes of some objects were done again.

        Parameters
        ----------
        later : Propagated
            What that gave.
        redone : mapping of int to iterable of int
            Object → planes, whether something was found there or not.
        """
        rest = self.without(redone)
        pieces = {plane: dict(of) for plane, of in rest.pieces.items()}
        for plane, of in later.pieces.items():
            pieces.setdefault(plane, {}).update(of)
        return Propagated(pieces, self.shape, self.n_planes, self.log.updated(later.log, redone))


def paint_into(out: Any, propagated: Propagated) -> Work[Any]:
    """Write the labels of all planes into an array, plane by plane.

    Parameters
    ----------
    out : array-like, shape (n, H, W)
        Such as a zarr array.
    propagated : Propagated

    Yields
    ------
    Progress

    Returns
    -------
    array-like
        `out`.
    """
    for plane in range(propagated.n_planes):
        out[plane] = propagated.labels(plane)
        yield Progress("writing", plane + 1, propagated.n_planes)
    return out
