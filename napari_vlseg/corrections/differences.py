"""Edits that lead from one state of labels and objects to another."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from napari_vlseg.corrections.edits import Edit
from napari_vlseg.object_rows import DERIVED, UID, RowChange
from napari_vlseg.object_table import ObjectTable
from napari_vlseg.pixel_changes import PixelChange
from napari_vlseg.proposals import new_uid


def imported(labels: np.ndarray, objects: pd.DataFrame, cause: Mapping[str, Any]) -> Edit:
    """The edit that brings labels and objects to an image without any.

    Parameters
    ----------
    labels : numpy.ndarray, integer or bool
        The whole array.
    objects : pandas.DataFrame
        With ids, see `with_uids`.
    cause : mapping
        Where they are from.
    """
    nothing = np.broadcast_to(np.zeros((), labels.dtype), labels.shape)
    table = ObjectTable.from_frame(objects)
    rows = tuple(table.added(**table.row(uid)) for uid in table)
    return Edit("import", PixelChange.between(nothing, labels), rows, cause=cause)


def difference(
    before: np.ndarray, objects_before: pd.DataFrame, after: np.ndarray, objects: pd.DataFrame
) -> Edit | None:
    """The edit from one state to another of the same shape, None where nothing differs.

    Parameters
    ----------
    before, after : numpy.ndarray, integer or bool
        Whole arrays.
    objects_before, objects : pandas.DataFrame
        With ids, see `with_uids`. Columns that only the first has stay.
    """
    change = PixelChange.between(before, after)
    rows = tuple(_row_changes(objects_before, objects))
    is_retyped = before.dtype != after.dtype
    if change is None and not rows and not is_retyped:
        return None
    types = {"dtype": after.dtype.name, "was_dtype": before.dtype.name} if is_retyped else {}
    return Edit("other", change, rows, cause=types)


def with_uids(objects: pd.DataFrame, before: pd.DataFrame) -> pd.DataFrame:
    """A table in which every row has an id of its own.

    Parameters
    ----------
    objects : pandas.DataFrame
        As somebody made it.
    before : pandas.DataFrame
        The table it takes the place of; rows without an id take that of their label in it.
    """
    uids = list(objects[UID]) if UID in objects else [""] * len(objects)
    known = dict(zip(before["label"], before[UID], strict=True)) if UID in before else {}
    labels = objects["label"] if "label" in objects else [None] * len(objects)
    taken: set[str] = set()
    for place, (uid, label) in enumerate(zip(uids, labels, strict=True)):
        if not isinstance(uid, str) or not uid or uid in taken:
            uid = known.get(label, "")
            uids[place] = uid = new_uid() if uid in taken or not uid else uid
        taken.add(uid)
    if UID in objects and uids == list(objects[UID]):
        return objects
    return objects.assign(**{UID: pd.Series(uids, index=objects.index, dtype="object")})


def _row_changes(before: pd.DataFrame, after: pd.DataFrame) -> Iterator[RowChange]:
    old, new = ObjectTable.from_frame(before), ObjectTable.from_frame(after)
    for uid in old:
        if uid not in new:
            yield old.removed(uid)
    for uid in new:
        cells = new.row(uid)
        if uid not in old:
            yield new.added(**cells)
            continue
        change = old.changed(uid, **{k: v for k, v in cells.items() if k not in DERIVED})
        if change.new:
            yield change
