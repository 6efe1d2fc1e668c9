"""One plane of a labels layer: what the journal says is there, and what the plugin knows of it.

Pure NumPy. Which labels are the plugin's own and which a person touched is told by the table of
objects; which pixels a person changed is counted edit by edit, so that undo and redo of any
depth leave the same memory.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from napari_vlseg.object_table import ObjectTable
from napari_vlseg.proposals import Proposals
from napari_vlseg.ui.objects import is_one_of, labels_in
from napari_vlseg.ui.packing import Packed, unpacked
from napari_vlseg.ui.shelf import Shelf, put_away


@dataclass(frozen=True, eq=False)
class Basis:
    """What the plugin composed on last.

    Attributes
    ----------
    base : numpy.ndarray or Packed, shape (H, W), or None
        The plane without the plugin's objects, also where they replaced others; 0 where a
        person changed it. None where nothing was composed since the plane was opened.
    semantic : bool
        Whether labels are classes.
    shown : tuple of str or None
        Classes that are visible; None is all.
    """

    base: np.ndarray | Packed | None = None
    semantic: bool = False
    shown: tuple[str, ...] | None = None

    def packed(self) -> Basis:
        """The same in little memory."""
        base = self.base
        return replace(self, base=Packed.of(base)) if isinstance(base, np.ndarray) else self


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
    above : int
        New objects get numbers above this one too.
    """

    plane: np.ndarray
    edited: np.ndarray
    table: ObjectTable
    basis: Basis = Basis()
    version: int = 0
    above: int = 0

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
        return max(*self.table.column("label"), int(self.plane.max(initial=0)), self.above, 0)

    def stays(self) -> np.ndarray:
        """Pixels (H, W) that a person decided about, as bool.

        In a semantic result a label is a class and no object, so that only pixels count.
        """
        if self.basis.semantic:
            return self.edited
        return self.edited | is_one_of(self.plane, self.standing.touched)

    def kept(self) -> np.ndarray:
        """The plane without the plugin's pixels: pixels and objects that a person touched stay."""
        if self.basis.base is None:
            base = np.where(is_one_of(self.plane, self.standing.own), 0, self.plane)
        else:
            base = unpacked(self.basis.base)
        return np.where(self.stays(), self.plane, base)


class PlaneRecord:
    """The memory of one plane.

    Parameters
    ----------
    current : numpy.ndarray or Packed, shape (H, W)
        What the journal says is there.
    shelf : Shelf, optional
        Keeps the planes of a layer within bounds; of a small layer none is packed.
    packs : bool
        Whether labels are packed while they are not used.

    Attributes
    ----------
    basis : Basis
    proposals_saved : bool
        Whether a project holds the proposals.
    version : int
        Grows with every change of the plane.
    """

    def __init__(
        self,
        current: np.ndarray | Packed,
        shelf: Shelf | None = None,
        packs: bool = False,
    ) -> None:
        self._current = current
        self._times_edited: np.ndarray | Packed | None = None
        self._proposals: Proposals | None = None
        self._load_proposals: Callable[[], Proposals | None] | None = None
        self._shelf = Shelf() if shelf is None else shelf
        self._packs = packs
        self._basis = Basis()
        self.proposals_saved = True
        self.version = 0
        if isinstance(current, np.ndarray):
            self._use()

    # ---- what is there

    @property
    def current(self) -> np.ndarray:
        """What the journal says is there, shape (H, W); to be read only."""
        return self._opened()

    @current.setter
    def current(self, labels: np.ndarray) -> None:
        with self._shelf.lock:
            self._current = labels
            self._use()

    @property
    def labels(self) -> np.ndarray:
        """Values other than 0 that occur, ascending: without unpacking the plane."""
        present = self._current
        return present.labels if isinstance(present, Packed) else labels_in(present)

    @property
    def is_packed(self) -> bool:
        """Whether the plane is not in use."""
        return isinstance(self._current, Packed)

    @property
    def basis(self) -> Basis:
        """What the plugin composed on last."""
        return self._basis

    @basis.setter
    def basis(self, basis: Basis) -> None:
        self._basis = basis.packed() if self._packs else basis

    @property
    def proposals(self) -> Proposals | None:
        """What the model said last, with its probabilities; read where they lie in files."""
        if self._proposals is None and self._load_proposals is not None:
            self._proposals = self._load_proposals()
            self._shelf.proposed(self, self._proposals)
        return self._proposals

    @proposals.setter
    def proposals(self, proposals: Proposals | None) -> None:
        self._proposals, self._load_proposals = proposals, None
        self._shelf.proposed(self, proposals)

    @property
    def has_proposals(self) -> bool:
        """Whether it is known what a model said, without reading it."""
        return self._proposals is not None or self._load_proposals is not None

    def note_new_home(self) -> None:
        """Another project is to hold what the model said, unless it lies in files of its own."""
        self.proposals_saved = self._load_proposals is not None or self._proposals is None

    def leave_proposals(self, load: Callable[[], Proposals | None]) -> None:
        """Say where proposals are read when they are needed: others keep them."""
        self._proposals, self._load_proposals = None, load
        self._shelf.proposed(self, None)
        self.proposals_saved = True

    @property
    def edited(self) -> np.ndarray:
        """Pixels (H, W) that a person changed, as bool."""
        with self._shelf.lock:
            if self._times_edited is None:
                return np.zeros(self._current.shape, bool)
            return (self._times() > 0).reshape(self._current.shape)

    def edited_at(self, here: tuple[slice, slice]) -> np.ndarray:
        """Pixels that a person changed in a part of the plane, as bool."""
        with self._shelf.lock:
            if self._times_edited is None:
                return np.zeros(self.current[here].shape, bool)
            return self._times().reshape(self._current.shape)[here] > 0

    def kept(self, table: ObjectTable) -> np.ndarray:
        """See `Draft.kept`."""
        return Draft(self.current, self.edited, table, self.basis).kept()

    def draft(self, table: ObjectTable) -> Draft:
        """A copy for a job to compose on."""
        return Draft(self.current.copy(), self.edited, table.copy(), self.basis, self.version)

    def draft_of(self, table: ObjectTable, rows: slice, cols: slice) -> Draft:
        """As `draft`, of a part of the plane."""
        base = self.basis.base
        here = None if base is None else unpacked(base)[rows, cols]
        current = self.current
        return Draft(
            current[rows, cols].copy(),
            self.edited_at((rows, cols)),
            table.copy(),
            replace(self.basis, base=here),
            self.version,
            int(current.max(initial=0)),
        )

    def basis_with(self, part: Basis, rows: slice, cols: slice) -> Basis:
        """What the plugin composed on last, where that was a part of the plane."""
        if self.basis.base is None or part.base is None:
            return replace(part, base=None)
        base = unpacked(self.basis.base).copy()
        base[rows, cols] = unpacked(part.base)
        return replace(part, base=base)

    # ---- what happens to it

    def put(self, rows: slice, cols: slice, labels: np.ndarray) -> None:
        """A part of the plane holds other labels."""
        with self._shelf.lock:
            self._wide_enough(int(labels.max(initial=0)))[rows, cols] = labels
            self.version += 1

    def set(self, flat: np.ndarray, values: np.ndarray) -> None:
        """Pixels, by row-major index, have other values."""
        with self._shelf.lock:
            current = self._wide_enough(int(values.max(initial=0)))
            current.reshape(-1)[flat] = values
            self.version += 1

    def fill(self, rows: slice, cols: slice, painted: np.ndarray, value: int) -> None:
        """A person gave pixels of a box another value; `painted` is bool, of the box."""
        with self._shelf.lock:
            current = self._wide_enough(value)
            box = current[rows, cols]
            times = self._times().reshape(current.shape)[rows, cols]
            times += painted & (box != value)
            box[painted] = value
            self.version += 1

    def count_edit(self, flat: np.ndarray, sign: int) -> None:
        """A person's edit of pixels, by row-major index, was made (1) or taken back (-1)."""
        with self._shelf.lock:
            self._times()[flat] += sign

    def count_edits(self, times: np.ndarray) -> None:
        """People's edits of earlier sessions: how often each pixel was changed, (H · W,)."""
        with self._shelf.lock:
            if self._times_edited is None:
                self._times_edited = times
            else:
                self._times_edited = self._times() + times
            self._use()

    # ---- memory

    def snapshot(self) -> np.ndarray | Packed:
        """What the journal says is there, not to be changed by what comes."""
        with self._shelf.lock:
            present = self._current
            return present if isinstance(present, Packed) else present.copy()

    def pack(self) -> None:
        """Take as little memory as can be, until it is used again."""
        with self._shelf.lock:
            if isinstance(self._current, np.ndarray):
                self._current = Packed.of(self._current)
            if isinstance(self._times_edited, np.ndarray):
                self._times_edited = Packed.of(self._times_edited)

    def put_proposals_away(self) -> None:
        """Keep what the model said in a temporary file, where no other has it."""
        if self._load_proposals is not None:
            self._proposals = None
        elif self._proposals is not None:
            self._proposals = put_away(self._proposals)

    def _opened(self) -> np.ndarray:
        with self._shelf.lock:
            self._current = unpacked(self._current)
            self._use()
            return self._current

    def _times(self) -> np.ndarray:
        """How often each pixel was changed by a person, shape (H · W,); to be changed in place."""
        current = self._opened()
        if self._times_edited is None:
            self._times_edited = np.zeros(current.size, np.int16)
        self._times_edited = unpacked(self._times_edited)
        self._use()
        return self._times_edited

    def _wide_enough(self, value: int) -> np.ndarray:
        current = self._opened()
        wider = np.result_type(current, np.min_scalar_type(value))
        if wider != current.dtype:
            self._current = current = current.astype(wider)
        return current

    def _use(self) -> None:
        if self._packs:
            held = (self._current, self._times_edited)
            self._shelf.used(self, sum(a.nbytes for a in held if isinstance(a, np.ndarray)))
