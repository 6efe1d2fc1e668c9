"""Noise fields, surfaces and backgrounds."""

from __future__ import annotations

import numpy as np
from scipy import ndimage as ndi

from napari_vlseg.training.scenes.canvas import FloatArray
from napari_vlseg.training.scenes.palette import PALETTE


def noise_field(size: int, grain: float, rng: np.random.Generator) -> FloatArray:
    """Gaussian noise of unit variance at its nodes, `grain` pixels apart, shape (size, size)."""
    if grain <= 1:
        return rng.standard_normal((size, size), np.float32)
    nodes = max(3, int(np.ceil(size / grain)) + 2)
    coarse = rng.standard_normal((nodes, nodes), np.float32)
    fine = ndi.zoom(coarse, size / (nodes - 1), order=1)
    return fine[:size, :size]


def surface(colour: FloatArray, size: int, rng: np.random.Generator) -> FloatArray:
    """A colour with fine and coarse grain, shape (size, size, 3)."""
    grain = noise_field(size, 1, rng) * rng.uniform(0, 0.028)
    grain = grain + noise_field(size, 6, rng) * rng.uniform(0, 0.036)
    return np.asarray(colour + grain[..., np.newaxis], np.float32)


def ramp(size: int, rng: np.random.Generator) -> FloatArray:
    """A linear gradient from 0 to about 1 in a random direction, shape (size, size)."""
    angle = rng.uniform(0, 2 * np.pi)
    rows, cols = np.mgrid[:size, :size] / size
    return np.asarray(np.cos(angle) * cols + np.sin(angle) * rows, np.float32)


def stripes(size: int, rng: np.random.Generator) -> FloatArray:
    """A sinusoidal pattern in [-1, 1] of random direction and period."""
    return np.sin(ramp(size, rng) * size * rng.uniform(0.1, 0.6))


def base_colour(rng: np.random.Generator) -> FloatArray:
    """A background colour: gray, nearly gray, or a tinted one."""
    base = np.full(3, rng.uniform(0.06, 0.94))
    mode = rng.integers(4)
    if mode == 1:
        base = base + rng.normal(0, 0.055, 3)
    elif mode == 2:
        tint = np.asarray(PALETTE[str(rng.choice(list(PALETTE)))])
        base = 0.4 * tint + 0.6 * base + rng.normal(0, 0.03, 3)
    elif mode == 3:
        base = np.full(3, rng.choice([0.02, 0.97])) + rng.normal(0, 0.01)
    return np.clip(base, 0, 1).astype(np.float32)


def background(size: int, base: FloatArray, rng: np.random.Generator) -> FloatArray:
    """A textured, unevenly lit background, shape (size, size, 3)."""
    sheet = base + (ramp(size, rng) * rng.uniform(0, 0.17))[..., np.newaxis]
    for grain in (1, 3, 8, 24):
        if rng.random() < 0.55:
            strength = rng.uniform(0.004, 0.034)
            sheet = sheet + (noise_field(size, grain, rng) * strength)[..., np.newaxis]
    if rng.random() < 0.12:
        sheet = sheet + (stripes(size, rng) * rng.uniform(0.01, 0.045))[..., np.newaxis]
    return np.asarray(sheet, np.float32)
