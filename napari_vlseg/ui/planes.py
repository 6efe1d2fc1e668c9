"""One plane of a labels layer: what the plugin wrote there, and what the person made of it.

Pure NumPy. The person's edits are found by comparing the plane with what was last written,
so every tool counts (brush, fill, polygon, eraser, other plugins, undo and redo).
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from napari_vlseg.proposals import Proposals, empty_objects
from napari_vlseg.ui.objects import count_pixels, edited, is_one_of, with_row

if TYPE_CHECKING:
    from napari_vlseg.ui.composing import Composition

_STATES_KEPT = 32


@dataclass(frozen=True, eq=False)
class Written:
    """A state of the plane that is known, because the plugin wrote it.

    Attributes
    ----------
    own : frozenset of int
        Labels that are the plugin's and that nobody changed.
    touched : frozenset of int
        Labels that a person drew or changed; they are never altered.
    objects : pandas.DataFrame
        One row per label, see `napari_vlseg.proposals.OBJECT_COLUMNS`.
    semantic : bool
        Whether labels are classes.
    """

    own: frozenset[int] = frozenset()
    touched: frozenset[int] = frozenset()
    objects: pd.DataFrame = field(default_factory=empty_objects)
    semantic: bool = False


@dataclass(frozen=True, eq=False)
class _Remembered:
    """A state with the arrays that belong to it; most states share their base."""

    state: Written
    base: np.ndarray
    edited: np.ndarray


@dataclass(eq=False)
class PlaneRecord:
    """The memory of one plane.

    Attributes
    ----------
    proposals : Proposals or None
        What the model said last, with its probabilities.
    base : numpy.ndarray, shape (H, W)
        The plane without the plugin's objects.
    current : numpy.ndarray, shape (H, W)
        The plane as it was when it was last looked at.
    edited : numpy.ndarray of bool, shape (H, W)
        Pixels that the person changed since the proposals came.
    state : Written
        What is known about the labels in `current`.
    shown : tuple of str or None
        Classes that are visible; None is all.
    proposals_saved : bool
        Whether a project holds the proposals.
    """

    base: np.ndarray
    current: np.ndarray
    edited: np.ndarray
    state: Written
    proposals: Proposals | None = None
    shown: tuple[str, ...] | None = None
    proposals_saved: bool = True
    _states: OrderedDict[bytes, _Remembered] = field(default_factory=OrderedDict, repr=False)

    @classmethod
    def of(cls, plane: np.ndarray, state: Written) -> PlaneRecord:
        """Start a record on a plane as it is found."""
        current = plane.copy()
        record = cls(current, current, np.zeros(plane.shape, bool), state)
        record.remember()
        return record

    def kept(self) -> np.ndarray:
        """The plane without the plugin's pixels: pixels and objects that a person touched stay.

        In a semantic result a label is a class and no object, so that only pixels count.
        """
        stays = self.edited
        if not self.state.semantic:
            stays = stays | is_one_of(self.current, self.state.touched)
        return np.where(stays, self.current, self.base)

    def remember(self, digest: bytes | None = None) -> None:
        """Keep the present state, so that undo and redo find it again."""
        self._states[digest or digest_of(self.current)] = _Remembered(
            self.state, self.base, np.packbits(self.edited)
        )
        while len(self._states) > _STATES_KEPT:
            self._states.popitem(last=False)

    def follow(self, made: Composition) -> None:
        """Take over what was just written to the plane."""
        self.current = made.labels
        self.state = made.state
        if not np.array_equal(self.base, made.base):
            self.base = made.base
        self.proposals, self.proposals_saved = made.proposals, False
        self.remember(made.digest)

    def commit(self, plane: np.ndarray, row: pd.DataFrame, gone: Iterable[int] = ()) -> None:
        """Take over a plane on which a person committed one object; it is theirs from now on."""
        label = int(row["label"].iloc[0])
        self.edited = self.edited | (plane != self.current)
        areas = count_pixels(plane)
        touched = (self.state.touched | {label}) & areas.keys()
        own = (self.state.own & areas.keys()) - touched - set(gone)
        objects = with_row(self.state.objects, row, areas)
        self.state = Written(frozenset(own), touched, objects, self.state.semantic)
        self.current = plane
        self.remember()

    def reconcile(self, plane: np.ndarray) -> bool:
        """Take notice of what happened to the plane; True if anything did."""
        if np.array_equal(plane, self.current):
            return False
        known = self._states.get(digest_of(plane))
        if known is None:
            self._take_edits(plane)
        else:
            self.state, self.base = known.state, known.base
            bits = np.unpackbits(known.edited, count=plane.size)
            self.edited = bits.astype(bool).reshape(plane.shape)
        self.current = plane.copy()
        if known is None:
            self.remember()
        return True

    def _take_edits(self, plane: np.ndarray) -> None:
        changed = plane != self.current
        self.edited = self.edited | changed
        involved = {int(v) for v in np.union1d(plane[changed], self.current[changed]) if v}
        areas = count_pixels(plane)
        touched = (self.state.touched | involved) & areas.keys()
        self.state = Written(
            frozenset((self.state.own & areas.keys()) - touched),
            frozenset(touched),
            edited(self.state.objects, touched, areas),
            self.state.semantic,
        )


def digest_of(plane: np.ndarray) -> bytes:
    """Hash of labels (H, W), the same for every integer type that holds them."""
    same_type = np.ascontiguousarray(plane, dtype=np.int64 if plane.itemsize > 4 else np.int32)
    return hashlib.blake2b(same_type.data, digest_size=16).digest()
