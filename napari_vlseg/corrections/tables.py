"""Tables of objects as JSON that gives back every value and type."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from napari_vlseg.errors import ProjectError


def encode_table(table: pd.DataFrame) -> dict[str, Any]:
    """A table as JSON values, column by column; the index is not kept.

    Parameters
    ----------
    table : pandas.DataFrame
        Columns of numbers, bool, text, categories, or objects that are one of these.

    Raises
    ------
    ProjectError
        If a column has a type that JSON can't give back, or two have one name.
    """
    names = list(table.columns)
    odd = [name for name in names if not isinstance(name, str) or names.count(name) > 1]
    if odd:
        raise ProjectError(
            f"The object table's column “{odd[0]}” can't be saved: give each column "
            "a name of its own, in text."
        )
    return {
        "rows": len(table),
        "columns": [_encode_column(name, table[name]) for name in names],
    }


def decode_table(document: Mapping[str, Any]) -> pd.DataFrame:
    """Inverse of `encode_table`; raises KeyError, TypeError or ValueError if malformed."""
    index = pd.RangeIndex(document["rows"])
    columns = {column["name"]: _decode_column(column) for column in document["columns"]}
    if any(len(column) != len(index) for column in columns.values()):
        raise ValueError("columns of unequal length")
    return pd.DataFrame(columns, index=index, columns=list(columns))


def _encode_column(name: str, column: pd.Series) -> dict[str, Any]:
    dtype = column.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        return {
            "name": name,
            "dtype": "category",
            "ordered": bool(dtype.ordered),
            "categories": _encode_column("categories", pd.Series(dtype.categories)),
            "values": column.cat.codes.tolist(),
        }
    if not _is_kept(dtype):
        raise _unsuitable(name, str(dtype))
    cells = column.tolist()
    if not isinstance(dtype, np.dtype):  # these have a value of their own for missing
        cells = [None if pd.isna(cell) else cell for cell in cells]
    values = [_encode_cell(name, cell) for cell in cells]
    return {"name": name, "dtype": str(dtype), "values": values}


def _is_kept(dtype: Any) -> bool:
    if isinstance(dtype, np.dtype):
        return dtype.kind in "biuO" or (dtype.kind == "f" and dtype.itemsize <= 8)
    return isinstance(dtype, pd.StringDtype) or dtype.kind in "biuf"


def _decode_column(column: Mapping[str, Any]) -> pd.Series:
    values: Sequence[Any] = column["values"]
    if column["dtype"] == "category":
        categories = pd.Index(_decode_column(column["categories"]))
        return pd.Series(pd.Categorical.from_codes(values, categories, column["ordered"]))
    return pd.Series([_decode_cell(cell) for cell in values], dtype=column["dtype"])


def _encode_cell(name: str, cell: Any) -> Any:
    value = cell.item() if isinstance(cell, np.generic) else cell
    if isinstance(value, float) and not math.isfinite(value):
        return {"float": str(value)}  # JSON has no word for nan and inf
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise _unsuitable(name, type(value).__name__)


def _decode_cell(cell: Any) -> Any:
    return float(cell["float"]) if isinstance(cell, dict) else cell


def _unsuitable(name: str, kind: str) -> ProjectError:
    return ProjectError(
        f"The object table's column “{name}” holds values of type {kind}, which can't be "
        "saved: turn them into numbers or text."
    )
