"""Bacteria and vesicles."""

from __future__ import annotations

import numpy as np

from napari_vlseg.training.scenes.canvas import Canvas, FloatArray, Stamp
from napari_vlseg.training.scenes.outlines import Points, disc, ellipse, stroke
from napari_vlseg.training.scenes.palette import jittered_colour
from napari_vlseg.training.scenes.registry import ObjectKind
from napari_vlseg.training.scenes.textures import surface


def _draw_bacteria(canvas: Canvas, rng: np.random.Generator, colour: str, size: str) -> None:
    ink = jittered_colour(colour, rng)
    paint_bacteria(canvas, rng, ink, width=rng.uniform(4, 7), colour=colour)


def paint_bacteria(
    canvas: Canvas, rng: np.random.Generator, ink: FloatArray, *, width: float, colour: str = ""
) -> None:
    """One rod, or a chain of up to four; each rod has a label of its own."""
    length = width * rng.uniform(1.4, 3)
    heading = rng.uniform(0, 2 * np.pi)
    count = int(rng.choice([1, 1, 2, 3, 4]))
    centre = canvas.free_place(0.4 * (length + width), rng)
    if centre is None:
        return
    position = np.asarray(centre)
    for _ in range(count):
        heading += rng.normal(0, 0.25)
        step = np.array([np.sin(heading), np.cos(heading)])
        stamp = rod(position, length, width, heading, rng)
        tone = np.clip(ink * rng.uniform(0.9, 1.08), 0, 1).astype(np.float32)
        canvas.paint([stamp], surface(tone, stamp.alpha.shape, rng), "bacteria", colour=colour)
        position = position + (length + width + 0.8) * step
        if not canvas.reserve(position, 0.4 * length):
            return


def rod(
    centre: Points, length: float, width: float, heading: float, rng: np.random.Generator
) -> Stamp:
    """A capsule of that length between the middles of its caps, at times slightly bent."""
    reach = int(np.ceil(length / 2 + width / 2 + 3))
    corner = np.floor(centre).astype(int) - reach
    along = np.linspace(-0.5, 0.5, 4) * length
    bend = rng.normal(0, 0.06) * length * (2 * along / length) ** 2
    direction = np.array([np.sin(heading), np.cos(heading)])
    across = np.array([-direction[1], direction[0]])
    path = centre - corner + along[:, np.newaxis] * direction + bend[:, np.newaxis] * across
    side = 2 * reach + 1
    window = stroke(path, width, (side, side))
    return Stamp(window.alpha, int(corner[0]), int(corner[1]))


def _draw_vesicles(canvas: Canvas, rng: np.random.Generator, colour: str, size: str) -> None:
    ink = jittered_colour(colour, rng)
    paint_vesicles(canvas, rng, ink, int(rng.integers(5, 14)), colour=colour)


def paint_vesicles(
    canvas: Canvas, rng: np.random.Generator, ink: FloatArray, count: int, *, colour: str = ""
) -> None:
    """A group of small round bodies with a wall; all hollow or all filled."""
    typical, filling = rng.uniform(4, 6.5), rng.choice([0.15, 0.35, 0.9])
    for _ in range(count):
        radius = typical * rng.uniform(0.75, 1.25)
        near = canvas.place_beside(radius, rng, gap=1.0) if rng.random() < 0.6 else None
        centre = near or canvas.free_place(radius, rng)
        if centre is not None:
            _paint_vesicle(canvas, rng, ink, centre, radius, float(filling), colour)


def _paint_vesicle(
    canvas: Canvas,
    rng: np.random.Generator,
    ink: FloatArray,
    centre: tuple[float, float],
    radius: float,
    filling: float,
    colour: str,
) -> None:
    body = ellipse(centre, radius, rng.uniform(0.85, 1), rng.uniform(0, np.pi))
    local = canvas.colour_at(centre)
    canvas.paint([body], ink, "vesicles", colour=colour, parent=canvas.cell_at(centre))
    inner = disc(centre, max(radius * 0.85 - rng.uniform(1.5, 2.2), 1))
    canvas.shade(inner, local + filling * (ink - local))


MICROBES = (
    ObjectKind("bacteria", _draw_bacteria, "biology"),
    ObjectKind("vesicles", _draw_vesicles, "biology"),
)
