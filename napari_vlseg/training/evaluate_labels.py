"""Evaluation of the labels that a person gets: threshold, clean-up and instances included."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from statistics import fmean
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from napari_vlseg.events import Progress, Work
from napari_vlseg.masks import label_objects
from napari_vlseg.models.base import DenseSegmenter
from napari_vlseg.proposals import PostProcess
from napari_vlseg.training.baselines import otsu_foreground
from napari_vlseg.training.dsb2018 import NucleiImage
from napari_vlseg.training.evaluate_nuclei import as_plane
from napari_vlseg.workflow.api import segment
from napari_vlseg.workflow.cache import EmbeddingCache
from napari_vlseg.workflow.evaluation import score_labels

PHRASE, ABSENT = "nuclei", "red triangle"
TEXT, REFERENCE, OTSU, OTSU_SPLIT = "text", "reference", "Otsu", "Otsu + watershed"
METHODS = (TEXT, REFERENCE, OTSU, OTSU_SPLIT)
ABSENT_AREA = "absent area"

Row: TypeAlias = dict[str, float | str]


def evaluate_labels(model: DenseSegmenter, images: Sequence[NucleiImage]) -> Work[dict[str, Any]]:
    """Score final labels of images of nuclei, method by method.

    Parameters
    ----------
    model : DenseSegmenter
    images : sequence of NucleiImage

    Yields
    ------
    Progress

    Returns
    -------
    dict
        Method → ``iou`` and ``ap50``, means over images, and the same ``by_kind``.
    """
    rows = []
    for number, image in enumerate(images, 1):
        rows.append(score_image(image, reference_for(image, images), model))
        yield Progress("evaluating labels", number, len(images))
    return {method: _summary(rows, method) for method in METHODS}


def score_image(image: NucleiImage, reference: NucleiImage, model: DenseSegmenter) -> Row:
    """Scores of one image by every method.

    Parameters
    ----------
    image : NucleiImage
    reference : NucleiImage
        Its nucleus of median area is the reference.
    model : DenseSegmenter

    Returns
    -------
    dict
        ``id``, ``kind``, ``<method> iou``, ``<method> ap50`` and ``absent area``.
    """
    row: Row = {"id": image.id, "kind": image.kind}
    for method, labels in _labels_by_method(image, reference, model):
        if method == ABSENT_AREA:
            row[ABSENT_AREA] = float((labels > 0).mean())
        else:
            score = score_labels(image.labels, labels, image.id)
            row |= {f"{method} iou": score.iou, f"{method} ap50": score.ap50}
    return row


def reference_for(image: NucleiImage, images: Sequence[NucleiImage]) -> NucleiImage:
    """The next image of the same kind from another slide.

    Raises
    ------
    ValueError
        If there is none.
    """
    start = next(i for i, other in enumerate(images) if other.id == image.id)
    for other in (*images[start:], *images[:start]):
        if other.kind == image.kind and other.group != image.group and other.labels.any():
            return other
    raise ValueError(f"no other slide of kind {image.kind} to take a reference from")


def typical_label(labels: npt.NDArray[np.integer]) -> int:
    """The object of median area."""
    values, areas = np.unique(labels[labels > 0], return_counts=True)
    return int(values[np.argsort(areas, kind="stable")[len(values) // 2]])


def mean_of(rows: Iterable[Row], key: str) -> float:
    """Mean of one score over images."""
    return fmean(float(row[key]) for row in rows)


def _labels_by_method(
    image: NucleiImage, reference: NucleiImage, model: DenseSegmenter
) -> Iterator[tuple[str, npt.NDArray[np.integer]]]:
    cache = EmbeddingCache()
    region = reference.labels == typical_label(reference.labels)
    asked: dict[str, dict[str, Any]] = {
        TEXT: {"text": PHRASE},
        REFERENCE: {"references": {PHRASE: [(reference.image, region)]}},
        ABSENT_AREA: {"text": ABSENT},
    }
    for method, prompt in asked.items():
        yield method, segment(image.image, model=model, cache=cache, **prompt).labels
    plane = as_plane(image.image)
    foreground = otsu_foreground(plane).astype(np.float32)[np.newaxis]
    for method, split in ((OTSU, "components"), (OTSU_SPLIT, "watershed")):
        yield method, label_objects(foreground, (0.5,), PostProcess(split=split))[0]


def _summary(rows: Sequence[Row], method: str) -> dict[str, Any]:
    kinds = sorted({str(row["kind"]) for row in rows})
    return _means(rows, method) | {
        "by_kind": {
            kind: _means([row for row in rows if row["kind"] == kind], method) for kind in kinds
        }
    }


def _means(rows: Sequence[Row], method: str) -> dict[str, float]:
    return {key: round(mean_of(rows, f"{method} {key}"), 4) for key in ("iou", "ap50")}
