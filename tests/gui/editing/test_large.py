"""Labels too large for memory: everything is as with small ones, and memory is bounded."""

from __future__ import annotations

import gc
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
import tifffile
import zarr

from napari_vlseg.corrections.store import Project
from napari_vlseg.ui.controller import Controller
from napari_vlseg.ui.layers import add_labels, write_pixels
from napari_vlseg.ui.packing import Packed
from napari_vlseg.ui.volumes import make_volume
from tests.gui.editing.scenes import check, labels_of, segment, session
from tests.gui.editing.test_history import snapshot, some_of_everything
from tests.gui.fakes import blobs
from tests.gui.large import take_all_for_large

N_PLANES = 4


@pytest.fixture(autouse=True)
def _large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    take_all_for_large(monkeypatch, tmp_path / "working")


def stack_session() -> Controller:
    return session(np.stack([blobs(level=1 - 0.1 * n) for n in range(N_PLANES)]))


def go_to(controller: Controller, plane: int) -> None:
    controller.viewer.dims.set_current_step(0, plane)


def test_an_array_comes_back_from_its_packing() -> None:
    plane = np.zeros((40, 50), np.int32)
    plane[3:9, 4:20], plane[30:, 30:] = 7, 2_000_000
    packed = Packed.of(plane.T)
    np.testing.assert_array_equal(packed.array(), plane.T)
    assert (packed.limits, packed.labels.tolist()) == ((0, 2_000_000), [7, 2_000_000])
    assert packed.n_bytes < plane.nbytes / 20


def test_everything_is_taken_back_and_done_again_on_many_planes() -> None:
    controller = stack_session()
    states = []
    for number in range(N_PLANES):
        go_to(controller, number)
        segment(controller, f"nuclei {number}")
        states.append(snapshot(controller))
    front = (controller.images.index(controller.images.require())[0],)
    for act in some_of_everything(controller, front):
        act()
        states.append(snapshot(controller))
    layer = labels_of(controller)
    assert isinstance(layer.data, zarr.Array)
    records = controller.editing.book(layer).records
    assert sum(record.is_packed for record in records.values()) == N_PLANES - 1
    check(controller)
    states = [state for n, state in enumerate(states) if n == 0 or state[0] != states[n - 1][0]]
    last = snapshot(controller)
    while controller.editing.ledger(layer).can_undo:
        controller.editing.undo()
    assert not np.asarray(layer.data).any()
    while controller.editing.ledger(layer).can_redo:
        controller.editing.redo()
    assert snapshot(controller) == last
    check(controller)


def test_an_edit_of_objects_leaves_other_planes_packed() -> None:
    controller = stack_session()
    for number in range(N_PLANES):
        go_to(controller, number)
        segment(controller, f"nuclei {number}")
    book = controller.editing.book(labels_of(controller))
    uid = next(u for u in book.table if book.table.get(u, "label") in book.records[2,].labels)
    controller.editing.reject([uid])
    assert [book.records[n,].is_packed for n in range(N_PLANES)] == [True, True, False, True]
    check(controller)


def test_an_answer_that_was_put_away_is_settled_again() -> None:
    controller = stack_session()
    for number in (0, 1):
        go_to(controller, number)
        segment(controller, "cells")
        segment(controller, "nuclei")
    go_to(controller, 0)
    assert controller.record is not None
    assert controller.record.proposals is not None
    assert isinstance(controller.record.proposals.probabilities, np.memmap)
    layer = labels_of(controller)
    assert layer.data[0].any()
    controller.prompts.edit(0, visible=False)
    assert not layer.data[0].any()
    controller.prompts.edit(0, visible=True)
    assert layer.data[0].any()
    check(controller)


def test_who_leafs_through_planes_has_none_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    controller = stack_session()
    looked = []
    monkeypatch.setattr(
        "napari_vlseg.ui.editing.watching.Watcher.look_at",
        lambda self, book, index: looked.append(index) or False,
    )
    for number in (0, 3, 1):
        go_to(controller, number)
        controller.look_at_edits()
    assert not looked
    labels_of(controller).refresh()
    controller.look_at_edits()
    assert looked == [(1,)]


def test_files_of_a_project_are_those_of_small_labels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    controller = stack_session()
    for number in range(N_PLANES):
        go_to(controller, number)
        segment(controller, f"nuclei {number}")
    labels_of(controller).paint((1, 5, 5), 300)
    controller.desk.create(tmp_path / "project")
    controller.desk.save()
    held = np.asarray(labels_of(controller).data)
    (entry,) = Project.open(tmp_path / "project").images
    written = entry.folder / "labels.tif"
    np.testing.assert_array_equal(tifffile.imread(written), held)
    with tifffile.TiffFile(written) as file:
        assert file.series[0].axes == "ZYX"
        assert (file.series[0].dtype, len(file.pages)) == (np.uint16, N_PLANES)
    monkeypatch.setattr("napari_vlseg.corrections.large_arrays.LARGE_BYTES", 0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_array_equal(entry.load_labels()[0], held)
    controller.close()
    again = Controller(controller.viewer, controller.runner)
    controller.viewer.layers.clear()
    again.desk.open(tmp_path / "project")
    layer = labels_of(again)
    assert isinstance(layer.data, zarr.Array)
    np.testing.assert_array_equal(layer.data, held)
    check(again)
    layer.paint((2, 60, 60), 400)
    again.editing.undo()
    np.testing.assert_array_equal(layer.data, held)
    check(again)


def test_pixels_of_several_planes_are_written_by_the_box_on_each(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    controller = stack_session()
    layer = labels_of(controller)
    height, width = layer.data.shape[-2:]
    flat = np.array([5, width + 2, 3 * height * width + 7], np.int64)
    before = np.asarray(layer.data)
    write_pixels(layer, flat, np.array([91, 92, 93]))
    before.reshape(-1)[flat] = 91, 92, 93
    np.testing.assert_array_equal(layer.data, before)


def test_files_go_with_their_array_and_those_of_the_dead_with_the_next(tmp_path: Path) -> None:
    folder = tmp_path / "arrays"
    code = f"""
import os
from pathlib import Path
from napari_vlseg.ui.volumes import make_volume
volume = make_volume((2, 8, 8), folder=Path({str(folder)!r}))
volume[0, :4] = 3
os._exit(1)
"""
    subprocess.run([sys.executable, "-c", code], check=False)
    (dead,) = folder.glob("*/")
    volume = make_volume((2, 8, 8), folder=folder)
    assert not dead.exists()
    other = make_volume((2, 8, 8), folder=folder)
    assert len(list(folder.glob("*/"))) == 2
    del volume
    gc.collect()
    assert len(list(folder.glob("*/"))) == 1
    other[0] = 1
    del other
    gc.collect()
    assert not list(folder.iterdir())


def test_labels_of_a_channel_axis_in_the_middle_lie_on_the_disk_too() -> None:
    controller = session(np.stack([blobs()] * 6).reshape(3, 2, *blobs().shape), "")
    image = controller.images.require()
    controller.images.set_channel_axis(1)
    data = make_volume((3, *blobs().shape))
    data[2, :5] = 3
    layer = add_labels(controller.viewer, image, controller.images.view(image), data)
    assert layer.data.shape == (3, 1, *blobs().shape)
    assert layer.data[2, 0, 0, 0] == 3


MEMORY = """
import resource, sys
import numpy as np
from napari.components import ViewerModel
from napari_vlseg.prompts import PromptTable
from napari_vlseg.proposals import PostProcess, Proposals, empty_objects
from napari_vlseg.ui import layers
from napari_vlseg.ui.controller import Controller
from napari_vlseg.ui.runner import SyncRunner
from napari_vlseg.ui.shelf import Shelf
from tests.gui.fakes import BrightnessModel

n_planes, side = int(sys.argv[1]), 512
layers.LARGE_BYTES = 32 << 20
Shelf.__init__.__defaults__ = (24 << 20, 32 << 20)
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
controller = Controller(ViewerModel(), SyncRunner())
# An image that takes no memory: what is measured is labels and what is known of them.
image = np.broadcast_to(np.zeros((), np.uint8), (n_planes, side, side))
layer = controller.viewer.add_image(image, name="a", contrast_limits=(0, 255))
before = peak()
rng = np.random.default_rng(0)
for number in range(n_planes):
    controller.viewer.dims.set_current_step(0, number)
    labels = np.zeros((side, side), np.int32)
    for label, (row, col) in enumerate(rng.integers(0, side - 20, (30, 2)), 1):
        labels[row:row + 20, col:col + 20] = label
    made = Proposals(
        labels, rng.random((1, side, side), np.float32), ("nuclei",), empty_objects(), (0.5,),
        PostProcess(), PromptTable.build("nuclei"), BrightnessModel().info,
    )
    place = controller.place(layer)
    target = controller.results.aim(place, "propose")
    assert controller.results.write(place, target.compose(made)) is not None
book = controller.editing.book(controller.labels)
assert len(book.records) == n_planes
print(controller.labels.data.nbytes / 2**20, peak() - before)
"""


@pytest.mark.slow
def test_memory_does_not_grow_with_the_number_of_planes() -> None:
    def measured(n_planes: int) -> tuple[float, float]:
        command = [sys.executable, "-c", MEMORY, str(n_planes)]
        root = Path(__file__).parents[3]
        done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=root)
        size, growth = map(float, done.stdout.split())
        return size, growth

    (small, first), (large, second) = measured(48), measured(96)
    assert (small, large) == (48, 96)
    assert second - first < 30, f"{first:.0f} MB for {small} MB, {second:.0f} MB for {large} MB"
