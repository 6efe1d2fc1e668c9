"""Projects of annotators who drew squares on the same images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from napari_vlseg.corrections.store import ImageEntry, Project
from napari_vlseg.images import pixels_sha256
from napari_vlseg.proposals import completed

Square = tuple[int, int, int, str]
"""Row, column, side and class."""


def drawn(squares: Sequence[Square], shape: tuple[int, ...] = (64, 64)) -> np.ndarray:
    """Labels 1, 2, … of squares; in a stack on plane 1 of its first axis."""
    labels = np.zeros(shape, np.int32)
    plane = labels if labels.ndim == 2 else labels[1]
    for number, (row, col, side, _) in enumerate(squares, start=1):
        plane[row : row + side, col : col + side] = number
    return labels


def rows_of(squares: Sequence[Square], who: str) -> pd.DataFrame:
    return completed(
        pd.DataFrame(
            {
                "object_uid": [f"{who}{number}" for number in range(1, len(squares) + 1)],
                "label": np.arange(1, len(squares) + 1),
                "class": [name for *_, name in squares],
                "area": [side * side for _, _, side, _ in squares],
                "status": "accepted",
                "created_by": who,
            }
        )
    )


def annotator(
    folder: Path, images: Mapping[str, Sequence[Square]], shape: tuple[int, ...] = (64, 64)
) -> Path:
    """A project of images, each the same for everyone by its name, with squares drawn on it."""
    project = Project.create(folder, annotator=folder.name)
    for name, squares in images.items():
        entry = add(project, name, shape)
        entry.save_labels(drawn(squares, shape), rows_of(squares, folder.name))
    return folder


def add(project: Project, name: str, shape: tuple[int, ...] = (64, 64)) -> ImageEntry:
    seed = sum(map(ord, name))
    pixels = np.random.default_rng(seed).integers(0, 255, shape, np.uint8)
    return project.add_image(
        name,
        source_path=None,
        pixels_sha256=pixels_sha256(pixels),
        shape=shape,
        dtype=pixels.dtype,
        axes="ZYX"[-len(shape) :],
        embed=pixels,
    )
