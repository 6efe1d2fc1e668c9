"""Procedural scenes: seeded, honest about their objects."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage as ndi

from napari_vlseg.training.scenes import KINDS, PALETTE, STYLES, generate_scene
from napari_vlseg.training.scenes.canvas import Canvas, Stamp
from napari_vlseg.training.scenes.outlines import disc, polygon, stroke
from napari_vlseg.training.scenes.registry import KindRegistry
from napari_vlseg.training.scenes.shapes import draw_radius


@pytest.mark.parametrize("style", STYLES)
def test_the_same_seed_gives_the_same_scene(style: str) -> None:
    first, second = generate_scene(7, size=96, style=style), generate_scene(7, size=96, style=style)
    np.testing.assert_array_equal(first.image, second.image)
    np.testing.assert_array_equal(first.labels, second.labels)
    assert first.objects == second.objects


@pytest.mark.parametrize("kind", KINDS.names)
def test_every_kind_is_drawn_where_its_label_is(kind: str) -> None:
    canvas = Canvas.on(np.full((144, 144, 3), 0.8, np.float32))
    rng = np.random.default_rng(3)
    while not any(thing.kind == kind for thing in canvas.objects):
        KINDS[kind].draw(canvas, rng, "blue", "large" if KINDS[kind].sized else "")
    drawn = [thing.label for thing in canvas.objects if thing.kind == kind]
    pixels = canvas.image[np.isin(canvas.labels, drawn)]
    assert len(pixels) >= 40
    assert np.abs(pixels - 0.8).max(axis=-1).mean() > 0.1
    assert np.abs(canvas.image - 0.8).max(axis=-1)[canvas.labels == 0].mean() < 0.02


def test_every_kind_comes_up_in_scenes() -> None:
    kinds = {thing.kind for seed in range(150) for thing in generate_scene(seed, size=96).objects}
    assert kinds == set(KINDS.names)


def test_a_cross_is_made_of_bars() -> None:
    canvas = Canvas.on(np.zeros((144, 144, 3), np.float32))
    KINDS["cross"].draw(canvas, np.random.default_rng(0), "white", "large")
    mask = canvas.labels > 0
    filled = mask.sum() / np.prod(np.ptp(np.argwhere(mask), axis=0) + 1)
    assert 0.3 < filled < 0.65
    depth = ndi.distance_transform_edt(mask)
    assert mask[tuple(np.round(np.argwhere(mask).mean(axis=0)).astype(int))]
    assert depth.max() > 5
    assert ndi.binary_fill_holes(mask).sum() == mask.sum()


def test_small_and_large_shapes_leave_a_gap() -> None:
    rng = np.random.default_rng(0)
    small, large = ([draw_radius(size, rng) for _ in range(50)] for size in ("small", "large"))
    assert max(small) + 4 < min(large)


def test_membranes_are_apart_from_the_cells_of_a_sheet() -> None:
    scene = generate_scene(2, style="epithelium")
    cells, walls = (
        scene.mask_of([thing.label for thing in scene.objects if thing.kind == kind])
        for kind in ("cell", "membranes")
    )
    assert cells.sum() > walls.sum() > 500
    assert not (cells & walls).any()


def test_brown_and_blue_nuclei_share_a_section() -> None:
    colours = {
        thing.colour for seed in range(4) for thing in generate_scene(seed, style="dab").objects
    }
    assert colours == {"brown", "blue"}


def test_another_seed_gives_another_scene() -> None:
    assert (generate_scene(1).image != generate_scene(2).image).any()


@pytest.mark.parametrize("seed", range(12))
def test_records_and_labels_name_the_same_objects(seed: int) -> None:
    scene = generate_scene(seed)
    assert {thing.label for thing in scene.objects} == set(np.unique(scene.labels)) - {0}
    for thing in scene.objects:
        assert thing.kind in KINDS.names
        assert not thing.recipe
        assert thing.colour in ("", *PALETTE)
        assert scene.mask_of([thing.label]).sum() >= 12


def test_a_coloured_shape_has_its_colour() -> None:
    errors = []
    for seed in range(30):
        scene = generate_scene(seed, style="things")
        for thing in scene.objects:
            if KINDS[thing.kind].family == "shape" and thing.size == "large":
                mean = scene.image[scene.labels == thing.label].mean(axis=0) / 255
                distances = {name: np.abs(mean - rgb).sum() for name, rgb in PALETTE.items()}
                errors.append(min(distances, key=distances.__getitem__) != thing.colour)
    assert len(errors) > 20
    assert np.mean(errors) < 0.25


def test_brightness_words_hold_in_the_image() -> None:
    scene = generate_scene(3, style="fluorescence")
    gray = scene.image.mean(axis=-1)
    background = np.median(gray[scene.labels == 0])
    bright = [thing for thing in scene.objects if thing.brightness == "bright"]
    assert bright
    for thing in bright:
        assert gray[scene.labels == thing.label].mean() > background


def test_the_mask_of_a_cell_includes_its_nucleus() -> None:
    scene = generate_scene(5, style="brightfield")
    nucleus = next(thing for thing in scene.objects if thing.parent)
    body = scene.labels == nucleus.parent
    core = scene.labels == nucleus.label
    np.testing.assert_array_equal(scene.mask_of([nucleus.parent]) & (body | core), body | core)


def test_sixteen_bits_use_their_range() -> None:
    scene = generate_scene(0, bit_depth=16)
    assert scene.image.dtype == np.uint16
    assert scene.image.max() > 255


@pytest.mark.parametrize(
    ("arguments", "message"),
    [({"style": "cubist"}, "choose from"), ({"size": 8}, "too small"), ({"bit_depth": 12}, "8 or")],
)
def test_unusable_arguments_are_named(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        generate_scene(0, **arguments)  # type: ignore[arg-type]


def test_an_unknown_kind_answers_with_the_known_ones() -> None:
    with pytest.raises(KeyError, match="circle"):
        KINDS["unicorn"]


def test_a_kind_cannot_be_registered_twice() -> None:
    with pytest.raises(ValueError, match="twice"):
        KindRegistry([KINDS["circle"], KINDS["circle"]])


def test_a_disc_covers_its_area() -> None:
    assert disc((20.3, 19.6), 9).alpha.sum() == pytest.approx(np.pi * 81, rel=0.01)


def test_a_polygon_covers_its_area() -> None:
    square = np.array([(5.0, 5.0), (5.0, 25.0), (25.0, 25.0), (25.0, 5.0)])
    assert polygon(square).alpha.sum() == pytest.approx(400, rel=0.03)


def test_a_stroke_has_its_width() -> None:
    path = np.array([(20.0, 10.0), (20.0, 50.0)])
    column = stroke(path, 4.0, (40, 60)).alpha[:, 30]
    assert column.sum() == pytest.approx(4.0, abs=0.05)


def test_stamps_beyond_the_border_are_clipped() -> None:
    canvas = Canvas.on(np.zeros((32, 32, 3), np.float32))
    label = canvas.paint([disc((0, 0), 6)], np.ones(3, np.float32), "circle")
    canvas.paint([Stamp(np.ones((4, 4), np.float32), 40, 40)], np.ones(3, np.float32), "circle")
    assert (canvas.labels == label).sum() == pytest.approx(np.pi * 36 / 4, rel=0.3)
    assert canvas.labels.max() == label
