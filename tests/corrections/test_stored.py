"""Proposals are kept as they were and never changed."""

from __future__ import annotations

import errno
import json
from dataclasses import replace

import numpy as np
import pytest
from pandas.testing import assert_frame_equal

from napari_vlseg.corrections.store import ImageEntry, Project
from napari_vlseg.errors import ProjectError
from napari_vlseg.proposals import Proposals

from .helpers import refuse, reopened, snapshot


def test_proposals_come_back_exactly(entry: ImageEntry, proposals: Proposals) -> None:
    assert entry.save_proposals(proposals, index=(3, 1)) == "0001"
    (kept,) = reopened(entry).proposals()
    assert (kept.id, kept.index) == ("0001", (3, 1))
    for name in ("classes", "thresholds", "postprocess", "prompts", "model", "working_scale",
                 "edges", "notices"):  # fmt: skip
        assert getattr(kept, name) == getattr(proposals, name), name
    assert_frame_equal(kept.objects, proposals.objects, check_exact=True)
    np.testing.assert_array_equal(kept.load_labels(), proposals.labels, strict=True)
    assert not kept.has_probabilities
    with pytest.raises(ProjectError, match="without probabilities"):
        kept.load()


def test_probabilities_are_kept_when_asked(entry: ImageEntry, proposals: Proposals) -> None:
    entry.save_proposals(proposals, keep_probabilities=True)
    again = reopened(entry).proposals()[0].load()
    assert again.probabilities.dtype == np.float32
    np.testing.assert_allclose(again.probabilities, proposals.probabilities, atol=2**-11)
    np.testing.assert_array_equal(again.labels, proposals.labels, strict=True)
    assert again.prompts == proposals.prompts


def test_disagreement_is_kept_with_the_probabilities(
    entry: ImageEntry, proposals: Proposals
) -> None:
    differs = np.full(proposals.probabilities.shape, 0.25, np.float16)
    entry.save_proposals(replace(proposals, disagreement=differs), keep_probabilities=True)
    (kept,) = reopened(entry).proposals()
    np.testing.assert_array_equal(kept.load().disagreement, differs)


def test_proposals_are_numbered_and_never_changed(
    project: Project, entry: ImageEntry, proposals: Proposals
) -> None:
    entry.save_proposals(proposals)
    before = snapshot(entry.folder / "proposals")
    other = reopened(entry)
    assert [other.save_proposals(proposals), entry.save_proposals(proposals)] == ["0002", "0003"]
    after = snapshot(entry.folder / "proposals")
    assert {name: after[name] for name in before} == before
    assert [kept.id for kept in entry.proposals()] == ["0001", "0002", "0003"]


def test_a_changed_or_missing_proposal_file_is_told(
    entry: ImageEntry, proposals: Proposals
) -> None:
    entry.save_proposals(proposals, keep_probabilities=True)
    folder = entry.folder / "proposals"
    (folder / "0001.npz").write_bytes(b"x")
    (folder / "0001.tif").unlink()
    (kept,) = entry.proposals()
    with pytest.raises(ProjectError, match=r"0001\.npz” was changed"):
        kept.load()
    with pytest.raises(ProjectError, match=r"0001\.tif” is missing"):
        kept.load_labels()
    (folder / "0001.json").write_text("{", "utf-8")
    with pytest.raises(ProjectError, match="damaged"):
        entry.proposals()


def test_a_proposal_that_dies_half_way_does_not_exist(
    entry: ImageEntry, proposals: Proposals, monkeypatch: pytest.MonkeyPatch
) -> None:
    for after in (0, 1):
        with monkeypatch.context() as patched:
            refuse(patched, errno.ENOSPC, after)
            with pytest.raises(ProjectError, match="disk is full"):
                entry.save_proposals(proposals)
        assert reopened(entry).proposals() == ()
    number = entry.save_proposals(proposals)
    assert [kept.id for kept in reopened(entry).proposals()] == [number]


def test_prompts_of_a_later_version_are_told(entry: ImageEntry, proposals: Proposals) -> None:
    entry.save_proposals(proposals)
    path = entry.folder / "proposals" / "0001.json"
    document = json.loads(path.read_text("utf-8"))
    document["prompts"]["version"] = 99
    path.write_text(json.dumps(document), "utf-8")
    with pytest.raises(ProjectError, match=r"prompts in .*0001\.json.*update napari-vlseg"):
        entry.proposals()
