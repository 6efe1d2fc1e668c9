"""Objects that no word names: recipes of outline, texture, colours, size and border."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from napari_vlseg.training.scenes.canvas import Canvas, FloatArray, Stamp
from napari_vlseg.training.scenes.fills import FILLS, HELD_OUT_FILLS
from napari_vlseg.training.scenes.kinds import KINDS
from napari_vlseg.training.scenes.microbes import rod
from napari_vlseg.training.scenes.novel_outlines import (
    HELD_OUT_OUTLINES,
    OUTLINES,
    draw_outline,
)
from napari_vlseg.training.scenes.nuclei import nucleus_stamp
from napari_vlseg.training.scenes.outlines import disc, rim
from napari_vlseg.training.scenes.palette import PALETTE
from napari_vlseg.training.scenes.textures import background, base_colour, chromatin, noise_field

NOVEL = "novel"
_DISTINCT = 0.3
_OTHER_SIZE = 1.5
_DISTRACTORS = ("triangle", "star", "cross", "ring", "fibre", "scratch", "crack")
_PLAIN_FILLS = frozenset({"plain", "grain"})
_STAINED = (("nucleus", "chromatin"), ("rod", "plain"), ("body", "cored"))


@dataclass(frozen=True)
class Staining:
    """Colours of a preparation: the slide and two things that took up dye."""

    paper: tuple[float, float, float]
    inks: tuple[tuple[float, float, float], tuple[float, float, float]]


STAININGS: dict[str, Staining] = {
    "purple on pink": Staining((0.9, 0.72, 0.83), ((0.45, 0.2, 0.58), (0.75, 0.3, 0.5))),
    "brown on pale": Staining((0.93, 0.91, 0.9), ((0.45, 0.27, 0.13), (0.35, 0.42, 0.72))),
    "green on black": Staining((0.05, 0.06, 0.05), ((0.2, 0.75, 0.3), (0.75, 0.2, 0.2))),
    "white on black": Staining((0.05, 0.05, 0.05), ((0.9, 0.9, 0.9), (0.5, 0.5, 0.5))),
    "black on gray": Staining((0.66, 0.66, 0.66), ((0.2, 0.2, 0.2), (0.42, 0.42, 0.42))),
    "red on pale": Staining((0.93, 0.9, 0.86), ((0.75, 0.18, 0.25), (0.3, 0.45, 0.7))),
}
HELD_OUT_STAININGS: dict[str, Staining] = {
    "teal on yellow": Staining((0.93, 0.86, 0.45), ((0.0, 0.45, 0.45), (0.62, 0.35, 0.1))),
    "silver on slate": Staining((0.4, 0.46, 0.55), ((0.8, 0.83, 0.86), (0.1, 0.12, 0.18))),
}


@dataclass(frozen=True)
class Recipe:
    """What makes up the appearance of an unnamed kind of object.

    Attributes
    ----------
    outline, fill : str
        Names in the tables of outlines and fills.
    ink, second : tuple of float
        RGB of the surface and of its pattern.
    radius : float
        Pixels.
    border : float
        Width of a line of the second colour around it; 0 for none.
    pitch : float
        Period of the pattern as a share of the radius.
    staining : str
        Name of the staining the colours come from, "" for free colours.
    colour : str
        Word for the colour, "" where none holds for all of it.
    """

    outline: str
    fill: str
    ink: tuple[float, ...]
    second: tuple[float, ...]
    radius: float
    border: float
    pitch: float
    staining: str = ""
    colour: str = ""

    @property
    def name(self) -> str:
        """Text that tells recipes apart."""
        colours = "-".join("".join(f"{round(255 * v):02x}" for v in c) for c in self._colours)
        return (
            f"{self.outline}/{self.fill}/{self.staining or colours}#{colours}"
            f"/{self.radius:.1f}/{self.border:.1f}/{self.pitch:.2f}"
        )

    @property
    def _colours(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        return self.ink, self.second


def draw_recipes(count: int, rng: np.random.Generator, *, held_out: bool = False) -> list[Recipe]:
    """Different recipes; some differ from the first in a single respect.

    Parameters
    ----------
    count : int
    rng : numpy.random.Generator
    held_out : bool
        Draw from the reserved outlines, fills and stainings only; otherwise never.
    """
    stainings = HELD_OUT_STAININGS if held_out else STAININGS
    if rng.random() < 0.3:
        staining = str(rng.choice(list(stainings)))
        return _stained_recipes(count, staining, stainings[staining], rng)
    recipes = [_random_recipe(rng, held_out)]
    while len(recipes) < count:
        fresh = _random_recipe(rng, held_out)
        if rng.random() < 0.5:
            fresh = _one_change(recipes[0], fresh, rng)
        if not any(_look_alike(fresh, recipe) for recipe in recipes):
            recipes.append(fresh)
    return recipes


def _look_alike(one: Recipe, other: Recipe) -> bool:
    """Whether a person would not tell objects of two recipes apart."""
    fills = {one.fill, other.fill}
    same_fill = len(fills) == 1 or fills <= _PLAIN_FILLS
    same_size = max(one.radius, other.radius) < _OTHER_SIZE * min(one.radius, other.radius)
    same_ink = np.abs(np.subtract(one.ink, other.ink)).max() < _DISTINCT
    return bool(one.outline == other.outline and same_fill and same_size and same_ink)


def _random_recipe(rng: np.random.Generator, held_out: bool) -> Recipe:
    outline = str(rng.choice(HELD_OUT_OUTLINES if held_out else OUTLINES))
    fill = str(rng.choice(list(HELD_OUT_FILLS if held_out else FILLS)))
    ink, word = _free_colour(rng)
    while True:
        second, _ = _free_colour(rng)
        if np.abs(np.subtract(ink, second)).max() > _DISTINCT:
            break
    border = float(rng.choice([0.0, 0.0, rng.uniform(1.5, 2.5)]))
    clear = fill in _PLAIN_FILLS and not border
    return Recipe(
        outline,
        fill,
        ink,
        second,
        radius=float(rng.uniform(8, 17)),
        border=border,
        pitch=float(rng.uniform(0.45, 0.8)),
        colour=word if clear else "",
    )


def _free_colour(rng: np.random.Generator) -> tuple[tuple[float, ...], str]:
    """A named colour, or any other."""
    if rng.random() < 0.5:
        word = str(rng.choice(list(PALETTE)))
        return PALETTE[word], word
    return tuple(float(value) for value in rng.uniform(0.03, 0.97, 3)), ""


def _one_change(recipe: Recipe, other: Recipe, rng: np.random.Generator) -> Recipe:
    """The first recipe with the outline, the fill, the colours or the size of another."""
    draw = rng.integers(4)
    if draw == 0:
        return replace(recipe, outline=other.outline)
    if draw == 1:
        clear = other.fill in _PLAIN_FILLS and not recipe.border
        return replace(recipe, fill=other.fill, colour=recipe.colour if clear else "")
    if draw == 2:
        clear = recipe.fill in _PLAIN_FILLS and not recipe.border
        word = next((name for name, rgb in PALETTE.items() if rgb == other.ink), "")
        colour = word if clear else ""
        return replace(recipe, ink=other.ink, second=other.second, colour=colour)
    radius = recipe.radius * (1.8 if recipe.radius < 11 else 0.55)
    return replace(recipe, radius=radius)


def _stained_recipes(
    count: int, name: str, staining: Staining, rng: np.random.Generator
) -> list[Recipe]:
    """Things like nuclei, rods and whole cells in the two dyes of a staining."""
    options = [(*look, ink) for look in _STAINED for ink in (0, 1)]
    chosen = rng.choice(len(options), count, replace=False)
    recipes = []
    for number in chosen:
        outline, fill, ink = options[number]
        radius = rng.uniform(11, 17) if outline == "body" else rng.uniform(5, 12)
        colours = staining.inks[ink], staining.paper
        recipes.append(Recipe(outline, fill, *colours, float(radius), 0.0, 0.5, staining=name))
    return recipes


def paper_for(recipes: Sequence[Recipe], size: int, rng: np.random.Generator) -> FloatArray:
    """A background all recipes are visible on, shape (size, size, 3)."""
    staining = recipes[0].staining
    if staining:
        paper = np.asarray({**STAININGS, **HELD_OUT_STAININGS}[staining].paper)
        tint = np.clip(paper + rng.normal(0, 0.02, 3) + rng.normal(0, 0.03), 0, 1)
        sheet = background(size, tint.astype(np.float32), rng)
        wisps = noise_field(size, rng.uniform(5, 16), rng) * rng.uniform(0, 0.05)
        return np.asarray(sheet + wisps[..., np.newaxis], np.float32)
    best, widest = base_colour(rng), -1.0
    for _ in range(12):
        base = base_colour(rng)
        margin = min(float(np.abs(np.subtract(recipe.ink, base)).max()) for recipe in recipes)
        if margin > widest:
            best, widest = base, margin
        if widest > _DISTINCT + 0.05:
            break
    return background(size, best, rng)


def paint_recipe(canvas: Canvas, recipe: Recipe, rng: np.random.Generator) -> None:
    """One object of a recipe, where there is room."""
    radius = recipe.radius * rng.uniform(0.9, 1.1)
    centre = canvas.free_place(radius, rng)
    if centre is None:
        return
    stamp, turn = _stamp_of(recipe, centre, radius, rng)
    shift = rng.normal(0, 0.015, 3) + rng.normal(0, 0.025)
    ink = np.clip(np.asarray(recipe.ink) + shift, 0, 1).astype(np.float32)
    second = np.clip(np.asarray(recipe.second) + shift, 0, 1).astype(np.float32)
    pixels = _filled(recipe, ink, second, stamp, turn, radius, rng)
    canvas.paint([stamp], pixels, NOVEL, colour=recipe.colour, recipe=recipe.name)
    if recipe.fill == "cored":
        core = disc(centre, 0.42 * radius)
        canvas.shade(core, ink)
    if recipe.border:
        canvas.shade(rim(stamp, recipe.border), second)


def _stamp_of(
    recipe: Recipe, centre: tuple[float, float], radius: float, rng: np.random.Generator
) -> tuple[Stamp, float]:
    turn = float(rng.uniform(0, 2 * np.pi))
    if recipe.outline in ("nucleus", "body"):
        return nucleus_stamp(centre, radius, rng), turn
    if recipe.outline == "rod":
        return rod(np.asarray(centre), 1.4 * radius, 0.75 * radius, turn, rng), turn
    return draw_outline(recipe.outline, centre, radius, turn), turn


def _filled(
    recipe: Recipe,
    ink: FloatArray,
    second: FloatArray,
    stamp: Stamp,
    turn: float,
    radius: float,
    rng: np.random.Generator,
) -> FloatArray:
    """Pixels of a stamp, float32 (h, w, 3)."""
    shape = stamp.alpha.shape
    if recipe.fill == "chromatin":
        return chromatin(ink, shape, rng)
    if recipe.fill == "cored":
        return chromatin(second + np.float32(0.45) * (ink - second), shape, rng)
    rows = (np.arange(shape[0]) - (shape[0] - 1) / 2)[:, np.newaxis] / radius
    cols = (np.arange(shape[1]) - (shape[1] - 1) / 2)[np.newaxis, :] / radius
    along = np.cos(turn) * cols + np.sin(turn) * rows
    across = np.cos(turn) * rows - np.sin(turn) * cols
    pattern = {**FILLS, **HELD_OUT_FILLS}[recipe.fill](along, across, recipe.pitch, rng)
    weight = np.asarray(pattern, np.float32)[..., np.newaxis]
    return np.asarray(ink + weight * (second - ink), np.float32)


def paint_scene(
    size: int, recipes: Sequence[Recipe], rng: np.random.Generator, wanted: int
) -> Canvas:
    """Objects of the recipes with a few named ones between them.

    The first `wanted` recipes are painted first, two objects of each at least if there is
    room.
    """
    canvas = Canvas.on(paper_for(recipes, size, rng))
    area = size**2 / 144**2
    for recipe in recipes[:wanted]:
        for _ in range(2):
            paint_recipe(canvas, recipe, rng)
    for recipe in rng.permutation(np.arange(len(recipes))):
        crowd = int(rng.integers(1, 5) * area * min(1.0, 130 / recipes[recipe].radius ** 2)) + 1
        for _ in range(crowd):
            paint_recipe(canvas, recipes[recipe], rng)
    if rng.random() < 0.5:
        _paint_distractors(canvas, recipes, rng)
    return canvas


def _paint_distractors(canvas: Canvas, recipes: Sequence[Recipe], rng: np.random.Generator) -> None:
    """Named things of a colour that no recipe has."""
    taken = [colour for recipe in recipes for colour in (recipe.ink, recipe.second)]
    taken.append(tuple(canvas.image.mean(axis=(0, 1))))
    free = [
        name
        for name, rgb in PALETTE.items()
        if all(np.abs(np.subtract(rgb, other)).max() > _DISTINCT for other in taken)
    ]
    if not free:
        return
    colour, kind = str(rng.choice(free)), str(rng.choice(_DISTRACTORS))
    for _ in range(int(rng.integers(1, 4))):
        KINDS[kind].draw(canvas, rng, colour, "small" if KINDS[kind].sized else "")


def scene_of_recipes(size: int, rng: np.random.Generator) -> Canvas:
    """A scene of two to four recipes."""
    recipes = draw_recipes(int(rng.integers(2, 5)), rng)
    return paint_scene(size, recipes, rng, wanted=len(recipes))
