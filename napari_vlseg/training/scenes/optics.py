"""What a camera does to a scene: blur, uneven light, noise and bit depth."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage as ndi

from napari_vlseg.training.scenes.canvas import Canvas, FloatArray


def vignetting(size: int, strength: float, rng: np.random.Generator) -> FloatArray:
    """Gain that falls off towards the border, shape (size, size), at most 1."""
    centre = size * rng.uniform(0.35, 0.65, 2)
    rows, cols = np.mgrid[:size, :size]
    distance = np.hypot(rows - centre[0], cols - centre[1]) / size
    return np.asarray(1 - strength * np.minimum(distance, 1) ** 2, np.float32)


def shot_noise(image: FloatArray, photons: float, rng: np.random.Generator) -> FloatArray:
    """Poisson noise at that many photons per pixel of full intensity."""
    return np.asarray(rng.poisson(np.clip(image, 0, 1) * photons) / photons, np.float32)


def photograph(canvas: Canvas, rng: np.random.Generator) -> FloatArray:
    """A painted scene as a camera would see it, float32 (H, W, 3) clipped to [0, 1]."""
    image = canvas.image
    if canvas.gray:
        image = image.mean(axis=-1, keepdims=True)
    if rng.random() < 0.4:
        sigma = rng.uniform(0.4, 1.1)
        image = ndi.gaussian_filter(image, (sigma, sigma, 0), truncate=3)
    if rng.random() < 0.3:
        image = image * vignetting(canvas.size, rng.uniform(0.1, 0.6), rng)[..., np.newaxis]
    if rng.random() < 0.2:
        image = shot_noise(image, float(np.exp(rng.uniform(np.log(60), np.log(600)))), rng)
    channels = image.shape[-1] if rng.random() < 0.5 else 1
    noise = rng.standard_normal((canvas.size, canvas.size, channels), np.float32)
    image = np.clip(image + noise * np.float32(rng.uniform(*canvas.noise)), 0, 1)
    return np.broadcast_to(image, canvas.image.shape).astype(np.float32)


def phase_contrast(canvas: Canvas, rng: np.random.Generator) -> None:
    """Bright halos around objects; their middles fade to the background (shade-off)."""
    covered = (canvas.labels > 0).astype(np.float32)
    sigma = rng.uniform(1.5, 3)
    near = ndi.gaussian_filter(covered, sigma, truncate=3)
    halo = rng.uniform(0.4, 0.8) * near * (1 - covered)
    fade = rng.uniform(0.1, 0.35) * near * covered
    canvas.image += (halo + fade)[..., np.newaxis] * (0.97 - canvas.image)


def relief(canvas: Canvas, rng: np.random.Generator) -> None:
    """Differential interference contrast: objects lit from one side."""
    height = (canvas.labels > 0) * rng.uniform(0.8, 1.5) - canvas.image.mean(axis=-1)
    smooth = ndi.gaussian_filter(np.asarray(height, np.float32), rng.uniform(1, 1.8), truncate=3)
    angle = rng.uniform(0, 2 * np.pi)
    slope = np.gradient(smooth)
    lit = rng.uniform(0.42, 0.58) + rng.uniform(0.7, 1.2) * (
        np.sin(angle) * slope[0] + np.cos(angle) * slope[1]
    )
    canvas.image[...] = lit[..., np.newaxis]


def quantise(image: FloatArray, bit_depth: int) -> npt.NDArray[np.uint8] | npt.NDArray[np.uint16]:
    """Integers of 8 or 16 bits from intensities in [0, 1].

    Raises
    ------
    ValueError
        If the bit depth is neither 8 nor 16.
    """
    if bit_depth not in (8, 16):
        raise ValueError(f"A bit depth of {bit_depth} is not offered; choose 8 or 16.")
    full_scale = 2**bit_depth - 1
    dtype = np.uint8 if bit_depth == 8 else np.uint16
    return np.round(np.clip(image, 0, 1) * full_scale).astype(dtype)
