"""How a plane of any size is laid before a model with a square input of one size."""

from __future__ import annotations

import math

from napari_vlseg.errors import SettingsError
from napari_vlseg.tiling import TilePlan, plan_tiles

SCALE_RANGE = (1 / 8, 64.0)
"""Smallest and largest working scale, in image pixels per model pixel."""

_WHOLE_IMAGE_SCALE = 2.0
_LARGEST_TILE = 1.25
_OVERLAP = 0.125


def choose_scale(
    shape: tuple[int, int],
    input_size: int,
    requested: float | None = None,
    native: float | None = None,
) -> float:
    """Working scale: image pixels per model pixel.

    A model that was trained at a scale of its own keeps it. Any other is shown the whole
    image as long as that shrinks it twofold at most; larger images are shrunk twofold and
    tiled, because objects smaller than a patch after shrinking are lost.

    Parameters
    ----------
    shape : tuple of int
        (H, W) of the plane, in pixels.
    input_size : int
        Side of the model's input, in model pixels.
    requested : float, optional
        The person's choice.
    native : float, optional
        The scale the model was trained at.

    Raises
    ------
    SettingsError
        If `requested` is outside `SCALE_RANGE`.
    """
    lowest, highest = SCALE_RANGE
    if requested is not None:
        if not lowest <= requested <= highest:
            raise SettingsError(
                f"The working scale {requested} is out of range: choose {lowest:g} to "
                f"{highest:g} image pixels per model pixel, or leave it automatic."
            )
        return float(requested)
    if native is not None:
        return native
    return min(max(max(shape) / input_size, lowest), _WHOLE_IMAGE_SCALE)


def model_shape(shape: tuple[int, int], scale: float) -> tuple[int, int]:
    """(H, W) of a plane in model pixels, at least one each."""
    height, width = (max(1, round(extent / scale)) for extent in shape)
    return height, width


def plan_windows(
    shape: tuple[int, int], input_size: int, patch: int, side: int | None = None
) -> TilePlan:
    """Tiles for a plane that is already in model pixels.

    Tiles are up to 1.25 times as large as the input, for which the model's positional
    embeddings are interpolated; beyond that they would be stretched too far from what was
    trained. Of these sizes the one is taken that covers the plane with the fewest pixels in
    all, where neighbours share an eighth of the input at least.

    Parameters
    ----------
    shape : tuple of int
        (H, W), in model pixels.
    input_size : int
        Side of the model's input, in model pixels.
    patch : int
        Side of a patch: sides of tiles are multiples of it.
    side : int, optional
        Largest side that memory allows.
    """
    limit = int(input_size * _LARGEST_TILE) if side is None else side
    whole = math.ceil(max(shape) / patch) * patch
    smallest = input_size if side is None else min(whole, limit // patch * patch)
    sides = range(smallest, max(smallest, limit) + 1, patch)
    shared = int(min(input_size, smallest) * _OVERLAP)
    chosen = min(sides, key=lambda side: math.prod(_counts(shape, side, shared)) * side**2)
    return plan_tiles(shape, chosen, _even_overlap(shape, chosen, shared))


def _counts(shape: tuple[int, int], side: int, shared: int) -> tuple[int, ...]:
    """Tiles along each axis where neighbours share some pixels at least."""
    step = side - shared
    return tuple(1 + max(0, math.ceil((extent - side) / step)) for extent in shape)


def _even_overlap(shape: tuple[int, int], side: int, shared: int) -> int:
    """Pixels that neighbours share where the tiles are spread evenly."""
    even = [
        (count * side - extent) // (count - 1)
        for extent, count in zip(shape, _counts(shape, side, shared), strict=True)
        if count > 1
    ]
    return min(even, default=shared)
