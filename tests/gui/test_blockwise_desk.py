"""Stacks, ranges and parts of large planes, segmented as one run; each plane is one edit."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_vlseg.errors import SettingsError
from napari_vlseg.events import Progress, run
from napari_vlseg.images import ImageView, fixed_contrast
from napari_vlseg.prompts import PromptTable
from napari_vlseg.proposals import PostProcess
from napari_vlseg.ui.blockwise.folders import forget_old_runs
from napari_vlseg.ui.controller import Controller
from napari_vlseg.ui.image_choice import Whole
from napari_vlseg.ui.scope import parse_planes
from napari_vlseg.workflow.blocks.segmenting import segment_blocks
from napari_vlseg.workflow.blocks.sources import BlockSource
from tests.gui.editing.scenes import check, labels_of, session
from tests.gui.fakes import N_TILES, BrightnessModel, blobs
from tests.gui.large import take_all_for_large

N_PLANES = 5


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where runs are kept."""
    monkeypatch.setenv("NAPARI_VLSEG_RUNS", str(tmp_path / "runs"))
    return tmp_path / "runs"


@pytest.fixture(params=[False, True], ids=["small", "large"])
def _either_size(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if request.param:
        take_all_for_large(monkeypatch, tmp_path / "working")


def stack() -> np.ndarray:
    planes = [np.roll(blobs(), 3 * n, axis=0) for n in range(N_PLANES)]
    planes[2] = np.zeros_like(planes[2])
    return np.stack(planes)


def asked(image: np.ndarray | None = None, plane: int = 0) -> Controller:
    controller = session(stack() if image is None else image, "")
    controller.prompts.set_phrases(0, "nuclei")
    if controller.viewer.dims.ndim > 2:
        controller.viewer.dims.set_current_step(0, plane)
    return controller


def segment(controller: Controller, kind: str, planes: str = "") -> None:
    controller.scope.choose(kind)  # type: ignore[arg-type]
    if planes:
        controller.scope.set_planes(planes)
    controller.segment()


def headless(folder: Path, image: np.ndarray) -> Any:
    source = BlockSource.of(image)
    return run(
        segment_blocks(source, BrightnessModel(), PromptTable.build("nuclei"), folder=folder)
    )


def by_order_of_appearance(labels: np.ndarray) -> np.ndarray:
    values, first, where = np.unique(labels, return_index=True, return_inverse=True)
    numbers = np.empty(len(values), np.int64)
    numbers[np.argsort(first)] = np.arange(len(values))
    return numbers[where].reshape(labels.shape)


@pytest.mark.usefixtures("_either_size")
def test_a_stack_is_segmented_as_the_command_line_does(tmp_path: Path) -> None:
    controller = asked()
    segment(controller, "stack")
    layer = labels_of(controller)
    result = headless(tmp_path / "headless", stack())
    np.testing.assert_array_equal(layer.data, result.labels)
    table = controller.editing.table(layer)
    assert sorted(table.column("label")) == sorted(result.objects["label"])
    assert sorted(table.column("score")) == pytest.approx(sorted(result.objects["score"]))
    ledger = controller.editing.ledger(layer)
    assert sorted(edit.plane for edit in ledger.edits()) == [(n,) for n in range(N_PLANES)]
    assert controller.activity == f"found {len(result.objects)} objects on {N_PLANES} planes"
    check(controller)


def test_planes_near_the_one_in_view_come_first(tmp_path: Path) -> None:
    controller = asked(plane=3)
    segment(controller, "stack")
    layer = labels_of(controller)
    order = [edit.plane[0] for edit in controller.editing.ledger(layer).edits()]
    assert [abs(place - 3) for place in order if place != 2] == [0, 1, 2, 3]
    found = by_order_of_appearance(np.asarray(layer.data))
    result = headless(tmp_path / "headless", stack())
    np.testing.assert_array_equal(found, by_order_of_appearance(np.asarray(result.labels)))


def test_a_range_is_what_was_typed() -> None:
    controller = asked()
    segment(controller, "range", "2, 4-5")
    held = np.asarray(labels_of(controller).data)
    assert [bool(plane.any()) for plane in held] == [False, True, False, True, True]
    check(controller)


def test_a_range_that_is_not_there_is_one_sentence() -> None:
    controller = asked()
    told: list[tuple[str, str]] = []
    controller.message.connect(lambda text, kind: told.append((text, kind)))
    segment(controller, "range", "4-9")
    assert told == [("There are planes 1 to 5, but “4-9” is not among them.", "error")]
    assert controller.labels is None


@pytest.mark.parametrize("text", ["", "a", "0", "6", "3-2", "1--2"])
def test_planes_that_make_no_sense_are_refused(text: str) -> None:
    with pytest.raises(SettingsError, match="planes"):
        parse_planes(text, 5)


@pytest.mark.usefixtures("_either_size")
def test_what_a_person_drew_stays_on_every_plane() -> None:
    controller = asked()
    segment(controller, "stack")
    layer = labels_of(controller)
    layer.paint((1, 60, 60), 90)
    layer.fill((4, *np.argwhere(np.asarray(layer.data[4]) > 0)[0]), 0)
    drawn, erased = np.asarray(layer.data[1]) == 90, np.asarray(layer.data[4]) == 0
    controller.prompts.set_phrases(0, "cells")
    segment(controller, "stack")
    assert (np.asarray(layer.data[1]) == 90)[drawn].all()
    assert not np.asarray(layer.data[4])[erased].any()
    check(controller)
    for _ in range(2 * N_PLANES + 2):
        controller.editing.undo()
    assert not np.asarray(layer.data).any()
    check(controller)


def test_a_run_that_is_repeated_computes_nothing() -> None:
    controller = asked()
    segment(controller, "stack")
    tiles = controller.models.peek(controller.settings).tiles_encoded  # type: ignore[union-attr]
    controller.editing.undo()
    segment(controller, "stack")
    again = controller.models.peek(controller.settings)
    # What may be left out is asked of the model once for each run.
    assert again.tiles_encoded - tiles <= N_TILES < tiles  # type: ignore[union-attr]
    check(controller)


@pytest.mark.usefixtures("_either_size")
def test_a_threshold_follows_at_once_on_the_plane_in_view_and_then_on_all() -> None:
    controller = asked()
    segment(controller, "stack")
    layer, model = labels_of(controller), controller.models.peek(controller.settings)
    before, tiles = np.array(layer.data), model.tiles_encoded  # type: ignore[union-attr]
    controller.relabel.set_postprocess(PostProcess(min_size=400))
    first = np.array(layer.data)
    assert not np.array_equal(first[0], before[0])
    np.testing.assert_array_equal(first[1:], before[1:])
    assert controller.blockwise.thresholds_differ == N_PLANES - 1
    controller.blockwise.apply_thresholds()
    assert controller.blockwise.thresholds_differ == 0
    after = np.asarray(layer.data)
    assert not any(np.array_equal(after[n], before[n]) for n in (1, 3, 4))
    assert model.tiles_encoded == tiles  # type: ignore[union-attr]
    check(controller)


def large_plane() -> np.ndarray:
    return np.tile(blobs(), (18, 14))


def test_the_part_in_view_is_segmented_alone() -> None:
    controller = asked(large_plane())
    assert controller.scope.kinds == ("view", "plane")
    image = controller.images.require()
    image.corner_pixels = np.array([[100, 100], [300, 400]])
    segment(controller, "view")
    held = np.asarray(labels_of(controller).data)
    assert held[100:300, 100:400].any()
    assert not held[1300:].any()
    assert controller.activity.endswith("objects in view")
    check(controller)
    before = held.copy()
    image.corner_pixels = np.array([[1400, 1400], [1600, 1700]])
    segment(controller, "view")
    after = np.asarray(labels_of(controller).data)
    np.testing.assert_array_equal(after[:600, :600] > 0, before[:600, :600] > 0)
    assert after[1400:1600].any()
    check(controller)


def test_a_threshold_moves_on_the_part_in_view() -> None:
    controller = asked(large_plane())
    image = controller.images.require()
    image.corner_pixels = np.array([[100, 100], [300, 400]])
    segment(controller, "view")
    layer = labels_of(controller)
    n_pixels = (np.asarray(layer.data) > 0).sum()
    controller.relabel.set_postprocess(PostProcess(min_size=400))
    assert n_pixels > (np.asarray(layer.data) > 0).sum()
    controller.relabel.set_postprocess(PostProcess())
    assert n_pixels == (np.asarray(layer.data) > 0).sum() > 0
    controller.prompts.edit(0, visible=False)
    assert not np.asarray(layer.data).any()
    controller.prompts.edit(0, visible=True)
    assert n_pixels == (np.asarray(layer.data) > 0).sum()
    check(controller)


def test_a_large_plane_is_the_one_of_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("napari_vlseg.ui.scope.WHOLE_PIXELS", 1000)
    controller = asked(large_plane())
    segment(controller, "plane")
    result = headless(tmp_path / "headless", large_plane())
    np.testing.assert_array_equal(labels_of(controller).data, result.labels)
    assert [layer.name for layer in controller.viewer.layers] == ["a", "a — vlseg"]
    check(controller)


def test_runs_that_nobody_touched_for_long_are_forgotten(folder: Path) -> None:
    controller = asked()
    segment(controller, "range", "1")
    assert forget_old_runs(folder) == 0
    assert forget_old_runs(folder, longest_s=-1) == 1
    assert not list(folder.glob("*/"))


def test_planes_of_a_stack_have_one_contrast_however_they_are_segmented() -> None:
    bright, dim = blobs(), (blobs() * 0.2).astype(np.uint8)
    controller = asked(np.stack([bright, dim]), plane=1)
    segment(controller, "plane")
    assert not np.asarray(labels_of(controller).data[1]).any(), "it is dark beside the other one"
    segment(controller, "stack")
    held = np.asarray(labels_of(controller).data)
    assert [bool(plane.any()) for plane in held] == [True, False]
    controller.images.set_view(
        replace(controller.images.view(controller.images.require()), contrast=(0, 50))
    )
    segment(controller, "plane")
    assert np.asarray(labels_of(controller).data[1]).any(), "the person's contrast wins"


class Slow:
    """An image that takes its time."""

    def __init__(self, array: np.ndarray) -> None:
        self.shape, self.dtype, self.ndim = array.shape, array.dtype, array.ndim
        self.n_read = 0
        self._array = array

    def __getitem__(self, key: Any) -> np.ndarray:
        time.sleep(0.12)
        self.n_read += 1
        return self._array[key]


def test_looking_at_a_slow_stack_can_be_broken_off() -> None:
    whole = Whole(Slow(stack()), ImageView())
    work = whole.look()
    started = time.monotonic()
    event = next(work)
    work.close()
    assert time.monotonic() - started < 0.5
    assert isinstance(event, Progress)
    assert run(whole.look()) == fixed_contrast(stack())
    read = whole.data.n_read
    assert run(whole.look()) == whole.fixed_view()
    assert whole.data.n_read == read, "once is enough"
