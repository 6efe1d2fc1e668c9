"""What a model proposes, and the settings by which it becomes labels."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from napari_vlseg.errors import SettingsError
from napari_vlseg.proposals import OBJECT_COLUMNS, ModelInfo, PostProcess, empty_objects, new_uid


def test_model_is_named_with_its_revision() -> None:
    assert str(ModelInfo("vlseg-mini", "0a1b")) == "vlseg-mini@0a1b"
    assert str(ModelInfo("/models/mine")) == "/models/mine"


def test_a_table_without_objects_takes_rows_of_full_ones() -> None:
    empty = empty_objects()
    assert tuple(empty.columns) == OBJECT_COLUMNS
    assert len(empty) == 0
    row = dict.fromkeys(OBJECT_COLUMNS, "x") | {"label": 1, "area": 9, "score": 0.5, "threshold": 1}
    assert pd.DataFrame([row])["label"].dtype == empty["label"].dtype
    assert pd.DataFrame([row])["score"].dtype == empty["score"].dtype


def test_ids_are_unique() -> None:
    assert len({new_uid() for _ in range(100)}) == 100


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"mode": "panoptic"}, "instances or semantic"),
        ({"split": "stardist"}, "watershed or components"),
        ({"min_size": -1}, "minimum size"),
        ({"smoothing": -0.5}, "smoothing"),
        ({"smoothing": float("nan")}, "smoothing"),
        ({"smoothing": float("inf")}, "smoothing"),
    ],
)
def test_impossible_settings_are_refused(setting: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        PostProcess(**setting)
