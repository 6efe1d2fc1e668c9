"""One image of any size, or many planes of one, to labels as OME-Zarr and records beside them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from napari_vlseg.errors import ExportError, SettingsError
from napari_vlseg.events import Partial, Progress, Work
from napari_vlseg.files import atomic_path, writing
from napari_vlseg.images import ImageView, SourceImage
from napari_vlseg.ome_zarr_labels import save_labels
from napari_vlseg.source_image import label_axes
from napari_vlseg.workflow.blocks import BlockResult, BlockSource
from napari_vlseg.workflow.jobs import Job
from napari_vlseg.workflow.label_boxes import boxes_of
from napari_vlseg.workflow.plane_tasks import PlaneQuestion, PlaneRunner, TextQuestion
from napari_vlseg.workflow.records import RECORD_KEYS, plain
from napari_vlseg.workflow.selecting import Index

_AT_ONCE = 1024

Box = list[int]


@dataclass(frozen=True)
class LargeLabels:
    """What is known of the labels of a large image.

    Attributes
    ----------
    shape : tuple of int
        (H, W) of a plane.
    planes : tuple of str
        See `napari_vlseg.workflow.run_entry.RunEntry`.
    n_planes : int
    thresholds : dict of str to float
        By class.
    counts : dict of str to int
        Records of each class.
    n_labelled : int
        Pixels with a label.
    model : str
    """

    shape: tuple[int, ...]
    planes: tuple[str, ...]
    n_planes: int
    thresholds: Mapping[str, float | None]
    counts: Mapping[str, int]
    n_labelled: int
    model: str


def segment_large(
    job: Job,
    source: SourceImage,
    view: ImageView,
    planes: Sequence[Index],
    question: PlaneQuestion,
    runner: PlaneRunner,
) -> Work[LargeLabels]:
    """Segment an image block by block and write its labels and records.

    What is done is kept beside the labels until these are complete: after the end of the
    program, by whatever cause, the same call goes on from there.

    Parameters
    ----------
    job : Job
    source : SourceImage
    view : ImageView
    planes : sequence of tuple of int
        Positions on the leading axes.
    question : PlaneQuestion
        A `TextQuestion`.
    runner : PlaneRunner

    Yields
    ------
    Progress or Notice

    Returns
    -------
    LargeLabels

    Raises
    ------
    SettingsError
        If the question is none of text and references, or maps are asked for as well.
    VlsegError
        Of the model, the cluster, or a folder that can't be written.
    """
    if not isinstance(question, TextQuestion):
        raise SettingsError("Large images are segmented by text and references alone.")
    if job.probabilities is not None:
        raise SettingsError(
            f"“{source.name}” is segmented block by block, and its maps are not written: leave "
            "out --probabilities."
        )
    with writing(job.blocks, ExportError):
        job.blocks.mkdir(parents=True, exist_ok=True)
    seen = BlockSource.of(source, view)
    found = yield from _without_partials(runner.blocks(question, seen, job.blocks, planes))
    letters, placement = label_axes(source, view)
    yield from save_labels(
        found.labels, job.large_labels, axes=letters, placement=placement, overwrite=True
    )
    n_labelled = yield from _write_records(job, found, planes)
    is_semantic = question.postprocess.mode == "semantic"
    counts = found.objects["class"].value_counts()
    return LargeLabels(
        seen.shape,
        () if is_semantic or not seen.leading else tuple(map(_plane_name, planes)),
        len(planes),
        dict(zip(found.classes, found.thresholds, strict=True)),
        {name: int(counts.get(name, 0)) for name in found.classes},
        n_labelled,
        str(found.run.model),
    )


def remove_blocks(job: Job) -> None:
    """Delete what was kept to go on from.

    Raises
    ------
    ExportError
        If that is impossible.
    """
    with writing(job.blocks, ExportError):
        shutil.rmtree(job.blocks)


def _without_partials(work: Work[BlockResult]) -> Work[BlockResult]:
    """The same work; nobody looks at parts of the result."""
    try:
        while True:
            event = next(work)
            if not isinstance(event, Partial):
                yield event
    except StopIteration as stop:
        return stop.value
    finally:
        work.close()


def _write_records(job: Job, found: BlockResult, planes: Sequence[Index]) -> Work[int]:
    """One line for each object; gives the number of labelled pixels."""
    boxes, n_labelled = yield from _extents(found.labels, planes)
    with (
        atomic_path(job.large_records, error=ExportError) as temporary,
        temporary.open("w", encoding="utf-8", newline="\n") as stream,
    ):
        for record in _records(job, found, boxes):
            stream.write(json.dumps(record, ensure_ascii=False) + "\n")
    return n_labelled


def _records(job: Job, found: BlockResult, boxes: Mapping[int, Box]) -> Iterator[dict[str, Any]]:
    columns = list(found.objects.columns)
    known = {"image": str(job.image), "labels": job.large_name}
    for values in found.objects.itertuples(index=False, name=None):
        row = {**dict(zip(columns, values, strict=True)), **known}
        row["bbox"] = boxes[int(row["label"])]
        record = {key: plain(row[key]) for key in RECORD_KEYS}
        yield {**record, "plane": row["plane"]} if row["plane"] else record


def _extents(labels: Any, planes: Sequence[Index]) -> Work[tuple[dict[int, Box], int]]:
    """Bounding box of each label, ``[row0, col0, row1, col1]``, and how many pixels have one."""
    boxes: dict[int, Box] = {}
    n_labelled = 0
    windows = list(_windows(labels.shape[-2:], planes))
    for done, (index, rows, cols) in enumerate(windows):
        yield Progress("measuring objects", done, len(windows))
        part = np.asarray(labels[(*index, rows, cols)])
        n_labelled += int(np.count_nonzero(part))
        for label, (inner_rows, inner_cols) in boxes_of(part).items():
            low = [inner_rows.start + rows.start, inner_cols.start + cols.start]
            high = [inner_rows.stop + rows.start, inner_cols.stop + cols.start]
            known = boxes.get(int(label), [*low, *high])
            boxes[int(label)] = [*map(min, known[:2], low), *map(max, known[2:], high)]
    yield Progress("measuring objects", len(windows), len(windows))
    return boxes, n_labelled


def _windows(shape: Sequence[int], planes: Sequence[Index]) -> Iterator[tuple[Index, slice, slice]]:
    rows, cols = (range(0, side, _AT_ONCE) for side in shape)
    for index, row, col in product(planes, rows, cols):
        yield (
            index,
            slice(row, min(row + _AT_ONCE, shape[0])),
            slice(col, min(col + _AT_ONCE, shape[1])),
        )


def _plane_name(index: Index) -> str:
    return ",".join(map(str, index))
