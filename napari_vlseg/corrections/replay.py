"""From edits to labels and objects."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from napari_vlseg.corrections.edits import Edit
from napari_vlseg.errors import LedgerError
from napari_vlseg.object_table import ObjectTable


def apply_edit(labels: np.ndarray, table: ObjectTable, edit: Edit) -> None:
    """Make one edit, in place; both change or neither.

    Parameters
    ----------
    labels : numpy.ndarray, integer or bool
        The whole labels array.
    table : ObjectTable
        Its objects; their areas are kept right.
    edit : Edit
        One with pixels and rows of its own: that of “undo” and “redo” is what
        `Ledger.undo` and `Ledger.redo` give.

    Raises
    ------
    LedgerError
        If it does not fit them.
    """
    if edit.pixels is not None:
        edit.pixels.apply(labels)
    try:
        table.apply_with(edit.pixels, edit.rows)
    except LedgerError:
        if edit.pixels is not None:
            edit.pixels.inverted().apply(labels)
        raise


def resolved(edit: Edit, lookup: Callable[[int], Edit]) -> Edit:
    """The edit itself, or what an “undo” or “redo” record does.

    Parameters
    ----------
    edit : Edit
    lookup : callable
        Gives the edit of a number.
    """
    if edit.op not in ("undo", "redo"):
        return edit
    about = lookup(int(edit.cause["of"]))
    done = about.inverted() if edit.op == "undo" else about
    cause = {"of": about.number, "what": about.op, **_type_change(edit.op, about)}
    return Edit(
        edit.op,
        done.pixels,
        done.rows,
        done.plane,
        cause,
        edit.number,
        edit.time,
        edit.annotator,
    )


def replay_onto(
    labels: np.ndarray,
    table: ObjectTable,
    edits: Iterable[Edit],
    lookup: Callable[[int], Edit],
) -> np.ndarray:
    """Make edits one after the other.

    Parameters
    ----------
    labels : numpy.ndarray
        Changed in place.
    table : ObjectTable
        Changed in place.
    edits : iterable of Edit
        As they are journalled, “undo” and “redo” among them. An “import” whose cause has
        ``restart`` begins anew from an image without labels.
    lookup : callable
        Gives the edit of a number, for “undo” and “redo”.

    Returns
    -------
    numpy.ndarray
        `labels`, or a new array where an edit changed their type.

    Raises
    ------
    LedgerError
        If an edit does not fit.
    """
    for record in edits:
        edit = resolved(record, lookup)
        if "restart" in edit.cause:
            labels[...] = 0
            table.become(ObjectTable())
        dtype = edit.cause.get("dtype")
        if dtype is not None:
            labels = labels.astype(np.int64)
        apply_edit(labels, table, edit)
        if dtype is not None:
            labels = labels.astype(dtype)
    return labels


def replay(
    edits: Iterable[Edit],
    shape: Sequence[int],
    dtype: Any,
    lookup: Callable[[int], Edit] | None = None,
) -> tuple[np.ndarray, ObjectTable]:
    """Labels and objects that come of edits, from an image without any.

    Parameters
    ----------
    edits : iterable of Edit
        All of them, as they are journalled.
    shape : sequence of int
    dtype : data type
        Of the labels.
    lookup : callable, optional
        Gives the edit of a number; `Ledger.edit`, for example. Without it all are kept in
        memory.

    Returns
    -------
    labels : numpy.ndarray
    table : ObjectTable

    Raises
    ------
    LedgerError
        If an edit does not fit the ones before.
    """
    if lookup is None:
        known = {edit.number: edit for edit in edits}
        edits, lookup = known.values(), known.__getitem__
    table = ObjectTable()
    labels = replay_onto(np.zeros(tuple(shape), dtype), table, edits, lookup)
    return labels, table


def _type_change(op: str, about: Edit) -> dict[str, str]:
    """Type that the labels have after undoing or redoing an edit that changed it."""
    if "dtype" not in about.cause:
        return {}
    return {"dtype": about.cause["was_dtype" if op == "undo" else "dtype"]}
