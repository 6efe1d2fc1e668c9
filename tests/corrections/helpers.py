"""What the tests of projects share."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from napari_vlseg.corrections.store import ImageEntry, Project
from napari_vlseg.images import pixels_sha256
from napari_vlseg.proposals import OBJECT_COLUMNS, completed

Scene = tuple[np.ndarray, np.ndarray]


def add(project: Project, name: str, pixels: np.ndarray, axes: str = "") -> ImageEntry:
    """Put an image without a file into a project."""
    return project.add_image(
        name,
        source_path=None,
        pixels_sha256=pixels_sha256(pixels),
        shape=pixels.shape,
        dtype=pixels.dtype,
        axes=axes,
        embed=pixels,
    )


def object_table(labels: np.ndarray) -> pd.DataFrame:
    """One row per label, with awkward values among them."""
    rows = [
        (f"uid{label}", label, "nuclei, “large”", 0.1 * label, int((labels == label).sum()),
         "nuclei; not µ", "m@1", 0.5, "proposed", "auto")
        for label in np.unique(labels[labels > 0]).tolist()
    ]  # fmt: skip
    return completed(pd.DataFrame(rows, columns=list(OBJECT_COLUMNS[:10])))


def reopened(entry: ImageEntry) -> ImageEntry:
    images = Project.open(entry.folder.parents[1]).images
    return next(image for image in images if image.id == entry.id)


def snapshot(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != ".lock"
    }


def refuse(monkeypatch: pytest.MonkeyPatch, number: int, after: int = 0) -> None:
    """Make the file system refuse to put files in place, from a given time on."""
    replace, calls = os.replace, iter(range(10**6))

    def fail(source: Path, target: Path) -> None:
        if next(calls) >= after:
            raise OSError(number, os.strerror(number))
        replace(source, target)

    monkeypatch.setattr(os, "replace", fail)
