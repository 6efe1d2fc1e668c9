"""Many image files to one folder of label images, with one record per object beside them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from napari_vlseg.errors import ImageError, VlsegError
from napari_vlseg.events import Notice, Progress, Work
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
from napari_vlseg.workflow.jobs import Job
from napari_vlseg.workflow.label_files import write_labels, write_probabilities
from napari_vlseg.workflow.records import object_records, write_records
from napari_vlseg.workflow.refine import propose_refined

ProposePlane: TypeAlias = Callable[[np.ndarray], Work[Proposals]]


@dataclass(frozen=True)
class Outcome:
    """What became of one image.

    Attributes
    ----------
    image : str
        Path as given.
    labels, probabilities : str or None
        Files written.
    n_objects : int
        Rows of the object table: objects, or classes present when semantic.
    classes : dict of str to int
        The same by class; a class that was not found has 0.
    coverage : float
        Share of the pixels that are labelled, in [0, 1].
    error : str or None
        Why nothing was written.
    """

    image: str
    labels: str | None = None
    probabilities: str | None = None
    n_objects: int = 0
    classes: dict[str, int] = field(default_factory=dict)
    coverage: float = 0.0
    error: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """JSON form."""
        return asdict(self)


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
) -> Work[tuple[Outcome, ...]]:
    """Segment images by prompts and write their labels and records; see `write_proposals`.

    Parameters
    ----------
    jobs : sequence of Job
        From `napari_vlseg.workflow.jobs.plan_jobs`.
    model, prompts, outliner, postprocess, working_scale, edges
        See `napari_vlseg.workflow.refine.propose_refined`.
    index, channels
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
    propose_plane = partial(
        propose_refined,
        model,
        prompts=prompts,
        outliner=outliner,
        postprocess=postprocess,
        working_scale=working_scale,
        edges=edges,
        cache=cache,
    )
    return write_proposals(jobs, propose_plane, index=index, channels=channels)


def write_proposals(
    jobs: Sequence[Job],
    propose_plane: ProposePlane,
    *,
    index: Sequence[int] = (),
    channels: Sequence[Channel] = (),
) -> Work[tuple[Outcome, ...]]:
    """Segment images one after another and write their labels and records.

    An image that fails does not keep the others from being written. Files of an earlier run
    are replaced one by one, each when its successor is complete; the records of images that
    are not part of this run, or that failed, stay.

    Parameters
    ----------
    jobs : sequence of Job
        From `napari_vlseg.workflow.jobs.plan_jobs`.
    propose_plane : callable
        Takes a plane, float32 (H, W, 3) in [0, 1], and gives the work that makes proposals.
    index : sequence of int
        Position on each leading axis of the images.
    channels : sequence of Channel
        Which channels are looked at, and in which colours; all of them when empty.

    Yields
    ------
    Progress or Notice

    Returns
    -------
    tuple of Outcome
        One for each job.
    """
    outcomes: list[Outcome] = []
    records: list[dict[str, Any]] = []
    try:
        for done, job in enumerate(jobs):
            yield Progress("images", done, len(jobs))
            try:
                source = read_image(job.image)
                plane = read_plane(source, index, channels)
                proposals = yield from propose_plane(plane)
                _write(job, source, proposals)
            except VlsegError as error:
                yield Notice(f"{job.image}: {error}")
                outcomes.append(Outcome(str(job.image), error=str(error)))
            else:
                outcomes.append(_outcome(job, proposals))
                records += object_records(str(job.image), job.labels.name, proposals)
        yield Progress("images", len(jobs), len(jobs))
    finally:  # also when cancelled: labels that were replaced need their new records
        done_files = [Path(o.labels).name for o in outcomes if o.labels is not None]
        if done_files:
            write_records(jobs[0].labels.parent, done_files, records)
    return tuple(outcomes)


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
    if job.probabilities is not None:
        write_probabilities(job.probabilities, proposals, source)
    write_labels(job.labels, proposals, source)


def _outcome(job: Job, proposals: Proposals) -> Outcome:
    counts = proposals.objects["class"].value_counts()
    return Outcome(
        str(job.image),
        str(job.labels),
        None if job.probabilities is None else str(job.probabilities),
        len(proposals.objects),
        {name: int(counts.get(name, 0)) for name in proposals.classes},
        float(np.count_nonzero(proposals.labels) / proposals.labels.size),
    )
