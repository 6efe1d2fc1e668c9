"""What became of each image of a batch, as it is told and as it is written down."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from napari_vlseg.errors import ExportError, ImageError
from napari_vlseg.images import SourceImage
from napari_vlseg.proposals import Proposals
from napari_vlseg.workflow.fingerprints import (
    image_stamp,
    labels_sha256,
    question_fingerprint,
)
from napari_vlseg.workflow.jobs import Job
from napari_vlseg.workflow.large_images import LargeLabels, remove_blocks
from napari_vlseg.workflow.records import object_records
from napari_vlseg.workflow.results_folder import ResultsFolder
from napari_vlseg.workflow.run_entry import RunEntry
from napari_vlseg.workflow.run_tables import NO_PARQUET, has_parquet

_NAMED = 3


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
    status : {"done", "kept", "failed", "unreadable"}
        "kept" where an earlier run had made the same; "unreadable" for a file in a folder
        that turned out to be no image.
    """

    image: str
    labels: str | None = None
    probabilities: str | None = None
    n_objects: int = 0
    classes: dict[str, int] = field(default_factory=dict)
    coverage: float = 0.0
    error: str | None = None
    status: Literal["done", "kept", "failed", "unreadable"] = "done"

    def to_dict(self) -> dict[str, Any]:
        """JSON form."""
        return asdict(self)


class BatchLedger:
    """Knows which images are done, and writes down what becomes of the others.

    Parameters
    ----------
    out : pathlib.Path
    question : mapping
        See `napari_vlseg.workflow.fingerprints.question_fingerprint`.
    redo : bool
        Whether nothing counts as done.
    """

    def __init__(self, out: Path, question: Mapping[str, Any], redo: bool = False) -> None:
        self._folder = ResultsFolder(out)
        self._fingerprint = question_fingerprint(question)
        self._finished = {} if redo else self._folder.finished()

    def kept(self, job: Job) -> Outcome | None:
        """The outcome of an image that is done just as asked; None where it has to be done."""
        for name in (job.name, job.large_name):
            entry = self._finished.get(name)
            if (
                entry is not None
                and entry.fingerprint == self._fingerprint
                and _is_whole(job, entry)
            ):
                if job.blocks.exists():  # the last run was killed just before it removed them
                    remove_blocks(job)
                return _outcome(job, entry, "kept")
        return None

    def done(self, job: Job, source: SourceImage, proposals: Proposals, stamp: str) -> Outcome:
        """Write down an image whose files are complete."""
        maps = job.probabilities
        entry = RunEntry(
            job.name,
            str(job.image),
            fingerprint=self._fingerprint,
            stamp=stamp,
            sha256=labels_sha256(job.labels),
            probabilities=None if maps is None else maps.relative_to(job.out).as_posix(),
            shape=proposals.labels.shape,
            pixel_size=source.pixel_size,
            unit=source.unit,
            classes=dict(zip(proposals.classes, proposals.thresholds, strict=True)),
            counts=_counts(proposals),
            n_labelled=int(np.count_nonzero(proposals.labels)),
            model=str(proposals.model),
            records=tuple(object_records(str(job.image), job.name, proposals)),
        )
        self._folder.add(entry)
        return _outcome(job, entry, "done")

    def check_large(self, job: Job) -> None:
        """Refuse to replace labels of a large image that no run into this folder made.

        Raises
        ------
        ExportError
        """
        if job.large_labels.exists() and job.large_name not in self._folder.finished():
            raise ExportError(
                f"“{job.large_labels}” exists and was not written by a run into this folder, so "
                "it is not overwritten: move it away or choose another folder."
            )

    def done_large(self, job: Job, source: SourceImage, found: LargeLabels, stamp: str) -> Outcome:
        """Write down an image whose labels are a Zarr folder."""
        entry = RunEntry(
            job.large_name,
            str(job.image),
            fingerprint=self._fingerprint,
            stamp=stamp,
            sha256=labels_sha256(job.large_labels),
            shape=found.shape,
            planes=found.planes,
            n_planes=found.n_planes,
            pixel_size=source.pixel_size,
            unit=source.unit,
            classes=found.thresholds,
            counts=found.counts,
            n_labelled=found.n_labelled,
            model=found.model,
            records_file=job.large_records.relative_to(job.out).as_posix(),
        )
        self._folder.add(entry)
        remove_blocks(job)
        return _outcome(job, entry, "done")

    def failed(
        self, job: Job, error: str, status: Literal["failed", "unreadable"] = "failed"
    ) -> Outcome:
        """Write down an image that could not be segmented."""
        self._folder.add(RunEntry(job.name, str(job.image), status, error))
        return Outcome(str(job.image), error=error, status=status)

    def publish(self, *, now: bool = True) -> None:
        """Write records and tables of the folder; see `ResultsFolder.publish`."""
        self._folder.publish(now=now)


def closing_notices(outcomes: Sequence[Outcome]) -> list[str]:
    """What a person should know about a batch as a whole."""
    notices = []
    kept = [outcome for outcome in outcomes if outcome.status == "kept"]
    if kept:
        whole = (
            "The labels of all images were"
            if len(kept) == len(outcomes)
            else (f"The labels of {len(kept)} of {len(outcomes)} images were")
        )
        notices.append(
            f"{whole} made before in just this way, and are kept: --redo makes them anew."
        )
    unreadable = [Path(o.image).name for o in outcomes if o.status == "unreadable"]
    if unreadable:
        more = ", …" if len(unreadable) > _NAMED else ""
        notices.append(
            f"{len(unreadable)} of the files can't be read as images and were left out: "
            f"{', '.join(unreadable[:_NAMED])}{more}"
        )
    if any(outcome.labels for outcome in outcomes) and not has_parquet():
        notices.append(NO_PARQUET)
    return notices


def _counts(proposals: Proposals) -> dict[str, int]:
    found = proposals.objects["class"].value_counts()
    return {name: int(found.get(name, 0)) for name in proposals.classes}


def _is_whole(job: Job, entry: RunEntry) -> bool:
    """Whether image and labels are those that the entry tells of, and the maps are there."""
    try:
        same_image = image_stamp(job.image) == entry.stamp
        same_labels = same_image and labels_sha256(job.out / entry.labels) == entry.sha256
    except (ImageError, ExportError):
        return False
    if entry.records_file:
        return same_labels and (job.out / entry.records_file).exists()
    has_maps = job.probabilities is None or (
        bool(entry.probabilities) and job.probabilities.exists()
    )
    return same_labels and has_maps


def _outcome(job: Job, entry: RunEntry, status: Literal["done", "kept"]) -> Outcome:
    return Outcome(
        str(job.image),
        str(job.out / entry.labels),
        None if entry.probabilities is None else str(job.out / entry.probabilities),
        sum(entry.counts.values()),
        dict(entry.counts),
        entry.n_labelled / max(1, math.prod(entry.shape) * entry.n_planes),
        status=status,
    )
