"""What people corrected in a project, as planes to learn from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd

from napari_vlseg.corrections.store import ImageEntry, Project
from napari_vlseg.corrections.stored_edits import read_stored
from napari_vlseg.errors import VlsegError
from napari_vlseg.events import Notice, Progress, Work
from napari_vlseg.images import ImageView, SourceImage, extract_plane, lasting_view
from napari_vlseg.training.finetune.corrected import CorrectedPlane, reviewed_pixels
from napari_vlseg.workflow.worklist import worklist_of

DECIDED = ("accepted", "edited")
"""Statuses of objects that a person stands by."""

_Index = tuple[int, ...]


def project_corrections(
    project: Project, views: Mapping[str, ImageView] | None = None
) -> Work[tuple[CorrectedPlane, ...]]:
    """Planes on which a person decided about objects.

    Accepted, corrected and drawn objects count with a rim of background, rejected ones as
    background. In an image that is marked as done everything counts. An image that can't be
    read is left out with a notice.

    Parameters
    ----------
    project : Project
    views : mapping of str to ImageView, optional
        How images are looked at, by their id; others as they come from their files.

    Yields
    ------
    Progress or Notice

    Raises
    ------
    ProjectError
        If the project's list of images is damaged.
    """
    done = {item.image for item in worklist_of(project).items if item.status == "done"}
    entries = [entry for entry in project.images if entry.has_labels]
    found: list[CorrectedPlane] = []
    for number, entry in enumerate(entries, start=1):
        try:
            view = (views or {}).get(entry.id)
            found.extend(corrected_planes(entry, entry.id in done, view).values())
        except VlsegError as error:
            yield Notice(str(error))
        yield Progress("reading corrections", number, len(entries))
    return tuple(found)


def corrected_planes(
    entry: ImageEntry, is_done: bool = False, view: ImageView | None = None
) -> dict[_Index, CorrectedPlane]:
    """The planes of an image on which something was decided, by their leading position.

    Parameters
    ----------
    entry : ImageEntry
    is_done : bool
        Whether the whole image counts as reviewed.
    view : ImageView, optional
        How the image is looked at; as it was stored if omitted.

    Raises
    ------
    ProjectError, ImageError
        If the image or its labels can't be read.
    """
    return dict(_planes(entry, is_done, view)) if entry.has_labels else {}


def _planes(
    entry: ImageEntry, is_done: bool, view: ImageView | None
) -> Iterator[tuple[_Index, CorrectedPlane]]:
    labels, objects = entry.load_labels()
    decided = objects[objects["status"].isin(DECIDED) | (objects["source"] == "manual")]
    kept = objects[objects["status"] != "rejected"] if is_done else decided
    classes = dict(zip(kept["label"].astype(int), kept["class"].astype(str), strict=True))
    rejected = rejected_masks(entry, objects, labels.shape)
    source: SourceImage | None = None
    shown = ImageView()
    for index in np.ndindex(labels.shape[:-2]):
        plane, turned_down = labels[index], rejected.get(index, [])
        if not is_done and not turned_down and not np.isin(plane, list(classes)).any():
            continue
        if source is None:
            source = entry.load_image()
            shown = lasting_view(source.data, view or source.view, source.levels)
        found = CorrectedPlane(
            extract_plane(source.data, index, shown),
            plane,
            classes,
            reviewed_pixels(plane, classes, turned_down, everything=is_done),
            group=entry.id,
            name=entry.name,
        )
        yield index, found


def rejected_masks(
    entry: ImageEntry, objects: pd.DataFrame, shape: tuple[int, ...]
) -> dict[_Index, list[npt.NDArray[np.bool_]]]:
    """Where rejected objects were, as masks (H, W) by plane.

    Parameters
    ----------
    entry : ImageEntry
    objects : pandas.DataFrame
        Its objects as they are now; an object that was restored is no longer rejected.
    shape : tuple of int
        Of the labels.
    """
    is_rejected = objects["status"] == "rejected"
    rows = objects.loc[is_rejected, ["object_uid", "label"]]
    wanted = dict(zip(rows["object_uid"], rows["label"], strict=True))
    stored = read_stored(entry.folder) if wanted else None
    places: dict[int, np.ndarray] = {}
    if stored is not None:
        for edit in stored.ledger().edits():
            if edit.op == "reject" and edit.pixels is not None:
                told = {int(wanted[row.uid]) for row in edit.rows if row.uid in wanted}
                values = np.repeat(edit.pixels.old, edit.pixels.lengths)
                flat = edit.pixels.indices()
                places.update({label: flat[values == label] for label in told})
    return _by_plane(places.values(), shape)


def _by_plane(
    places: Iterable[np.ndarray], shape: tuple[int, ...]
) -> dict[_Index, list[npt.NDArray[np.bool_]]]:
    masks: dict[_Index, list[npt.NDArray[np.bool_]]] = {}
    area = int(np.prod(shape[-2:]))
    for flat in places:
        for number in np.unique(flat // area).tolist():
            mask = np.zeros(area, bool)
            mask[flat[flat // area == number] - number * area] = True
            index = tuple(int(i) for i in np.unravel_index(number, shape[:-2] or (1,)))
            index = index if shape[:-2] else ()
            masks.setdefault(index, []).append(mask.reshape(shape[-2:]))
    return masks
