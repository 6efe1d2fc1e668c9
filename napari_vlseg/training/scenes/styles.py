"""Styles of scenes: which background, which objects, which colours."""

from __future__ import annotations

from collections.abc import Callable
from types import MappingProxyType

import numpy as np

from napari_vlseg.training.scenes import micrographs, novel
from napari_vlseg.training.scenes.canvas import Canvas
from napari_vlseg.training.scenes.kinds import KINDS
from napari_vlseg.training.scenes.palette import colours_visible_on
from napari_vlseg.training.scenes.textures import background, base_colour, noise_field, stripes

Style = Callable[[int, np.random.Generator], Canvas]

_GUESTS = MappingProxyType(
    {"spots": 0.15, "bubble": 0.12, "particles": 0.1, "debris": 0.1, "vesicles": 0.05}
)


def sprinkle(
    canvas: Canvas, kind: str, count: int, colours: list[str], rng: np.random.Generator
) -> None:
    """Draw objects of a kind in colours and sizes chosen at random."""
    sizes = ["small", "large"] if KINDS[kind].sized else [""]
    for _ in range(count):
        colour = str(rng.choice(colours))
        KINDS[kind].draw(canvas, rng, colour, str(rng.choice(sizes)))


def _things(size: int, rng: np.random.Generator) -> Canvas:
    """Coloured shapes, thin things and now and then other guests on any background."""
    base = base_colour(rng)
    canvas = Canvas.on(background(size, base, rng))
    visible = colours_visible_on(base)
    colours = list(rng.choice(visible, min(len(visible), int(rng.integers(1, 4))), replace=False))
    shapes = list(rng.choice(KINDS.family("shape"), int(rng.integers(1, 4)), replace=False))
    for _ in range(int(rng.integers(1, 8) * micrographs.density(size)) + 1):
        sprinkle(canvas, str(rng.choice(shapes)), 1, colours, rng)
    for kind, share in _GUESTS.items():
        if rng.random() < share:
            count = int(rng.integers(1, 4)) if kind in ("bubble", "debris") else 1
            sprinkle(canvas, kind, count, colours, rng)
    if rng.random() < 0.35:
        kind = str(rng.choice(KINDS.family("thin")))
        sprinkle(canvas, kind, int(rng.integers(1, 3)), colours, rng)
    return canvas


def _thin_things(size: int, rng: np.random.Generator) -> Canvas:
    """Fibres, scratches, cracks and spots without shapes."""
    base = base_colour(rng)
    canvas = Canvas.on(background(size, base, rng))
    visible = colours_visible_on(base)
    for _ in range(int(rng.integers(1, 4))):
        kind = str(rng.choice([*KINDS.family("thin"), "spots"]))
        sprinkle(canvas, kind, 1, [str(rng.choice(visible))], rng)
    return canvas


def _concrete(size: int, rng: np.random.Generator) -> Canvas:
    """Dark cracks, at times scratches and dirt, on a rough gray or brownish surface."""
    base = np.full(3, rng.uniform(0.45, 0.85)) + rng.normal(0, 0.02, 3)
    sheet = background(size, base.astype(np.float32), rng)
    for grain in (1, 2.5, 7, 20):
        sheet += (noise_field(size, grain, rng) * rng.uniform(0.01, 0.04))[..., np.newaxis]
    if rng.random() < 0.2:
        sheet += (stripes(size, rng) * 0.03)[..., np.newaxis]
    canvas = Canvas.on(sheet)
    sprinkle(canvas, "crack", int(rng.integers(1, 4)), ["black"], rng)
    if rng.random() < 0.25:
        sprinkle(canvas, "scratch", int(rng.integers(1, 3)), ["white"], rng)
    if rng.random() < 0.25:
        sprinkle(canvas, "debris", int(rng.integers(1, 4)), [""], rng)
    return canvas


def _vessels(size: int, rng: np.random.Generator) -> Canvas:
    """A branching vessel, dark or bright, on a smooth background."""
    base = base_colour(rng)
    canvas = Canvas.on(background(size, base, rng))
    visible = colours_visible_on(base)
    sprinkle(canvas, "vessel", 1, visible, rng)
    if rng.random() < 0.3:
        sprinkle(canvas, "nuclei", int(rng.integers(2, 8)), [str(rng.choice(visible))], rng)
    return canvas


STYLE_SHARES = MappingProxyType(
    {
        "things": 0.36,
        "thin": 0.08,
        "fluorescence": 0.08,
        "composite": 0.06,
        "stained": 0.07,
        "dab": 0.05,
        "brightfield": 0.05,
        "phase": 0.05,
        "electron": 0.04,
        "epithelium": 0.04,
        "vessels": 0.03,
        "retina": 0.03,
        "microbes": 0.04,
        "concrete": 0.02,
    }
)
"""How often scenes are of each style; "novel" scenes come in pairs, when they are asked for."""

STYLES: MappingProxyType[str, Style] = MappingProxyType(
    {
        "things": _things,
        "thin": _thin_things,
        "fluorescence": micrographs.fluorescence,
        "composite": micrographs.composite,
        "stained": micrographs.stained,
        "dab": micrographs.dab,
        "brightfield": micrographs.bright_field,
        "phase": micrographs.phase,
        "electron": micrographs.electron,
        "epithelium": micrographs.epithelium,
        "vessels": _vessels,
        "retina": micrographs.retina,
        "microbes": micrographs.microbes,
        "concrete": _concrete,
        "novel": novel.scene_of_recipes,
    }
)
