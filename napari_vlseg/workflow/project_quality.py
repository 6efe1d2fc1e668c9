"""The stop estimate of a project: what was proposed before it was corrected, against what became.

The quality of a reviewed image is that of the last proposal on each plane from before a person
touched the image, whatever model made it: no correction of the image can have been learned from by
then, so that no model has to be trained again without it for an honest number. What an earlier
model got wrong counts as it was. How unsure it was of its objects goes with it, and the curve
between both is read at the uncertainty of the unseen images under the model of today.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from napari_vlseg.corrections.store import ImageEntry, Project
from napari_vlseg.corrections.stored import StoredProposal
from napari_vlseg.corrections.worklist import Worklist
from napari_vlseg.errors import VlsegError
from napari_vlseg.events import Notice, Progress, Work
from napari_vlseg.exporters import DEFAULT_CLASS
from napari_vlseg.metrics import match_instances
from napari_vlseg.workflow.journal_lines import read_journal
from napari_vlseg.workflow.ordering import Look, mean_uncertainty
from napari_vlseg.workflow.project_pairs import read_annotation
from napari_vlseg.workflow.provenance import MACHINE_OPS
from napari_vlseg.workflow.stopping import QualityEstimate, estimate_quality


@dataclass(frozen=True)
class ReviewedImage:
    """A reviewed image against what was proposed on it.

    Attributes
    ----------
    name : str
    quality : float
        Objects that are right, of all that were found or missed (AP@0.5, classes apart).
    unsureness : float
        Mean uncertainty of the proposed objects; NaN where it is not known.
    model : str
        That proposed them.
    """

    name: str
    quality: float
    unsureness: float
    model: str


def reviewed_images(project: Project, worklist: Worklist) -> Work[tuple[ReviewedImage, ...]]:
    """Images that are marked as done and were proposed on.

    Yields
    ------
    Progress or Notice
        A notice for each that can't be read.
    """
    done = {item.image for item in worklist.items if item.status == "done"}
    entries = [entry for entry in project.images if entry.id in done]
    found = []
    for number, entry in enumerate(entries, start=1):
        try:
            judged = judge_reviewed(entry)
        except VlsegError as error:
            yield Notice(f"{entry.name}: {error}")
            continue
        if judged is not None:
            found.append(judged)
        yield Progress("reading reviewed images", number, len(entries))
    return tuple(found)


def judge_reviewed(entry: ImageEntry) -> ReviewedImage | None:
    """How good the proposals on an image were before it was touched.

    Returns
    -------
    ReviewedImage or None
        None where no proposal of objects from before was kept, or there are no labels.

    Raises
    ------
    ProjectError
        If its files are damaged.
    """
    proposals = untouched_proposals(entry)
    if not proposals or not entry.has_labels:
        return None
    annotation = read_annotation(entry)
    classes = {label: annotation.class_of(label) for label in annotation.objects.index.tolist()}
    counts = np.zeros(2, int)
    unsureness = []
    for index, proposal in proposals.items():
        rows = proposal.objects
        proposed = dict(zip(rows["label"].astype(int), rows["class"].astype(str), strict=True))
        counts += _right_and_all(
            annotation.labels[index], classes, proposal.load_labels(), proposed
        )
        unsureness.append(mean_uncertainty(rows))
    known = [value for value in unsureness if math.isfinite(value)]
    right, every = counts.tolist()
    return ReviewedImage(
        entry.name,
        right / every if every else 1.0,
        sum(known) / len(known) if known else math.nan,
        str(next(iter(proposals.values())).model),
    )


def untouched_proposals(entry: ImageEntry) -> dict[tuple[int, ...], StoredProposal]:
    """For each plane the last proposal of objects from before a person touched the image.

    Raises
    ------
    ProjectError
        If its files are damaged.
    """
    edits = read_journal(entry).edits()
    touched = next((edit.time for edit in edits if edit.op not in MACHINE_OPS), "")
    found: dict[tuple[int, ...], StoredProposal] = {}
    for proposal in entry.proposals():
        if proposal.postprocess.mode != "instances":
            continue
        # Without a time, as where a project was anonymised, the first one is certainly earlier.
        if proposal.index not in found or proposal.created < touched:
            found[proposal.index] = proposal
    return {index: one for index, one in found.items() if not touched or one.created <= touched}


def unseen_quality(
    project: Project, worklist: Worklist, looks: Mapping[int, Look] | None = None
) -> Work[QualityEstimate]:
    """Estimate the quality of proposals on the images that are neither done nor skipped.

    Parameters
    ----------
    project : Project
    worklist : Worklist
        See `napari_vlseg.workflow.worklist.worklist_of`.
    looks : mapping of int to Look, optional
        At those images, by position, see `napari_vlseg.workflow.looks.look_at_images`. Without
        one, an image counts as being like the others.

    Yields
    ------
    Progress or Notice

    Raises
    ------
    SettingsError
        If too few images were reviewed, or none is left.
    """
    reviewed = yield from reviewed_images(project, worklist)
    seen = looks or {}
    unseen = [
        seen[position].unsureness if position in seen else math.nan
        for position, item in enumerate(worklist.items)
        if item.status in ("new", "in progress")
    ]
    if not looks and unseen:
        yield Notice(
            "Nobody asked the model about the images that are left: the estimate takes them to be "
            "like the reviewed ones. Give --model to have it look at them."
        )
    return estimate_quality(
        [image.quality for image in reviewed],
        [image.unsureness for image in reviewed],
        unseen,
    )


def _right_and_all(
    truth: np.ndarray,
    truth_classes: Mapping[int, str],
    found: np.ndarray,
    found_classes: Mapping[int, str],
) -> tuple[int, int]:
    """Objects that are right, and all that were found or missed, class by class."""
    right = every = 0
    for name in sorted({*truth_classes.values(), *found_classes.values()}):
        wanted, proposed = (
            _of_class(labels, classes, name)
            for labels, classes in ((truth, truth_classes), (found, found_classes))
        )
        matching = match_instances(wanted, proposed)
        right += matching.true_positives
        every += matching.n_truth + matching.n_pred - matching.true_positives
    return right, every


def _of_class(labels: np.ndarray, classes: Mapping[int, str], name: str) -> np.ndarray:
    own = [label for label, known in classes.items() if (known or DEFAULT_CLASS) == name]
    return np.where(np.isin(labels, own), labels, 0)
