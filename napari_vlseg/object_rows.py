"""Rows of the table of objects: what changes in one, and what its cells are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd

from napari_vlseg.proposals import completed

DERIVED = frozenset({"area", "iou_proposal_final"})
"""Columns that follow from the pixels; no row change holds them."""

UID = "object_uid"


@dataclass(frozen=True)
class RowChange:
    """What changes in the row of one object.

    Attributes
    ----------
    uid : str
        The object's id.
    old, new : mapping of column to value, or None
        The cells that change. `old` None is a new row and `new` None a row that goes; the
        other one then holds all its cells. Neither holds the id or a column of `DERIVED`.
    """

    uid: str
    old: Mapping[str, Any] | None
    new: Mapping[str, Any] | None

    def inverted(self) -> RowChange:
        """The change that takes this one back."""
        return RowChange(self.uid, self.new, self.old)


@cache
def unknown_cells() -> Mapping[str, Any]:
    """Cells of an object about which nothing is known, without its id."""
    row = completed(pd.DataFrame(index=range(1)))
    return MappingProxyType({str(name): row[name].tolist()[0] for name in row if name != UID})


def plain_cells(cells: Mapping[str, Any]) -> dict[str, Any]:
    """Cells as Python values, without the id and what follows from the pixels."""
    return {
        name: cell.item() if isinstance(cell, np.generic) else cell
        for name, cell in without_derived(cells).items()
    }


def without_derived(cells: Mapping[str, Any]) -> dict[str, Any]:
    """Cells without the id and what follows from the pixels."""
    return {name: cell for name, cell in cells.items() if name not in DERIVED and name != UID}


def same_cell(cell: Any, value: Any) -> bool:
    """Whether two cells are equal; nan equals nan."""
    return cell is value or cell == value or (cell != cell and value != value)


def series_of(cells: Sequence[Any], dtype: Any) -> pd.Series:
    """Cells as a column of a type, or of type object where it does not hold them.

    Parameters
    ----------
    cells : sequence
    dtype : data type or None
        That the column had when it was read.
    """
    # A new category would become a missing value, and every text a True.
    if isinstance(dtype, pd.CategoricalDtype) and not set(cells) <= set(dtype.categories):
        dtype = None
    if dtype == np.dtype(bool) and not set(map(type, cells)) <= {bool}:
        dtype = None
    try:
        return pd.Series(list(cells), dtype=dtype or "object")
    except (TypeError, ValueError):
        return pd.Series(list(cells), dtype="object")
