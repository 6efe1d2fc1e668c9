"""Crops and changes of appearance of real images."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from scipy import ndimage as ndi
from torch.nn import functional as nnf

from napari_vlseg.contrast import normalise
from napari_vlseg.training.dsb2018 import NucleiImage

FloatImage = npt.NDArray[np.float32]

_SMALLEST_CROP = 72
_LARGEST_CROP = {"brightfield": 512}
_USUAL_LARGEST_CROP = 256
_TINTS = {
    "blue": (0.12, 0.25, 1.0),
    "green": (0.10, 1.0, 0.20),
    "red": (1.0, 0.10, 0.12),
}


@dataclass(frozen=True)
class RealView:
    """A crop of a real image as the model sees it.

    Attributes
    ----------
    image : ndarray of float32, shape (size, size, 3)
        Intensities in [0, 1].
    labels : ndarray of int32, shape (size, size)
    kind : str
        Kind of the image in the index.
    look : str
        "" as photographed, a tint, "dark" when inverted, "gray" when decoloured.
    """

    image: FloatImage
    labels: npt.NDArray[np.int32]
    kind: str
    look: str


def stretch_contrast(
    image: npt.NDArray[np.uint8], low: float = 1.0, high: float = 99.8
) -> FloatImage:
    """Map two percentiles, taken over all channels, to 0 and 1, and clip."""
    darkest, brightest = (float(value) for value in np.percentile(image, [low, high]))
    return normalise(image, (darkest, brightest))


def real_view(
    source: NucleiImage, size: int, rng: np.random.Generator, *, on_object: bool = False
) -> RealView:
    """A random crop, scaled to `size`, turned, and changed in appearance.

    Parameters
    ----------
    source : NucleiImage
    size : int
        Side of the result in pixels.
    on_object : bool
        Whether the crop is centred near a pixel of an object.
    """
    rows, cols = _crop_window(source, rng, on_object=on_object)
    stretched = _exposed(source.image, rng)
    image = _scaled(stretched[rows, cols], size)
    labels = _scaled_labels(source.labels[rows, cols], size)
    turns, mirror = int(rng.integers(4)), rng.random() < 0.5
    image, labels = np.rot90(image, turns), np.rot90(labels, turns)
    if mirror:
        image, labels = image[:, ::-1], labels[:, ::-1]
    image, look = _relit(image, source.kind, rng)
    return RealView(
        np.ascontiguousarray(image, np.float32), np.ascontiguousarray(labels), source.kind, look
    )


def _crop_window(
    source: NucleiImage, rng: np.random.Generator, *, on_object: bool
) -> tuple[slice, slice]:
    height, width = source.labels.shape
    largest = min(height, width, _LARGEST_CROP.get(source.kind, _USUAL_LARGEST_CROP))
    smallest = min(_SMALLEST_CROP, largest)
    side = int(np.exp(rng.uniform(np.log(smallest), np.log(largest + 1))))
    side = min(side, largest)
    if on_object and source.labels.any():
        rows, cols = np.nonzero(source.labels)
        pick = rng.integers(len(rows))
        top = int(np.clip(rows[pick] - side // 2, 0, height - side))
        left = int(np.clip(cols[pick] - side // 2, 0, width - side))
    else:
        top, left = (int(value) for value in rng.integers(0, (height - side + 1, width - side + 1)))
    return slice(top, top + side), slice(left, left + side)


def _exposed(image: npt.NDArray[np.uint8], rng: np.random.Generator) -> FloatImage:
    """Contrast as an image reader might set it: by percentiles, or as stored."""
    if rng.random() < 0.2 and image.max() > 128:
        return np.asarray(image, np.float32) / np.float32(255)
    return stretch_contrast(image, rng.uniform(0, 2), rng.uniform(99.5, 100))


def _scaled(image: FloatImage, size: int) -> FloatImage:
    pixels = torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1)[None]
    shrinks = image.shape[0] > size
    scaled = nnf.interpolate(
        pixels, size=(size, size), mode="bilinear", align_corners=False, antialias=shrinks
    )
    return scaled[0].permute(1, 2, 0).numpy()


def _scaled_labels(labels: npt.NDArray[np.int32], size: int) -> npt.NDArray[np.int32]:
    """Nearest neighbours at the pixel centres."""
    picks = ((np.arange(size) + 0.5) * labels.shape[0] / size).astype(int)
    return labels[np.ix_(picks, picks)]


def _relit(image: FloatImage, kind: str, rng: np.random.Generator) -> tuple[FloatImage, str]:
    """Exposure, tint, polarity, noise and focus."""
    image = np.clip(image, 0, 1) ** np.float32(np.exp(rng.normal(0, 0.3)))
    image, look = _recoloured(image, kind, rng)
    if rng.random() < 0.3:
        image = image + rng.standard_normal(image.shape, np.float32) * rng.uniform(0.01, 0.05)
    if rng.random() < 0.2:
        sigma = rng.uniform(0.5, 1.1)
        image = ndi.gaussian_filter(image, (sigma, sigma, 0))
    return np.clip(image, 0, 1), look


def _recoloured(image: FloatImage, kind: str, rng: np.random.Generator) -> tuple[FloatImage, str]:
    draw = rng.random()
    if kind == "fluorescence":
        if rng.random() < 0.4:
            image = image * np.float32(rng.uniform(0.5, 1.0))
        if draw < 0.18:
            tint = str(rng.choice(list(_TINTS)))
            return image * np.asarray(_TINTS[tint], np.float32), tint
        if draw < 0.24:
            return 1 - image, "dark"
        return image, ""
    if draw < 0.08:
        gray = image.mean(axis=-1, keepdims=True)
        return np.repeat(gray, 3, axis=-1), "gray"
    gains = rng.normal(1, 0.05, 3).astype(np.float32)
    return image * gains, ""
