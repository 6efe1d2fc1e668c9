"""Styles of scenes: which background, which objects, which colours."""

from __future__ import annotations

from collections.abc import Callable
from types import MappingProxyType

import numpy as np

from napari_vlseg.training.scenes.canvas import Canvas, FloatArray
from napari_vlseg.training.scenes.kinds import KINDS
from napari_vlseg.training.scenes.palette import colours_visible_on
from napari_vlseg.training.scenes.textures import background, base_colour, noise_field, ramp

Style = Callable[[int, np.random.Generator], Canvas]


def _sprinkle(
    canvas: Canvas, kind: str, count: int, colours: list[str], rng: np.random.Generator
) -> None:
    sizes = ["small", "large"] if KINDS[kind].sized else [""]
    for _ in range(count):
        colour = str(rng.choice(colours))
        KINDS[kind].draw(canvas, rng, colour, str(rng.choice(sizes)))


def _density(size: int) -> float:
    """Area relative to the size the counts below were chosen for."""
    return size**2 / 144**2


def _things(size: int, rng: np.random.Generator) -> Canvas:
    """Coloured shapes, thin things, spots and bubbles on any background."""
    base = base_colour(rng)
    canvas = Canvas.on(background(size, base, rng))
    visible = colours_visible_on(base)
    colours = list(rng.choice(visible, min(len(visible), int(rng.integers(1, 4))), replace=False))
    shapes = list(rng.choice(KINDS.family("shape"), int(rng.integers(1, 4)), replace=False))
    for _ in range(int(rng.integers(1, 7) * _density(size)) + 1):
        _sprinkle(canvas, str(rng.choice(shapes)), 1, colours, rng)
    if rng.random() < 0.4:
        kind = str(rng.choice(KINDS.family("thin")))
        _sprinkle(canvas, kind, int(rng.integers(1, 3)), colours, rng)
    if rng.random() < 0.17:
        _sprinkle(canvas, "spots", 1, colours, rng)
    if rng.random() < 0.17:
        _sprinkle(canvas, "bubble", int(rng.integers(1, 4)), visible, rng)
    return canvas


def _thin_things(size: int, rng: np.random.Generator) -> Canvas:
    """Fibres, scratches, cracks and spots without shapes."""
    base = base_colour(rng)
    canvas = Canvas.on(background(size, base, rng))
    visible = colours_visible_on(base)
    for _ in range(int(rng.integers(1, 4))):
        kind = str(rng.choice([*KINDS.family("thin"), "spots"]))
        _sprinkle(canvas, kind, 1, [str(rng.choice(visible))], rng)
    return canvas


def _dark_field(size: int, rng: np.random.Generator) -> FloatArray:
    """The black of a fluorescence image: offset, haze and a little structure."""
    haze = ramp(size, rng) * rng.uniform(0, 0.08)
    haze = haze + noise_field(size, 30, rng) * rng.uniform(0, 0.03)
    gray = rng.uniform(0.01, 0.16) + np.maximum(haze, 0)
    return np.repeat(gray[..., np.newaxis], 3, axis=-1).astype(np.float32)


def _fluorescence(size: int, rng: np.random.Generator) -> Canvas:
    """Bright nuclei, at times whole cells, on dark."""
    canvas = Canvas.on(_dark_field(size, rng))
    colour = str(rng.choice(["white", "white", "blue", "green", "red", "cyan", "gray"]))
    kind = str(rng.choice(["nuclei", "nuclei", "cell"]))
    _sprinkle(canvas, kind, int(rng.integers(4, 30) * _density(size)) + 1, [colour], rng)
    return canvas


def _stained(size: int, rng: np.random.Generator) -> Canvas:
    """Purple nuclei on the white or pink of stained tissue."""
    paper = np.array([0.95, 0.92, 0.95]) if rng.random() < 0.4 else np.array([0.86, 0.62, 0.78])
    sheet = background(size, (paper + rng.normal(0, 0.04, 3)).astype(np.float32), rng)
    wisps = np.clip(noise_field(size, rng.uniform(5, 16), rng), 0, 2) * rng.uniform(0, 0.12)
    canvas = Canvas.on(sheet - wisps[..., np.newaxis] * np.array([0.5, 1, 0.3], np.float32))
    _sprinkle(canvas, "nuclei", int(rng.integers(4, 24) * _density(size)) + 1, ["purple"], rng)
    return canvas


def _bright_field(size: int, rng: np.random.Generator) -> Canvas:
    """Cells darker than the light that passes beside them."""
    canvas = Canvas.on(background(size, np.full(3, rng.uniform(0.6, 0.9), np.float32), rng))
    colour = str(rng.choice(["gray", "purple", "brown", "black", "blue"]))
    _sprinkle(canvas, "cell", int(rng.integers(3, 12) * _density(size)) + 1, [colour], rng)
    return canvas


def _vessels(size: int, rng: np.random.Generator) -> Canvas:
    """A branching vessel, dark or bright, on a smooth background."""
    base = base_colour(rng)
    canvas = Canvas.on(background(size, base, rng))
    _sprinkle(canvas, "vessel", 1, colours_visible_on(base), rng)
    if rng.random() < 0.3:
        _sprinkle(canvas, "nuclei", int(rng.integers(2, 8)), colours_visible_on(base), rng)
    return canvas


STYLES: MappingProxyType[str, Style] = MappingProxyType(
    {
        "things": _things,
        "thin": _thin_things,
        "fluorescence": _fluorescence,
        "stained": _stained,
        "brightfield": _bright_field,
        "vessels": _vessels,
    }
)

STYLE_SHARES = MappingProxyType(
    {
        "things": 0.56,
        "thin": 0.12,
        "fluorescence": 0.1,
        "stained": 0.08,
        "brightfield": 0.07,
        "vessels": 0.07,
    }
)
