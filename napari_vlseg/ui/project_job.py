"""Projects from the window: what is saved and what comes back, as jobs without layers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from napari_vlseg.corrections.store import ImageEntry, Project
from napari_vlseg.corrections.worklist import Worklist
from napari_vlseg.errors import ConflictError, VlsegError
from napari_vlseg.events import Notice, Progress, Work
from napari_vlseg.images import SourceImage, pixels_sha256, read_image
from napari_vlseg.prompts import PromptTable
from napari_vlseg.proposals import Proposals
from napari_vlseg.workflow.worklist import make_project, plan_worklist, take_up, worklist_of


@dataclass(frozen=True, eq=False)
class ImageToSave:
    """One image with its labels, copied from the layers.

    Attributes
    ----------
    name : str
    data : array-like
        The whole image.
    axes : str
        One letter for each dimension, empty if unknown.
    path : Path or None
        The file it was opened from.
    pixel_size, unit, scale, translate
        As in `napari_vlseg.corrections.store.Project.add_image`.
    labels : numpy.ndarray
    objects : pandas.DataFrame
    proposals : sequence of (index, Proposals)
        Those that no project holds yet.
    """

    name: str
    data: Any
    axes: str
    path: Path | None
    pixel_size: tuple[float, float] | None
    unit: str
    scale: tuple[float, ...]
    translate: tuple[float, ...]
    labels: np.ndarray
    objects: pd.DataFrame
    proposals: Sequence[tuple[tuple[int, ...], Proposals]]


@dataclass(frozen=True, eq=False)
class OpenedImage:
    """One image of a project, ready to be shown.

    Attributes
    ----------
    entry : ImageEntry
    source : SourceImage
    name : str
    scale, translate : tuple of float or None
    labels : numpy.ndarray or None
    objects : pandas.DataFrame or None
    proposals : dict of index to Proposals
        The last ones of each plane that kept their probabilities.
    """

    entry: ImageEntry
    source: SourceImage
    name: str
    scale: tuple[float, ...] | None
    translate: tuple[float, ...] | None
    labels: np.ndarray | None
    objects: pd.DataFrame | None
    proposals: dict[tuple[int, ...], Proposals]


@dataclass(frozen=True, eq=False)
class OpenedProject:
    """A project with what the window shows of it.

    Attributes
    ----------
    project : Project
    worklist : Worklist
        Its images.
    image : OpenedImage or None
        The one that was worked on last, if it could be opened.
    prompts : PromptTable
    """

    project: Project
    worklist: Worklist
    image: OpenedImage | None
    prompts: PromptTable


@dataclass(frozen=True)
class Conflict:
    """Another program or window saved the labels in the meantime; nothing was overwritten."""

    message: str


def save_job(
    project: Project, images: Sequence[ImageToSave], prompts: PromptTable, keep_both: bool = False
) -> Work[Conflict | None]:
    """Save prompts, images, proposals and corrected labels.

    With `keep_both`, labels that somebody else saved are put aside as a backup.
    """
    for done, image in enumerate(images):
        yield Progress("saving", done, len(images))
        try:
            _save_image(project, image, keep_both)
        except ConflictError as error:
            return Conflict(str(error))
    project.save_prompts(prompts)
    yield Progress("saving", len(images), len(images))
    return None


def open_job(folder: Path) -> Work[OpenedProject]:
    """Read a project and the image where it stopped; if that can't be read, a notice says so."""
    yield Progress("opening", 0, 1)
    return (yield from _opened(Project.open(folder)))


def open_folder_job(images: Sequence[Path], out: Path) -> Work[OpenedProject]:
    """Make a project of a folder or of files, or go on with the one that is there."""
    yield Progress("looking for images", 0, 1)
    return (yield from _opened(make_project(out, plan_worklist(images))))


def open_image_job(project: Project, worklist: Worklist, position: int) -> Work[OpenedImage]:
    """Read one image of a list with its labels."""
    yield Progress("opening", 0, 1)
    return _open_image(*take_up(project, worklist, position))


def _opened(project: Project) -> Work[OpenedProject]:
    worklist, image = worklist_of(project), None
    try:
        if worklist.items:
            image = yield from open_image_job(project, worklist, worklist.current)
    except VlsegError as error:
        yield Notice(str(error))
    return OpenedProject(project, worklist, image, project.load_prompts())


def _save_image(project: Project, image: ImageToSave, keep_both: bool) -> None:
    data = np.asarray(image.data)
    digest = pixels_sha256(data)
    path = image.path if _reads_the_same(image.path, digest) else None
    entry = project.add_image(
        image.name,
        source_path=path,
        pixels_sha256=digest,
        shape=data.shape,
        dtype=data.dtype,
        axes=image.axes,
        pixel_size=image.pixel_size,
        unit=image.unit,
        scale=image.scale,
        translate=image.translate,
        embed=data if path is None else None,
    )
    for index, proposals in image.proposals:
        entry.save_proposals(proposals, index=index, keep_probabilities=True)
    entry.save_labels(image.labels, image.objects, force=keep_both)


def _reads_the_same(path: Path | None, digest: str) -> bool:
    """Whether a file gives the layer's pixels, so that referring to it is enough."""
    if path is None or not path.is_file():
        return False
    try:
        return pixels_sha256(read_image(path).data) == digest
    except VlsegError:
        return False


def _open_image(entry: ImageEntry, source: SourceImage) -> OpenedImage:
    labels, objects = entry.load_labels() if entry.has_labels else (None, None)
    last = {p.index: p for p in entry.proposals() if p.has_probabilities}
    return OpenedImage(
        entry,
        source,
        entry.name,
        entry.scale,
        entry.translate,
        labels,
        objects,
        {index: stored.load() for index, stored in last.items()},
    )
