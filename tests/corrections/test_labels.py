"""Corrected labels come back bit for bit, whatever happens while they are saved."""

from __future__ import annotations

import errno
import os
import threading

import numpy as np
import pandas as pd
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays, integer_dtypes, unsigned_integer_dtypes
from pandas.testing import assert_frame_equal

from napari_vlseg.corrections.replay import replay_onto
from napari_vlseg.corrections.store import ImageEntry, Project
from napari_vlseg.errors import ConflictError, ProjectError, VlsegWarning
from napari_vlseg.object_table import ObjectTable

from .helpers import Scene, add, object_table, refuse, reopened, snapshot


@st.composite
def label_images(draw: st.DrawFn) -> np.ndarray:
    dtype = draw(st.one_of(integer_dtypes(), unsigned_integer_dtypes(), st.just(np.dtype(bool))))
    shape = draw(array_shapes(min_dims=2, max_dims=7, max_side=4))
    if dtype.kind == "b":
        return draw(arrays(dtype, shape))
    low = draw(st.sampled_from([0, max(np.iinfo(dtype).min, -(2**31))]))
    high = min(np.iinfo(dtype).max, 2**32 - 1 if low == 0 else 2**31 - 1)
    return draw(arrays(dtype, shape, elements=st.integers(low, high)))


@given(labels=label_images())
@settings(max_examples=40)
def test_labels_come_back_bit_for_bit(
    tmp_path_factory: pytest.TempPathFactory, labels: np.ndarray
) -> None:
    project = Project.create(tmp_path_factory.mktemp("project"))
    pixels = np.zeros(labels.shape, np.uint8)
    entry = add(project, "any", pixels)
    objects = object_table(labels)
    entry.save_labels(labels, objects)
    again, table = reopened(entry).load_labels()
    np.testing.assert_array_equal(again, labels.astype(labels.dtype.newbyteorder("=")), strict=True)
    assert_frame_equal(table, objects, check_exact=True)


@pytest.mark.parametrize(
    ("top", "dtype"),
    [(1, "uint8"), (255, "uint8"), (256, "uint16"), (65535, "uint16"), (65536, "uint32"),
     (2**32 - 1, "uint32")],
)  # fmt: skip
def test_the_labels_file_is_ome_tiff_of_the_type_needed(
    entry: ImageEntry, top: int, dtype: str
) -> None:
    labels = np.zeros((96, 96), np.int64)
    labels[3:9, 2:4] = top
    entry.save_labels(labels, object_table(labels))
    with tifffile.TiffFile(entry.folder / "labels.tif") as tiff:
        assert tiff.is_ome
        assert tiff.series[0].dtype == dtype
        assert tiff.pages[0].compression == tifffile.COMPRESSION.ADOBE_DEFLATE
        pixels = tifffile.xml2dict(tiff.ome_metadata)["OME"]["Image"]["Pixels"]
    assert (pixels["PhysicalSizeY"], pixels["PhysicalSizeX"]) == (0.5, 0.25)
    assert (pixels["PhysicalSizeYUnit"], pixels["PhysicalSizeXUnit"]) == ("µm", "µm")
    np.testing.assert_array_equal(tifffile.imread(entry.folder / "labels.tif"), labels)


def test_saving_again_replaces_labels_and_table(entry: ImageEntry, scene: Scene) -> None:
    labels = scene[1].copy()
    entry.save_labels(labels, object_table(labels))
    labels[labels == 3] = 0
    entry.save_labels(labels, object_table(labels))
    again, table = reopened(entry).load_labels()
    np.testing.assert_array_equal(again, labels)
    assert list(table["label"]) == [1, 2]
    assert not list(entry.folder.glob("*.bak.*"))


def test_no_labels_yet_is_told(entry: ImageEntry) -> None:
    assert not entry.has_labels
    with pytest.raises(ProjectError, match="no corrected labels yet"):
        entry.load_labels()


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (np.zeros((96, 95), np.int32), r"\(96, 95\) but the image “discs” has shape \(96, 96\)"),
        (np.zeros((2, 96, 96), np.int32), "save them to the image they were drawn on"),
        (np.zeros((96,), np.int32), "can't be saved as labels"),
        (np.zeros((0, 96), np.int32), "can't be saved as labels"),
        (np.zeros((96, 96), np.float32), "can't be saved as labels"),
        (np.full((96, 96), 2**32), "more than 32 bits hold"),
        (np.array([[-1, 2**31]]).repeat(96, 0).repeat(48, 1), "more than 32 bits hold"),
    ],
)  # fmt: skip
def test_labels_that_do_not_fit_are_refused(
    entry: ImageEntry, labels: np.ndarray, words: str
) -> None:
    before = snapshot(entry.folder)
    with pytest.raises(ProjectError, match=words):
        entry.save_labels(labels, pd.DataFrame())
    assert snapshot(entry.folder) == before


def test_labels_of_an_image_with_channels_have_none(project: Project) -> None:
    pixels = np.zeros((3, 8, 9), np.uint8)
    entry = add(project, "channels", pixels, "CYX")
    entry.save_labels(np.ones((8, 9), int), pd.DataFrame({"label": [1]}))
    assert entry.load_labels()[0].shape == (8, 9)
    assert entry.load_image().view.channel_axis == 0


def test_labels_saved_by_another_window_are_not_overwritten(
    entry: ImageEntry, scene: Scene
) -> None:
    labels = scene[1]
    entry.save_labels(labels, object_table(labels))
    other = reopened(entry)
    theirs, table = other.load_labels()
    theirs[:5] = 7
    other.save_labels(theirs, object_table(theirs))
    before = snapshot(entry.folder)
    with pytest.raises(ConflictError, match="were changed by another program or window"):
        entry.save_labels(labels, table)
    assert snapshot(entry.folder) == before

    entry.save_labels(labels, table, force=True)
    np.testing.assert_array_equal(reopened(entry).load_labels()[0], labels)
    entry.save_labels(labels, table)
    taken_back = undone(entry)
    np.testing.assert_array_equal(taken_back, theirs)


def test_labels_never_read_are_not_overwritten(entry: ImageEntry, scene: Scene) -> None:
    entry.save_labels(scene[1], object_table(scene[1]))
    other = reopened(entry)
    with pytest.raises(ConflictError, match="were saved by another program"):
        other.save_labels(scene[1], object_table(scene[1]))
    other.load_labels()
    other.save_labels(scene[1], object_table(scene[1]))


def test_every_forced_save_can_be_taken_back(entry: ImageEntry, scene: Scene) -> None:
    for number in (1, 2, 3):
        fresh = reopened(entry)
        labels = np.where(scene[1] > 0, number, 0)
        fresh.save_labels(labels, object_table(labels), force=True)
    assert [undone(entry, steps).max() for steps in (1, 2, 3)] == [2, 1, 0]
    assert not list(entry.folder.glob("*.bak.*"))


def undone(entry: ImageEntry, steps: int = 1) -> np.ndarray:
    """Labels with the last edits taken back; the project is left as it was."""
    again = reopened(entry)
    ledger = again.open_ledger()
    labels, objects = again.load_labels()
    table = ObjectTable.from_frame(objects)
    labels = replay_onto(labels, table, [ledger.undo() for _ in range(steps)], ledger.edit)
    for _ in range(steps):
        assert ledger.redo() is not None
    ledger.close()
    return labels


def test_labels_deleted_from_outside_can_be_saved_again(entry: ImageEntry, scene: Scene) -> None:
    entry.save_labels(scene[1], object_table(scene[1]))
    (entry.folder / "labels.tif").unlink()
    entry.save_labels(scene[1], object_table(scene[1]))
    np.testing.assert_array_equal(reopened(entry).load_labels()[0], scene[1])


def test_labels_changed_outside_are_told_and_kept(entry: ImageEntry, scene: Scene) -> None:
    entry.save_labels(scene[1], object_table(scene[1]))
    tifffile.imwrite(entry.folder / "labels.tif", scene[1] + 1)
    again = reopened(entry)
    with pytest.warns(VlsegWarning, match="changed outside napari-vlseg.*journal of edits"):
        labels, table = again.load_labels()
    np.testing.assert_array_equal(labels, scene[1])
    assert_frame_equal(table, object_table(scene[1]))
    again.save_labels(labels, table)
    np.testing.assert_array_equal(reopened(entry).load_labels()[0], scene[1])
    kept = tifffile.imread(entry.folder / "labels.1.bak.tif")
    np.testing.assert_array_equal(kept, scene[1] + 1)


@pytest.mark.parametrize("content", [None, b"{", b'{"format": "napari-vlseg-objects"}'])
def test_a_bad_object_table_is_told_and_can_be_saved_over(
    entry: ImageEntry, scene: Scene, content: bytes | None
) -> None:
    entry.save_labels(scene[1], object_table(scene[1]))
    path = entry.folder / "objects.json"
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    with pytest.warns(VlsegWarning, match=r"objects\.json.*put it back from a backup"):
        labels, table = reopened(entry).load_labels()
    np.testing.assert_array_equal(labels, scene[1])
    entry.save_labels(scene[1], table)
    np.testing.assert_array_equal(reopened(entry).load_labels()[0], scene[1])
    if content is not None:
        assert (entry.folder / "objects.1.bak.json").read_bytes() == content


class KilledError(BaseException):
    """Stands for the end of the process."""


STEPS = ("replace", "fsync")


@pytest.mark.parametrize("function", STEPS)
@pytest.mark.parametrize("error", [KilledError(), OSError(errno.ENOSPC, "No space left")])
def test_a_save_that_dies_at_any_step_leaves_one_whole_state(
    entry: ImageEntry,
    scene: Scene,
    monkeypatch: pytest.MonkeyPatch,
    function: str,
    error: BaseException,
) -> None:
    old, new = scene[1], np.where(scene[1] == 1, 0, scene[1])
    entry.save_labels(old, object_table(old))
    original = getattr(os, function)
    survived = 0
    for step in range(20):
        calls = iter(range(10**6))

        def die(*args: object, calls: object = calls, step: int = step) -> None:
            is_main = threading.current_thread() is threading.main_thread()
            if is_main and next(calls) == step:  # type: ignore[call-overload]
                raise error
            original(*args)

        with monkeypatch.context() as patched:
            patched.setattr(os, function, die)
            try:
                reopened_entry = reopened(entry)
                reopened_entry.load_labels()
                reopened_entry.save_labels(new, object_table(new))
            except (KilledError, ProjectError):
                survived += 1
        labels, table = reopened(entry).load_labels()
        state = new if labels.max() and not (labels == 1).any() else old
        np.testing.assert_array_equal(labels, state)
        ordered = table.sort_values("label", ignore_index=True)
        assert_frame_equal(ordered, object_table(state))
        assert not list(entry.folder.glob(".tmp-*"))
        again = reopened(entry)
        again.load_labels()
        again.save_labels(old, object_table(old))
    assert survived >= 3


@pytest.mark.parametrize(
    ("number", "words"),
    [(errno.EACCES, "read-only"), (errno.EROFS, "read-only"), (errno.ENOSPC, "disk is full")],
)
def test_a_refused_save_is_told_and_can_be_repeated(
    entry: ImageEntry, scene: Scene, monkeypatch: pytest.MonkeyPatch, number: int, words: str
) -> None:
    old, new = scene[1], scene[1] * 2
    for after in (0, 1, 2):
        entry.save_labels(old, object_table(old))
        with monkeypatch.context() as patched:
            refuse(patched, number, after)
            with pytest.raises(ProjectError, match=words):
                entry.save_labels(new, object_table(new))
        labels, table = reopened(entry).load_labels()
        np.testing.assert_array_equal(labels, old)
        assert_frame_equal(table, object_table(old))
    entry.save_labels(new, object_table(new))
    np.testing.assert_array_equal(reopened(entry).load_labels()[0], new)
