from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from napari_vlseg.errors import ImageError
from napari_vlseg.metrics import average_precision
from napari_vlseg.proposals import OBJECT_COLUMNS, completed, empty_objects
from napari_vlseg.workflow.scripted import correct_worst


def square(row, col, side=8, value=1):
    labels = np.zeros((64, 64), np.int32)
    labels[row : row + side, col : col + side] = value
    return labels


def table(labels):
    values = np.unique(labels[labels > 0])
    rows = {"prompt": ["x"] * len(values)}
    rows |= {
        "label": values,
        "class": ["nuclei"] * len(values),
        "status": ["proposed"] * len(values),
    }
    rows |= {"area": [int((labels == v).sum()) for v in values], "source": ["auto"] * len(values)}
    return completed(pd.DataFrame(rows))


@pytest.fixture
def truth():
    return square(5, 5) + square(5, 30, value=2) + square(40, 40, side=12, value=3)


@pytest.fixture
def proposed():
    """One object well found, one too small, one false; one missed."""
    return square(5, 5) + square(5, 30, side=6, value=2) + square(50, 5, value=3)


def test_the_false_object_goes_and_the_worst_are_redrawn(truth, proposed):
    before = proposed.copy()
    result = correct_worst(proposed, table(proposed), truth, n_objects=2)
    assert result.removed == (3,)
    assert len(result.redrawn) == 2
    assert average_precision(truth, result.labels) == 1.0
    np.testing.assert_array_equal(result.labels > 0, truth > 0)
    np.testing.assert_array_equal(proposed, before)


def test_the_table_tells_what_was_touched(truth, proposed):
    result = correct_worst(proposed, table(proposed), truth, n_objects=2)
    rows = result.objects.set_index("area")
    assert set(result.objects["label"]) == set(np.unique(result.labels)) - {0}
    assert rows.loc[144, "source"] == "manual"  # missed, painted from nothing
    assert rows.loc[144, "class"] == "nuclei"
    untouched, redrawn = result.objects.sort_values("label").iloc[:2].to_dict("records")
    assert (untouched["status"], untouched["source"]) == ("proposed", "auto")
    assert (redrawn["status"], redrawn["source"]) == ("edited", "semi-auto")
    assert redrawn["area"] == 64
    assert result.objects["object_uid"].nunique() == 2


def test_missed_objects_come_first(truth, proposed):
    result = correct_worst(proposed, table(proposed), truth, n_objects=1)
    assert (result.labels[truth == 3] > 0).all()
    assert np.count_nonzero(result.labels[truth == 2]) == 36


def test_fragments_of_a_redrawn_object_go():
    truth = square(10, 10, side=20)
    proposed = square(10, 10, side=6) + square(10, 24, side=6, value=2)
    proposed += square(24, 24, side=6, value=3)
    result = correct_worst(proposed, table(proposed), truth, n_objects=1)
    np.testing.assert_array_equal(result.labels > 0, truth > 0)
    assert len(np.unique(result.labels)) == 2
    assert set(result.removed) == {1, 2, 3}
    assert len(result.objects) == 1


def test_a_second_label_on_an_object_that_was_found_goes():
    truth = square(10, 10, side=20)
    proposed = np.where(square(10, 28, side=20) * truth, 2, truth)
    result = correct_worst(proposed, table(proposed), truth, n_objects=0)
    assert result.removed == (2,)
    assert result.objects["label"].tolist() == [1]


def test_where_nothing_was_proposed_objects_are_painted(truth):
    nothing = np.zeros_like(truth)
    result = correct_worst(nothing, empty_objects(), truth, n_objects=3)
    np.testing.assert_array_equal(result.labels > 0, truth > 0)
    assert result.objects["source"].tolist() == ["manual"] * 3
    assert tuple(result.objects.columns) == OBJECT_COLUMNS


def test_where_there_is_nothing_nothing_happens():
    nothing = np.zeros((8, 8), np.int32)
    result = correct_worst(nothing, empty_objects(), nothing)
    assert not result.labels.any()
    assert result.objects.empty


def test_shapes_are_checked(truth):
    with pytest.raises(ImageError, match=r"\(5, 5\).*\(64, 64\)"):
        correct_worst(np.zeros((5, 5), np.int32), empty_objects(), truth)
