"""Pairs of scenes that share objects no word names."""

from __future__ import annotations

import numpy as np

from napari_vlseg.training.scenes.novel import draw_recipes, paint_scene
from napari_vlseg.training.scenes.scene import Scene, photographed

_SHARED = 2
_TRIES = 20


def generate_novel_pair(
    seed: int, *, size: int = 144, held_out: bool = False, bit_depth: int = 8
) -> tuple[Scene, Scene]:
    """Two scenes that share at least two recipes of unnamed objects.

    Backgrounds, optics, arrangement and most of the other objects differ, so that an
    object of one scene can be the reference to the objects of its recipe in the other.

    Parameters
    ----------
    seed : int
    size : int
        Side of the images in pixels, 64 at least.
    held_out : bool
        Draw unnamed objects from the reserved outlines, fills and stainings only;
        otherwise never.
    bit_depth : {8, 16}
        Bits per channel.

    Returns
    -------
    tuple of two Scenes
        Of the style "novel".

    Raises
    ------
    ValueError
        If the size or the bit depth is not usable.
    """
    if size < 64:
        raise ValueError(f"Scenes of {size} pixels have no room for pairs; choose 64 or more.")
    rng = np.random.default_rng((seed, int(held_out)))
    for _ in range(_TRIES):
        pair = _pair(seed, rng, size, held_out, bit_depth)
        if len(shared_recipes(*pair)) >= _SHARED:
            return pair
    raise RuntimeError(f"No pair of scenes of seed {seed} shared two recipes.")


def shared_recipes(first: Scene, second: Scene) -> set[str]:
    """Recipes of which both scenes show an object."""
    shown = ({thing.recipe for thing in scene.objects if thing.recipe} for scene in (first, second))
    return set.intersection(*shown)


def _pair(
    seed: int, rng: np.random.Generator, size: int, held_out: bool, bit_depth: int
) -> tuple[Scene, Scene]:
    extra = int(rng.integers(0, 3))
    recipes = draw_recipes(_SHARED + extra, rng, held_out=held_out)
    shared, own = recipes[:_SHARED], recipes[_SHARED:]
    shown = (shared + own[:1], shared + own[1:])
    first, second = (
        photographed(paint_scene(size, few, rng, _SHARED), rng, "novel", seed, bit_depth)
        for few in shown
    )
    return first, second
