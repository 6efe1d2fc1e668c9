"""Scenes of objects that no word names."""

from __future__ import annotations

import numpy as np
import pytest

from napari_vlseg.training.queries import Query, absent_query, is_absent, query_about
from napari_vlseg.training.scene_bank import SceneBank
from napari_vlseg.training.scenes import KINDS, NOVEL, Scene, generate_novel_pair, generate_scene
from napari_vlseg.training.scenes.fills import FILLS, HELD_OUT_FILLS
from napari_vlseg.training.scenes.novel import (
    HELD_OUT_STAININGS,
    STAININGS,
    Recipe,
    draw_recipes,
)
from napari_vlseg.training.scenes.novel_outlines import (
    HELD_OUT_OUTLINES,
    OUTLINES,
    draw_outline,
)
from napari_vlseg.training.scenes.pairs import shared_recipes


def _recipes(held_out: bool) -> list[Recipe]:
    rng = np.random.default_rng(1)
    return [recipe for _ in range(80) for recipe in draw_recipes(3, rng, held_out=held_out)]


@pytest.mark.parametrize("held_out", [False, True])
def test_the_same_seed_gives_the_same_pair(held_out: bool) -> None:
    twice = [generate_novel_pair(5, size=96, held_out=held_out) for _ in range(2)]
    for first, second in zip(*twice, strict=True):
        np.testing.assert_array_equal(first.image, second.image)
        np.testing.assert_array_equal(first.labels, second.labels)
        assert first.objects == second.objects


@pytest.mark.parametrize("held_out", [False, True])
@pytest.mark.parametrize("seed", range(6))
def test_a_pair_shares_recipes_in_different_pictures(seed: int, held_out: bool) -> None:
    first, second = generate_novel_pair(seed, size=96, held_out=held_out)
    assert len(shared_recipes(first, second)) >= 2
    assert (first.image != second.image).mean() > 0.5
    for scene in (first, second):
        assert {thing.label for thing in scene.objects} == set(np.unique(scene.labels)) - {0}
        for thing in scene.objects:
            assert bool(thing.recipe) == (thing.kind == NOVEL)
            assert thing.kind in (NOVEL, *KINDS.names)


def test_an_object_has_the_look_of_its_recipe_in_both_pictures() -> None:
    closer = []
    for seed in range(12):
        first, second = generate_novel_pair(seed, size=96)
        one, other = sorted(shared_recipes(first, second))[:2]
        same = np.abs(_mean(first, one) - _mean(second, one)).sum()
        different = np.abs(_mean(first, one) - _mean(second, other)).sum()
        closer.append(same < different)
    assert np.mean(closer) > 0.7


def _mean(scene: Scene, recipe: str) -> np.ndarray:
    labels = [thing.label for thing in scene.objects if thing.recipe == recipe]
    return scene.image[np.isin(scene.labels, labels)].mean(axis=0)


def test_held_out_material_is_never_drawn_for_training() -> None:
    assert not set(OUTLINES) & set(HELD_OUT_OUTLINES)
    assert not set(FILLS) & set(HELD_OUT_FILLS)
    assert not set(STAININGS) & set(HELD_OUT_STAININGS)
    for recipe in _recipes(held_out=False):
        assert recipe.outline not in HELD_OUT_OUTLINES
        assert recipe.fill not in HELD_OUT_FILLS
        assert recipe.staining in ("", *STAININGS)
    stained = 0
    for recipe in _recipes(held_out=True):
        stained += bool(recipe.staining)
        assert recipe.staining in ("", *HELD_OUT_STAININGS)
        assert recipe.staining or recipe.outline in HELD_OUT_OUTLINES
        assert recipe.staining or recipe.fill in HELD_OUT_FILLS
    assert stained


def test_recipes_of_a_scene_tell_themselves_apart() -> None:
    rng = np.random.default_rng(2)
    for _ in range(60):
        names = [recipe.name for recipe in draw_recipes(4, rng)]
        assert len(set(names)) == len(names)


@pytest.mark.parametrize("name", [*OUTLINES, *HELD_OUT_OUTLINES])
def test_outlines_fill_a_good_part_of_their_extent(name: str) -> None:
    stamp = draw_outline(name, (40.0, 40.0), 14.0, 0.7)
    assert 150 < stamp.alpha.sum() < 1100
    border = np.concatenate(
        [stamp.alpha[0], stamp.alpha[-1], stamp.alpha[:, 0], stamp.alpha[:, -1]]
    )
    assert border.max() == 0


def test_unnamed_objects_are_asked_for_as_objects_only() -> None:
    rng = np.random.default_rng(0)
    scene = generate_scene(4, style="novel")
    unnamed = [thing for thing in scene.objects if thing.kind == NOVEL]
    assert unnamed
    for thing in unnamed:
        query = query_about(thing, rng)
        assert not query.kind
        assert query.colour in ("", thing.colour)
    for hard in (False, True):
        query_or_none = absent_query(scene.objects, rng, hard=hard)
        assert query_or_none is None or query_or_none.kind in ("", *KINDS.names)
    assert not is_absent(Query("blob"), unnamed)
    assert NOVEL not in KINDS.names


def test_a_bank_finds_named_objects_only() -> None:
    bank = SceneBank.of((generate_scene(4, style="novel"), generate_scene(0)))
    assert all(kind in KINDS.names for kind, _ in bank.places)


def test_a_scene_too_small_for_a_pair_is_refused() -> None:
    with pytest.raises(ValueError, match="64 or more"):
        generate_novel_pair(0, size=48)
