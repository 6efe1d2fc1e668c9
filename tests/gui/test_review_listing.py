"""Which objects are listed and in which order, and that the order stays while people work."""

from __future__ import annotations

import numpy as np
import pytest

from napari_vlseg.object_table import ObjectTable
from napari_vlseg.ui.review.bulk import choose
from napari_vlseg.ui.review.columns import Columns
from napari_vlseg.ui.review.listing import MANY, SORTS, Change, Listing, Query
from napari_vlseg.ui.review.progress import Count, count, text
from tests.gui.reviewing import table_of

NAN = float("nan")


def listed(listing: Listing) -> list[str]:
    return [listing.uid(position) for position in range(len(listing))]


def make(query: Query | None = None, **columns: object) -> tuple[ObjectTable, Listing]:
    table = table_of(**columns)
    return table, Listing(Columns(table), query)


def set_cells(table: ObjectTable, uid: str, **cells: object) -> None:
    table.apply([table.changed(uid, **cells)])


def test_the_most_uncertain_come_first_and_unknown_ones_last() -> None:
    _, listing = make(uncertainty=[0.1, NAN, 0.9, 0.9], score=[0.5, 0.5, 0.8, 0.2])
    assert listed(listing) == ["o4", "o3", "o1", "o2"], "equals: lowest score first"


@pytest.mark.parametrize("sort", [*SORTS])
def test_every_order_is_that_of_its_column(sort: tuple[str, bool]) -> None:
    name, descending = sort
    columns = {
        "uncertainty": [0.3, 0.1, 0.2],
        "score": [0.3, 0.1, 0.2],
        "area": [30, 10, 20],
        "class": ["c", "A", "b"],
        "status": ["rejected", "proposed", "flagged"],
        "label": [3, 1, 2],
    }
    only = {"o2": "", "o3": "", "o1": ""} if name == "given" else None
    statuses = frozenset(columns["status"])
    _, listing = make(Query(name, descending, statuses=statuses, only=only), **columns)
    expected = ["o2", "o3", "o1"]
    assert listed(listing) == (expected[::-1] if descending else expected)


def test_filters_by_status_class_and_words() -> None:
    _, listing = make(
        **{"class": ["Nuclei", "debris", "nuclei"]},
        status=["proposed", "accepted", "rejected"],
        comment=["touches the rim", "", ""],
    )
    assert set(listed(listing)) == {"o1", "o2"}, "rejected objects are left out at first"
    listing.arrange(Query(statuses=frozenset({"rejected"})))
    assert listed(listing) == ["o3"]
    listing.arrange(Query(classes=frozenset({"debris"})))
    assert listed(listing) == ["o2"]
    for words, found in (("rim nuc", ["o1"]), ("#2", ["o2"]), ("O2", ["o2"]), ("rim debris", [])):
        listing.arrange(Query(text=words))
        assert listed(listing) == found


def test_an_accepted_object_keeps_its_row_until_the_list_is_sorted_anew() -> None:
    query = Query("score", statuses=frozenset({"proposed"}), descending=False)
    table, listing = make(query, score=[0.1, 0.2, 0.3])
    set_cells(table, "o2", status="accepted", comment="yes")
    assert listing.update(["o2"]) == Change((1,))
    assert listed(listing) == ["o1", "o2", "o3"]
    assert listing.moved == 1
    listing.arrange()
    assert listed(listing) == ["o1", "o3"]
    assert listing.moved == 0


def test_a_changed_value_does_not_move_its_row() -> None:
    table, listing = make(Query("area", False), area=[10, 20, 30])
    table.count({1: 100}, 1)
    assert listing.update(["o1"]) == Change((0,))
    assert (listed(listing), listing.moved) == (["o1", "o2", "o3"], 1)
    assert listing.columns.numbers["area"][0] == 110
    table.count({1: 100}, -1)
    listing.update(["o1"])
    listing.arrange()
    assert listed(listing) == ["o1", "o2", "o3"]


def test_objects_come_go_and_come_back() -> None:
    table, listing = make(Query("label", False), score=[0.5, 0.5])
    new = table.added(label=9, **{"class": "debris", "status": "edited"})
    table.apply([new])
    assert listing.update([new.uid]).reset
    assert listed(listing) == ["o1", "o2", new.uid]
    gone = table.removed("o1")
    table.apply([gone])
    assert listing.update(["o1"]).reset
    assert listed(listing) == ["o2", new.uid]
    assert listing.position("o1") == -1
    table.apply([gone.inverted()])
    assert listing.update(["o1"]).reset
    assert listed(listing) == ["o2", new.uid, "o1"], "at the end, until it is sorted"
    listing.arrange()
    assert listed(listing) == ["o1", "o2", new.uid]


def test_a_row_that_suits_the_filter_again_is_listed_at_the_end() -> None:
    table, listing = make(Query("label", False), status=["rejected", "proposed"])
    assert listed(listing) == ["o2"]
    set_cells(table, "o1", status="proposed")
    assert listing.update(["o1"]).reset
    assert listed(listing) == ["o2", "o1"]


def test_many_new_objects_are_sorted_in() -> None:
    table, listing = make(Query("label", False), label=[100, 200])
    new = [table.added(label=n, status="proposed") for n in range(1, MANY + 2)]
    table.apply(new)
    assert listing.update([change.uid for change in new]).reset
    assert listed(listing) == [*(change.uid for change in new), "o1", "o2"]


def test_many_changed_objects_are_read_at_once() -> None:
    n = 5000
    table, listing = make(Query("label", False), score=np.linspace(0, 1, n))
    table.apply([table.removed("o3")])
    uids = [f"o{number}" for number in range(1, n + 1)]
    table.apply([table.changed(uid, status="accepted", comment="x") for uid in table.uids])
    listing.update(uids)
    assert "o3" not in listed(listing)
    columns = listing.columns
    assert {columns.text("status", row) for row in listing.order.tolist()} == {"accepted"}
    listing.arrange(Query(text="x"))
    assert len(listing) == n - 1


def test_the_next_proposal_is_found_around_the_end() -> None:
    status = ["proposed", "accepted", "proposed", "flagged"]
    table, listing = make(Query("label", False), status=status)
    assert [listing.next_waiting(place) for place in (-1, 0, 1, 2, 3)] == [0, 2, 2, 0, 0]
    table.apply([table.changed(uid, status="accepted") for uid in ("o1", "o3")])
    listing.update(["o1", "o3"])
    assert listing.next_waiting(0) == -1


def test_given_objects_are_listed_whatever_became_of_them() -> None:
    _, listing = make(
        Query("given", False, only={"o3": "missed by B", "o1": "outline differs", "gone": ""}),
        status=["rejected", "proposed", "accepted"],
    )
    assert listed(listing) == ["o3", "o1"]


def uids(listing: Listing, rows: np.ndarray) -> set[str]:
    return {listing.columns.uids[row] for row in rows.tolist()}


def test_what_is_accepted_by_score_are_proposals_of_the_list_alone() -> None:
    _, listing = make(
        Query(classes=frozenset({"nuclei"})),
        score=[0.9, 0.8, 0.79, 0.2, NAN, 0.9, 0.9],
        status=["proposed"] * 5 + ["accepted", "proposed"],
        **{"class": ["nuclei"] * 6 + ["debris"]},
    )
    found = choose(listing, "score", 0.8, 0.3)
    assert uids(listing, found.good) == {"o1", "o2"}
    assert uids(listing, found.poor) == {"o4"}
    assert (found.waiting, found.unknown) == (5, 1)


def test_uncertainty_is_judged_the_other_way_round() -> None:
    _, listing = make(uncertainty=[0.1, 0.2, 0.5, 0.9, NAN])
    found = choose(listing, "uncertainty", 0.2, 0.6)
    assert uids(listing, found.good) == {"o1", "o2"}
    assert uids(listing, found.poor) == {"o4"}
    both = choose(listing, "uncertainty", 0.9, 0.1)
    assert not len(both.poor), "what is accepted is not rejected too"


def test_progress_counts_what_a_person_decided() -> None:
    status = ["proposed", "accepted", "edited", "rejected", "flagged"]
    table, listing = make(score=[0.5] * 5, status=status)
    assert count(listing.columns) == Count(3, 1, 5)
    table.apply([table.removed("o1")])
    listing.update(["o1"])
    assert count(listing.columns) == Count(3, 1, 4)
    assert text(Count(3, 1, 5), 3, 12) == "3/5 reviewed · 1 flagged · 3/12 images"
    assert text(Count(0, 0, 0)) == "0/0 reviewed"
    assert Count().fraction == 0
