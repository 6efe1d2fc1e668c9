"""Training views: a crop around an object at a random zoom, with the masks of its objects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from scipy import ndimage as ndi
from torch.nn import functional as nnf

from napari_vlseg.models.sam_contrast import stretch_tile
from napari_vlseg.training.augment import stretch_contrast
from napari_vlseg.training.dsb2018 import NucleiImage
from napari_vlseg.training.scenes import Scene

FloatArray = npt.NDArray[np.float32]

_FEWEST_PIXELS = 20
_USUAL_COVERAGE = (0.25, 0.85)
_ANY_COVERAGE = (0.08, 2.5)
_ANY_COVERAGE_SHARE = 0.35
_SMALLEST_WINDOW = 12
_FARTHEST_FROM_CENTRE = 0.25
_FEWEST_MASK_PIXELS = 24.0
_NOT_ONE_OBJECT = frozenset({"spots"})
_TINTS = ((0.12, 0.25, 1.0), (0.10, 1.0, 0.20), (1.0, 0.10, 0.12), (1.0, 0.1, 1.0))


@dataclass(frozen=True)
class LabelledImage:
    """An image with objects that may contain each other.

    Attributes
    ----------
    image : ndarray of uint8, shape (H, W, 3)
    labels : ndarray of int32, shape (H, W)
    members : tuple of tuple of int
        Label values that make up each object: its own and those of its parts.
    boxes : ndarray of int64, shape (n, 4)
        (top, left, bottom, right) edges of each object in pixels.
    areas : ndarray of int64, shape (n,)
        Pixels of each object.
    kind : str
        Kind of the image: of the index of nuclei, or "scene".
    """

    image: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.int32]
    members: tuple[tuple[int, ...], ...]
    boxes: npt.NDArray[np.int64]
    areas: npt.NDArray[np.int64]
    kind: str


def from_nuclei(source: NucleiImage) -> LabelledImage:
    """A real image; nuclei of fewer than 20 pixels are left out."""
    areas = np.bincount(source.labels.ravel())
    members = tuple((int(n),) for n in range(1, len(areas)) if areas[n] >= _FEWEST_PIXELS)
    return _with_boxes(source.image, source.labels, members, source.kind)


def from_scene(scene: Scene) -> LabelledImage:
    """A procedural scene; a cell includes its nucleus, which is an object of its own too."""
    areas = np.bincount(scene.labels.ravel())
    members = []
    for thing in scene.objects:
        if thing.kind in _NOT_ONE_OBJECT:
            continue
        parts = (thing.label, *(o.label for o in scene.objects if o.parent == thing.label))
        if sum(int(areas[n]) for n in parts if n < len(areas)) >= _FEWEST_PIXELS:
            members.append(parts)
    image = np.asarray(scene.image, np.uint8)
    return _with_boxes(image, scene.labels, tuple(members), "scene")


def _with_boxes(
    image: npt.NDArray[np.uint8],
    labels: npt.NDArray[np.int32],
    members: tuple[tuple[int, ...], ...],
    kind: str,
) -> LabelledImage:
    windows = ndi.find_objects(labels)
    boxes = np.zeros((len(members), 4), np.int64)
    for row, parts in enumerate(members):
        found = [windows[n - 1] for n in parts if n <= len(windows) and windows[n - 1]]
        boxes[row] = (
            min(w[0].start for w in found),
            min(w[1].start for w in found),
            max(w[0].stop for w in found),
            max(w[1].stop for w in found),
        )
    pixels = np.bincount(labels.ravel())
    areas = [sum(int(pixels[n]) for n in parts if n < len(pixels)) for parts in members]
    return LabelledImage(image, labels, members, boxes, np.array(areas, np.int64), kind)


@dataclass(frozen=True)
class View:
    """What one tile shows.

    Attributes
    ----------
    image : ndarray of float32, shape (size, size, 3)
        In [0, 1]; beyond the image, `fill`.
    masks : ndarray of float32, shape (n, mask_size, mask_size)
        Coverage of mask pixels by each object, n ≥ 1.
    boxes : ndarray of float32, shape (n, 4)
        (top, left, bottom, right) edges of the visible part of each, in model pixels.
    shown : ndarray of float32, shape (n,)
        Share of each object's pixels that lies inside the window.
    """

    image: FloatArray
    masks: FloatArray
    boxes: FloatArray
    shown: FloatArray


@dataclass(frozen=True)
class ViewShape:
    """Sides of image and masks, and what fills the tile beyond the image.

    Attributes
    ----------
    size, mask_size : int
    fill : tuple of float
        Per channel.
    """

    size: int
    mask_size: int
    fill: tuple[float, ...]


def random_view(
    source: LabelledImage, shape: ViewShape, n_masks: int, rng: np.random.Generator
) -> View:
    """A view near a random object, which covers 25 to 85 % of its side as a rule.

    The others range over what a click model meets that looks at a click at every scale: from
    objects of a few pixels to windows that lie inside an object.

    Parameters
    ----------
    source : LabelledImage
        With at least one object.
    shape : ViewShape
    n_masks : int
        At most so many objects; the chosen one comes first.
    rng : numpy.random.Generator
    """
    chosen = int(rng.integers(len(source.boxes)))
    window = _window(source, chosen, rng)
    turns, mirror = int(rng.integers(4)), bool(rng.random() < 0.5)
    pixels = _exposed(source, window, rng)
    masks, shown = _object_masks(source, window, chosen, n_masks, rng)
    pixels = _turned(pixels, turns, mirror)
    masks = _turned(masks.transpose(1, 2, 0), turns, mirror).transpose(2, 0, 1)
    image, masks, boxes = _fitted(pixels, masks, window[2], shape)
    inside = _inside(pixels.shape[:2], window[2], shape.size)
    image[inside] = relit(stretch_tile(image[inside]), source.kind, rng)
    return View(image, masks, boxes, shown)


def _window(source: LabelledImage, chosen: int, rng: np.random.Generator) -> tuple[int, int, int]:
    """(top, left, side) of a square that is moved into the image as far as it fits."""
    top, left, bottom, right = (int(v) for v in source.boxes[chosen])
    any_size = rng.random() < _ANY_COVERAGE_SHARE
    low, high = _ANY_COVERAGE if any_size else _USUAL_COVERAGE
    coverage = float(np.exp(rng.uniform(np.log(low), np.log(high))))
    side = max(_SMALLEST_WINDOW, round(max(bottom - top, right - left) / coverage))
    side = min(side, max(source.labels.shape))
    shifts = rng.uniform(-_FARTHEST_FROM_CENTRE, _FARTHEST_FROM_CENTRE, 2) * side
    height, width = source.labels.shape
    start_row = (top + bottom - side) / 2 + shifts[0]
    start_col = (left + right - side) / 2 + shifts[1]
    row = int(np.clip(round(start_row), 0, max(0, height - side)))
    col = int(np.clip(round(start_col), 0, max(0, width - side)))
    return row, col, side


def _exposed(
    source: LabelledImage, window: tuple[int, int, int], rng: np.random.Generator
) -> FloatArray:
    """The window with the contrast of the whole image, as the product sets it, or as stored."""
    row, col, side = window
    crop = np.s_[row : row + side, col : col + side]
    if source.kind == "scene" or rng.random() < 0.2:
        return source.image[crop].astype(np.float32) / np.float32(255)
    low, high = rng.uniform(0, 2), rng.uniform(99.5, 100)
    return stretch_contrast(source.image, low, high)[crop]


def _object_masks(
    source: LabelledImage,
    window: tuple[int, int, int],
    chosen: int,
    n_masks: int,
    rng: np.random.Generator,
) -> tuple[FloatArray, FloatArray]:
    """The chosen object and others with enough pixels in the window.

    Masks (n, h, w), and the share of each object that they show.
    """
    row, col, side = window
    labels = source.labels[row : row + side, col : col + side]
    boxes = source.boxes
    touching = (
        (boxes[:, 0] < row + side)
        & (boxes[:, 2] > row)
        & (boxes[:, 1] < col + side)
        & (boxes[:, 3] > col)
    )
    touching[chosen] = False
    others = rng.permutation(np.flatnonzero(touching))
    needed = _FEWEST_MASK_PIXELS * (side / 64) ** 2
    numbers, masks = [chosen], [np.isin(labels, source.members[chosen])]
    for number in others:
        if len(masks) == n_masks:
            break
        mask = np.isin(labels, source.members[number])
        if mask.sum() >= needed:
            numbers.append(int(number))
            masks.append(mask)
    found = np.stack(masks).astype(np.float32)
    return found, found.sum((1, 2)) / source.areas[numbers].astype(np.float32)


def _turned(pixels: FloatArray, turns: int, mirror: bool) -> FloatArray:
    turned = np.rot90(pixels, turns)
    return np.ascontiguousarray(turned[:, ::-1] if mirror else turned)


def _fitted(
    pixels: FloatArray, masks: FloatArray, side: int, shape: ViewShape
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Scale to the tile; a window that reaches beyond the image leaves bottom and right."""
    image = np.empty((shape.size, shape.size, 3), np.float32)
    image[:] = shape.fill
    inside = _inside(pixels.shape[:2], side, shape.size)
    image[inside] = _resized(pixels.transpose(2, 0, 1), _extent(inside)).transpose(1, 2, 0)
    small = np.zeros((len(masks), shape.mask_size, shape.mask_size), np.float32)
    on_grid = _inside(pixels.shape[:2], side, shape.mask_size)
    small[:, on_grid[0], on_grid[1]] = _resized(masks, _extent(on_grid))
    boxes = np.stack([_edges(mask) for mask in masks]) * np.float32(shape.size / side)
    return image, small, boxes


def _inside(extent: tuple[int, ...], side: int, size: int) -> tuple[slice, slice]:
    rows, cols = (max(1, min(size, round(length * size / side))) for length in extent)
    return slice(0, rows), slice(0, cols)


def _extent(inside: tuple[slice, slice]) -> tuple[int, int]:
    return inside[0].stop, inside[1].stop


def _resized(channels: FloatArray, size: tuple[int, int]) -> FloatArray:
    batch = torch.from_numpy(np.ascontiguousarray(channels))[None]
    scaled = nnf.interpolate(batch, size=size, mode="bilinear", antialias=True)
    return scaled[0].numpy()


def _edges(mask: FloatArray) -> FloatArray:
    """Edges of what is visible; of an object out of sight, an empty box."""
    rows, cols = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not len(rows):
        return np.zeros(4, np.float32)
    return np.array([rows[0], cols[0], rows[-1] + 1, cols[-1] + 1], np.float32)


def relit(image: FloatArray, kind: str, rng: np.random.Generator) -> FloatArray:
    """Change exposure, colour, polarity, focus and noise of an image in [0, 1]."""
    image = image ** np.float32(np.exp(rng.normal(0, 0.25)))
    draw = rng.random()
    if kind == "fluorescence" and draw < 0.15:
        image = image * np.asarray(_TINTS[rng.integers(len(_TINTS))], np.float32)
    elif kind != "fluorescence" and draw < 0.2:
        image = np.repeat(image.mean(axis=-1, keepdims=True), 3, axis=-1)
    elif draw < 0.35:
        image = image * rng.normal(1, 0.06, 3).astype(np.float32)
    elif kind == "scene" and draw < 0.5:
        image = image[..., rng.permutation(3)]
    if rng.random() < 0.12:
        image = 1 - image
    if rng.random() < 0.15:
        sigma = rng.uniform(0.5, 1.5)
        image = ndi.gaussian_filter(image, (sigma, sigma, 0))
    if rng.random() < 0.3:
        image = image + rng.standard_normal(image.shape, np.float32) * rng.uniform(0.01, 0.06)
    return np.clip(image, 0, 1).astype(np.float32, copy=False)


def usable(images: Sequence[LabelledImage]) -> tuple[LabelledImage, ...]:
    """Those with at least one object."""
    return tuple(image for image in images if len(image.boxes))
