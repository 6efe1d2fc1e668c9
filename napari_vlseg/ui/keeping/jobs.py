"""What is written beside the window, so that nothing a person did is lost."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from napari_vlseg.corrections.copying import add_copy
from napari_vlseg.corrections.ledger import Ledger
from napari_vlseg.corrections.store import ImageEntry, Project
from napari_vlseg.errors import ConflictError, ProjectError, VlsegError
from napari_vlseg.events import Notice, Progress, Work
from napari_vlseg.images import pixels_sha256, read_image
from napari_vlseg.prompts import PromptTable
from napari_vlseg.training.finetune.shelf import AdapterShelf
from napari_vlseg.ui.keeping.facts import ImageFacts, SentLabels, SentProposals
from napari_vlseg.ui.shelf import are_the_same
from napari_vlseg.workflow.provenance import as_saved

MAX_EMBEDDED_BYTES = 10**9
"""Larger images without a file are not copied into work that has no project."""


def house_job(
    make: Callable[[], Project],
    facts: ImageFacts,
    ledger: Ledger,
    entry: ImageEntry | None,
    is_ours: bool,
    taken: Collection[str],
    max_embedded: int | None = None,
) -> Work[tuple[Project, ImageEntry] | None]:
    """Write a journal into a project, and go on there.

    Parameters
    ----------
    make : callable
        Gives the project.
    facts : ImageFacts
        The image that the journal is about.
    ledger : Ledger
    entry : ImageEntry or None
        Its place in the project, where it is known.
    is_ours : bool
        Whether the labels that may be there are of this window, and were taken away by the
        person; the journal goes on after them.
    taken : collection of str
        Ids of entries that other layers of this window are written to.
    max_embedded : int, optional
        Most bytes of pixels that are copied into the project.

    Returns
    -------
    (Project, ImageEntry) or None
        None where the image is too large.
    """
    yield Progress("writing the journal", 0, 1)
    if entry is not None and entry.id not in taken:
        try:
            entry.bind_ledger(ledger, force=is_ours)
            return make(), entry
        except ConflictError:
            pass  # somebody else's labels stay; these get an entry of their own
    data = facts.data if hasattr(facts.data, "dtype") else np.asarray(facts.data)
    digest = pixels_sha256(data)
    path = facts.path if _reads_the_same(facts.path, digest) else None
    if path is None and max_embedded is not None and _n_bytes(data) > max_embedded:
        yield Notice(
            f"“{facts.name}” is too large to be kept without a project: make one with New…, "
            "or nothing of it will be there if the program ends."
        )
        return None
    project = make()
    return project, _bound(project, facts, data, digest, path, ledger, taken)


def save_job(
    entry: ImageEntry,
    ledger: Ledger,
    proposals: Sequence[SentProposals],
    labels: SentLabels | None,
    *,
    leaving: bool = False,
) -> Work[None]:
    """Write proposals, and the label image as it is after an edit.

    Parameters
    ----------
    entry : ImageEntry
    ledger : Ledger
        Its journal.
    proposals : sequence of SentProposals
    labels : SentLabels or None
        None leaves the label image as it is.
    leaving : bool
        Whether the journal is closed.
    """
    yield Progress("saving", 0, 1)
    ledger.flush()
    if ledger.trouble:
        raise ProjectError(ledger.trouble)
    for sent in proposals:
        entry.save_proposals(sent.proposals, index=sent.index, keep_probabilities=True)
        sent.record.proposals_saved |= are_the_same(sent.record.proposals, sent.proposals)
    if labels is not None:
        objects = labels.table.to_frame()
        if leaving:  # nobody waits for the journal to be read, and no edit follows
            objects = as_saved(entry, labels.labels, objects, labels.number)
        entry.checkpoint(labels.labels, objects, labels.number)
    if leaving:
        ledger.close()


def prompts_job(project: Project, prompts: PromptTable) -> Work[None]:
    """Write the prompt table."""
    yield Progress("saving", 0, 1)
    project.save_prompts(prompts)


def flush_job(ledgers: Sequence[Ledger]) -> Work[None]:
    """Write what waits in memory."""
    yield Progress("saving", 0, 1)
    for ledger in ledgers:
        ledger.flush()


def adopt_job(
    unsaved: Project, project: Project, open_here: Mapping[str, Ledger]
) -> Work[dict[str, ImageEntry]]:
    """Write work that had no project into one, and the trainings that were made on it.

    Parameters
    ----------
    unsaved, project : Project
    open_here : mapping of str to Ledger
        Journals that are open in this window, by the id of their image; they go on in the
        project.

    Returns
    -------
    dict of str to ImageEntry
        Where each image of the unsaved work is now.
    """
    moved = {}
    for done, entry in enumerate(unsaved.images):
        yield Progress("saving", done, len(unsaved.images))
        moved[entry.id] = _adopted(project, entry, open_here.get(entry.id))
    AdapterShelf(project.folder).take_over(AdapterShelf(unsaved.folder))
    return moved


def _adopted(project: Project, entry: ImageEntry, open_here: Ledger | None) -> ImageEntry:
    new = add_copy(
        project,
        entry,
        source_path=None if entry.absolute_path is None else Path(entry.absolute_path),
        embed=entry.load_image().data if entry.is_embedded else None,
    )
    for stored in entry.proposals():
        if stored.has_probabilities:
            new.save_proposals(stored.load(), index=stored.index, keep_probabilities=True)
    ledger = open_here or entry.open_ledger()
    new.bind_ledger(ledger)
    if open_here is None and ledger.last:
        labels, objects = new.load_labels()
        new.checkpoint(labels, objects, ledger.last)
    if open_here is None:
        ledger.close()
    return new


def _bound(
    project: Project,
    facts: ImageFacts,
    data: Any,
    digest: str,
    path: Path | None,
    ledger: Ledger,
    taken: Collection[str],
) -> ImageEntry:
    """An entry for the journal: a new one where there are labels of somebody else."""
    number = 1
    while True:
        entry = project.add_image(
            facts.name if number == 1 else f"{facts.name} ({number})",
            source_path=path,
            pixels_sha256=digest,
            shape=data.shape,
            dtype=data.dtype,
            axes=facts.axes,
            pixel_size=facts.pixel_size,
            unit=facts.unit,
            scale=facts.scale,
            translate=facts.translate,
            embed=np.asarray(data) if path is None else None,
        )
        number += 1
        if entry.id in taken:
            continue
        try:
            entry.bind_ledger(ledger)
        except ConflictError:
            continue
        return entry


def _n_bytes(data: Any) -> int:
    return prod(data.shape) * np.dtype(data.dtype).itemsize


def _reads_the_same(path: Path | None, digest: str) -> bool:
    """Whether a file gives the layer's pixels, so that referring to it is enough."""
    if path is None or not path.exists():
        return False
    try:
        return pixels_sha256(read_image(path).data) == digest
    except VlsegError:
        return False
