"""Thin things: fibres, scratches and cracks."""

from __future__ import annotations

import numpy as np

from napari_vlseg.training.scenes.canvas import Canvas
from napari_vlseg.training.scenes.outlines import Points, stroke
from napari_vlseg.training.scenes.palette import jittered_colour
from napari_vlseg.training.scenes.registry import ObjectKind
from napari_vlseg.training.scenes.textures import surface

_STEP = 4.0


def _walk(start: Points, headings: Points) -> Points:
    steps = _STEP * np.c_[np.sin(headings), np.cos(headings)]
    return start + np.concatenate([np.zeros((1, 2)), np.cumsum(steps, axis=0)])


def _centred(path: Points, size: int, rng: np.random.Generator) -> Points:
    """Move a path so that its middle lies well inside the canvas."""
    middle = path.mean(axis=0)
    return path - middle + rng.uniform(0.2, 0.8, 2) * size


def _n_steps(size: int, rng: np.random.Generator) -> int:
    return int(size * rng.uniform(0.35, 0.95) / _STEP)


def curved_path(size: int, rng: np.random.Generator, *, stiffness: float = 0.9) -> Points:
    """A smoothly bending path through the canvas, shape (n, 2)."""
    count = _n_steps(size, rng)
    bend, headings = 0.0, np.empty(count)
    heading = rng.uniform(0, 2 * np.pi)
    for index, kick in enumerate(rng.normal(0, 0.06, count)):
        bend = stiffness * bend + kick
        heading += bend
        headings[index] = heading
    return _centred(_walk(np.zeros(2), headings), size, rng)


def _straight_path(size: int, rng: np.random.Generator) -> Points:
    headings = np.full(_n_steps(size, rng), rng.uniform(0, 2 * np.pi))
    return _centred(_walk(np.zeros(2), headings), size, rng)


def _jagged_path(size: int, rng: np.random.Generator) -> Points:
    headings = rng.uniform(0, 2 * np.pi) + rng.normal(0, 0.7, _n_steps(size, rng))
    return _centred(_walk(np.zeros(2), headings), size, rng)


def _branches(trunk: Points, rng: np.random.Generator) -> list[Points]:
    """Short jagged side cracks."""
    heading = np.arctan2(*(trunk[-1] - trunk[0]))
    branches = []
    for _ in range(rng.integers(0, 3)):
        side = heading + rng.choice([-1, 1]) * rng.uniform(0.5, 1.3)
        headings = side + rng.normal(0, 0.6, rng.integers(4, 12))
        branches.append(_walk(trunk[rng.integers(len(trunk))], headings))
    return branches


def _draw_fibre(canvas: Canvas, rng: np.random.Generator, colour: str, size: str) -> None:
    path = curved_path(canvas.size, rng)
    _paint(canvas, [path], [rng.triangular(2.5, 4, 6)], "fibre", colour, rng)


def _draw_scratch(canvas: Canvas, rng: np.random.Generator, colour: str, size: str) -> None:
    path = _straight_path(canvas.size, rng)
    _paint(canvas, [path], [rng.triangular(2.5, 3.5, 5.5)], "scratch", colour, rng)


def _draw_crack(canvas: Canvas, rng: np.random.Generator, colour: str, size: str) -> None:
    trunk = _jagged_path(canvas.size, rng)
    width, branches = rng.triangular(2.5, 3.5, 5), _branches(trunk, rng)
    widths = [width] + [0.7 * width] * len(branches)
    _paint(canvas, [trunk, *branches], widths, "crack", colour, rng)


def _paint(
    canvas: Canvas,
    paths: list[Points],
    widths: list[float],
    kind: str,
    colour: str,
    rng: np.random.Generator,
) -> None:
    shape = canvas.labels.shape
    stamps = [stroke(path, width, shape) for path, width in zip(paths, widths, strict=True)]
    pixels = surface(jittered_colour(colour, rng), canvas.size, rng)
    canvas.paint(stamps, pixels, kind, colour=colour)


THIN = (
    ObjectKind("fibre", _draw_fibre, "thin"),
    ObjectKind("scratch", _draw_scratch, "thin"),
    ObjectKind("crack", _draw_crack, "thin"),
)
