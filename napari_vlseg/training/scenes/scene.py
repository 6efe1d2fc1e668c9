"""One procedural scene: an image and everything that is known about it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy import ndimage as ndi

from napari_vlseg.training.scenes.canvas import Canvas, FloatArray, LabelArray, SceneObject
from napari_vlseg.training.scenes.optics import photograph, quantise
from napari_vlseg.training.scenes.styles import STYLE_SHARES, STYLES

_FEWEST_PIXELS = 12
_CLEAR_CONTRAST = 0.15


@dataclass(frozen=True)
class Scene:
    """An image with instance labels and object records.

    Attributes
    ----------
    image : ndarray of uint8 or uint16, shape (H, W, 3)
        RGB, full range of the dtype.
    labels : ndarray of int32, shape (H, W)
        0 is background; a nucleus inside a cell has a label of its own.
    objects : tuple of SceneObject
        One record per label that is visible.
    style, seed
        What it was generated from.
    """

    image: npt.NDArray[np.uint8] | npt.NDArray[np.uint16]
    labels: LabelArray
    objects: tuple[SceneObject, ...]
    style: str
    seed: int

    def mask_of(self, labels: Collection[int]) -> npt.NDArray[np.bool_]:
        """Pixels of objects, their parts included, shape (H, W)."""
        return mask_of_objects(self.labels, self.objects, labels)


def mask_of_objects(
    image_labels: npt.NDArray[np.integer],
    objects: Collection[SceneObject],
    wanted: Collection[int],
) -> npt.NDArray[np.bool_]:
    """Pixels of the wanted labels and of the objects that are parts of them."""
    with_parts = {*wanted, *(part.label for part in objects if part.parent in wanted)}
    return np.isin(image_labels, list(with_parts))


def generate_scene(
    seed: int, *, size: int = 144, style: str | None = None, bit_depth: int = 8
) -> Scene:
    """Paint and photograph a scene; the same arguments give the same scene.

    Parameters
    ----------
    seed : int
        Seed of the NumPy generator everything is drawn from.
    size : int
        Side of the image in pixels.
    style : str, optional
        One of `STYLES`; drawn by `STYLE_SHARES` when omitted.
    bit_depth : {8, 16}
        Bits per channel.

    Returns
    -------
    Scene

    Raises
    ------
    ValueError
        If the style is unknown, or the size or the bit depth is not usable.
    """
    if size < 32:
        raise ValueError(f"A scene of {size} pixels is too small to draw in; choose 32 or more.")
    if style is not None and style not in STYLES:
        raise ValueError(f"No style is called {style!r}; choose from {', '.join(STYLES)}.")
    rng = np.random.default_rng(seed)
    if style is None:
        style = str(rng.choice(list(STYLE_SHARES), p=list(STYLE_SHARES.values())))
    return photographed(STYLES[style](size, rng), rng, style, seed, bit_depth)


def photographed(
    canvas: Canvas, rng: np.random.Generator, style: str, seed: int, bit_depth: int = 8
) -> Scene:
    """The scene that a camera makes of a canvas.

    Raises
    ------
    ValueError
        If the bit depth is neither 8 nor 16.
    """
    image = photograph(canvas, rng)
    labels, visible = _visible_objects(canvas)
    objects = _with_brightness(image, labels, visible)
    return Scene(quantise(image, bit_depth), labels, tuple(objects), style, seed)


def _visible_objects(canvas: Canvas) -> tuple[LabelArray, list[SceneObject]]:
    """Drop objects that are (almost) hidden by others or lie outside."""
    areas = np.bincount(canvas.labels.ravel(), minlength=len(canvas.objects) + 1)
    objects = [thing for thing in canvas.objects if areas[thing.label] >= _FEWEST_PIXELS]
    kept = np.zeros(len(areas), np.int32)
    for thing in objects:
        kept[thing.label] = thing.label
    return kept[canvas.labels], objects


def _with_brightness(
    image: FloatArray, labels: LabelArray, objects: list[SceneObject]
) -> list[SceneObject]:
    """Call an object bright or dark where it clearly differs from the background."""
    gray = image.mean(axis=-1)
    empty = labels == 0
    if not objects or not empty.any():
        return objects
    level = float(np.median(gray[empty]))
    means = ndi.mean(gray, labels, [thing.label for thing in objects])
    return [
        replace(thing, brightness=_brightness_word(mean - level))
        for thing, mean in zip(objects, means, strict=True)
    ]


def _brightness_word(contrast: float) -> str:
    if contrast > _CLEAR_CONTRAST:
        return "bright"
    return "dark" if contrast < -_CLEAR_CONTRAST else ""
