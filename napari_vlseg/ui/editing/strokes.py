"""What a person painted, from napari's own record of it. Pure NumPy.

napari tells of a stroke by `Labels.events.paint`, which carries a list of atoms, one for each
movement of the mouse. Releases before 0.9 list pixels: ``(indices, old, new)`` with one array of
indices per axis, or slices; later ones have a bounding box and a mask,
``(slice_key, mask or None, old_values, new_value)``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

_MASKED = 4  # entries of an atom with a bounding box; the others have three


@dataclass(frozen=True, eq=False)
class Stroke:
    """Pixels that were painted, each once.

    Attributes
    ----------
    flat : numpy.ndarray, shape (n,), int64
        Indices into the whole labels array in row-major order, ascending.
    old : numpy.ndarray, shape (n,), int64
        What was there before the first atom that painted the pixel.
    new : numpy.ndarray, shape (n,), int64
        What is there after the last one.
    """

    flat: np.ndarray
    old: np.ndarray
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
    parts = [_pixels(atom, tuple(shape)) for atom in atoms]
    if not parts:
        nothing = np.empty(0, np.int64)
        return Stroke(nothing, nothing, nothing)
    flat, old, new = (np.concatenate(column) for column in zip(*parts, strict=True))
    if flat.size > 1 and not (flat[1:] > flat[:-1]).all():
        order = np.argsort(flat, kind="stable")
        flat, old, new = flat[order], old[order], new[order]
        first = np.flatnonzero(np.diff(flat, prepend=flat[0] - 1))
        last = np.append(first[1:], flat.size) - 1
        flat, old, new = flat[first], old[first], new[last]
    return Stroke(flat, old, new)


def _pixels(
    atom: Sequence[Any], shape: tuple[int, ...]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Flat indices, values before and values after of one atom."""
    if len(atom) == _MASKED:
        where, mask, old, new = atom
        if mask is None:
            flat = _in_box(where, shape)
        else:
            box = tuple(part.start for part in where)
            inside = np.nonzero(mask)
            flat = _flat(tuple(axis + low for axis, low in zip(inside, box, strict=True)), shape)
    else:
        where, old, new = atom
        flat = _listed(where, shape)
    return flat, _values(old, flat.size), _values(new, flat.size)


def _in_box(where: tuple[slice, ...], shape: tuple[int, ...]) -> np.ndarray:
    sides = np.ix_(*(np.arange(part.start, part.stop) for part in where))
    return _flat(sides, shape)


def _listed(where: Any, shape: tuple[int, ...]) -> np.ndarray:
    """Flat indices of whatever NumPy takes as an index: numbers, arrays and slices mixed."""
    parts = where if isinstance(where, tuple) else (where,)
    if len(parts) == len(shape) and not any(isinstance(part, slice) for part in parts):
        return _flat(parts, shape)
    return np.arange(np.prod(shape), dtype=np.int64).reshape(shape)[where].ravel()


def _flat(where: Sequence[Any], shape: tuple[int, ...]) -> np.ndarray:
    """Row-major indices; what broadcasts is broadcast. Counted from behind where negative."""
    total = np.zeros((), np.int64)
    for part, side in zip(where, shape, strict=True):
        position = np.asarray(part, np.int64)
        total = total * side + np.where(position < 0, position + side, position)
    return np.ravel(total)


def _values(values: Any, count: int) -> np.ndarray:
    flat = np.ravel(np.asarray(values)).astype(np.int64)
    return np.broadcast_to(flat, count) if flat.size == 1 else flat
