"""Many image files to one folder of label images, with records and tables beside them."""

from __future__ import annotations

import queue
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace

import numpy as np

from napari_vlseg.errors import ExportError, ImageError, VlsegError
from napari_vlseg.events import Notice, Progress, Work
from napari_vlseg.files import writing
from napari_vlseg.images import Channel, SourceImage, extract_plane
from napari_vlseg.models.base import DenseSegmenter, PromptableSegmenter
from napari_vlseg.prompts import PromptTable
from napari_vlseg.proposals import PostProcess, Proposals
from napari_vlseg.workflow.cache import EmbeddingCache
from napari_vlseg.workflow.fingerprints import image_stamp, model_identity
from napari_vlseg.workflow.jobs import Job
from napari_vlseg.workflow.label_files import write_labels, write_probabilities
from napari_vlseg.workflow.large_images import segment_large
from napari_vlseg.workflow.outcomes import BatchLedger, Outcome, closing_notices
from napari_vlseg.workflow.plane_tasks import (
    READING,
    LocalPlanes,
    PlaneAnswer,
    PlaneQuestion,
    PlaneRunner,
    PlaneTask,
    TextQuestion,
)
from napari_vlseg.workflow.selecting import Index, Selection, is_large, plane_pixels

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
    selection: Selection | None = None,
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
    selection, redo
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
    return write_proposals(jobs, question, LocalPlanes(models, cache), selection, redo=redo)


def write_proposals(
    jobs: Sequence[Job],
    question: PlaneQuestion,
    runner: PlaneRunner,
    selection: Selection | None = None,
    *,
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
    selection : Selection, optional
        What of each image is segmented. Large images, and several planes, are segmented
        block by block after the others, and their labels are written as OME-Zarr.
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
    selection = selection or Selection()
    facts = {
        **question.facts(),
        "models": [model_identity(info) for info in runner.models],
        "selection": selection.facts(),
    }
    goes_by_blocks = isinstance(question, TextQuestion) and len(runner.models) == 1
    batch = _Batch(jobs, BatchLedger(jobs[0].out, facts, redo), selection, goes_by_blocks)
    with ThreadPoolExecutor(1, "write-tables") as batch.tables:
        try:
            yield from batch.run(question, runner)
        finally:  # also when cancelled: labels that were replaced need their new records
            batch.tables.submit(batch.ledger.publish).result()
    outcomes = tuple(batch.outcomes[number] for number in range(len(jobs)))
    for message in closing_notices(outcomes):
        yield Notice(message)
    return outcomes


@dataclass(frozen=True, eq=False)
class _Read:
    """What is remembered of an image while others work on its pixels."""

    source: SourceImage
    stamp: str
    planes: tuple[Index, ...] = ()


@dataclass
class _Batch:
    """A run: images are read ahead by another thread, and written by this one."""

    jobs: Sequence[Job]
    ledger: BatchLedger
    selection: Selection
    goes_by_blocks: bool
    outcomes: dict[int, Outcome] = field(default_factory=dict)
    tables: ThreadPoolExecutor | None = None
    _publishing: Future[None] | None = None
    _read: dict[int, _Read] = field(default_factory=dict)
    _large: dict[int, _Read] = field(default_factory=dict)
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
                elif isinstance(event, Progress) and event.stage == READING:
                    yield self._progress()
                else:
                    yield event
                yield from self._take_settled()
        finally:
            close = getattr(answers, "close", None)
            if close is not None:
                close()
        yield from self._take_settled()
        for number, read in self._large.items():
            yield from self._take_large(number, read, question, runner)
            yield self._progress()

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
                source = self.selection.open(job.image)
                is_image = True
                view, planes = self.selection.view(source), self.selection.positions(source)
                if self._by_blocks(source, planes):
                    self._large[number] = _Read(source, stamp, planes)
                    continue
                pixels = plane_pixels(source, view, planes[0])
            except VlsegError as error:
                self._settled.put((number, error, is_image))
                continue
            rest = replace(source, data=np.empty(0), levels=())
            self._read[number] = _Read(rest, stamp)
            yield PlaneTask(number, pixels, view)

    def _by_blocks(self, source: SourceImage, planes: Sequence[Index]) -> bool:
        """Whether an image is too much to be segmented as one plane.

        Raises
        ------
        ImageError
            If there are several planes and the question is about one at a time.
        """
        if len(planes) > 1 and not self.goes_by_blocks:
            raise ImageError(
                f"{len(planes)} planes of “{source.name}” can be segmented by text and references "
                "alone: leave out --refine or --everything, or choose one plane with --plane."
            )
        large = is_large(source, self.selection.view(source))
        return self.goes_by_blocks and (large or len(planes) > 1)

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
                # No event since the files were replaced: cancelled there, they would keep the
                # records of their predecessors.
                done = self.ledger.done(job, read.source, answer.proposals, read.stamp)
                self.outcomes[number] = done
                self._publish()
        yield self._progress()

    def _take_large(
        self, number: int, read: _Read, question: PlaneQuestion, runner: PlaneRunner
    ) -> Work[None]:
        job, source = self.jobs[number], read.source
        view = self.selection.view(source)
        try:
            self.ledger.check_large(job)
            found = yield from segment_large(job, source, view, read.planes, question, runner)
        except VlsegError as error:
            yield from self._fail(number, str(error))
        else:
            self.outcomes[number] = self.ledger.done_large(job, source, found, read.stamp)
            self._publish()

    def _publish(self) -> None:
        """Have records and tables written, now and then, while this goes on.

        Raises
        ------
        ExportError
            If the last time failed.
        """
        if self._publishing is not None:
            if not self._publishing.done():
                return
            self._publishing.result()
        if self.tables is not None:
            self._publishing = self.tables.submit(self.ledger.publish, now=False)

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
    selection = Selection(tuple(index), channels=tuple(channels))
    (position,) = selection.positions(source)
    return extract_plane(source.data, position, selection.view(source))


def _write(job: Job, source: SourceImage, proposals: Proposals) -> None:
    with writing(job.labels.parent, ExportError):
        job.labels.parent.mkdir(parents=True, exist_ok=True)
    if job.probabilities is not None:
        write_probabilities(job.probabilities, proposals, source)
    write_labels(job.labels, proposals, source)
