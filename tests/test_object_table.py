"""The table of objects changes by rows, quickly, and every change can be taken back."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from napari_vlseg.errors import LedgerError
from napari_vlseg.object_table import ObjectTable, RowChange
from napari_vlseg.pixel_changes import PixelChange
from napari_vlseg.proposals import completed, empty_objects


def frame(*labels: int, **columns: object) -> pd.DataFrame:
    uids = [f"u{label}" for label in labels]
    return completed(pd.DataFrame({"object_uid": uids, "label": labels, **columns}))


def test_a_frame_comes_back_with_its_types() -> None:
    given_frame = frame(3, 1, score=[0.5, np.nan], note=["a", None], flag=[True, False])
    given_frame["kind"] = pd.Categorical(["x", "y"])
    assert_frame_equal(ObjectTable.from_frame(given_frame).to_frame(), given_frame)
    assert_frame_equal(ObjectTable().to_frame(), empty_objects())
    assert_frame_equal(ObjectTable.from_frame(empty_objects()).to_frame(), empty_objects())


def test_cells_of_another_type_are_kept() -> None:
    start = frame(1, flag=[True])
    start["kind"] = pd.Categorical(["x"])
    table = ObjectTable.from_frame(start)
    table.apply([table.changed("u1", flag="maybe", kind="z", fresh=3)])
    again = table.to_frame()
    assert again[["flag", "kind", "fresh"]].to_numpy().tolist() == [["maybe", "z", 3]]


def test_rows_without_an_id_of_their_own_get_one() -> None:
    table = ObjectTable.from_frame(pd.DataFrame({"label": [1, 2]}))
    assert len(set(table)) == 2
    twins = frame(1, 2).assign(object_uid="same")
    table = ObjectTable.from_frame(twins)
    assert len(table) == len(set(table.column("object_uid"))) == 2


def test_objects_are_found_by_label_unless_rejected() -> None:
    table = ObjectTable.from_frame(frame(4, 7, status=["proposed", "rejected"]))
    assert (table.uid_of(4), table.uid_of(7), table.uid_of(9)) == ("u4", None, None)
    table.apply([table.changed("u7", status="flagged"), table.changed("u4", label=5)])
    assert (table.uid_of(7), table.uid_of(4), table.uid_of(5)) == ("u7", None, "u4")
    table.apply([table.removed("u4")])
    assert table.uid_of(5) is None
    assert "u4" not in table
    assert list(table) == ["u7"]


def test_only_cells_that_differ_are_in_a_change() -> None:
    table = ObjectTable.from_frame(frame(1, score=[np.nan]))
    change = table.changed("u1", label=np.int64(1), score=np.nan, status="edited", area=99)
    assert change == RowChange("u1", {"status": ""}, {"status": "edited"})
    assert table.get("u1", "status") == ""
    added = table.added(label=np.int32(8), object_uid="new", iou_proposal_final=1.0)
    assert added.uid == "new"
    assert type(added.new["label"]) is int
    assert not {"object_uid", "area", "iou_proposal_final"} & added.new.keys()
    assert len(table.added(label=2).uid) == 32


def test_areas_follow_the_pixels() -> None:
    labels = np.array([[1, 1, 1, 2, 2, 0]])
    table = ObjectTable.from_frame(frame(1, 2, area=[3, 2]))
    swapped = np.array([[2, 2, 2, 1, 0, 1]])
    rows = [table.changed("u1", label=2), table.changed("u2", label=1)]
    change = PixelChange.between(labels, swapped)
    table.apply_with(change, rows)
    assert table.column("area") == [3, 2]
    assert table.uid_of(1) == "u2"
    table.apply_with(
        PixelChange.between(swapped, swapped * 0), [table.changed("u1", status="rejected")]
    )
    assert table.column("area") == [0, 0]
    table.apply_with(
        PixelChange.between(swapped * 0, swapped), [table.changed("u1", status="flagged")]
    )
    assert table.column("area") == [3, 2]


def test_a_row_that_comes_back_is_where_it_was() -> None:
    table = ObjectTable.from_frame(frame(1, 2, 3, note=["a", "b", "c"]))
    before, version = table.to_frame(), table.version
    gone = table.removed("u2")
    table.apply([gone])
    assert list(table.uids) == ["u1", "u3"]
    assert table.column("note") == ["a", "c"]
    table.apply([gone.inverted()])
    assert_frame_equal(table.to_frame(), before)
    assert table.version > version


def test_places_of_rows_that_are_gone_are_not_kept_for_ever() -> None:
    table = ObjectTable.from_frame(frame(1))
    for number in range(200):
        row = table.added(label=number + 10)
        table.apply([row])
        table.apply([row.inverted()])
    assert len(table._columns["label"]) < 20
    assert table.to_frame()["label"].tolist() == [1]
    assert table.uid_of(1) == "u1"


def test_what_does_not_fit_is_refused_whole() -> None:
    table = ObjectTable.from_frame(frame(1))
    before, version = table.to_frame(), table.version
    fits = table.changed("u1", status="edited")
    for odd in (RowChange("u1", None, {}), RowChange("no", {}, {}), RowChange("no", {}, None)):
        with pytest.raises(LedgerError, match="Open the image again"):
            table.apply_with(PixelChange.at(np.array([0]), 1, 0), [fits, odd])
    assert_frame_equal(table.to_frame(), before)
    assert table.version == version
    with pytest.raises(LedgerError, match="no object"):
        table.get("no", "label")


def test_a_copy_changes_by_itself_and_can_be_taken_over() -> None:
    table = ObjectTable.from_frame(frame(1))
    other = table.copy()
    other.apply([other.added(label=2), other.changed("u1", comment="x")])
    assert (len(table), table.get("u1", "comment")) == (1, "")
    version = table.version
    table.become(other)
    assert (len(table), table.get("u1", "comment")) == (2, "x")
    assert table.version > version


@settings(max_examples=40)
@given(st.lists(st.tuples(st.sampled_from("arc"), st.integers(1, 5)), max_size=25))
def test_taking_everything_back_gives_the_table_that_was(steps: list[tuple[str, int]]) -> None:
    table = ObjectTable.from_frame(frame(1, 2, 3))
    before = table.to_frame()
    done = []
    for kind, number in steps:
        uid = f"u{number}"
        if kind == "a" and uid not in table:
            done.append(table.added(object_uid=uid, label=number))
        elif kind == "r" and uid in table:
            done.append(table.removed(uid))
        elif kind == "c" and uid in table:
            done.append(table.changed(uid, n_edits=len(done), label=number + 10 * len(done)))
        else:
            continue
        table.apply([done[-1]])
    for change in reversed(done):
        table.apply([change.inverted()])
    again = table.to_frame().sort_values("label", ignore_index=True)
    assert_frame_equal(again, before)
    assert [table.uid_of(label) for label in (1, 2, 3)] == ["u1", "u2", "u3"]
