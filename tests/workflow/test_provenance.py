"""What a person made of what was proposed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_vlseg.corrections.store import ImageEntry, Project
from napari_vlseg.events import run
from napari_vlseg.prompts import PromptTable
from napari_vlseg.proposals import Proposals, completed
from napari_vlseg.workflow.propose import propose
from napari_vlseg.workflow.provenance import as_saved, with_proposal_ious
from tests.fakes import BrightnessSegmenter
from tests.workflow.annotators import add
from tests.workflow.journalled import Session, box


@pytest.fixture
def entry(tmp_path: Path) -> ImageEntry:
    return add(Project.create(tmp_path / "project"), "x", (40, 40))


def ious(entry: ImageEntry, session: Session) -> dict[str, float]:
    session.save(entry)
    table = with_proposal_ious(entry, *entry.load_labels())
    return dict(zip(table["object_uid"], table["iou_proposal_final"], strict=True))


def _found() -> Proposals:
    """Two squares of 100 pixels."""
    plane = np.zeros((40, 40, 3), np.float32)
    plane[5:15, 5:15] = plane[25:35, 25:35] = 0.9
    return run(propose(BrightnessSegmenter(), plane, PromptTable.build("bright")))


def test_each_object_is_compared_with_its_own_proposal(entry: ImageEntry) -> None:
    session = Session()
    session.propose({1: box(0, 0, 10, 10), 2: box(20, 20, 10, 10), 3: box(0, 20, 5, 5)})
    session.paint(1, box(0, 10, 10, 5))
    session.do("reject", {0: box(0, 20, 5, 5)}, (session.table.changed("uid3", status="rejected"),))
    session.paint(4, box(30, 0, 4, 4))
    found = ious(entry, session)
    assert found.pop("uid4") != found["uid1"]
    assert found == {"uid1": pytest.approx(100 / 150), "uid2": 1.0, "uid3": 0.0}


def test_an_object_that_a_person_drew_has_no_proposal(entry: ImageEntry) -> None:
    session = Session()
    session.paint(1, box(0, 0, 4, 4))
    assert np.isnan(ious(entry, session)["uid1"])


def test_what_counts_is_the_last_word_of_the_model(entry: ImageEntry) -> None:
    session = Session()
    session.propose({1: box(0, 0, 10, 10)})
    session.propose({0: box(0, 0, 5, 10)}, op="threshold")
    session.undo()
    session.redo()
    session.paint(1, box(20, 0, 1, 10))
    assert ious(entry, session) == {"uid1": pytest.approx(50 / 60)}


def test_what_was_taken_back_leaves_no_trace(entry: ImageEntry) -> None:
    session = Session()
    session.propose({1: box(0, 0, 10, 10)})
    session.paint(1, box(20, 0, 1, 10))
    session.undo()
    session.propose({0: box(0, 0, 5, 10)}, op="threshold")
    assert ious(entry, session) == {"uid1": 1.0}


def test_a_neighbour_that_is_painted_over_is_changed_too(entry: ImageEntry) -> None:
    session = Session()
    session.propose({1: box(0, 0, 10, 10), 2: box(0, 10, 10, 10)})
    session.paint(1, box(0, 10, 10, 4))
    assert ious(entry, session) == {"uid1": pytest.approx(100 / 140), "uid2": pytest.approx(0.6)}


def test_an_object_keeps_its_proposal_under_another_label(entry: ImageEntry) -> None:
    session = Session()
    session.propose({1: box(0, 0, 10, 10), 2: box(0, 10, 10, 10)})
    exchanged = (session.table.changed("uid1", label=2), session.table.changed("uid2", label=1))
    session.do("relabel", {2: box(0, 0, 10, 10), 1: box(0, 10, 10, 10)}, exchanged)
    session.do("erase", {0: box(0, 0, 5, 10)})
    assert ious(entry, session) == {"uid1": pytest.approx(0.5), "uid2": 1.0}


def test_it_is_told_without_a_journal_by_the_proposals_that_were_kept(entry: ImageEntry) -> None:
    found = _found()
    entry.save_proposals(found)
    labels = found.labels.copy()
    labels[5:10, 5:15] = 0
    entry.save_labels(labels, found.objects)
    table = with_proposal_ious(entry, *entry.load_labels())
    assert table["iou_proposal_final"].tolist() == [pytest.approx(0.5), 1.0]
    assert table["proposal"].tolist() == ["0001", "0001"]
    strangers = completed(found.objects.assign(object_uid=["a", "b"]))
    assert with_proposal_ious(entry, labels, strangers)["iou_proposal_final"].isna().all()


def test_a_checkpoint_has_no_stale_number(entry: ImageEntry) -> None:
    session = Session()
    session.propose({1: box(0, 0, 10, 10)})
    session.save(entry)
    stale = session.table.to_frame().assign(iou_proposal_final=0.3)
    assert as_saved(entry, session.labels, stale, 1)["iou_proposal_final"].tolist() == [1.0]
    assert as_saved(entry, session.labels, stale, 10**6)["iou_proposal_final"].isna().all()
    entry.save_proposals(_found())
    (entry.folder / "proposals" / "0001.json").write_text("{", "utf-8")
    assert as_saved(entry, session.labels, stale, 1)["iou_proposal_final"].isna().all()
