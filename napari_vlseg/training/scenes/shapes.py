"""Geometric shapes: the objects by which colour, form and size words are learned."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from napari_vlseg.training.scenes.canvas import Canvas, FloatArray, Stamp
from napari_vlseg.training.scenes.outlines import Points, disc, ellipse, polygon, wobbly
from napari_vlseg.training.scenes.palette import jittered_colour
from napari_vlseg.training.scenes.registry import ObjectKind
from napari_vlseg.training.scenes.textures import surface

Centre = tuple[float, float]
Outline = Callable[[Centre, float, np.random.Generator], Stamp]

_SIZE_RANGES = {"small": (8.0, 12.0), "large": (17.0, 30.0), "": (12.5, 16.0)}


def draw_radius(size: str, rng: np.random.Generator) -> float:
    """A radius in pixels that fits a size word."""
    return float(rng.uniform(*_SIZE_RANGES[size]))


def _corners(centre: Centre, radii: FloatArray | Points, turn: float) -> Points:
    angles = turn + 2 * np.pi * np.arange(len(radii)) / len(radii)
    return np.asarray(centre) + np.c_[np.sin(angles), np.cos(angles)] * np.reshape(radii, (-1, 1))


def _circle(centre: Centre, radius: float, rng: np.random.Generator) -> Stamp:
    return ellipse(centre, radius, rng.uniform(0.9, 1), rng.uniform(0, np.pi))


def _regular(n_corners: int, scale: float) -> Outline:
    def outline(centre: Centre, radius: float, rng: np.random.Generator) -> Stamp:
        radii = np.full(n_corners, radius * scale)
        return polygon(_corners(centre, radii, rng.uniform(0, 2 * np.pi)))

    return outline


def _star(centre: Centre, radius: float, rng: np.random.Generator) -> Stamp:
    radii = radius * np.where(np.arange(10) % 2, 0.56, 1.35)
    return polygon(_corners(centre, radii, rng.uniform(0, 2 * np.pi)))


def _ring(centre: Centre, radius: float, rng: np.random.Generator) -> Stamp:
    outer, inner = disc(centre, radius), disc(centre, radius * rng.uniform(0.5, 0.68))
    margin = (outer.alpha.shape[0] - inner.alpha.shape[0]) // 2
    hole = np.pad(inner.alpha, margin)
    return Stamp(outer.alpha * (1 - hole), outer.top, outer.left)


def _cross(centre: Centre, radius: float, rng: np.random.Generator) -> Stamp:
    arm, half, turn = 1.1 * radius, radius * rng.uniform(0.3, 0.42), rng.uniform(0, np.pi)
    quarter = np.array([(half, -arm), (half, -half), (arm, -half)])
    quarter_turn = np.array([[0, 1], [-1, 0]])
    corners = np.concatenate([quarter @ np.linalg.matrix_power(quarter_turn, n) for n in range(4)])
    rotation = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    return polygon(np.asarray(centre) + corners @ rotation)


def _blob(centre: Centre, radius: float, rng: np.random.Generator) -> Stamp:
    return wobbly(centre, radius, 0.22, rng)


def _painter(name: str, outline: Outline) -> ObjectKind:
    def draw(canvas: Canvas, rng: np.random.Generator, colour: str, size: str) -> None:
        radius = draw_radius(size, rng)
        centre = canvas.free_place(radius, rng)
        if centre is not None:
            stamp = outline(centre, radius, rng)
            pixels = surface(jittered_colour(colour, rng), stamp.alpha.shape, rng)
            canvas.paint([stamp], pixels, name, colour=colour, size=size)

    return ObjectKind(name, draw, "shape", sized=True)


SHAPES = tuple(
    _painter(name, outline)
    for name, outline in {
        "circle": _circle,
        "square": _regular(4, 1.15),
        "triangle": _regular(3, 1.35),
        "ring": _ring,
        "cross": _cross,
        "star": _star,
        "blob": _blob,
    }.items()
)
