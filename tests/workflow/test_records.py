from __future__ import annotations

import json

import numpy as np
import pytest

from napari_vlseg.errors import ExportError
from napari_vlseg.workflow.api import segment
from napari_vlseg.workflow.records import (
    RECORD_KEYS,
    RECORDS_NAME,
    object_records,
    read_records,
    write_records,
)
from tests.fakes import BrightnessSegmenter


@pytest.fixture
def records(scene):
    proposals = segment(scene[0], text="bright", model=BrightnessSegmenter())
    return object_records("scene.png", "scene.tif", proposals)


def test_records_are_plain_json(records):
    assert json.loads(json.dumps(records)) == records
    assert all(tuple(record) == RECORD_KEYS for record in records)


def test_boxes_hold_their_object_and_end_outside(records, scene):
    proposals = segment(scene[0], text="bright", model=BrightnessSegmenter())
    for record in records:
        row0, col0, row1, col1 = record["bbox"]
        inside = proposals.labels[row0:row1, col0:col1] == record["label"]
        assert np.count_nonzero(inside) == record["area"]
        assert inside.any(axis=1).all()
        assert inside.any(axis=0).all()


def test_what_is_written_is_read(tmp_path, records):
    write_records(tmp_path, records)
    assert read_records(tmp_path) == records
    assert len((tmp_path / RECORDS_NAME).read_text("utf-8").splitlines()) == len(records) + 2


def test_no_object_is_an_empty_list(tmp_path):
    write_records(tmp_path, [])
    assert json.loads((tmp_path / RECORDS_NAME).read_text("utf-8")) == []


@pytest.mark.parametrize("text", ["", "{", '{"a": 1}', "[1]", '[{"labels": "a.tif"}]', "\xff"])
def test_something_else_is_no_record(tmp_path, text):
    (tmp_path / RECORDS_NAME).write_text(text, "latin-1")
    with pytest.raises(ExportError, match="not overwritten"):
        read_records(tmp_path)
