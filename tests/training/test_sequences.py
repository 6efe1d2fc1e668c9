"""Scenes through time and depth, and how well the bundled model follows them."""

from __future__ import annotations

import numpy as np
import pytest
from skimage.morphology import dilation

import napari_vlseg
from napari_vlseg.events import run
from napari_vlseg.planes import ImageView, extract_plane
from napari_vlseg.training.evaluate_sequences import score_sequence
from napari_vlseg.training.scenes.sequences import Sequence, generate_motion, generate_volume
from napari_vlseg.workflow.linking import link_planes
from napari_vlseg.workflow.propagate.following import propagate
from napari_vlseg.workflow.propagate.pieces import pieces_of
from napari_vlseg.workflow.propagate.propagated import Propagated


@pytest.mark.parametrize("generate", [generate_motion, generate_volume])
def test_the_same_seed_gives_the_same_scene(generate) -> None:
    first, second, other = (generate(seed, n_planes=3, size=96, n_bodies=3) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.image, second.image)
    np.testing.assert_array_equal(first.labels, second.labels)
    assert (first.labels != other.labels).any()


def touching_pairs(sequence: Sequence) -> int:
    """Pixels of a body that lie beside another one."""
    count = 0
    for labels in sequence.labels:
        grown = dilation(labels, np.ones((3, 3), np.uint8))
        count += int(np.count_nonzero((labels > 0) & (grown != labels)))
    return count


@pytest.mark.parametrize("seed", range(3))
def test_bodies_touch_where_they_may(seed: int) -> None:
    size = {"n_planes": 30, "size": 160, "n_bodies": 6}
    assert touching_pairs(generate_motion(seed, **size)) == 0
    assert touching_pairs(generate_volume(seed, **size)) == 0


def test_bodies_run_into_each_other_when_asked() -> None:
    assert touching_pairs(generate_motion(0, touching=True)) > 20


def test_bodies_move_and_keep_their_number() -> None:
    scene = generate_motion(0, n_planes=10, size=128, n_bodies=4)
    linked = run(link_planes(scene.labels))
    for plane in range(10):
        labels, numbers = linked.mapping(plane)
        assert labels.tolist() == linked.mapping(0)[0].tolist()
        assert numbers.tolist() == linked.mapping(0)[1].tolist()
    tracks = linked.tracks()
    ways = [np.ptp(tracks[tracks[:, 0] == n][:, 2:], axis=0).max() for n in np.unique(tracks[:, 0])]
    assert max(ways) > 5


def test_solids_begin_and_end() -> None:
    volume = generate_volume(0, n_planes=20, size=128, n_bodies=5).labels
    areas = np.array([[np.count_nonzero(p == n) for p in volume] for n in range(1, 6)])
    middle = areas[:, 8:12].mean(axis=1)
    assert (middle > 100).all()
    assert (areas[:, [0, -1]].min(axis=1) < middle / 2).all()


def follow(scene: Sequence, start: int) -> Propagated:
    low, high = np.percentile(scene.image, (1, 99.8))
    view = ImageView(contrast=(float(low), float(high)))
    anchors = {n: {start: piece} for n, piece in pieces_of(scene.labels[start]).items()}
    work = propagate(
        napari_vlseg.load_model("sam-mini", device="cpu"),
        lambda plane: extract_plane(scene.image, (plane,), view),
        len(scene.image),
        anchors,
    )
    return run(work)


def test_the_bundled_model_follows_moving_bodies() -> None:
    scene = generate_motion(3, n_planes=12, size=128, n_bodies=4, speed=4)
    found = follow(scene, 0)
    score = score_sequence(scene.labels, found.labels, [1, 2, 3, 4], without=[0])
    assert score.iou > 0.9
    assert (score.switches, score.lost) == (0, 0)
    assert found.log.stops == ()


def test_the_bundled_model_follows_solids_to_their_ends() -> None:
    scene = generate_volume(3, n_planes=16, size=128, n_bodies=4)
    found = follow(scene, 8)
    numbers = [n for n in range(1, 5) if (scene.labels[8] == n).any()]
    score = score_sequence(scene.labels, found.labels, numbers, without=[8])
    assert score.iou > 0.8
    assert score.switches == 0
    for stop in found.log.stops:
        there = np.flatnonzero((scene.labels == stop.number).any(axis=(1, 2)))
        ends = there[-1] + 1 if stop.plane > 8 else there[0] - 1
        assert abs(stop.plane - ends) <= 2


def test_scores_count_what_is_wrong() -> None:
    truth = np.zeros((3, 8, 8), np.int32)
    truth[:, 0:4, 0:4], truth[:, 4:8, 4:8] = 1, 2
    found = truth.copy()
    found[1] = np.array([0, 2, 1])[truth[1]]
    found[2][truth[2] == 2] = 0
    score = score_sequence(truth, lambda plane: found[plane], [1, 2], without=[0])
    assert score.iou == pytest.approx(1 / 4)
    assert (score.switches, score.lost, score.pairs) == (2, 0.25, 4)
