"""Many image files to one folder of label images, with records and tables beside them."""

from __future__ import annotations

import queue
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace

import numpy as np

from napari_vlseg.errors import ExportError, ImageError, VlsegError
from napari_vlseg.events import Notice, Progress, Work
from napari_vlseg.files import writing
from napari_vlseg.images import (
    Channel,
    ImageView,
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
from napari_vlseg.workflow.plane_tasks import (
    LocalPlanes,
    PlaneAnswer,
    PlaneQuestion,
    PlaneRunner,
    PlaneTask,
    TextQuestion,
)

__all__ = ["Outcome", "read_plane", "segment_files", "write_proposals"]


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
    question = TextQuestion(prompts, postprocess or PostProcess(), working_scale, edges)
    models = (model,) if outliner is None else (model, outliner)
    return write_proposals(
        jobs, question, LocalPlanes(models, cache), index=index, channels=channels, redo=redo
    )


def write_proposals(
    jobs: Sequence[Job],
    question: PlaneQuestion,
    runner: PlaneRunner,
    *,
    index: Sequence[int] = (),
    channels: Sequence[Channel] = (),
    redo: bool = False,
) -> Work[tuple[Outcome, ...]]:
    """Segment images and write their labels, records and tables, each as soon as it is done.

    An image that fails does not keep the others from being written. Files of an earlier run
    are replaced one by one, each when its successor is complete; the records of images that
    are not part of this run, or that failed, stay. An image whose labels are there, made of
    the same file by the same question, is not segmented again.

    Parameters
    ----------
    jobs : sequence of Job
        From `napari_vlseg.workflow.jobs.plan_jobs`, all into one folder.
    question : PlaneQuestion
        With another question, images are segmented again.
    runner : PlaneRunner
        What answers it.
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
    facts = {
        **question.facts(),
        "models": [model_identity(info) for info in runner.models],
        "index": list(index),
        "channels": [asdict(channel) for channel in channels],
    }
    batch = _Batch(jobs, BatchLedger(jobs[0].out, facts, redo), tuple(index), tuple(channels))
    try:
        yield from batch.run(question, runner)
    finally:  # also when cancelled: labels that were replaced need their new records
        batch.ledger.publish()
    outcomes = tuple(batch.outcomes[number] for number in range(len(jobs)))
    for message in closing_notices(outcomes):
        yield Notice(message)
    return outcomes


@dataclass(frozen=True, eq=False)
class _Read:
    """What is remembered of an image while others work on its pixels."""

    source: SourceImage
    stamp: str


@dataclass
class _Batch:
    """A run: images are read ahead, perhaps by another thread, and written by this one."""

    jobs: Sequence[Job]
    ledger: BatchLedger
    index: tuple[int, ...]
    channels: tuple[Channel, ...]
    outcomes: dict[int, Outcome] = field(default_factory=dict)
    _read: dict[int, _Read] = field(default_factory=dict)
    _settled: queue.SimpleQueue[tuple[int, Outcome | VlsegError, bool]] = field(
        default_factory=queue.SimpleQueue
    )

    def run(self, question: PlaneQuestion, runner: PlaneRunner) -> Work[None]:
        """Have every image answered that is not done yet."""
        yield self._progress()
        maps = any(job.probabilities is not None for job in self.jobs)
        answers = runner.answers(question, self._tasks(), maps)
        try:
            for event in answers:
                if isinstance(event, PlaneAnswer):
                    yield from self._take(event)
                else:
                    yield event
                yield from self._take_settled()
        finally:
            close = getattr(answers, "close", None)
            if close is not None:
                close()
        yield from self._take_settled()

    def _tasks(self) -> Iterator[PlaneTask]:
        """Images that have to be segmented; runs where images are read."""
        for number, job in enumerate(self.jobs):
            outcome = self.ledger.kept(job)
            if outcome is not None:
                self._settled.put((number, outcome, False))
                continue
            is_image = False
            try:
                # Before it is read, so that a change meanwhile is noticed by the next run.
                stamp = image_stamp(job.image) if job.image.exists() else ""
                source = read_image(job.image)
                is_image = True
                view = _plane_view(source, self.index, self.channels)
                pixels = _pixels(source, self.index, view)
            except VlsegError as error:
                self._settled.put((number, error, is_image))
                continue
            self._read[number] = _Read(replace(source, data=None), stamp)
            yield PlaneTask(number, pixels, view)

    def _take_settled(self) -> Work[None]:
        """Images that need no answer: kept ones, and those that can't be read."""
        while not self._settled.empty():
            number, found, is_image = self._settled.get()
            if isinstance(found, Outcome):
                self.outcomes[number] = found
            else:
                yield from self._fail(number, str(found), is_image)
            yield self._progress()

    def _take(self, answer: PlaneAnswer) -> Work[None]:
        number, job, read = answer.number, self.jobs[answer.number], self._read.pop(answer.number)
        if answer.proposals is None:
            yield from self._fail(number, answer.error)
        else:
            try:
                _write(job, read.source, answer.proposals)
            except VlsegError as error:
                yield from self._fail(number, str(error))
            else:
                done = self.ledger.done(job, read.source, answer.proposals, read.stamp)
                self.outcomes[number] = done
        yield self._progress()

    def _fail(self, number: int, error: str, is_image: bool = True) -> Work[None]:
        job = self.jobs[number]
        is_wanted = is_image or job.is_named
        if is_wanted:
            yield Notice(f"{job.image}: {error}")
        self.outcomes[number] = self.ledger.failed(
            job, error, "failed" if is_wanted else "unreadable"
        )

    def _progress(self) -> Progress:
        return Progress("images", len(self.outcomes), len(self.jobs))


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
    return extract_plane(source.data, index, _plane_view(source, index, channels))


def _plane_view(
    source: SourceImage, index: Sequence[int], channels: Sequence[Channel]
) -> ImageView:
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
    return view


def _pixels(source: SourceImage, index: Sequence[int], view: ImageView) -> np.ndarray:
    """The plane as the image holds it, leading axes of length 1; nothing else is read.

    Raises
    ------
    ImageError
        If there is no such plane.
    """
    shape = source.data.shape
    window = [slice(None)] * len(shape)
    for axis, position in zip(leading_axes(source.data, view), index, strict=True):
        if not 0 <= position < shape[axis]:
            raise ImageError(
                f"There is no plane {position} on axis {axis} of “{source.name}”, whose shape is "
                f"{tuple(shape)}: choose one from 0 to {shape[axis] - 1}."
            )
        window[axis] = slice(position, position + 1)
    return np.asarray(source.data[tuple(window)])


def _write(job: Job, source: SourceImage, proposals: Proposals) -> None:
    with writing(job.labels.parent, ExportError):
        job.labels.parent.mkdir(parents=True, exist_ok=True)
    if job.probabilities is not None:
        write_probabilities(job.probabilities, proposals, source)
    write_labels(job.labels, proposals, source)
