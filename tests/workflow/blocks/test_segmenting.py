"""A run over blocks gives what the plane gives as a whole, and goes on after a stop."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
import time

import dask.array as da
import numpy as np
import pytest
import zarr

from napari_vlseg.errors import ImageError, PromptError, SettingsError
from napari_vlseg.events import Partial, Progress, run
from napari_vlseg.images import Channel, ImageView, extract_plane
from napari_vlseg.prompts import PromptTable
from napari_vlseg.proposals import OBJECT_COLUMNS, PostProcess
from napari_vlseg.samples import load_sample
from napari_vlseg.workflow.api import load_model
from napari_vlseg.workflow.blocks import (
    BlockSource,
    Focus,
    LocalRunner,
    rethreshold_blocks,
    segment_blocks,
)
from napari_vlseg.workflow.blocks.grid import plan_blocks
from napari_vlseg.workflow.propose import propose, rethreshold
from tests.fakes import BrightnessSegmenter
from tests.workflow.blocks.conftest import discs, fixed


@pytest.fixture(autouse=True)
def _small(small_blocks):
    pass


def on_every_seam(shape=(420, 390)) -> np.ndarray:
    """Discs across every border between blocks, in the corners where four meet, and beside."""
    grid = plan_blocks(BrightnessSegmenter(), shape)
    rows = [span.core[0] for span in grid.rows[1:]]
    cols = [span.core[0] for span in grid.cols[1:]]
    centres = [(row, col) for row in rows for col in cols]
    centres += [(row, col + 45) for row in rows for col in (0, *cols)]
    centres += [(row + 45, col) for row in (0, *rows) for col in cols]
    centres += [(row + 20, col + 20) for row in (5, *rows) for col in (5, *cols)]
    return discs(shape, centres)


def whole(model, image, prompts, post=None, **view):
    plane = extract_plane(image, (), ImageView(contrast=(0, 255), **view))
    return run(propose(model, plane, prompts, postprocess=post))


@pytest.mark.parametrize("split", ["watershed", "components"])
def test_objects_on_every_seam_are_those_of_the_whole_plane(model, prompts, tmp_path, split):
    image, post = on_every_seam(), PostProcess(split=split)
    expected = whole(model, image, prompts, post)
    work = segment_blocks(fixed(image), model, prompts, folder=tmp_path, postprocess=post)
    found = run(work)
    np.testing.assert_array_equal(found.labels[:], expected.labels)
    assert len(found.objects) == len(expected.objects) > 30
    for name in ("label", "class", "area", "prompt", "model", "threshold"):
        assert found.objects[name].tolist() == expected.objects[name].tolist()
    for name in ("score", "uncertainty"):
        np.testing.assert_allclose(found.objects[name], expected.objects[name], atol=2e-3)
    assert tuple(found.objects.columns) == (*OBJECT_COLUMNS, "plane")


def test_an_object_larger_than_blocks_is_one_object(model, prompts, tmp_path):
    image = discs((420, 390), [(200, 190)], radius=150)
    found = run(segment_blocks(fixed(image), model, prompts, folder=tmp_path))
    assert len(found.objects) == 1
    np.testing.assert_array_equal(found.labels[:] > 0, image > 128)


def test_classes_keep_their_numbers_in_semantic_mode(model, tmp_path):
    prompts = PromptTable.build(["light=bright", "shade=dark"], threshold=0.8)
    image, post = on_every_seam(), PostProcess(mode="semantic")
    expected = whole(model, image, prompts, post)
    source = fixed(np.stack([image, image]))
    found = run(segment_blocks(source, model, prompts, folder=tmp_path, postprocess=post))
    np.testing.assert_array_equal(found.labels[1], expected.labels)
    assert found.objects["class"].tolist() == ["light", "shade"]
    assert (found.objects["area"] == 2 * expected.objects["area"]).all()


@pytest.mark.parametrize("kind", ["numpy", "dask", "zarr"])
def test_stacks_of_any_kind_of_array(model, prompts, tmp_path, kind):
    stack = np.stack([discs((150, 140), [(70, 20 + 30 * z)]) for z in range(4)])
    data = {
        "numpy": lambda: stack,
        "dask": lambda: da.from_array(stack, chunks=(1, 64, 64)),
        "zarr": lambda: zarr.array(stack, chunks=(1, 64, 64)),
    }[kind]()
    found = run(segment_blocks(fixed(data), model, prompts, folder=tmp_path))
    assert found.labels.shape == stack.shape
    assert found.objects["plane"].tolist() == ["0", "1", "2", "3"]
    assert found.objects["label"].tolist() == [1, 2, 3, 4]
    np.testing.assert_array_equal(found.labels[:] > 0, stack > 128)


def test_of_many_channels_only_the_shown_ones_are_read(model, prompts, tmp_path):
    image = on_every_seam((300, 300))
    panel = np.stack([np.zeros_like(image), 255 - image, image, 255 - image], axis=2)
    read = []

    class Watched:
        shape, dtype, ndim = panel.shape, panel.dtype, 3

        def __getitem__(self, key):
            read.append(key[2])
            return panel[key]

    channels = (Channel(2, "#ffffff", (0, 255)), Channel(0, "#00ff00", (0, 255)))
    source = BlockSource(Watched(), ImageView(channel_axis=-1, channels=channels))
    found = run(segment_blocks(source, model, prompts, folder=tmp_path))
    np.testing.assert_array_equal(found.labels[:], whole(model, image, prompts).labels)
    assert {part if isinstance(part, int) else part.start for part in read} == {0, 2}


def test_planes_that_are_asked_for_nearest_first(model, prompts, tmp_path):
    stack = np.stack([discs((60, 60), [(30, 30)])] * 6)
    focus = Focus((4,), 30, 30)
    planes = [(1,), (4,), (5,)]
    shown = []
    work = segment_blocks(fixed(stack), model, prompts, folder=tmp_path, planes=planes, focus=focus)
    found = run(work, lambda e: shown.append(e.index) if isinstance(e, Partial) else None)
    assert shown == [(4,), (5,), (1,)]
    assert found.objects["plane"].tolist() == ["1", "4", "5"]
    assert not found.labels[0].any()


def test_the_block_in_focus_is_shown_before_its_neighbours_are_done(model, prompts, tmp_path):
    image = on_every_seam()
    events = []
    work = segment_blocks(
        fixed(image), model, prompts, folder=tmp_path, focus=Focus((), 210, 200), skip_empty=False
    )
    run(work, events.append)
    first = next(i for i, event in enumerate(events) if isinstance(event, Partial))
    assert events[first].rows.start <= 210 < events[first].rows.stop
    done = max(e.done for e in events[:first] if isinstance(e, Progress) and "blocks" in e.stage)
    assert done == 1


def test_partial_results_end_as_the_result(model, prompts, tmp_path):
    image = on_every_seam()
    seen = np.zeros(image.shape, np.int64)

    def show(event):
        if isinstance(event, Partial):
            seen[event.rows, event.cols] = event.labels

    found = run(segment_blocks(fixed(image), model, prompts, folder=tmp_path), show)
    np.testing.assert_array_equal(seen > 0, found.labels[:] > 0)


def test_only_blocks_in_view_are_answered(model, prompts, tmp_path):
    image = on_every_seam((900, 900))
    work = segment_blocks(
        fixed(image),
        model,
        prompts,
        folder=tmp_path,
        within=(slice(10, 60), slice(10, 60)),
        skip_empty=False,
    )
    found = run(work)
    expected = whole(model, image, prompts)
    assert model.n_encoded < 2 + len(plan_blocks(model, image.shape)) / 4
    np.testing.assert_array_equal(found.labels[:60, :60] > 0, expected.labels[:60, :60] > 0)
    assert not found.labels[500:].any()
    with pytest.raises(ImageError, match="beside a plane"):
        run(
            segment_blocks(
                fixed(image),
                model,
                prompts,
                folder=tmp_path,
                within=(slice(2000, 2100), slice(0, 5)),
            )
        )


def test_a_run_that_was_stopped_goes_on_where_it_was(model, prompts, tmp_path):
    image = on_every_seam()
    work = segment_blocks(fixed(image), model, prompts, folder=tmp_path, skip_empty=False)
    while True:
        event = next(work)
        if isinstance(event, Progress) and "blocks" in event.stage and event.done == 5:
            break
    work.close()
    before = model.n_encoded
    assert before < len(plan_blocks(model, image.shape))
    found = run(segment_blocks(fixed(image), model, prompts, folder=tmp_path, skip_empty=False))
    assert model.n_encoded <= len(plan_blocks(model, image.shape)) + 1
    np.testing.assert_array_equal(found.labels[:], whole(model, image, prompts).labels)
    encoded = model.n_encoded
    again = run(segment_blocks(fixed(image), model, prompts, folder=tmp_path, skip_empty=False))
    assert model.n_encoded == encoded
    np.testing.assert_array_equal(again.labels[:], found.labels[:])


def test_blocks_whose_pixels_changed_are_computed_anew(model, prompts, tmp_path):
    image = on_every_seam()
    run(segment_blocks(fixed(image), model, prompts, folder=tmp_path, skip_empty=False))
    encoded = model.n_encoded
    image[60:80, 60:80] = 230
    found = run(segment_blocks(fixed(image), model, prompts, folder=tmp_path, skip_empty=False))
    assert 1 <= model.n_encoded - encoded <= 4
    np.testing.assert_array_equal(found.labels[:], whole(model, image, prompts).labels)


def test_other_prompts_do_not_mix_with_what_is_done(model, prompts, tmp_path):
    image = on_every_seam()
    run(segment_blocks(fixed(image), model, prompts, folder=tmp_path))
    dark = PromptTable.build("rest=dark")
    found = run(segment_blocks(fixed(image), model, dark, folder=tmp_path, skip_empty=False))
    np.testing.assert_array_equal(found.labels[:] > 0, image < 128)


def test_another_threshold_runs_no_model(model, prompts, tmp_path):
    image = discs((420, 390), [(100, 130), (210, 128), (300, 60)])
    image[240:270, 250:280] = 100
    first = run(segment_blocks(fixed(image), model, prompts, folder=tmp_path))
    encoded = model.n_encoded
    changed = {"nuclei": 0.3}
    found = run(rethreshold_blocks(first, changed))
    expected = rethreshold(whole(model, image, prompts), changed)
    assert model.n_encoded == encoded + 1  # by the expected result alone
    assert len(found.objects) > len(first.objects)
    np.testing.assert_array_equal(found.labels[:], expected.labels)
    with pytest.raises(SettingsError, match="no class “cells”"):
        run(rethreshold_blocks(first, {"cells": 0.5}))


def test_nothing_but_background_is_left_out(model, prompts, tmp_path):
    image = discs((900, 900), [(100, 100), (130, 480)])
    found = run(segment_blocks(fixed(image), model, prompts, folder=tmp_path))
    assert 2 <= model.n_encoded <= 10 < len(plan_blocks(model, image.shape))
    assert len(found.objects) == 2


def test_a_coarser_level_is_read_and_labels_have_full_resolution(prompts, tmp_path):
    from tests.workflow.blocks.test_grid import Latticed

    image = on_every_seam()
    coarse = image.reshape(210, 2, 195, 2).mean(axis=(1, 3)).astype(np.uint8)
    read = []

    class Watched:
        shape, dtype, ndim = image.shape, image.dtype, 2

        def __getitem__(self, key):
            read.append(key)
            return image[key]

    view = ImageView(contrast=(0, 255))
    source = BlockSource.of(Watched(), view, (Watched(), coarse))
    found = run(segment_blocks(source, Latticed(), prompts, folder=tmp_path, working_scale=2.0))
    assert not read
    assert found.labels.shape == image.shape
    truth = image > 128
    mine = found.labels[:] > 0
    assert (mine & truth).sum() / (mine | truth).sum() > 0.85
    counted = np.bincount(found.labels[:].ravel())[1:]
    np.testing.assert_array_equal(found.objects["area"], counted)


def test_labels_go_where_the_caller_wants_them(model, prompts, tmp_path):
    image = on_every_seam()
    mine = np.zeros(image.shape, np.uint16)
    found = run(segment_blocks(fixed(image), model, prompts, folder=tmp_path, out=mine))
    assert found.labels is mine
    assert mine.max() == len(found.objects)
    places = range(9, 690, 20)
    crowd = discs((700, 700), [(row, col) for row in places for col in places], 4)
    small = np.zeros(crowd.shape, np.uint8)
    with pytest.raises(SettingsError, match="uint8"):
        run(segment_blocks(fixed(crowd), model, prompts, folder=tmp_path, out=small))


def test_what_can_not_be_done_is_said(model, prompts, tmp_path):
    image = on_every_seam()
    with pytest.raises(ImageError, match="no plane"):
        run(segment_blocks(fixed(image), model, prompts, folder=tmp_path, planes=[(3,)]))
    with pytest.raises(PromptError):
        run(segment_blocks(fixed(image), model, PromptTable(), folder=tmp_path))


def test_closing_takes_effect_while_a_slow_image_is_read(model, prompts, tmp_path):
    class Slow:
        shape, dtype, ndim = (300, 300), np.dtype(np.uint8), 2

        def __getitem__(self, key):
            time.sleep(0.3)
            return np.zeros(self.shape, np.uint8)[key]

    source = BlockSource(Slow(), ImageView(contrast=(0, 255)))
    work = segment_blocks(source, model, prompts, folder=tmp_path, skip_empty=False)
    event = next(work)
    assert (event.stage, event.done) == ("segmenting blocks", 0)  # the first one is still read
    work.close()
    assert model.n_encoded == 0


def test_a_runner_may_answer_in_any_order(model, prompts, tmp_path):
    class Backwards(LocalRunner):
        def answers(self, question, tasks):
            return super().answers(question, iter(list(tasks)[::-1]))

    image = on_every_seam()
    found = run(
        segment_blocks(fixed(image), model, prompts, folder=tmp_path, runner=Backwards(model))
    )
    np.testing.assert_array_equal(found.labels[:], whole(model, image, prompts).labels)


def test_blocks_of_the_bundled_model_are_the_plane(tmp_path):
    model = load_model("vlseg-mini", device="cpu")
    sample, _ = load_sample("fluorescence")
    turned = [np.rot90(sample[:256, :256], k) for k in (0, 1, 2, 3, 1)]
    image = np.concatenate([np.concatenate(turned[i:] + turned[:i], 1) for i in (0, 2)])
    source, prompts = BlockSource.of(image), PromptTable.build("nuclei")
    expected = run(propose(model, source.show(image), prompts))
    found = run(segment_blocks(source, model, prompts, folder=tmp_path, focus=Focus((), 9, 700)))
    assert len(found.run.grid) > 8
    mine, theirs = found.labels[:] > 0, expected.labels > 0
    assert (mine & theirs).sum() / (mine | theirs).sum() > 0.99
    assert len(found.objects) == len(expected.objects) > 200


_VICTIM = """
    import sys, time
    from pathlib import Path
    import numpy as np
    from napari_vlseg.events import Progress
    from napari_vlseg.prompts import PromptTable
    from napari_vlseg.workflow.blocks import segment_blocks, grid
    from tests.fakes import BrightnessSegmenter
    from tests.workflow.blocks.conftest import fixed

    grid.BLOCK_SIDE, grid._OVERLAP = 128, 32
    prompts = PromptTable.build("nuclei=bright")
    image = np.load(sys.argv[1])
    work = segment_blocks(
        fixed(image), BrightnessSegmenter(), prompts, folder=Path(sys.argv[2]), skip_empty=False
    )
    for event in work:
        if isinstance(event, Progress) and "blocks" in event.stage:
            print(event.done, flush=True)
            time.sleep(0.01)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no kill -9")
def test_a_kill_loses_only_the_blocks_in_flight(model, prompts, tmp_path):
    image = on_every_seam((700, 700))
    np.save(tmp_path / "image.npy", image)
    folder = tmp_path / "run"
    victim = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(_VICTIM), tmp_path / "image.npy", folder],
        stdout=subprocess.PIPE,
        text=True,
    )
    told = 0
    for line in victim.stdout:
        told = int(line)
        if told >= 12:
            victim.send_signal(signal.SIGKILL)
            break
    victim.wait()
    found = run(segment_blocks(fixed(image), model, prompts, folder=folder, skip_empty=False))
    total = len(plan_blocks(model, image.shape))
    assert model.n_encoded <= total - told + 1
    np.testing.assert_array_equal(found.labels[:], whole(model, image, prompts).labels)
