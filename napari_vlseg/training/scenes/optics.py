"""What a camera does to a scene: blur, uneven light, noise and bit depth."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage as ndi

from napari_vlseg.training.scenes.canvas import FloatArray


def vignetting(size: int, strength: float, rng: np.random.Generator) -> FloatArray:
    """Gain that falls off towards the border, shape (size, size), at most 1."""
    centre = size * rng.uniform(0.35, 0.65, 2)
    rows, cols = np.mgrid[:size, :size]
    distance = np.hypot(rows - centre[0], cols - centre[1]) / size
    return np.asarray(1 - strength * np.minimum(distance, 1) ** 2, np.float32)


def shot_noise(image: FloatArray, photons: float, rng: np.random.Generator) -> FloatArray:
    """Poisson noise at that many photons per pixel of full intensity."""
    return np.asarray(rng.poisson(np.clip(image, 0, 1) * photons) / photons, np.float32)


def photograph(image: FloatArray, rng: np.random.Generator) -> FloatArray:
    """A painted scene as a camera would see it, clipped to [0, 1]."""
    if rng.random() < 0.4:
        sigma = rng.uniform(0.4, 1.2)
        image = ndi.gaussian_filter(image, (sigma, sigma, 0))
    if rng.random() < 0.3:
        image = image * vignetting(image.shape[0], rng.uniform(0.1, 0.7), rng)[..., np.newaxis]
    if rng.random() < 0.25:
        image = shot_noise(image, float(np.exp(rng.uniform(np.log(40), np.log(600)))), rng)
    noise = rng.standard_normal(image.shape, np.float32) * rng.uniform(0, 0.025)
    return np.clip(image + noise, 0, 1).astype(np.float32)


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
