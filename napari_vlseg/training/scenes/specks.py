"""Spots and bubbles."""

from __future__ import annotations

import numpy as np

from napari_vlseg.training.scenes.canvas import Canvas, Stamp
from napari_vlseg.training.scenes.outlines import disc
from napari_vlseg.training.scenes.palette import jittered_colour
from napari_vlseg.training.scenes.registry import ObjectKind
from napari_vlseg.training.scenes.shapes import draw_radius
from napari_vlseg.training.scenes.textures import surface


def _draw_spots(canvas: Canvas, rng: np.random.Generator, colour: str, size: str) -> None:
    """A scatter of small dots, recorded as one object."""
    typical = rng.uniform(1.8, 3)
    density = canvas.size**2 / 144**2
    centres = rng.uniform(3, canvas.size - 3, (int(rng.integers(12, 36) * density) + 1, 2))
    stamps = [disc((row, col), typical * rng.uniform(0.8, 1.2)) for row, col in centres]
    pixels = surface(jittered_colour(colour, rng), canvas.size, rng)
    canvas.paint(stamps, pixels, "spots", colour=colour)


def _draw_bubble(canvas: Canvas, rng: np.random.Generator, colour: str, size: str) -> None:
    """A dim disc with a sharp rim and a highlight towards the upper left."""
    radius = draw_radius(size, rng)
    centre = canvas.free_place(radius, rng)
    if centre is None:
        return
    body, core = disc(centre, radius), disc(centre, max(radius - 2, 1))
    margin = (body.alpha.shape[0] - core.alpha.shape[0]) // 2
    rim = body.alpha - np.pad(core.alpha, margin)
    pixels = jittered_colour(colour, rng)
    tinted = canvas.image + np.float32(0.22) * (pixels - canvas.image)
    canvas.paint([body], tinted, "bubble", size=size)
    canvas.shade(Stamp(0.8 * rim, body.top, body.left), pixels)
    spot = disc((centre[0] - 0.35 * radius, centre[1] - 0.35 * radius), 0.12 * radius + 0.6)
    canvas.shade(Stamp(0.8 * spot.alpha, spot.top, spot.left), np.ones(3, np.float32))


SPECKS = (
    ObjectKind("spots", _draw_spots, "speck"),
    ObjectKind("bubble", _draw_bubble, "speck", sized=True, coloured=False),
)
