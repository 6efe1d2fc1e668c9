"""Particles and debris: irregular grains and fragments."""

from __future__ import annotations

import numpy as np

from napari_vlseg.training.scenes.canvas import Canvas, FloatArray, Stamp
from napari_vlseg.training.scenes.outlines import Points, polygon
from napari_vlseg.training.scenes.palette import jittered_colour
from napari_vlseg.training.scenes.registry import ObjectKind
from napari_vlseg.training.scenes.textures import noise_field, surface


def _angular(
    centre: tuple[float, float], radius: float, rng: np.random.Generator, roughness: float
) -> Points:
    """Corners of an irregular polygon, stretched in a random direction."""
    count = int(rng.integers(5, 9))
    angles = 2 * np.pi * (np.arange(count) + rng.uniform(-0.4, 0.4, count)) / count
    radii = radius * rng.uniform(1 - roughness, 1.15, count)
    points = np.c_[np.sin(angles), np.cos(angles)] * radii[:, np.newaxis]
    points[:, 0] *= rng.uniform(0.55, 1)
    turn = rng.uniform(0, np.pi)
    rotation = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    return np.asarray(centre) + points @ rotation


def _facets(ink: FloatArray, stamp: Stamp, rng: np.random.Generator) -> FloatArray:
    """Flat faces of different brightness, as of a crystal."""
    rows, cols = np.mgrid[-1 : 1 : stamp.alpha.shape[0] * 1j, -1 : 1 : stamp.alpha.shape[1] * 1j]
    angle = rng.uniform(0, 2 * np.pi)
    side = np.cos(angle) * rows + np.sin(angle) * cols > rng.uniform(-0.2, 0.2)
    shade = np.where(side, rng.uniform(0.05, 0.14), -rng.uniform(0.02, 0.1))
    return surface(ink, stamp.alpha.shape, rng) + shade[..., np.newaxis].astype(np.float32)


def _draw_particles(canvas: Canvas, rng: np.random.Generator, colour: str, size: str) -> None:
    """A scatter of angular grains with facets; each has a label of its own."""
    ink, typical = jittered_colour(colour, rng), rng.uniform(4.5, 8)
    for _ in range(int(rng.integers(5, 14) * canvas.size**2 / 144**2) + 1):
        radius = typical * rng.uniform(0.7, 1.3)
        centre = canvas.free_place(radius, rng)
        if centre is not None:
            stamp = polygon(_angular(centre, radius, rng, 0.25))
            canvas.paint([stamp], _facets(ink, stamp, rng), "particles", colour=colour)


def _draw_debris(canvas: Canvas, rng: np.random.Generator, colour: str, size: str) -> None:
    """A clump of ragged fragments, blotchy and dark or bright."""
    radius = rng.uniform(8, 15)
    centre = canvas.free_place(radius, rng)
    if centre is None:
        return
    local = canvas.colour_at(centre)
    target = np.float32(0.05 if local.mean() > rng.uniform(0.25, 0.6) else 0.95)
    ink = 0.8 * target + 0.2 * local
    stamps = []
    for _ in range(int(rng.integers(2, 5))):
        offset = rng.normal(0, 0.45 * radius, 2)
        middle = (centre[0] + offset[0], centre[1] + offset[1])
        stamps.append(polygon(_angular(middle, radius * rng.uniform(0.55, 0.95), rng, 0.55)))
    blotches = noise_field(canvas.size, 3, rng) * rng.uniform(0.04, 0.12)
    pixels = np.asarray(ink + blotches[..., np.newaxis], np.float32)
    canvas.paint(stamps, pixels, "debris")


GRAINS = (
    ObjectKind("particles", _draw_particles, "speck"),
    ObjectKind("debris", _draw_debris, "speck", coloured=False),
)
