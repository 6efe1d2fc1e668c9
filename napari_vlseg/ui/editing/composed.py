"""A composition as an edit, made beside the window."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from napari_vlseg.corrections.edits import Edit, packed
from napari_vlseg.object_table import ObjectTable
from napari_vlseg.pixel_changes import PixelChange
from napari_vlseg.proposals import Proposals
from napari_vlseg.ui.composing import Composition, Policy, compose
from napari_vlseg.ui.editing.rows import Stamp, composed
from napari_vlseg.ui.packing import unpacked
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
    """

    made: Composition
    edit: Edit
    table: ObjectTable
    draft: Draft


@dataclass(frozen=True, eq=False)
class Target:
    """The plane that a result goes to, as it was when the job began.

    Attributes
    ----------
    draft : Draft
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
        if self.region is None:
            return written(compose(self.draft, proposals, self.policy, self.shown), self)
        part = self.draft.part(*self.region)
        made = compose(part, proposals, self.policy, self.shown)
        return written(_in_plane(made, self.draft, *self.region), self)


def _in_plane(made: Composition, draft: Draft, rows: slice, cols: slice) -> Composition:
    """A composition of a region as one of its plane; what lies around it stays."""
    labels = draft.plane.astype(np.result_type(draft.plane, made.labels))
    labels[rows, cols] = made.labels
    base = np.where(draft.stays(), 0, draft.kept())
    base[rows, cols] = 0 if made.basis.base is None else unpacked(made.basis.base)
    return replace(made, labels=labels, basis=replace(made.basis, base=base))


def written(made: Composition, target: Target) -> Written:
    """The edit that writes a composition, and the objects after it."""
    draft = target.draft
    pixels = PixelChange.between(draft.plane, made.labels, target.shape, target.index)
    rows = composed(draft.table, pixels, made.rows, target.stamp)
    table = draft.table.copy()
    table.apply_with(pixels, rows)
    edit = Edit(target.op, pixels, rows, target.index, _cause(made, target.policy))
    return Written(made, packed(edit), table, draft)


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
