"""Object tables come back with every value and type."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pandas.testing import assert_frame_equal

from napari_vlseg.corrections.tables import decode_table, encode_table
from napari_vlseg.errors import ProjectError
from napari_vlseg.proposals import empty_objects

NUMBERS = ["bool", *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)),
           "float16", "float32", "float64"]  # fmt: skip


def round_trip(table: pd.DataFrame) -> pd.DataFrame:
    return decode_table(json.loads(json.dumps(encode_table(table), allow_nan=False)))


@given(st.data(), st.integers(0, 5))
def test_numbers_and_text_round_trip_exactly(data: st.DataObject, rows: int) -> None:
    columns = {
        name: pd.Series(data.draw(arrays(name, rows)), dtype=name)
        for name in data.draw(st.lists(st.sampled_from(NUMBERS), unique=True))
    }
    cells = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text())
    columns["mixed"] = pd.Series(
        data.draw(st.lists(cells, min_size=rows, max_size=rows)), dtype=object
    )
    table = pd.DataFrame(columns)
    assert_frame_equal(round_trip(table), table, check_exact=True)


@pytest.mark.parametrize(
    "column",
    [
        pd.Series(["a", None, "µ"]),
        pd.Series(["", "NaN", "1"]),
        pd.Series(["a", None], dtype="string"),
        pd.Series([1, None], dtype="Int64"),
        pd.Series([True, None], dtype="boolean"),
        pd.Series([np.nan, np.inf, -np.inf, -0.0]),
        pd.Series([2**63 - 1, -(2**63)]),
        pd.Series(["x", "y", "x", None], dtype=pd.CategoricalDtype(["y", "x", "z"], ordered=True)),
        pd.Series([2, 1, 2], dtype="category"),
    ],
    ids=lambda column: str(column.dtype),
)
def test_columns_round_trip(column: pd.Series) -> None:
    table = pd.DataFrame({"value": column})
    assert_frame_equal(round_trip(table), table, check_exact=True)


def test_an_empty_table_keeps_its_types() -> None:
    assert_frame_equal(round_trip(empty_objects()), empty_objects())
    assert round_trip(pd.DataFrame(index=range(3))).shape == (3, 0)


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (
            pd.DataFrame({"when": pd.to_datetime(["2020-01-01"])}),
            "“when” holds values of type date",
        ),
        (pd.DataFrame({"odd": [[1]]}), "“odd” holds values of type list"),
        (pd.DataFrame({"z": [1j]}), "“z” holds values of type complex"),
        (pd.DataFrame({3: [1]}), "column “3” can't be saved"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "column “a” can't be saved"),
    ],
)
def test_what_json_cannot_give_back_is_refused(table: pd.DataFrame, words: str) -> None:
    with pytest.raises(ProjectError, match=words):
        encode_table(table)


def test_columns_of_unequal_length_are_malformed() -> None:
    document = encode_table(pd.DataFrame({"a": [1, 2]})) | {"rows": 3}
    with pytest.raises(ValueError, match="unequal"):
        decode_table(document)
