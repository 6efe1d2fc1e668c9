"""Images that don't fit into memory, put together of the sample images, as zarr on disk."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import zarr

from napari_vlseg.samples import load_sample

CHUNK = 1024


def write_slide(path: Path, height: int, width: int, tissue: float) -> Any:
    """A slide, uint8 (height, width, 3): patches of purple nuclei on empty glass.

    Parameters
    ----------
    path : Path
        Of the zarr array.
    height, width : int
        Pixels.
    tissue : float
        Share of the pixels that are tissue, in [0, 1]; in patches of 1,024 pixels.
    """
    rng = np.random.default_rng(0)
    cells = repeated("purple_on_white", CHUNK)
    glass = rng.integers(238, 245, (CHUNK, CHUNK, 3), np.uint8)
    return _write(path, (height, width, 3), cells, glass, tissue)


def write_stack(path: Path, planes: int, side: int, tissue: float) -> Any:
    """A stack, uint16 (planes, side, side): fluorescent nuclei on a dark ground."""
    rng = np.random.default_rng(0)
    cells = repeated("fluorescence", CHUNK).astype(np.uint16) * 100
    dark = rng.integers(0, 60, (CHUNK, CHUNK), np.uint16)
    return _write(path, (planes, side, side), cells, dark, tissue)


def repeated(sample: str, side: int) -> np.ndarray:
    """A sample image turned, shifted and laid side by side."""
    image, _ = load_sample(sample)
    part = min(image.shape[:2])
    count = -(-side // part)
    turned = [
        np.roll(np.rot90(image[:part, :part], k), (37 * k, 53 * k), (0, 1))
        for k in range(count * count)
    ]
    rows = [np.concatenate(turned[i * count : (i + 1) * count], 1) for i in range(count)]
    return np.concatenate(rows)[:side, :side]


def _write(
    path: Path, shape: tuple[int, ...], full: np.ndarray, empty: np.ndarray, share: float
) -> Any:
    """Chunks of what is full, scattered among those that are empty.

    The attribute ``focus`` is the middle of a full chunk near the middle of the image.
    """
    is_rgb = shape[-1] == 3
    chunks = (CHUNK, CHUNK, 3) if is_rgb else (1, CHUNK, CHUNK)
    array = zarr.create_array(path, shape=shape, chunks=chunks, dtype=full.dtype, overwrite=True)
    rows, cols = (0, 1) if is_rgb else (1, 2)
    planes = [()] if is_rgb else [(z,) for z in range(shape[0])]
    rng, middle = (
        np.random.default_rng(1),
        [n // 2 for n in (*shape[: len(planes[0])], shape[rows], shape[cols])],
    )
    focus: list[int] = []
    for plane in planes:
        for row in range(0, shape[rows], CHUNK):
            for col in range(0, shape[cols], CHUNK):
                is_full = rng.random() < share
                content = full if is_full else empty
                here = [*plane, row + CHUNK // 2, col + CHUNK // 2]
                if is_full and (not focus or math.dist(here, middle) < math.dist(focus, middle)):
                    focus = here
                height, width = min(CHUNK, shape[rows] - row), min(CHUNK, shape[cols] - col)
                array[(*plane, slice(row, row + height), slice(col, col + width))] = content[
                    :height, :width
                ]
    array.attrs["focus"] = focus
    return array
