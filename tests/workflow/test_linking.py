"""Linking: identities through planes, gaps, splits, and what follows from them."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pandas as pd
import pytest

from napari_vlseg.errors import ImageError, SettingsError
from napari_vlseg.events import Progress, run
from napari_vlseg.workflow.linked import Linked, relabel, track_lines
from napari_vlseg.workflow.linking import LinkSettings, best_pairs, link_planes

SIDE = 64


def disk(row: float, col: float, radius: float) -> np.ndarray:
    rows, cols = np.mgrid[:SIDE, :SIDE]
    return (rows - row) ** 2 + (cols - col) ** 2 <= radius**2


def moving_scene(n_planes: int = 10) -> tuple[np.ndarray, np.ndarray]:
    """Truth and planes whose labels are numbered anew, in another order, on each plane."""
    rng = np.random.default_rng(0)
    truth = np.zeros((n_planes, SIDE, SIDE), np.int32)
    for plane in range(n_planes):
        truth[plane][disk(12, 10 + 2 * plane, 6)] = 1
        truth[plane][disk(32, 50 - 3 * plane, 7)] = 2
        truth[plane][disk(52 - plane, 20, 5)] = 3
    planes = np.zeros_like(truth)
    for plane, labels in enumerate(truth):
        planes[plane] = np.array([0, *rng.permutation([4, 7, 9])])[labels]
    return truth, planes


def linked_of(planes: np.ndarray, **settings: object) -> Linked:
    return run(link_planes(planes, settings=LinkSettings(**settings)))  # type: ignore[arg-type]


def test_identities_are_kept_whatever_the_labels_of_each_plane() -> None:
    truth, planes = moving_scene()
    found = run(relabel(planes, linked_of(planes)))
    pairs = set(zip(truth[truth > 0].tolist(), found[truth > 0].tolist(), strict=True))
    assert len(pairs) == 3, "each object has one number, and no two have the same"
    assert ((found > 0) == (truth > 0)).all()


def test_relabelling_in_place_and_into_another_array_agree() -> None:
    _, planes = moving_scene()
    linked = linked_of(planes)
    into = np.zeros(planes.shape, np.uint16)
    assert run(relabel(planes, linked, into)) is into
    own = planes.copy()
    np.testing.assert_array_equal(run(relabel(own, linked, own)), into)


def test_only_one_plane_at_a_time_is_read() -> None:
    _, planes = moving_scene()

    class Lazy:
        def __init__(self) -> None:
            self.shape = planes.shape
            self.asked: list[int] = []

        def __getitem__(self, index: int) -> np.ndarray:
            assert isinstance(index, int)
            self.asked.append(index)
            return planes[index]

    lazy = Lazy()
    events: list[object] = []
    run(link_planes(lazy), events.append)  # type: ignore[arg-type]
    assert lazy.asked == list(range(len(planes)))


def test_progress_tells_every_plane() -> None:
    _, planes = moving_scene(4)
    events: list[object] = []
    run(link_planes(planes), events.append)
    assert events == [Progress("linking", n, 4) for n in (1, 2, 3, 4)]


def test_an_object_that_is_missing_on_a_plane_comes_back_where_gaps_are_closed() -> None:
    planes = np.zeros((4, SIDE, SIDE), np.uint8)
    for plane in (0, 1, 3):
        planes[plane][disk(30, 30, 8)] = 1
    assert linked_of(planes).n_objects == 2
    assert linked_of(planes, gap=1).n_objects == 1
    planes[2] = planes[3] = 0
    again = np.concatenate([planes, planes[:1]])
    assert linked_of(again, gap=1).n_objects == 2, "two planes are a longer gap"
    assert linked_of(again, gap=2).n_objects == 1


def test_a_neighbour_takes_no_ones_place() -> None:
    """The object in the middle overlaps both; the pair with the larger overlap has it."""
    planes = np.zeros((2, SIDE, SIDE), np.uint8)
    planes[0][20:40, 10:30] = 1
    planes[0][20:40, 30:50] = 2
    planes[1][20:40, 15:35] = 1
    linked = linked_of(planes)
    assert linked.n_objects == 2
    assert linked.mapping(1)[1].tolist() == [1]


def test_a_division_gives_two_daughters_and_ends_the_mother() -> None:
    planes = np.zeros((4, SIDE, SIDE), np.uint8)
    planes[0][20:40, 10:50] = planes[1][20:40, 10:50] = 1
    for plane in (2, 3):
        planes[plane][20:40, 9:28] = 1
        planes[plane][20:40, 32:51] = 2
    linked = linked_of(planes, splits=True)
    assert linked.parents == {2: [1], 3: [1]}
    assert linked.mapping(1)[1].tolist() == [1]
    assert sorted(linked.mapping(3)[1].tolist()) == [2, 3]
    assert linked_of(planes).n_objects == 2, "without splits one of the two goes on"


def test_tracks_are_what_napari_takes() -> None:
    napari_utils = pytest.importorskip("napari.layers")
    _, planes = moving_scene(5)
    linked = linked_of(planes)
    tracks = linked.tracks()
    assert tracks.shape == (15, 4)
    first = tracks[tracks[:, 0] == 1]
    assert first[:, 1].tolist() == [0, 1, 2, 3, 4]
    moved = linked.tracks(scale=(2.0, 0.5, 0.5))
    np.testing.assert_allclose(moved[:, 1:], tracks[:, 1:] * [2, 0.5, 0.5])
    layer = napari_utils.Tracks(tracks, graph=dict(linked.parents))
    assert len(np.unique(layer.data[:, 0])) == 3


def test_volumes_of_a_time_series_are_linked_too() -> None:
    volumes = np.zeros((3, 4, SIDE, SIDE), np.uint16)
    for time in range(3):
        volumes[time, 1:3][:, disk(20, 20 + time, 6)] = 5
        volumes[time, :2][:, disk(45, 45, 5)] = 3 + time % 2
    linked = linked_of(volumes)
    assert linked.n_objects == 2
    assert linked.tracks().shape == (6, 5)


def test_objects_are_measured_in_pixels_and_in_space() -> None:
    planes = np.zeros((3, SIDE, SIDE), np.uint8)
    planes[0, :10, :10] = 1
    planes[1, :10, :10] = 1
    planes[2, 30:40, 30:50] = 9
    table = linked_of(planes).objects(scale=(2.0, 0.5, 0.5))
    assert table["volume"].tolist() == [200, 200]
    assert table["physical_volume"].tolist() == [100.0, 100.0]
    assert table[["first_plane", "last_plane", "planes"]].to_numpy().tolist() == [
        [0, 1, 2],
        [2, 2, 1],
    ]
    assert table[["centre-0", "centre-1", "centre-2"]].to_numpy().tolist() == [
        [0.5, 4.5, 4.5],
        [2.0, 34.5, 39.5],
    ]


def test_rows_of_planes_are_merged_by_their_pixels() -> None:
    planes = np.zeros((3, SIDE, SIDE), np.uint8)
    planes[0, :10, :10] = planes[1, :10, :10] = 1
    planes[2, :10, :5] = 1
    rows = pd.DataFrame(
        {
            "plane": [0, 1, 2],
            "label": [1, 1, 1],
            "class": ["cell", "cell", "dirt"],
            "score": [0.8, 0.6, 0.2],
        }
    )
    merged = linked_of(planes).merged(rows)
    assert merged["class"].tolist() == ["cell"]
    assert merged["score"].tolist() == pytest.approx([(80 + 60 + 10) / 250])


def test_lines_of_tracks_name_their_columns() -> None:
    _, planes = moving_scene(2)
    lines = list(track_lines(linked_of(planes)))
    assert lines[0] == "object,plane,row,col,label,area,parent"
    assert len(lines) == 7
    assert lines[1].split(",")[:2] == ["1", "0"]


def test_pairs_have_the_greatest_sum() -> None:
    rng = np.random.default_rng(1)
    for _ in range(20):
        table = rng.random((4, 4)) * (rng.random((4, 4)) < 0.6)
        scores = {(a, b): float(table[a, b]) for a, b in np.argwhere(table > 0).tolist()}
        chosen = best_pairs(scores)
        assert len({a for a, _ in chosen}) == len({b for _, b in chosen}) == len(chosen)
        orders = permutations(range(4))
        best = max(sum(table[n, p] for n, p in enumerate(order)) for order in orders)
        assert sum(scores[pair] for pair in chosen) == pytest.approx(best)


def test_what_cannot_be_linked_says_so() -> None:
    planes = [np.zeros((4, 4), np.uint8), np.zeros((5, 4), np.uint8)]
    with pytest.raises(ImageError, match="one and the same stack"):
        run(link_planes(planes))
    with pytest.raises(ImageError, match="integer label images"):
        run(link_planes(np.zeros((2, 4, 4))))
    with pytest.raises(SettingsError, match="least_iou"):
        LinkSettings(least_iou=0)
    with pytest.raises(SettingsError, match="gap"):
        LinkSettings(gap=-1)


def test_labels_that_changed_since_are_refused() -> None:
    _, planes = moving_scene(2)
    linked = linked_of(planes)
    planes[1, 0, 0] = 200
    with pytest.raises(ImageError, match="link it again"):
        run(relabel(planes, linked))


def test_empty_planes_are_fine() -> None:
    linked = linked_of(np.zeros((3, 8, 8), np.uint8))
    assert linked.n_objects == 0
    assert linked.tracks().shape == (0, 4)
    assert len(linked.objects()) == 0
    assert (run(relabel(np.zeros((3, 8, 8), np.uint8), linked)) == 0).all()
