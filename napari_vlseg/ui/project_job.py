"""Projects from the window: what is opened, as jobs without layers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from napari_vlseg.corrections.ledger import Ledger
from napari_vlseg.corrections.people import annotator_id
from napari_vlseg.corrections.store import ImageEntry, Project
from napari_vlseg.corrections.worklist import Worklist
from napari_vlseg.errors import VlsegError
from napari_vlseg.events import Notice, Progress, Work
from napari_vlseg.images import SourceImage
from napari_vlseg.object_table import ObjectTable
from napari_vlseg.prompts import PromptTable
from napari_vlseg.proposals import Proposals
from napari_vlseg.ui.layers import LARGE_BYTES
from napari_vlseg.ui.packing import Packed
from napari_vlseg.ui.recovery import Leftover, UnsavedWork
from napari_vlseg.ui.shelf import put_away
from napari_vlseg.ui.volumes import make_volume
from napari_vlseg.workflow.worklist import make_project, plan_worklist, take_up, worklist_of

_FEW_PLANES = 8
"""Planes whose probabilities are read into memory; those of more stay in a file."""


@dataclass(frozen=True, eq=False)
class OpenedLabels:
    """Labels of an image with their journal, which is open for writing.

    Attributes
    ----------
    ledger : Ledger
    labels : numpy.ndarray or zarr.Array
        Without channels; on the disk where they are large.
    table : ObjectTable
    held : dict of index to Packed, or None
        What the planes with labels hold, of large labels.
    """

    ledger: Ledger
    labels: Any
    table: ObjectTable
    held: dict[tuple[int, ...], Packed] | None = None


@dataclass(frozen=True, eq=False)
class OpenedImage:
    """One image of a project, ready to be shown.

    Attributes
    ----------
    project : Project
    entry : ImageEntry
    source : SourceImage
    found : OpenedLabels or None
        Its labels, where there are any.
    proposals : dict of index to Proposals
        The last ones of each plane that kept their probabilities.
    """

    project: Project
    entry: ImageEntry
    source: SourceImage
    found: OpenedLabels | None
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
    is_unsaved : bool
        Whether it is work without a project of the person's.
    """

    project: Project
    worklist: Worklist
    image: OpenedImage | None
    prompts: PromptTable
    is_unsaved: bool = False


def open_job(folder: Path) -> Work[OpenedProject]:
    """Read a project and the image where it stopped; if that can't be read, a notice says so."""
    yield Progress("opening", 0, 1)
    return (yield from _opened(Project.open(folder, annotator=annotator_id())))


def create_job(folder: Path) -> Work[Project]:
    """Make a project in a new or empty folder."""
    yield Progress("making the project", 0, 1)
    return Project.create(folder, annotator=annotator_id())


def open_folder_job(images: Sequence[Path], out: Path) -> Work[OpenedProject]:
    """Make a project of a folder or of files, or go on with the one that is there."""
    yield Progress("looking for images", 0, 1)
    made = make_project(out, plan_worklist(images), annotator=annotator_id())
    return (yield from _opened(made))


def open_image_job(project: Project, worklist: Worklist, position: int) -> Work[OpenedImage]:
    """Read one image of a list with its labels."""
    yield Progress("opening", 0, 1)
    opened = _open_image(project, *take_up(project, worklist, position))
    for text in () if opened.found is None else opened.found.ledger.notices:
        yield Notice(text)
    return opened


def restore_job(unsaved: UnsavedWork, leftover: Leftover) -> Work[OpenedProject]:
    """Go on with work that had no project."""
    yield Progress("opening", 0, 1)
    return replace((yield from _opened(unsaved.restore(leftover))), is_unsaved=True)


def release_job(opened: OpenedImage) -> Work[None]:
    """Let go of an image that is not shown after all."""
    yield Progress("closing", 0, 1)
    if opened.found is not None:
        opened.found.ledger.close()


def _opened(project: Project) -> Work[OpenedProject]:
    worklist, image = worklist_of(project), None
    try:
        if worklist.items:
            image = yield from open_image_job(project, worklist, worklist.current)
    except VlsegError as error:
        yield Notice(str(error))
    return OpenedProject(project, worklist, image, project.load_prompts())


def _open_image(project: Project, entry: ImageEntry, source: SourceImage) -> OpenedImage:
    found = _open_labels(entry) if entry.has_labels else None
    last = {p.index: p for p in entry.proposals() if p.has_probabilities}
    several = len(last) > _FEW_PLANES
    proposals = {
        index: put_away(stored.load()) if several else stored.load()
        for index, stored in last.items()
    }
    return OpenedImage(project, entry, source, found, proposals)


def _open_labels(entry: ImageEntry) -> OpenedLabels:
    ledger = entry.open_ledger()
    try:
        labels, objects = entry.load_labels()
        table = ObjectTable.from_frame(objects)
        if labels.nbytes <= LARGE_BYTES:
            return OpenedLabels(ledger, labels, table)
        return OpenedLabels(ledger, *_laid_down(labels, table))
    except BaseException:
        ledger.close()
        raise


def _laid_down(
    labels: np.ndarray, table: ObjectTable
) -> tuple[Any, ObjectTable, dict[tuple[int, ...], Packed]]:
    """Large labels in an array on the disk, and what the journal knows of their planes."""
    volume, held = make_volume(labels.shape, labels.dtype), {}
    for index in np.ndindex(*labels.shape[:-2]):
        plane = labels[index]
        if plane.any():
            volume[index] = plane
            held[index] = Packed.of(plane)
    return volume, table, held
