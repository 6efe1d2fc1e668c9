"""Which files a batch of images makes, decided before anything runs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from napari_vlseg.errors import ExportError
from napari_vlseg.files import writing
from napari_vlseg.workflow.inputs import InputImage
from napari_vlseg.workflow.label_files import check_replaceable
from napari_vlseg.workflow.results_folder import ResultsFolder


@dataclass(frozen=True)
class Job:
    """One image and the files that its segmentation makes.

    Attributes
    ----------
    image : pathlib.Path
    labels : pathlib.Path
    out : pathlib.Path
        Folder of all results; `labels` lies in it or below.
    probabilities : pathlib.Path or None
    is_named : bool
        See `napari_vlseg.workflow.inputs.InputImage`.
    """

    image: Path
    labels: Path
    out: Path
    probabilities: Path | None = None
    is_named: bool = True

    @property
    def name(self) -> str:
        """The label file as records name it: its path in `out`, with ``/`` on every system."""
        return self.labels.relative_to(self.out).as_posix()

    @property
    def large_labels(self) -> Path:
        """The labels of an image that is segmented block by block, as OME-Zarr."""
        return self.labels.with_name(f"{self._stem}.ome.zarr")

    @property
    def large_name(self) -> str:
        """`name` of `large_labels`."""
        return self.large_labels.relative_to(self.out).as_posix()

    @property
    def large_records(self) -> Path:
        """The records of their objects, one on each line."""
        return self.labels.with_name(f"{self._stem}.objects.jsonl")

    @property
    def blocks(self) -> Path:
        """Folder of the blocks that are done; it is gone when the labels are complete."""
        return self.labels.with_name(f"{self._stem}.blocks")

    @property
    def _stem(self) -> str:
        return self.labels.stem.removesuffix(".ome")

    @property
    def outputs(self) -> tuple[Path, ...]:
        """The files that are written."""
        return (self.labels,) if self.probabilities is None else (self.labels, self.probabilities)


def plan_jobs(
    images: Sequence[Path | InputImage],
    out: Path,
    *,
    probabilities: bool = False,
    inputs: Iterable[Path] = (),
) -> tuple[Job, ...]:
    """Decide which files each image makes, before anything runs.

    Parameters
    ----------
    images : sequence of pathlib.Path or InputImage
        The latter from `napari_vlseg.workflow.inputs.find_inputs`.
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
    chosen = [one if isinstance(one, InputImage) else InputImage(one) for one in images]
    jobs = tuple(_job(image, out, probabilities) for image in chosen)
    _check_distinct(jobs)
    read = {path.resolve() for path in (*(image.path for image in chosen), *inputs)}
    for job in jobs:
        for output in (*job.outputs, job.large_labels):
            if output.resolve() in read:
                raise ExportError(
                    f"The labels would overwrite the input “{output}”: choose another folder."
                )
        for output in job.outputs:
            check_replaceable(output)
    ResultsFolder(out).check()
    with writing(out, ExportError):
        out.mkdir(parents=True, exist_ok=True)
    return jobs


def _job(image: InputImage, out: Path, probabilities: bool) -> Job:
    folder, stem = out / image.below, image.path.stem
    maps = folder / f"{stem}_probabilities.tif" if probabilities else None
    return Job(image.path, folder / f"{stem}.tif", out, maps, image.is_named)


def _check_distinct(jobs: Sequence[Job]) -> None:
    owners: dict[str, Path] = {}
    for job in jobs:
        for output in (*job.outputs, job.large_labels):
            key = str(output).casefold()  # one file on Windows and macOS
            if key in owners:
                raise ExportError(
                    f"“{owners[key]}” and “{job.image}” would both be written to “{output}”: "
                    "segment them into different folders, or name the folder that both lie in "
                    'by a pattern in quotes, such as "slides/**/*.tif".'
                )
            owners[key] = job.image
