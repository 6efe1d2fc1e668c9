"""Branching vessels: single trees and the network of a retina."""

from __future__ import annotations

import numpy as np

from napari_vlseg.training.scenes.canvas import Canvas, FloatArray, Stamp
from napari_vlseg.training.scenes.outlines import Points, stroke
from napari_vlseg.training.scenes.palette import jittered_colour
from napari_vlseg.training.scenes.registry import ObjectKind
from napari_vlseg.training.scenes.textures import surface

_STEP = 4.0
_THINNEST = 2.0

Branches = list[tuple[Points, Points]]


def _draw_vessel(canvas: Canvas, rng: np.random.Generator, colour: str, size: str) -> None:
    """A tree of tapering tubes that enters at one side."""
    angle = rng.uniform(0, 2 * np.pi)
    start = canvas.size / 2 * (1 + 1.1 * np.array([np.sin(angle), np.cos(angle)]))
    start = np.clip(start, 0, canvas.size)
    heading = angle + np.pi + rng.normal(0, 0.2)
    branches: Branches = []
    _grow(branches, start, heading, rng.uniform(4, 9), canvas.size, rng)
    _paint(canvas, branches, jittered_colour(colour, rng), colour, rng)


def paint_retina_vessels(
    canvas: Canvas, disc_centre: tuple[float, float], ink: FloatArray, rng: np.random.Generator
) -> None:
    """Four to six slim trees that leave the optic disc, recorded as one object."""
    branches: Branches = []
    count = int(rng.integers(3, 6))
    first = rng.uniform(0, 2 * np.pi)
    for number in range(count):
        heading = first + 2 * np.pi * number / count + rng.normal(0, 0.25)
        width = rng.uniform(3, 5.5)
        _grow(branches, np.asarray(disc_centre), heading, width, canvas.size, rng)
    _paint(canvas, branches, ink, "", rng)


def _paint(
    canvas: Canvas, branches: Branches, ink: FloatArray, colour: str, rng: np.random.Generator
) -> None:
    shape = canvas.labels.shape
    alpha = np.zeros(shape, np.float32)
    for path, widths in branches:
        np.maximum(alpha, stroke(path, widths, shape).alpha, out=alpha)
    pixels = surface(ink, shape, rng)
    canvas.paint([Stamp(alpha, 0, 0)], pixels, "vessel", colour=colour)


def _grow(
    branches: Branches,
    start: Points,
    heading: float,
    width: float,
    size: int,
    rng: np.random.Generator,
) -> None:
    """Add a branch and, at its end, two thinner ones (Murray's law: r³ is kept)."""
    count = max(3, int(rng.uniform(0.15, 0.4) * size / _STEP))
    headings = heading + np.cumsum(rng.normal(0, 0.11, count))
    steps = _STEP * np.c_[np.sin(headings), np.cos(headings)]
    path = start + np.concatenate([np.zeros((1, 2)), np.cumsum(steps, axis=0)])
    branches.append((path, np.linspace(width, 0.85 * width, len(path))))
    outside = ((path[-1] < 0) | (path[-1] > size)).any()
    if width < _THINNEST + 0.4 or outside:
        return
    share = rng.uniform(0.3, 0.7)
    for part, side in ((share, 1), (1 - share, -1)):
        turn = side * rng.uniform(0.25, 0.8)
        thinner = max(0.85 * width * part ** (1 / 3), _THINNEST)
        _grow(branches, path[-1], headings[-1] + turn, thinner, size, rng)


VESSELS = (ObjectKind("vessel", _draw_vessel, "biology"),)
