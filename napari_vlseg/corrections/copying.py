"""Images taken over from one project into another."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from napari_vlseg.corrections.records import ImageRecord
from napari_vlseg.corrections.store import ImageEntry, Project


def add_copy(
    project: Project, image: ImageRecord, *, source_path: Path | None, embed: np.ndarray | None
) -> ImageEntry:
    """Refer to an image of another project, without its proposals and labels.

    Parameters
    ----------
    project : Project
        Where it goes.
    image : ImageRecord
    source_path : Path, optional
        Its file.
    embed : numpy.ndarray, optional
        Its pixels, where the project is to hold them.

    Raises
    ------
    ProjectError
        As by `Project.add_image`.
    """
    return project.add_image(
        image.name,
        source_path=source_path,
        pixels_sha256=image.pixels_sha256,
        shape=image.shape,
        dtype=image.dtype,
        axes=image.axes,
        pixel_size=image.pixel_size,
        unit=image.unit,
        scale=image.scale,
        translate=image.translate,
        embed=embed,
    )
