"""The table of objects of a plane while labels are written and edited."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd

from napari_vlseg.proposals import completed, empty_objects, new_uid

_COUNTABLE = 10_000_000  # beyond it a table of counts costs more than sorting


def count_pixels(labels: np.ndarray) -> dict[int, int]:
    """Pixels of each label other than 0 that occurs."""
    if int(labels.max(initial=0)) > _COUNTABLE or int(labels.min(initial=0)) < 0:
        values, counts = np.unique(labels, return_counts=True)
    else:
        every = np.bincount(labels.ravel())
        values = np.flatnonzero(every)
        counts = every[values]
    return {v: n for v, n in zip(values.tolist(), counts.tolist(), strict=True) if v}


def is_one_of(labels: np.ndarray, wanted: Iterable[int]) -> np.ndarray:
    """Where labels are among the wanted ones, as bool; faster than sorting for small labels."""
    values = np.fromiter(wanted, np.int64)
    highest = int(labels.max(initial=0))
    if not values.size:
        return np.zeros(labels.shape, bool)
    if highest > _COUNTABLE or int(labels.min(initial=0)) < 0:
        return np.isin(labels, values)
    table = np.zeros(highest + 1, bool)
    table[values[(values >= 0) & (values <= highest)]] = True
    return table[labels]


def rows_of(objects: pd.DataFrame, labels: Iterable[int]) -> pd.DataFrame:
    """The rows of some labels."""
    return objects[objects["label"].isin(list(labels))]


def joined(first: pd.DataFrame, second: pd.DataFrame) -> pd.DataFrame:
    """One table after the other."""
    filled = [table for table in (first, second) if len(table)]
    if len(filled) == 2:
        return completed(pd.concat(filled, ignore_index=True))
    return filled[0].reset_index(drop=True) if filled else empty_objects()


def numbered(
    objects: pd.DataFrame, numbers: Mapping[int, int], areas: Mapping[int, int]
) -> pd.DataFrame:
    """The rows of objects that were written, under their new numbers."""
    rows = rows_of(objects, numbers).copy()
    rows["label"] = rows["label"].map(numbers).astype("int64")
    return _measured(rows, areas)


def edited(objects: pd.DataFrame, touched: Iterable[int], areas: Mapping[int, int]) -> pd.DataFrame:
    """The table after an edit: touched rows are marked, new labels get rows, gone ones go."""
    rows = rows_of(objects, areas).copy()
    hit = rows["label"].isin(list(touched))
    rows.loc[hit, "status"] = "edited"
    rows.loc[hit & (rows["source"] == "auto"), "source"] = "semi-auto"
    drawn = sorted(set(touched) - set(rows["label"].tolist()))
    classes = objects["class"].unique()
    name = str(classes[0]) if len(classes) == 1 else ""
    return joined(_measured(rows, areas), _drawn(drawn, areas, name))


def row_of(
    *,
    object_uid: str,
    label: int,
    class_name: str,
    score: float,
    prompt: str,
    model: str,
    status: str,
    source: str,
) -> pd.DataFrame:
    """A table of one object that no threshold made; its area is filled in when it is written."""
    row = pd.DataFrame(
        {
            "object_uid": [object_uid],
            "label": np.array([label], np.int64),
            "class": class_name,
            "score": score,
            "area": np.array([0], np.int64),
            "prompt": prompt,
            "model": model,
            "threshold": np.nan,
            "status": status,
            "source": source,
        }
    )
    return completed(row)


def with_row(objects: pd.DataFrame, row: pd.DataFrame, areas: Mapping[int, int]) -> pd.DataFrame:
    """The table with the row of one object in place of the one it had; gone objects go."""
    label = int(row["label"].iloc[0])
    others = rows_of(objects, areas.keys() - {label}).copy()
    return joined(_measured(others, areas), _measured(rows_of(row, areas).copy(), areas))


def _measured(rows: pd.DataFrame, areas: Mapping[int, int]) -> pd.DataFrame:
    rows["area"] = np.array([areas[label] for label in rows["label"].tolist()], np.int64)
    return rows


def _drawn(labels: list[int], areas: Mapping[int, int], class_name: str) -> pd.DataFrame:
    rows = pd.DataFrame(
        {
            "object_uid": [new_uid() for _ in labels],
            "label": np.array(labels, np.int64),
            "class": class_name,
            "score": np.nan,
            "area": np.array([areas[label] for label in labels], np.int64),
            "prompt": "",
            "model": "",
            "threshold": np.nan,
            "status": "edited",
            "source": "manual",
        }
    )
    return completed(rows)
