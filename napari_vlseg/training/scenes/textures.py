"""Noise fields, surfaces and backgrounds."""

from __future__ import annotations

import numpy as np

from napari_vlseg.training.scenes.canvas import FloatArray
from napari_vlseg.training.scenes.palette import PALETTE


def noise_field(shape: int | tuple[int, int], grain: float, rng: np.random.Generator) -> FloatArray:
    """Gaussian noise of unit variance at its nodes, `grain` pixels apart.

    A single number as shape means a square.
    """
    height, width = (shape, shape) if isinstance(shape, int) else shape
    if grain <= 1:
        return rng.standard_normal((height, width), np.float32)
    down, across = _interpolation(height, grain), _interpolation(width, grain)
    nodes = rng.standard_normal((down.shape[1], across.shape[1]), np.float32)
    return np.asarray(down @ nodes @ across.T, np.float32)


def _interpolation(length: int, grain: float) -> FloatArray:
    """Weights of linear interpolation, shape (length, nodes)."""
    position = np.arange(length) / grain
    left = position.astype(int)
    weights = np.zeros((length, int(left[-1]) + 2), np.float32)
    rows = np.arange(length)
    weights[rows, left + 1] = position - left
    weights[rows, left] = 1 - (position - left)
    return weights


def surface(
    colour: FloatArray, shape: int | tuple[int, int], rng: np.random.Generator
) -> FloatArray:
    """A colour with fine and coarse grain, shape (H, W, 3)."""
    grain = noise_field(shape, 1, rng) * np.float32(rng.uniform(0, 0.025))
    grain += noise_field(shape, 6, rng) * np.float32(rng.uniform(0, 0.036))
    return np.asarray(colour + grain[..., np.newaxis], np.float32)


def chromatin(
    colour: FloatArray, shape: int | tuple[int, int], rng: np.random.Generator
) -> FloatArray:
    """A colour modulated by clumps of chromatin, shape (H, W, 3)."""
    clumps = 1 + noise_field(shape, rng.uniform(2, 5), rng) * rng.uniform(0.03, 0.18)
    return np.asarray(colour * clumps[..., np.newaxis], np.float32)


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
