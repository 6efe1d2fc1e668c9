"""Tables of objects to review."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from napari_vlseg.object_table import ObjectTable
from napari_vlseg.proposals import completed


def table_of(**columns: Any) -> ObjectTable:
    """A table of proposals, named o1, o2 …, with labels from 1 on; every cell may be given."""
    n = len(next(iter(columns.values())))
    cells = {
        "object_uid": [f"o{number}" for number in range(1, n + 1)],
        "label": np.arange(1, n + 1),
        "class": "nuclei",
        "status": "proposed",
        "source": "auto",
        "area": 20,
        "score": 0.5,
        **columns,
    }
    return ObjectTable.from_frame(completed(pd.DataFrame(cells)))


def squares(shape: tuple[int, int], side: int) -> np.ndarray:
    """Labels (H, W), int32: a grid of squares that fill half of their cells."""
    labels = np.zeros(shape, np.int32)
    rows, cols = (np.arange(n) for n in shape)
    inside = (rows % side < side // 2 + 2)[:, None] & (cols % side < side // 2 + 2)[None]
    numbers = (rows // side)[:, None] * -(-shape[1] // side) + (cols // side)[None] + 1
    labels[inside] = numbers[inside]
    return labels
