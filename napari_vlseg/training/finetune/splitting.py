"""Corrections held out to measure on: whole groups, or regions where there are few images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from napari_vlseg.training.finetune.corrected import CorrectedPlane

FEWEST = 10
"""Objects from which on some are held out."""

FEWEST_GROUPS = 5
"""Groups from which on whole ones are held out: of fewer, one would be too much."""


def split_corrections(
    planes: Sequence[CorrectedPlane], share: float, seed: int = 0
) -> tuple[tuple[CorrectedPlane, ...], tuple[CorrectedPlane, ...]]:
    """What is trained on, and what is only measured on.

    Parameters
    ----------
    planes : sequence of CorrectedPlane
    share : float
        Of the objects that is held out, about; 0 holds out nothing.
    seed : int
        Chooses the groups.

    Returns
    -------
    training, held_out : tuple of CorrectedPlane
        Planes of one group are on one side. With fewer than `FEWEST_GROUPS` groups each plane is
        cut in two along its longer axis, and an object belongs to the part that holds its
        centre. Nothing is held out of fewer than `FEWEST` objects.
    """
    counts: dict[str, int] = {}
    for plane in planes:
        counts[plane.group] = counts.get(plane.group, 0) + len(plane.objects)
    if share == 0 or sum(counts.values()) < FEWEST:
        return tuple(planes), ()
    groups = [group for group, count in counts.items() if count]
    if len(groups) < FEWEST_GROUPS:
        parts = [_cut(plane, share) for plane in planes]
        return tuple(part for part, _ in parts), tuple(part for _, part in parts)
    held = _groups_for(groups, counts, share, seed)
    return (
        tuple(plane for plane in planes if plane.group not in held),
        tuple(plane for plane in planes if plane.group in held),
    )


def _groups_for(groups: list[str], counts: dict[str, int], share: float, seed: int) -> set[str]:
    """Groups in a drawn order until the share is reached; at least one is left to train on."""
    wanted = share * sum(counts[group] for group in groups)
    order = np.random.default_rng(seed).permutation(len(groups))
    held: set[str] = set()
    taken = 0
    for number in order[:-1]:
        if held and taken >= wanted:
            break
        held.add(groups[number])
        taken += counts[groups[number]]
    return held


def _cut(plane: CorrectedPlane, share: float) -> tuple[CorrectedPlane, CorrectedPlane]:
    """The part to train on, and the one at the far end of the longer axis."""
    axis = int(np.argmax(plane.labels.shape))
    objects = plane.objects
    centres = {label: float(np.mean(np.nonzero(plane.labels == label)[axis])) for label in objects}
    if not centres:
        return plane, replace(plane, reviewed=np.zeros_like(plane.reviewed))
    border = float(np.quantile(list(centres.values()), 1 - share))
    beyond = [label for label, centre in centres.items() if centre > border]
    place = np.arange(plane.labels.shape[axis])
    far = np.expand_dims(place > border, 1 - axis) & np.ones(plane.labels.shape, bool)
    mine = np.isin(plane.labels, beyond)
    theirs = np.isin(plane.labels, [label for label in objects if label not in beyond])
    held = (far | mine) & ~theirs
    return (
        replace(plane, reviewed=plane.reviewed & ~held),
        replace(plane, reviewed=plane.reviewed & held),
    )
