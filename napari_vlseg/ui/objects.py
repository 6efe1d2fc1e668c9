"""Labels and rows, quickly counted and chosen."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

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


def labels_in(labels: np.ndarray) -> np.ndarray:
    """Values other than 0 that occur, ascending, as int64."""
    highest = int(labels.max(initial=0))
    if highest > _COUNTABLE or int(labels.min(initial=0)) < 0:
        values = np.unique(labels)
        return values[values != 0].astype(np.int64)
    table = np.zeros(highest + 1, bool)
    table[labels.reshape(-1)] = True
    table[0] = False
    return np.flatnonzero(table).astype(np.int64, copy=False)


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
