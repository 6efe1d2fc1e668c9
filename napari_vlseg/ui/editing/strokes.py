"""What a person painted, from napari's own record of it. Pure NumPy.

napari tells of a stroke by `Labels.events.paint`, which carries a list of atoms, one for each
movement of the mouse. Releases before 0.9 list pixels: ``(indices, old, new)`` with one array of
indices per axis, or slices; later ones have a bounding box and a mask,
``(slice_key, mask or None, old_values, new_value)``. What was there before is not read from them:
the journal knows it, and has to agree with itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

_MASKED = 4  # entries of an atom with a bounding box; the others have three
_SPARSE = 4  # times the boxes of the atoms that the box around all of them may be


@dataclass(frozen=True, eq=False)
class Stroke:
    """Pixels that were painted, each once.

    Attributes
    ----------
    flat : numpy.ndarray, shape (n,), int64
        Indices into the whole labels array in row-major order, ascending.
    new : numpy.ndarray, shape (n,), int64
        What the last atom that painted the pixel left there.
    """

    flat: np.ndarray
    new: np.ndarray


def stroke_of(atoms: Iterable[Sequence[Any]], shape: Sequence[int]) -> Stroke:
    """One stroke from its atoms, oldest first.

    Parameters
    ----------
    atoms : iterable
        What `Labels.events.paint` carries.
    shape : sequence of int
        Of the labels array.
    """
    told = list(atoms)
    whole = tuple(int(side) for side in shape)
    if told and all(len(atom) == _MASKED for atom in told):
        box = _box_around([atom[0] for atom in told])
        painted = sum(prod(part.stop - part.start for part in atom[0]) for atom in told)
        if prod(part.stop - part.start for part in box) <= _SPARSE * painted:
            return _drawn_in_box(told, box, whole)
    return _listed_one_by_one(told, whole)


def _box_around(boxes: Sequence[tuple[slice, ...]]) -> tuple[slice, ...]:
    return tuple(
        slice(min(part.start for part in parts), max(part.stop for part in parts))
        for parts in zip(*boxes, strict=True)
    )


def _drawn_in_box(
    atoms: Sequence[Sequence[Any]], box: tuple[slice, ...], shape: tuple[int, ...]
) -> Stroke:
    """Draw the stroke again: quick where the box around it is not much larger than the stroke."""
    sides = tuple(part.stop - part.start for part in box)
    painted = np.zeros(sides, bool)
    several = len({int(atom[3]) for atom in atoms}) > 1
    values = np.zeros(sides if several else (), np.int64)
    for where, mask, _, new in atoms:
        here = tuple(
            slice(part.start - side.start, part.stop - side.start)
            for part, side in zip(where, box, strict=True)
        )
        if mask is None:
            painted[here] = True
        else:
            painted[here] |= mask
        if several:
            values[here] = new if mask is None else np.where(mask, new, values[here])
    flat = _shifted(np.nonzero(painted), box, shape)
    return Stroke(flat, values[painted] if several else np.full(flat.size, atoms[0][3], np.int64))


def _listed_one_by_one(atoms: Sequence[Sequence[Any]], shape: tuple[int, ...]) -> Stroke:
    parts = [_pixels(atom, shape) for atom in atoms]
    flat = np.concatenate([np.empty(0, np.int64), *(part for part, _ in parts)])
    new = np.concatenate([np.empty(0, np.int64), *(values for _, values in parts)])
    if flat.size > 1 and not (flat[1:] > flat[:-1]).all():
        order = np.argsort(flat, kind="stable")
        flat, new = flat[order], new[order]
        last = np.append(flat[1:] != flat[:-1], True)
        flat, new = flat[last], new[last]
    return Stroke(flat, new)


def _pixels(atom: Sequence[Any], shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Flat indices of one atom, and the values after it."""
    where, new = atom[0], atom[-1]
    if len(atom) != _MASKED:
        flat = _index(where, shape)
    elif atom[1] is None:
        flat = _flat(np.ix_(*(np.arange(part.start, part.stop) for part in where)), shape)
    else:
        flat = _shifted(np.nonzero(atom[1]), where, shape)
    values = np.ravel(np.asarray(new)).astype(np.int64)
    return flat, np.broadcast_to(values, flat.size) if values.size == 1 else values


def _index(where: Any, shape: tuple[int, ...]) -> np.ndarray:
    """Flat indices of whatever NumPy takes as an index: numbers, arrays and slices mixed."""
    parts = where if isinstance(where, tuple) else (where,)
    if len(parts) == len(shape) and not any(isinstance(part, slice) for part in parts):
        return _flat(parts, shape)
    return np.arange(prod(shape), dtype=np.int64).reshape(shape)[where].ravel()


def _shifted(
    inside: Sequence[np.ndarray], box: Sequence[slice], shape: tuple[int, ...]
) -> np.ndarray:
    """Row-major indices of places inside of a box."""
    total, corner = inside[0], box[0].start
    for place, part, side in zip(inside[1:], box[1:], shape[1:], strict=True):
        total = total * side + place
        corner = corner * side + part.start
    return total + corner


def _flat(where: Sequence[Any], shape: tuple[int, ...]) -> np.ndarray:
    """Row-major indices; what broadcasts is broadcast. Counted from behind where negative."""
    total = np.zeros((), np.int64)
    for part, side in zip(where, shape, strict=True):
        position = np.asarray(part, np.int64)
        if position.size and position.min() < 0:
            position = np.where(position < 0, position + side, position)
        total = total * side + position
    return np.ravel(total)
