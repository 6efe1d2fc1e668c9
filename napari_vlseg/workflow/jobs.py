"""Which files a batch of images makes, decided before anything runs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from napari_vlseg.errors import ExportError
from napari_vlseg.files import writing
from napari_vlseg.workflow.label_files import check_replaceable
from napari_vlseg.workflow.records import read_records


@dataclass(frozen=True)
class Job:
    """One image and the files that its segmentation makes."""

    image: Path
    labels: Path
    probabilities: Path | None = None

    @property
    def outputs(self) -> tuple[Path, ...]:
        """The files that are written."""
        return (self.labels,) if self.probabilities is None else (self.labels, self.probabilities)


def plan_jobs(
    images: Sequence[Path],
    out: Path,
    *,
    probabilities: bool = False,
    inputs: Iterable[Path] = (),
) -> tuple[Job, ...]:
    """Decide which files each image makes, before anything runs.

    Parameters
    ----------
    images : sequence of pathlib.Path
    out : pathlib.Path
        Made where it is missing.
    probabilities : bool
        Whether ``<stem>_probabilities.tif`` is written too.
    inputs : iterable of pathlib.Path
        Further files that are read, such as references.

    Returns
    -------
    tuple of Job

    Raises
    ------
    ExportError
        If two images would make one file, if a file would replace an input or something that
        was not written by `napari_vlseg.workflow.batch.segment_files`, or if the folder can't
        be written to.
    """
    jobs = tuple(
        Job(
            image,
            out / f"{image.stem}.tif",
            out / f"{image.stem}_probabilities.tif" if probabilities else None,
        )
        for image in images
    )
    _check_distinct(jobs)
    read = {path.resolve() for path in (*images, *inputs)}
    for output in (output for job in jobs for output in job.outputs):
        if output.resolve() in read:
            raise ExportError(
                f"The labels would overwrite the input “{output}”: choose another folder."
            )
        check_replaceable(output)
    read_records(out)
    with writing(out, ExportError):
        out.mkdir(parents=True, exist_ok=True)
    return jobs


def _check_distinct(jobs: Sequence[Job]) -> None:
    owners: dict[str, Path] = {}
    for job in jobs:
        for output in job.outputs:
            key = output.name.casefold()  # one file on Windows and macOS
            if key in owners:
                raise ExportError(
                    f"“{owners[key]}” and “{job.image}” would both be written to “{output}”: "
                    "segment them into different folders."
                )
            owners[key] = job.image
