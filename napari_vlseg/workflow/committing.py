"""An outlined object brought into labels, without harm to what a person made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from napari_vlseg.errors import PromptError

CommitMode = Literal["new", "add", "subtract", "replace"]

_MOSTLY = 0.5
_NEAR = 2


@dataclass(frozen=True, eq=False)
class LabelChange:
    """What a commit changes on a plane.

    Attributes
    ----------
    label : int
        The object that the mask went to.
    rows, cols : slice
        Where the plane changes.
    before, after : numpy.ndarray, shape (h, w), integer
        Labels there.
    gone : tuple of int
        Objects of which nothing is left.
    """

    label: int
    rows: slice
    cols: slice
    before: np.ndarray
    after: np.ndarray
    gone: tuple[int, ...] = ()

    def moved(self, rows: int, cols: int) -> tuple[slice, slice, np.ndarray]:
        """Where it changes a larger array in which the labels begin at a place, and to what."""
        return (
            slice(self.rows.start + rows, self.rows.stop + rows),
            slice(self.cols.start + cols, self.cols.stop + cols),
            self.after,
        )


def apply_mask(
    labels: np.ndarray,
    top: int,
    left: int,
    mask: npt.NDArray[np.bool_],
    mode: CommitMode,
    label: int,
    protected: npt.NDArray[np.bool_] | None = None,
) -> LabelChange:
    """What becomes of labels when a mask is committed to them.

    Parameters
    ----------
    labels : numpy.ndarray, shape (H, W), integer
        0 is background; not changed.
    top, left : int
        Where the mask begins.
    mask : numpy.ndarray, shape (h, w), bool
    mode : {"new", "add", "subtract", "replace"}
        ``new``: the mask becomes the object `label`. ``add``: it is added to `label`.
        ``subtract``: it is taken away from `label`, and from nothing else. ``replace``:
        `label` becomes the mask.
    label : int
        Number of the object, greater than 0.
    protected : numpy.ndarray, shape (H, W), bool, optional
        Pixels that other objects keep: those that a person drew or changed.

    Returns
    -------
    LabelChange
        Other objects lose the pixels that are not protected, and go where they lose at
        least half.

    Raises
    ------
    PromptError
        If nothing would change.
    """
    here = slice(top, top + mask.shape[0]), slice(left, left + mask.shape[1])
    if mode == "subtract":
        return _difference(labels, _with(labels, here, mask & (labels[here] == label), 0), label)
    present = labels[here]
    allowed = mask if protected is None else mask & (~protected[here] | (present == label))
    if not allowed.any():
        raise PromptError(_why_nothing(present[mask]))
    after = np.where(labels == label, 0, labels) if mode == "replace" else labels
    gone = _mostly_covered(labels, present[allowed], label, protected)
    if gone:
        after = np.where(np.isin(after, gone), 0, after)
    return _difference(labels, _with(after, here, allowed, label), label, gone)


def region_of(
    labels: np.ndarray, top: int, left: int, mask: npt.NDArray[np.bool_], label: int
) -> tuple[slice, slice]:
    """The part of labels (H, W) that committing a mask may look at or change.

    That is the box around the mask, the object that it goes to and the objects below it.

    Parameters
    ----------
    labels, top, left, mask, label
        As in `apply_mask`.
    """
    here = slice(top, top + mask.shape[0]), slice(left, left + mask.shape[1])
    involved = {label, *np.unique(labels[here][mask]).tolist()} - {0}
    place = np.isin(labels, list(involved)) if len(involved) > 1 else labels == label
    rows = np.flatnonzero(place.any(axis=1))
    cols = np.flatnonzero(place.any(axis=0))
    if not len(rows):
        return here
    return (
        slice(min(top, int(rows[0])), max(here[0].stop, int(rows[-1]) + 1)),
        slice(min(left, int(cols[0])), max(here[1].stop, int(cols[-1]) + 1)),
    )


def target_of(
    labels: np.ndarray, top: int, left: int, mask: npt.NDArray[np.bool_], near: int = _NEAR
) -> int:
    """The object that a mask is about: the one it overlaps most, else a close neighbour, else 0.

    Parameters
    ----------
    labels : numpy.ndarray, shape (H, W), integer
    top, left, mask
        As in `apply_mask`.
    near : int
        Pixels around the bounding box of the mask in which a neighbour is looked for.
    """
    here = slice(top, top + mask.shape[0]), slice(left, left + mask.shape[1])
    around = (
        slice(max(0, top - near), top + mask.shape[0] + near),
        slice(max(0, left - near), left + mask.shape[1] + near),
    )
    for region in (labels[here][mask], labels[around].ravel()):
        values, counts = np.unique(region[region > 0], return_counts=True)
        if len(values):
            return int(values[counts.argmax()])
    return 0


def _mostly_covered(
    labels: np.ndarray,
    taken: np.ndarray,
    label: int,
    protected: npt.NDArray[np.bool_] | None,
) -> tuple[int, ...]:
    """Objects that lose at least half of their pixels, and have none that is protected."""
    values, counts = np.unique(taken[taken > 0], return_counts=True)
    gone = []
    for value, count in zip(values.tolist(), counts.tolist(), strict=True):
        whole = labels == value
        is_free = protected is None or not (whole & protected).any()
        if value != label and is_free and count >= _MOSTLY * np.count_nonzero(whole):
            gone.append(value)
    return tuple(gone)


def _with(
    labels: np.ndarray, here: tuple[slice, slice], where: npt.NDArray[np.bool_], value: int
) -> np.ndarray:
    changed = labels.astype(np.result_type(labels.dtype, np.min_scalar_type(value)))
    changed[here] = np.where(where, value, changed[here])
    return changed


def _difference(
    before: np.ndarray, after: np.ndarray, label: int, gone: tuple[int, ...] = ()
) -> LabelChange:
    differs = before != after
    rows, cols = np.flatnonzero(differs.any(axis=1)), np.flatnonzero(differs.any(axis=0))
    if not len(rows):
        raise PromptError(
            "This would change nothing: the labels are like that already, or the mask does not "
            "touch the object."
        )
    region = slice(int(rows[0]), int(rows[-1]) + 1), slice(int(cols[0]), int(cols[-1]) + 1)
    lost = (value for value in np.unique(before[region]).tolist() if value)
    vanished = {value for value in lost if not (after == value).any()}
    return LabelChange(
        label,
        *region,
        before[region].copy(),
        after[region].copy(),
        tuple(sorted(vanished | set(gone))),
    )


def _why_nothing(others: np.ndarray) -> str:
    if not others.size:
        return "The mask is empty: click on the object, or press Tab for another candidate."
    names = ", ".join(str(value) for value in np.unique(others).tolist() if value)
    return (
        f"The place belongs to object {names}, which you drew or changed: press R to replace it, "
        "or A to add to it."
    )
