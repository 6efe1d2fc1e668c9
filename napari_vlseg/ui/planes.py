"""One plane of a labels layer: what the journal says is there, and what the plugin knows of it.

Pure NumPy. Which labels are the plugin's own and which a person touched is told by the table of
objects; which pixels a person changed is counted edit by edit, so that undo and redo of any
depth leave the same memory.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from napari_vlseg.object_table import ObjectTable
from napari_vlseg.proposals import Proposals
from napari_vlseg.ui.objects import is_one_of


@dataclass(frozen=True, eq=False)
class Basis:
    """What the plugin composed on last.

    Attributes
    ----------
    base : numpy.ndarray, shape (H, W), or None
        The plane without the plugin's objects, also where they replaced others; 0 where a
        person changed it. None where nothing was composed since the plane was opened.
    semantic : bool
        Whether labels are classes.
    shown : tuple of str or None
        Classes that are visible; None is all.
    """

    base: np.ndarray | None = None
    semantic: bool = False
    shown: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Standing:
    """Labels by whom they belong to.

    Attributes
    ----------
    own : frozenset of int
        The plugin's, untouched: they go when it composes anew.
    touched : frozenset of int
        Drawn, changed or decided by a person: they are never altered.
    """

    own: frozenset[int] = frozenset()
    touched: frozenset[int] = frozenset()

    @classmethod
    def of(cls, table: ObjectTable) -> Standing:
        """What the rows of a table say."""
        columns = (table.column(name) for name in ("label", "status", "source"))
        rows = list(zip(*columns, strict=True))
        return cls(
            frozenset(label for label, status, by in rows if (status, by) == ("proposed", "auto")),
            frozenset(label for label, status, _ in rows if status not in ("proposed", "rejected")),
        )


@dataclass(frozen=True, eq=False)
class Draft:
    """A plane as it was when a job began, for the job to compose on.

    Attributes
    ----------
    plane : numpy.ndarray, shape (H, W), integer
    edited : numpy.ndarray of bool, shape (H, W)
        Pixels that a person changed.
    table : ObjectTable
        A copy of the layer's.
    basis : Basis
    version : int
        Of the plane's record.
    """

    plane: np.ndarray
    edited: np.ndarray
    table: ObjectTable
    basis: Basis = Basis()
    version: int = 0

    @classmethod
    def of(cls, plane: np.ndarray, table: ObjectTable | None = None) -> Draft:
        """A draft of a plane that nobody edited."""
        return cls(plane, np.zeros(plane.shape, bool), table or ObjectTable())

    @cached_property
    def standing(self) -> Standing:
        """Whose the labels are."""
        return Standing.of(self.table)

    @cached_property
    def highest(self) -> int:
        """No object of the layer, rejected ones included, has a greater label."""
        return max(*self.table.column("label"), int(self.plane.max(initial=0)), 0, 0)

    def stays(self) -> np.ndarray:
        """Pixels (H, W) that a person decided about, as bool.

        In a semantic result a label is a class and no object, so that only pixels count.
        """
        if self.basis.semantic:
            return self.edited
        return self.edited | is_one_of(self.plane, self.standing.touched)

    def kept(self) -> np.ndarray:
        """The plane without the plugin's pixels: pixels and objects that a person touched stay."""
        base = self.basis.base
        if base is None:
            base = np.where(is_one_of(self.plane, self.standing.own), 0, self.plane)
        return np.where(self.stays(), self.plane, base)


@dataclass(eq=False)
class PlaneRecord:
    """The memory of one plane.

    Attributes
    ----------
    current : numpy.ndarray, shape (H, W)
        What the journal says is there; changed in place.
    basis : Basis
    proposals : Proposals or None
        What the model said last, with its probabilities.
    proposals_saved : bool
        Whether a project holds the proposals.
    version : int
        Grows with every change of the plane.
    """

    current: np.ndarray
    basis: Basis = Basis()
    proposals: Proposals | None = None
    proposals_saved: bool = True
    version: int = 0
    _times_edited: np.ndarray | None = None

    def set(self, flat: np.ndarray, values: np.ndarray) -> None:
        """Pixels, by row-major index, have other values."""
        self._widen(int(values.max(initial=0)))
        self.current.reshape(-1)[flat] = values
        self.version += 1

    def fill(self, rows: slice, cols: slice, painted: np.ndarray, value: int) -> None:
        """A person gave pixels of a box another value; `painted` is bool, of the box."""
        self._widen(value)
        box = self.current[rows, cols]
        if self._times_edited is None:
            self._times_edited = np.zeros(self.current.size, np.int16)
        times = self._times_edited.reshape(self.current.shape)[rows, cols]
        times += painted & (box != value)
        box[painted] = value
        self.version += 1

    def _widen(self, value: int) -> None:
        wider = np.result_type(self.current, np.min_scalar_type(value))
        if wider != self.current.dtype:
            self.current = self.current.astype(wider)

    def count_edit(self, flat: np.ndarray, sign: int) -> None:
        """A person's edit of pixels, by row-major index, was made (1) or taken back (-1)."""
        if self._times_edited is None:
            self._times_edited = np.zeros(self.current.size, np.int16)
        self._times_edited[flat] += sign

    def count_edits(self, times: np.ndarray) -> None:
        """People's edits of earlier sessions: how often each pixel was changed, (H · W,)."""
        before = self._times_edited
        self._times_edited = times if before is None else before + times

    @property
    def edited(self) -> np.ndarray:
        """Pixels (H, W) that a person changed, as bool."""
        if self._times_edited is None:
            return np.zeros(self.current.shape, bool)
        return (self._times_edited > 0).reshape(self.current.shape)

    def edited_at(self, here: tuple[slice, slice]) -> np.ndarray:
        """Pixels that a person changed in a part of the plane, as bool."""
        if self._times_edited is None:
            return np.zeros(self.current[here].shape, bool)
        return self._times_edited.reshape(self.current.shape)[here] > 0

    def kept(self, table: ObjectTable) -> np.ndarray:
        """See `Draft.kept`."""
        return Draft(self.current, self.edited, table, self.basis).kept()

    def draft(self, table: ObjectTable) -> Draft:
        """A copy for a job to compose on."""
        return Draft(self.current.copy(), self.edited, table.copy(), self.basis, self.version)
