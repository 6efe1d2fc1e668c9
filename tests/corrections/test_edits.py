"""An edit is one line that gives back every value, and a line tells when it is damaged."""

from __future__ import annotations

import json
import math
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_vlseg.corrections.edits import (
    OPS,
    Edit,
    decode_edit,
    encode_edit,
    packed,
    read_head,
)
from napari_vlseg.corrections.sealing import sealed
from napari_vlseg.errors import LedgerError
from napari_vlseg.object_table import RowChange
from napari_vlseg.pixel_changes import PixelChange

CELLS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.just("\udcff\u2028\n")
)
ROWS = st.builds(
    RowChange,
    st.text(),
    st.none() | st.dictionaries(st.text(), CELLS, max_size=3),
    st.none() | st.dictionaries(st.text(), CELLS, max_size=3),
)


@st.composite
def changes(draw: st.DrawFn) -> PixelChange | None:
    size = draw(st.integers(0, 12))
    gaps = draw(st.lists(st.integers(0, 2**34), min_size=size, max_size=size))
    lengths = draw(st.lists(st.integers(1, 2**20), min_size=size, max_size=size))
    values = st.lists(st.integers(-(2**31), 2**32 - 1), min_size=size, max_size=size)
    if not size:
        return None
    ends = np.cumsum(np.add(gaps, lengths))
    columns = (ends - lengths, lengths, draw(values), draw(values))
    return PixelChange(*(np.array(column, np.int64) for column in columns))


EDITS = st.builds(
    Edit,
    st.sampled_from([op for op in OPS if op not in ("undo", "redo")]),
    changes(),
    st.lists(ROWS, max_size=3).map(tuple),
    st.lists(st.integers(0, 99), max_size=3).map(tuple),
    st.dictionaries(st.text(), CELLS, max_size=3),
    st.integers(1, 10**9),
    st.text(max_size=5),
    st.text(max_size=5),
)


def same(one: object, other: object) -> bool:
    return repr(one) == repr(other)


@given(EDITS, st.booleans())
def test_an_edit_comes_back_from_its_line(edit: Edit, beforehand: bool) -> None:
    line = encode_edit(packed(edit) if beforehand else edit)
    assert line.isascii()
    assert "\n" not in line
    again = decode_edit(line)
    for name in ("op", "rows", "plane", "cause", "number", "time", "annotator"):
        assert same(getattr(again, name), getattr(edit, name)), name
    assert (again.pixels is None) == (edit.pixels is None)
    if edit.pixels is not None and again.pixels is not None:
        for name in ("starts", "lengths", "old", "new"):
            np.testing.assert_array_equal(
                getattr(again.pixels, name), getattr(edit.pixels, name), strict=True
            )
    head = read_head(line.encode())
    assert (head.number, head.op, head.of) == (edit.number, edit.op, 0)


def test_undo_and_redo_name_an_edit_at_the_head_of_their_line() -> None:
    for op in ("undo", "redo"):
        line = encode_edit(Edit(op, cause={"of": 7}, number=9))
        head = read_head(line.encode())
        assert (head.number, head.op, head.of) == (9, op, 7)
        assert decode_edit(line).cause == {"of": 7}


def test_a_line_is_json_with_a_checksum_of_what_is_before_it() -> None:
    change = PixelChange.at(np.array([5, 6, 9]), 0, 3)
    line = encode_edit(Edit("paint", change, number=1, time="t", plane=(2,), cause={"brush": 4}))
    body = json.loads(line)
    text, _, seal = line.partition(',"crc32":"')
    assert int(seal[:8], 16) == zlib.crc32(text.encode())
    assert list(body) == ["n", "op", "time", "plane", "cause", "pixels", "crc32"]


@given(EDITS, st.data())
def test_a_changed_line_is_never_taken_for_sound(edit: Edit, data: st.DataObject) -> None:
    line = bytearray(encode_edit(edit).encode())
    place = data.draw(st.integers(0, len(line) - 1))
    line[place] ^= data.draw(st.integers(1, 255))
    for read in (decode_edit, read_head):
        with pytest.raises(LedgerError, match="damaged"):
            read(bytes(line))
    with pytest.raises(LedgerError, match="damaged"):
        decode_edit(bytes(line[:place]))


def test_nothing_about_a_cause_keeps_an_edit_from_being_written() -> None:
    cause = {
        "score": np.float32(0.5),
        "points": np.array([[1, 2]]),
        "limits": (math.inf, {1: {2}}),
        "path": object,
        "none": None,
    }
    again = decode_edit(encode_edit(Edit("commit", cause=cause)))
    assert again.cause == {
        "score": 0.5,
        "points": [[1, 2]],
        "limits": [math.inf, {"1": [2]}],
        "path": "<class 'object'>",
        "none": None,
    }


def test_an_inverted_edit_does_not_keep_what_was_written_down() -> None:
    edit = packed(Edit("paint", PixelChange.at(np.array([1]), 0, 3)))
    again = decode_edit(encode_edit(edit.inverted()))
    assert again.pixels is not None
    assert (again.pixels.old.tolist(), again.pixels.new.tolist()) == ([3], [0])


def test_a_sealed_line_with_odd_fields_is_damaged() -> None:
    for body in (
        {"n": 1, "op": "paint", "time": "", "pixels": {"type": "<f8"}},
        {"n": 1, "op": "paint", "time": "", "rows": [3]},
        {"op": "paint"},
    ):
        with pytest.raises(LedgerError, match="damaged"):
            decode_edit(sealed(body))
