"""Somebody who corrects object after object, image after image, and makes no mistakes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from napari_vlseg.training.finetune.corrected import CorrectedPlane, reviewed_pixels
from napari_vlseg.training.simulation.pools import TrueImage


def annotate(
    images: Sequence[TrueImage],
    order: Sequence[int],
    budget: int,
    class_name: str,
    seed: int = 0,
    per_image: int | None = None,
) -> tuple[CorrectedPlane, ...]:
    """Correct objects until a budget is used up.

    Images are gone through in order and their objects in a drawn order. An image whose objects
    are all corrected is called done; of the one where the budget ends only the corrected objects
    and their surroundings count.

    Parameters
    ----------
    images : sequence of TrueImage
    order : sequence of int
        Positions in `images`.
    budget : int
        Number of objects.
    class_name : str
    seed : int
    per_image : int, optional
        Objects that are corrected of an image, at most, before the next one; all if omitted.
    """
    planes = []
    left = budget
    for position in order:
        if left <= 0:
            break
        image = images[position]
        own = np.unique(image.labels[image.labels > 0])
        most = min(left, per_image or left)
        drawn = np.random.default_rng([seed, position]).permutation(own)[:most]
        left -= len(drawn)
        is_done = len(drawn) == len(own)
        planes.append(_corrected(image, drawn.tolist(), class_name, is_done=is_done))
    return tuple(planes)


def _corrected(
    image: TrueImage, labels: Sequence[int], class_name: str, *, is_done: bool
) -> CorrectedPlane:
    kept = np.where(np.isin(image.labels, labels), image.labels, 0)
    reviewed = reviewed_pixels(kept, labels, everything=is_done)
    if not is_done:  # the rim of an object may lie on a neighbour that nobody corrected
        reviewed &= (kept > 0) | (image.labels == 0)
    return CorrectedPlane(
        image.plane, kept, dict.fromkeys(labels, class_name), reviewed, image.group, image.name
    )
