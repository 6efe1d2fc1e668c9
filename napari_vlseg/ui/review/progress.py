"""How far the review is: of the image, and of the project where one is open."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from napari_vlseg.ui.review.columns import REVIEWED, Columns


@dataclass(frozen=True)
class Count:
    """Objects of an image by what became of them.

    Attributes
    ----------
    reviewed : int
        Accepted, edited or rejected.
    flagged : int
        Looked at, and to be looked at again.
    total : int
    """

    reviewed: int = 0
    flagged: int = 0
    total: int = 0

    @property
    def fraction(self) -> float:
        """Share that is reviewed, 0 without objects."""
        return self.reviewed / self.total if self.total else 0.0


def count(columns: Columns) -> Count:
    """Count the objects of an image."""
    rows = np.flatnonzero(columns.alive)
    reviewed = int(columns.is_one_of("status", REVIEWED, rows).sum())
    flagged = int(columns.is_one_of("status", ["flagged"], rows).sum())
    return Count(reviewed, flagged, len(rows))


def text(counted: Count, images_done: int = 0, images: int = 0) -> str:
    """How far it is, in words.

    Parameters
    ----------
    counted : Count
    images_done, images : int
        Of the project; 0 images is no project.
    """
    parts = [f"{counted.reviewed}/{counted.total} reviewed"]
    if counted.flagged:
        parts.append(f"{counted.flagged} flagged")
    if images:
        parts.append(f"{images_done}/{images} images")
    return " · ".join(parts)
