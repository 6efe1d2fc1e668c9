"""A composition as an edit, made beside the window."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from napari_vlseg.corrections.edits import Edit, packed
from napari_vlseg.object_table import ObjectTable
from napari_vlseg.pixel_changes import PixelChange
from napari_vlseg.proposals import Proposals
from napari_vlseg.ui.composing import Composition, Policy, compose
from napari_vlseg.ui.editing.rows import Stamp, composed
from napari_vlseg.ui.planes import Draft


@dataclass(frozen=True, eq=False)
class Written:
    """What writing a composition to the layer would be.

    Attributes
    ----------
    made : Composition
    edit : Edit
    table : ObjectTable
        The layer's objects after it.
    draft : Draft
        What it was composed on: it may be written as long as that has not changed.
    region : tuple of slice or None
        Rows and columns that it is of; None is all.
    """

    made: Composition
    edit: Edit
    table: ObjectTable
    draft: Draft
    region: tuple[slice, slice] | None = None


@dataclass(frozen=True, eq=False)
class Target:
    """The plane that a result goes to, as it was when the job began.

    Attributes
    ----------
    draft : Draft
        Of the plane, or of its region.
    policy : {"keep", "replace", "add", "ask"}
    shape : tuple of int
        Of the journal's array.
    index : tuple of int
        Of the plane.
    op : {"propose", "threshold"}
    stamp : Stamp
    shown : tuple of str or None
        Classes that are visible; None is all.
    region : tuple of slice or None
        Rows and columns that the result is of; None is all.
    """

    draft: Draft
    policy: Policy
    shape: tuple[int, ...]
    index: tuple[int, ...]
    op: str
    stamp: Stamp
    shown: tuple[str, ...] | None = None
    region: tuple[slice, slice] | None = None

    def compose(self, proposals: Proposals) -> Written:
        """Put proposals on the plane, or its region, and write down what that changes."""
        return written(compose(self.draft, proposals, self.policy, self.shown), self)


def written(made: Composition, target: Target) -> Written:
    """The edit that writes a composition, and the objects after it."""
    draft = target.draft
    pixels = _change(draft.plane, made.labels, target)
    rows = composed(draft.table, pixels, made.rows, target.stamp)
    table = draft.table.copy()
    table.apply_with(pixels, rows)
    edit = Edit(target.op, pixels, rows, target.index, _cause(made, target.policy))
    return Written(made, packed(edit), table, draft, target.region)


def _change(before: np.ndarray, after: np.ndarray, target: Target) -> PixelChange | None:
    if target.region is None:
        return PixelChange.between(before, after, target.shape, target.index)
    rows, cols = target.region
    leading, (height, width) = target.shape[:-2], target.shape[-2:]
    plane = int(np.ravel_multi_index(target.index, leading)) if leading else 0
    row, col = np.nonzero(before != after)
    flat = (row + rows.start + plane * height) * width + col + cols.start
    return PixelChange.at(flat, before[row, col], after[row, col])


def _cause(made: Composition, policy: Policy) -> Mapping[str, Any]:
    said = made.proposals
    described = {row.name: row.describe() for row in said.prompts.rows}
    return {
        "prompts": {name: described.get(name, "") for name in said.classes},
        "model": str(said.model),
        "outlines": "" if said.refined_by is None else str(said.refined_by),
        "thresholds": dict(zip(said.classes, map(float, said.thresholds), strict=True)),
        "policy": policy,
        "mode": said.postprocess.mode,
        "shown": list(said.classes if made.basis.shown is None else made.basis.shown),
    }
