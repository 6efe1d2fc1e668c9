"""What a model proposes, and the settings by which it becomes labels."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from napari_vlseg.errors import SettingsError
from napari_vlseg.proposals import (
    OBJECT_COLUMNS,
    ModelInfo,
    PostProcess,
    completed,
    empty_objects,
    new_uid,
)


def test_model_is_named_with_its_revision() -> None:
    assert str(ModelInfo("vlseg-mini", "0a1b")) == "vlseg-mini@0a1b"
    assert str(ModelInfo("/models/mine")) == "/models/mine"


def test_a_model_is_told_by_its_weights_and_its_adapter() -> None:
    assert ModelInfo("m", weights_sha256="a1").hashes == "a1"
    assert ModelInfo("m", weights_sha256="a1", adapter_sha256="b2").hashes == "a1:b2"


def test_a_table_without_objects_takes_rows_of_full_ones() -> None:
    empty = empty_objects()
    assert tuple(empty.columns) == OBJECT_COLUMNS
    assert len(empty) == 0
    row = completed(pd.DataFrame([{"object_uid": "a", "label": 1, "area": 9, "score": 0.5}]))
    pd.testing.assert_frame_equal(row[:0], empty)


def test_a_table_of_an_earlier_version_is_completed() -> None:
    old = pd.DataFrame({"mood": ["glad"], "label": [3], "class": ["nuclei"]}, index=[7])
    new = completed(old)
    assert tuple(new.columns) == (*OBJECT_COLUMNS, "mood")
    assert new.index.tolist() == [7]
    cells = new[["label", "class", "mood", "comment", "n_edits", "edit_seconds"]]
    assert cells.to_numpy().tolist() == [[3, "nuclei", "glad", "", 0, 0.0]]
    assert new[["uncertainty", "iou_proposal_final"]].isna().all(axis=None)
    assert "comment" not in old
    pd.testing.assert_frame_equal(completed(new), new)


def test_cells_that_are_missing_are_completed() -> None:
    joined = pd.concat([completed(pd.DataFrame({"label": [1]})), pd.DataFrame({"label": [2]})])
    table = completed(joined)
    assert table["n_edits"].tolist() == [0, 0]
    assert table["comment"].tolist() == ["", ""]
    assert table.dtypes.tolist() == empty_objects().dtypes.tolist()


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
