"""Boxes around objects follow edits, and thumbnails show what is in them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage as ndi

from napari_vlseg.events import run
from napari_vlseg.images import ImageView
from napari_vlseg.pixel_changes import PixelChange
from napari_vlseg.ui.review import places as module
from napari_vlseg.ui.review.extents import extents_of_runs, runs_of
from napari_vlseg.ui.review.outline import edges
from napari_vlseg.ui.review.places import Box, Places, best_plane, scan
from napari_vlseg.ui.review.thumbnails import SIDE, Album, Shot, develop, draw
from tests.gui.reviewing import squares


def boxes(labels: np.ndarray) -> dict[int, Box]:
    found = enumerate(ndi.find_objects(labels), start=1)
    return {
        label: Box(tuple(s.start for s in part), tuple(s.stop for s in part))
        for label, part in found
        if part is not None
    }


def random_labels(seed: int, shape: tuple[int, ...]) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.where(rng.random(shape) < 0.3, rng.integers(1, 9, shape), 0).astype(np.int32)


@pytest.mark.parametrize("shape", [(40, 31), (3, 12, 17), (2, 3, 5, 7)])
@pytest.mark.parametrize("band", [7, 4_000_000])
def test_a_scan_finds_every_box(
    shape: tuple[int, ...], band: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_BAND", band)
    labels = random_labels(0, shape)
    places = run(scan(labels, shape))
    assert {label: places.box(label) for label in boxes(labels)} == boxes(labels)
    assert places.box(99) is None


def test_labels_without_bound_are_no_trouble() -> None:
    labels = np.zeros((4, 5), np.int64)
    labels[1:3, 2:4] = 2**40
    places = run(scan(labels, labels.shape))
    assert places.box(2**40) == Box((1, 2), (3, 4))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([(9, 11), (3, 5, 6)]))
def test_boxes_hold_what_edits_wrote(seed: int, shape: tuple[int, ...]) -> None:
    before, after = random_labels(seed, shape), random_labels(seed + 1, shape)
    places = run(scan(before, shape))
    change = PixelChange.between(before, after)
    assert change is not None
    places.add_runs(change.starts, change.lengths, change.new)
    for label, box in boxes(after).items():
        loose = places.box(label)
        assert loose is not None
        assert all(a <= b for a, b in zip(loose.first, box.first, strict=True))
        assert all(a >= b for a, b in zip(loose.stop, box.stop, strict=True))
        assert places.tighten(after[loose.slices], label, loose) == box
        assert places.box(label) == box


def test_a_run_that_goes_on_in_the_next_plane_is_held() -> None:
    one = np.array([1])
    found = extents_of_runs(np.array([17]), np.array([20]), one, (3, 4, 5))
    assert found.first.tolist() == [[0, 0, 0]]
    assert found.stop.tolist() == [[2, 4, 5]]
    nothing = extents_of_runs(*runs_of(np.zeros(5, np.int32)), (5,))
    assert not len(nothing.labels)


def test_an_object_without_pixels_keeps_its_last_place() -> None:
    labels = squares((20, 20), 10)
    places = run(scan(labels, labels.shape))
    box = places.box(1)
    assert box is not None
    labels[labels == 1] = 0
    assert places.tighten(labels[box.slices], 1, box) is None
    assert places.box(1) == box


def test_the_plane_that_shows_most_of_an_object() -> None:
    labels = np.zeros((5, 10, 10), np.int32)
    for plane, side in enumerate((0, 2, 6, 3, 0)):
        labels[plane, :side, :side] = 1
    places = run(scan(labels, labels.shape))
    box = places.box(1)
    assert box is not None
    assert best_plane(labels, 1, box, (1, 2)) == (2,)


def shot(uid: str = "a", **options: object) -> Shot:
    image = np.full((30, 20), 100, np.uint8)
    mask = np.zeros((30, 20), bool)
    mask[10:20, 5:15] = True
    parts = {
        "data": image,
        "mask": mask,
        "view": ImageView(contrast=(0, 200)),
        "color": (0.4, 0.0, 0.0),
    }
    return Shot(uid, **{**parts, **options})


def test_a_thumbnail_shows_image_frame_and_a_bright_outline() -> None:
    made = draw(shot())
    assert made.shape == (SIDE, SIDE, 3)
    assert made.dtype == np.uint8
    assert made[SIDE // 2, SIDE // 2].tolist() == [128, 128, 128], "the inside is the image"
    assert len(np.unique(made[:, 0], axis=0)) == 1, "a narrow image is framed"
    red = (made == (255, 0, 0)).all(axis=-1)
    rows, cols = np.nonzero(red)
    scale = SIDE / 30
    assert rows.min() == pytest.approx(10 * scale, abs=2)
    assert rows.max() == pytest.approx(20 * scale, abs=2)
    assert cols.min() == pytest.approx((SIDE - 20 * scale) / 2 + 5 * scale, abs=2)


def test_what_can_not_be_drawn_is_no_picture() -> None:
    nothing = np.full((8, 8), 1j)
    mask = np.ones((8, 8), bool)
    made = run(develop([shot("good"), shot("bad", data=nothing, mask=mask)]))
    assert made["bad"] is None
    assert made["good"] is not None


def test_stacks_and_colours_are_drawn() -> None:
    rgb = np.zeros((1, 30, 20, 3), np.uint8)
    rgb[..., 2] = 255
    made = draw(shot(data=rgb, view=ImageView(rgb=True, contrast=(0, 255))))
    assert made[SIDE // 2, SIDE // 2].tolist() == [0, 0, 255]


def test_an_album_forgets_what_was_not_seen_for_longest() -> None:
    album = Album(kept=2)
    picture = np.zeros((2, 2, 3), np.uint8)
    album.put({"a": picture, "b": None})
    assert album.get("a") is picture
    album.put({"c": picture})
    assert [uid in album for uid in "abc"] == [True, False, True]
    assert album.needs("b")


def test_an_edit_while_a_thumbnail_is_drawn_has_it_drawn_again() -> None:
    album, picture = Album(), np.zeros((2, 2, 3), np.uint8)
    album.begin(["a", "b"])
    album.outdate(["a"])
    album.put({"a": picture, "b": picture})
    assert (album.needs("a"), album.needs("b")) == (True, False)
    assert album.get("a") is picture, "the old one is shown until then"
    album.begin(["a"])
    album.put({"a": picture})
    assert not album.needs("a")


def test_the_outline_follows_the_sides_of_pixels() -> None:
    mask = np.array([[False, True], [True, True]])
    pieces = edges(mask)
    assert len(pieces) == 8
    begins = {tuple(begin) for begin in pieces[:, 0].tolist()}
    assert (-0.5, 0.5) in begins
    assert (-0.5, -0.5) not in begins
    assert set(map(tuple, pieces[:, 1].tolist())) == {(0.0, 1.0), (1.0, 0.0)}


def test_places_grow_by_labels_they_did_not_know() -> None:
    places = Places((6, 6))
    places.add_runs(np.array([7]), np.array([2]), np.array([4]))
    places.add_runs(np.array([21]), np.array([1]), np.array([4]))
    assert places.box(4) == Box((1, 1), (4, 4))
    assert len(places) == 1
