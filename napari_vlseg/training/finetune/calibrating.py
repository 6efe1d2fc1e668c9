"""The thresholds that suit a person's own masks, from a project or from corrected planes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import reduce
from pathlib import Path

import numpy as np
from scipy import ndimage as ndi

from napari_vlseg.corrections.store import Project
from napari_vlseg.errors import PromptError
from napari_vlseg.events import Notice, Progress, Work
from napari_vlseg.models.adapters import Adapter
from napari_vlseg.models.base import DenseSegmenter, automatic_threshold
from napari_vlseg.prompts import PromptTable
from napari_vlseg.training.finetune.corrected import CorrectedPlane
from napari_vlseg.training.finetune.from_project import project_corrections
from napari_vlseg.training.finetune.preparing import corrections_sha256
from napari_vlseg.training.finetune.project_run import with_rows_for
from napari_vlseg.training.finetune.splitting import split_corrections
from napari_vlseg.workflow.cache import EmbeddingCache
from napari_vlseg.workflow.calibration import (
    Bound,
    Calibration,
    Evidence,
    UnitName,
    best_dice,
    bounded,
    thresholds_of,
)
from napari_vlseg.workflow.propose import propose

FEWEST_IMAGES = 3
"""Images with objects of a class from which on images, and not objects, count as independent."""


def calibrate_project(
    folder: Path,
    model: DenseSegmenter,
    *,
    bound: Bound | None = None,
    at: float = 0.1,
    adapter: Adapter | None = None,
    cache: EmbeddingCache | None = None,
    write: bool = False,
) -> Work[tuple[Calibration, ...]]:
    """Calibrate the thresholds of a project's classes on what was corrected in it.

    Parameters
    ----------
    folder : Path
        The project.
    model : DenseSegmenter
    bound, at
        See `calibrate`.
    adapter : Adapter, optional
        What the model was taught. Where it learned from the corrections of this project, those
        that it held out alone are measured on; else a notice says what that may mean.
    cache : EmbeddingCache, optional
    write : bool
        Whether the thresholds are written into the project's prompt table.

    Yields
    ------
    Progress or Notice

    Returns
    -------
    tuple of Calibration
        One for each class with a corrected object.

    Raises
    ------
    ProjectError
        If the project can't be read or written.
    PromptError
        If nothing was corrected.
    SettingsError
        If the bound is unknown or out of range.
    """
    project = Project.open(folder)
    planes = yield from project_corrections(project)
    table = with_rows_for(project.load_prompts(), planes)
    if adapter is not None:
        planes = yield from unlearned(planes, adapter)
    found = yield from calibrate(model, table, planes, bound=bound, at=at, cache=cache)
    if write:
        project.save_prompts(with_thresholds(table, found))
    return found


def calibrate(
    model: DenseSegmenter,
    table: PromptTable,
    planes: Sequence[CorrectedPlane],
    *,
    bound: Bound | None = None,
    at: float = 0.1,
    cache: EmbeddingCache | None = None,
) -> Work[tuple[Calibration, ...]]:
    """Calibrate the threshold of each class that has a corrected object.

    Parameters
    ----------
    model : DenseSegmenter
    table : PromptTable
        Classes are asked for by its rows; a class without a row is left out.
    planes : sequence of CorrectedPlane
        Planes of one group count as one image.
    bound : {"missed", "false"}, optional
        None looks for the best Dice.
    at : float
        The bound.
    cache : EmbeddingCache, optional

    Yields
    ------
    Progress or Notice

    Returns
    -------
    tuple of Calibration

    Raises
    ------
    PromptError
        If no class of the table has a corrected object.
    SettingsError
        If the bound is unknown or out of range.
    """
    names = _corrected_classes(table, planes)
    rows = {row.name: row for row in table.rows}
    asked = replace(table, rows=tuple(replace(rows[name], visible=True) for name in names))
    kept = EmbeddingCache() if cache is None else cache
    parts = {name: _Parts(name) for name in names}
    for done, plane in enumerate(planes):
        proposals = yield from propose(model, plane.plane, asked, cache=kept)
        for name, probability in zip(proposals.classes, proposals.probabilities, strict=True):
            parts[name].add(plane, probability)
        yield Progress("calibrating", done + 1, len(planes))
    present = {
        name: automatic_threshold(model, name) if row.threshold is None else row.threshold
        for name, row in rows.items()
    }
    return tuple(parts[name].calibration(bound, at, present[name]) for name in names)


def unlearned(
    planes: tuple[CorrectedPlane, ...], adapter: Adapter
) -> Work[tuple[CorrectedPlane, ...]]:
    """The corrections that an adapter did not learn from, as far as its card can tell.

    Yields
    ------
    Notice
        Where it can't.
    """
    corrections, settings = adapter.card.get("corrections", {}), adapter.card.get("settings", {})
    if corrections.get("sha256") == corrections_sha256(planes):
        share, seed = settings["held_out_share"], settings["seed"]
        _, held_out = split_corrections(planes, share, seed)
        if held_out:
            return held_out
    yield Notice(
        "The adapter may have learned from these corrections, and is surer of them than of other "
        "images: trust thresholds more that come from images corrected since."
    )
    return planes


def with_thresholds(table: PromptTable, calibrations: Sequence[Calibration]) -> PromptTable:
    """The table with the thresholds that were found; other rows keep theirs."""
    found = thresholds_of(calibrations)
    rows = tuple(
        replace(row, threshold=found[row.name]) if row.name in found else row for row in table.rows
    )
    return replace(table, rows=rows)


class _Parts:
    """What is known about one class, by image and by object."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._images: dict[str, Evidence] = {}
        self._objects: list[Evidence] = []

    def add(self, plane: CorrectedPlane, probability: np.ndarray) -> None:
        """Count the reviewed pixels of a plane."""
        if not plane.reviewed.any():
            return
        mask = plane.mask_of(self._name)
        labels = [label for label, name in plane.objects.items() if name == self._name]
        whole = Evidence.of(probability, mask, plane.reviewed, len(labels))
        known = self._images.get(plane.group)
        self._images[plane.group] = whole if known is None else known.joined(whole)
        nearest = _nearest_object(plane.labels, labels)
        for label in labels:
            around = plane.reviewed & (nearest == label)
            here = mask & (plane.labels == label)
            self._objects.append(
                Evidence.of(probability, here, around & (here | ~mask), 1, whole.is_whole)
            )

    def calibration(self, bound: Bound | None, at: float, present: float) -> Calibration:
        """By images where there are enough, else by objects."""
        images = [one for one in self._images.values() if bound is None or one.is_whole]
        with_objects = sum(one.wanted > 0 for one in images)
        units: UnitName = "images" if with_objects >= FEWEST_IMAGES else "objects"
        evidence = images if units == "images" else self._objects
        if bound is None:
            return best_dice(self._name, evidence, with_objects, units=units, present=present)
        return bounded(self._name, evidence, bound, at, with_objects, units=units)


def _nearest_object(labels: np.ndarray, wanted: Sequence[int]) -> np.ndarray:
    """For each pixel the label of the nearest of some objects."""
    own = np.isin(labels, wanted)
    if not own.any():
        return np.zeros_like(labels)
    rows, cols = ndi.distance_transform_edt(~own, return_distances=False, return_indices=True)
    return labels[rows, cols]


def _corrected_classes(table: PromptTable, planes: Sequence[CorrectedPlane]) -> list[str]:
    present = reduce(set.union, (set(plane.objects.values()) for plane in planes), set[str]())
    names = [row.name for row in table.rows if row.name in present and not row.is_empty]
    if not names:
        raise PromptError(
            "There are no masks to calibrate on: accept, correct or draw objects of a class first."
        )
    return names
