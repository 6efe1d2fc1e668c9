"""From a project's corrected labels to a training set."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from napari_vlseg.corrections.store import ImageEntry, Project
from napari_vlseg.errors import ExportError
from napari_vlseg.events import Progress, Work
from napari_vlseg.exporters.base import FACTS, ExportItem
from napari_vlseg.exporters.registry import check_format, export_steps
from napari_vlseg.images import SourceImage
from napari_vlseg.lazy_arrays import ArrangedArray
from napari_vlseg.workflow.provenance import with_proposal_ious

Index = tuple[int, ...]

_AXIS_LETTERS = "uvwptz"


def export_project(
    folder: Path | str, format: str, out: Path | str, *, overwrite: bool = False
) -> Work[tuple[Path, ...]]:
    """Export the corrected labels of a project as a training set.

    Objects of status “rejected” are left out. A stack becomes its planes, named by their
    position (``name_z003``), without the planes that hold no label; a 2D image is exported
    also when no label is left on it, as an example of nothing.

    Parameters
    ----------
    folder : Path or str
        The project.
    format : str
        One of `napari_vlseg.exporters.formats`.
    out : Path or str
        A new or empty folder.
    overwrite : bool
        Whether an earlier export in `out` is replaced.

    Yields
    ------
    Progress
        Stage "reading", one for each image; then "exporting", one for each plane.

    Returns
    -------
    tuple of Path
        The files written.

    Raises
    ------
    ProjectError
        If the project, its labels or one of its images can't be read.
    ExportError
        If the format is unknown, there is nothing to export, or `out` can't be used.
    """
    check_format(format)
    project = Project.open(folder)
    entries = [entry for entry in project.images if entry.has_labels]
    plan: list[tuple[ImageEntry, list[Index]]] = []
    for done, entry in enumerate(entries, start=1):
        plan.append((entry, _labelled_planes(_kept_labels(entry)[0])))
        yield Progress("reading", done, len(entries))
    items = (item for entry, planes in plan if planes for item in _items(entry, planes))
    total = sum(len(planes) for _, planes in plan)
    return (yield from export_steps(items, format, out, overwrite=overwrite, total=total))


def _kept_labels(entry: ImageEntry) -> tuple[np.ndarray, pd.DataFrame]:
    labels, objects = entry.load_labels()
    if {"label", "status"} <= set(objects):
        rejected = objects.loc[objects["status"] == "rejected", "label"]
        labels = np.where(np.isin(labels, rejected), 0, labels)
    return labels, objects


def _labelled_planes(labels: np.ndarray) -> list[Index]:
    if labels.ndim == 2:
        return [()]
    return [tuple(index) for index in np.argwhere(labels.any(axis=(-2, -1))).tolist()]


def _items(entry: ImageEntry, planes: Sequence[Index]) -> Iterator[ExportItem]:
    labels, objects = _kept_labels(entry)
    pixels = _channels_last(entry, entry.load_image(), labels.shape)
    table = with_proposal_ious(entry, labels, objects)
    numbers = table["label"].tolist()
    classes = dict(zip(numbers, table["class"], strict=True))
    rows = dict(zip(numbers, table[list(FACTS)].to_dict("records"), strict=True))
    for index in planes:
        yield ExportItem(
            f"{entry.name}{_position(entry, labels.shape, index)}",
            np.asarray(pixels[index]),
            labels[index],
            classes,
            entry.pixel_size,
            entry.unit,
            rows,
        )


def _channels_last(entry: ImageEntry, image: SourceImage, shape: tuple[int, ...]) -> Any:
    """The pixels with the axes of the labels, and channels after them; read plane by plane."""
    pixels = image.data
    if pixels.shape == shape:
        return pixels
    likely = pixels.ndim - 1 if image.view.rgb else image.view.channel_axis
    for axis in (likely, *range(pixels.ndim)):
        if axis is not None and (*pixels.shape[:axis], *pixels.shape[axis + 1 :]) == shape:
            return ArrangedArray(pixels, (*(a for a in range(pixels.ndim) if a != axis), axis))
    raise ExportError(
        f"The labels of “{entry.name}” have shape {shape} but its image has shape "
        f"{pixels.shape}: only one axis, the channels, may be without labels."
    )


def _position(entry: ImageEntry, shape: tuple[int, ...], index: Index) -> str:
    """The plane's place in its stack as letters and numbers: ``_t001_z012``."""
    spatial = "".join(letter for letter in entry.axes.lower() if letter not in "cs")
    letters = spatial[:-2] if len(spatial) == len(shape) else _AXIS_LETTERS[-len(index) :]
    widths = (max(3, len(str(side - 1))) for side in shape)
    return "".join(
        f"_{letter}{number:0{width}d}"
        for letter, number, width in zip(letters, index, widths, strict=False)
    )
