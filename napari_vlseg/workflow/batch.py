"""Many image files to one folder of label images, with records and tables beside them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial
from typing import Any, TypeAlias

import numpy as np

from napari_vlseg.errors import ExportError, ImageError, VlsegError
from napari_vlseg.events import Notice, Progress, Work
from napari_vlseg.files import writing
from napari_vlseg.images import (
    Channel,
    SourceImage,
    extract_plane,
    leading_axes,
    plane_shape,
    read_image,
)
from napari_vlseg.models.base import DenseSegmenter, PromptableSegmenter
from napari_vlseg.prompts import PromptTable
from napari_vlseg.proposals import PostProcess, Proposals
from napari_vlseg.workflow.cache import EmbeddingCache
from napari_vlseg.workflow.fingerprints import image_stamp, model_identity
from napari_vlseg.workflow.jobs import Job
from napari_vlseg.workflow.label_files import write_labels, write_probabilities
from napari_vlseg.workflow.outcomes import BatchLedger, Outcome, closing_notices
from napari_vlseg.workflow.refine import propose_refined

__all__ = ["Outcome", "read_plane", "segment_files", "write_proposals"]

ProposePlane: TypeAlias = Callable[[np.ndarray], Work[Proposals]]


def segment_files(
    jobs: Sequence[Job],
    model: DenseSegmenter,
    prompts: PromptTable,
    *,
    outliner: PromptableSegmenter | None = None,
    postprocess: PostProcess | None = None,
    working_scale: float | None = None,
    edges: bool | None = None,
    index: Sequence[int] = (),
    channels: Sequence[Channel] = (),
    cache: EmbeddingCache | None = None,
    redo: bool = False,
) -> Work[tuple[Outcome, ...]]:
    """Segment images by prompts and write their labels and records; see `write_proposals`.

    Parameters
    ----------
    jobs : sequence of Job
        From `napari_vlseg.workflow.jobs.plan_jobs`.
    model, prompts, outliner, postprocess, working_scale, edges
        See `napari_vlseg.workflow.refine.propose_refined`.
    index, channels, redo
        See `write_proposals`.
    cache : EmbeddingCache, optional
        Images that were encoded before are not encoded again.

    Yields
    ------
    Progress or Notice

    Returns
    -------
    tuple of Outcome
        One for each job.
    """
    post = postprocess or PostProcess()
    propose_plane = partial(
        propose_refined,
        model,
        prompts=prompts,
        outliner=outliner,
        postprocess=post,
        working_scale=working_scale,
        edges=edges,
        cache=cache,
    )
    question = {
        "prompts": prompts.to_json(),
        "models": [model_identity(one.info) for one in (model, outliner) if one is not None],
        "postprocess": asdict(post),
        "working_scale": working_scale,
        "edges": edges,
    }
    return write_proposals(jobs, propose_plane, question, index=index, channels=channels, redo=redo)


def write_proposals(
    jobs: Sequence[Job],
    propose_plane: ProposePlane,
    question: Mapping[str, Any],
    *,
    index: Sequence[int] = (),
    channels: Sequence[Channel] = (),
    redo: bool = False,
) -> Work[tuple[Outcome, ...]]:
    """Segment images one after another and write their labels, records and tables.

    An image that fails does not keep the others from being written. Files of an earlier run
    are replaced one by one, each when its successor is complete; the records of images that
    are not part of this run, or that failed, stay. An image whose labels are there, made of
    the same file by the same question, is not segmented again.

    Parameters
    ----------
    jobs : sequence of Job
        From `napari_vlseg.workflow.jobs.plan_jobs`, all into one folder.
    propose_plane : callable
        Takes a plane, float32 (H, W, 3) in [0, 1], and gives the work that makes proposals.
    question : mapping
        JSON values that say what `propose_plane` does; with another question, images are
        segmented again.
    index : sequence of int
        Position on each leading axis of the images.
    channels : sequence of Channel
        Which channels are looked at, and in which colours; all of them when empty.
    redo : bool
        Whether images are segmented again that are done already.

    Yields
    ------
    Progress or Notice

    Returns
    -------
    tuple of Outcome
        One for each job.

    Raises
    ------
    ExportError
        If the journal of the folder is damaged, or the tables can't be written.
    """
    if not jobs:
        return ()
    looked_at = {"index": list(index), "channels": [asdict(channel) for channel in channels]}
    ledger = BatchLedger(jobs[0].out, {**question, **looked_at}, redo)
    outcomes: list[Outcome] = []
    try:
        for done, job in enumerate(jobs):
            yield Progress("images", done, len(jobs))
            outcome = ledger.kept(job)
            if outcome is None:
                outcome = yield from _segment_file(job, propose_plane, index, channels, ledger)
            outcomes.append(outcome)
        yield Progress("images", len(jobs), len(jobs))
    finally:  # also when cancelled: labels that were replaced need their new records
        ledger.publish()
    for message in closing_notices(outcomes):
        yield Notice(message)
    return tuple(outcomes)


def _segment_file(
    job: Job,
    propose_plane: ProposePlane,
    index: Sequence[int],
    channels: Sequence[Channel],
    ledger: BatchLedger,
) -> Work[Outcome]:
    try:
        # Before it is read, so that a change meanwhile is noticed by the next run.
        stamp = image_stamp(job.image) if job.image.exists() else ""
        source = read_image(job.image)
    except VlsegError as error:
        if job.is_named:
            yield Notice(f"{job.image}: {error}")
        return ledger.failed(job, str(error), "failed" if job.is_named else "unreadable")
    try:
        plane = read_plane(source, index, channels)
        proposals = yield from propose_plane(plane)
        _write(job, source, proposals)
    except VlsegError as error:
        yield Notice(f"{job.image}: {error}")
        return ledger.failed(job, str(error))
    return ledger.done(job, source, proposals, stamp)


def read_plane(
    source: SourceImage, index: Sequence[int] = (), channels: Sequence[Channel] = ()
) -> np.ndarray:
    """The plane of an image file to segment, float32 (H, W, 3) in [0, 1].

    Raises
    ------
    ImageError
        If `index` does not hold one position for each leading axis, or there are no channels
        to choose from.
    """
    view = source.view
    if channels:
        if view.channel_axis is None:
            raise ImageError(f"“{source.name}” has no channel axis: leave out --channel.")
        view = replace(view, channels=tuple(channels))
    leading = leading_axes(source.data, view)
    if len(index) != len(leading):
        shape = " × ".join(str(source.data.shape[axis]) for axis in leading)
        raise ImageError(
            f"“{source.name}” is a stack of {shape} planes: choose one with --plane, "
            f"for example --plane {','.join('0' * len(leading))}."
            if leading
            else f"“{source.name}” is a single plane of {plane_shape(source.data, view)} "
            "pixels: leave out --plane."
        )
    return extract_plane(source.data, index, view)


def _write(job: Job, source: SourceImage, proposals: Proposals) -> None:
    with writing(job.labels.parent, ExportError):
        job.labels.parent.mkdir(parents=True, exist_ok=True)
    if job.probabilities is not None:
        write_probabilities(job.probabilities, proposals, source)
    write_labels(job.labels, proposals, source)
