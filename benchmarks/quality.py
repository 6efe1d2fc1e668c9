"""Labels of real nuclei through the public API, beside Otsu, on slides never trained on.

``python benchmarks/quality.py --dsb2018 DIR``: the word “nuclei”, one nucleus of another slide as
a reference, and a phrase for something absent, on the validation split of the DSB 2018 images.
What is scored are the labels that a person gets, threshold and clean-up included.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import fmean

import numpy as np
from harness import Result, report
from rich.console import Console
from rich.progress import track
from rich.table import Table

import napari_vlseg
from napari_vlseg.images import ImageView, extract_plane
from napari_vlseg.masks import label_objects
from napari_vlseg.models.base import DenseSegmenter
from napari_vlseg.proposals import PostProcess
from napari_vlseg.training.baselines import otsu_foreground
from napari_vlseg.training.dsb2018 import NucleiImage, load_images, read_index, split_by_group
from napari_vlseg.workflow.cache import EmbeddingCache
from napari_vlseg.workflow.evaluation import score_labels

PHRASE, ABSENT = "nuclei", "red triangle"
TEXT, REFERENCE, OTSU, OTSU_SPLIT = "text", "reference", "Otsu", "Otsu + watershed"
METHODS = (TEXT, REFERENCE, OTSU, OTSU_SPLIT)
ABSENT_AREA = "absent area"

Row = dict[str, float | str]


def main() -> bool:
    """Measure, report, and say whether the goals were reached."""
    arguments = _arguments()
    _, validation = split_by_group(read_index(arguments.dsb2018))
    images = load_images(arguments.dsb2018, validation)
    model = napari_vlseg.load_model(arguments.model)
    rows = [
        measure(image, reference_for(image, images), model)
        for image in track(images[:: arguments.every], "segmenting", console=Console(stderr=True))
    ]
    _print_by_kind(rows)
    arguments.out.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"model": str(model.info), "images": rows}, indent=1)
    (arguments.out / "quality_images.json").write_text(text + "\n", "utf-8")
    return report("quality", _results(rows), {}, arguments.out)


def measure(image: NucleiImage, reference: NucleiImage, model: DenseSegmenter) -> Row:
    """Scores of one image by every method.

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


def _labels_by_method(
    image: NucleiImage, reference: NucleiImage, model: DenseSegmenter
) -> Iterator[tuple[str, np.ndarray]]:
    cache = EmbeddingCache()
    region = reference.labels == typical_label(reference.labels)
    asked = {
        TEXT: {"text": PHRASE},
        REFERENCE: {"references": {PHRASE: [(reference.image, region)]}},
        ABSENT_AREA: {"text": ABSENT},
    }
    for method, prompt in asked.items():
        yield method, napari_vlseg.segment(image.image, model=model, cache=cache, **prompt).labels
    plane = extract_plane(image.image, view=ImageView(rgb=True))
    foreground = otsu_foreground(plane).astype(np.float32)[np.newaxis]
    for method, split in ((OTSU, "components"), (OTSU_SPLIT, "watershed")):
        yield method, label_objects(foreground, (0.5,), PostProcess(split=split))[0]


def reference_for(image: NucleiImage, images: Sequence[NucleiImage]) -> NucleiImage:
    """The next image of the same kind from another slide."""
    start = next(i for i, other in enumerate(images) if other.id == image.id)
    for other in (*images[start:], *images[:start]):
        if other.kind == image.kind and other.group != image.group and other.labels.any():
            return other
    raise ValueError(f"no other slide of kind {image.kind} to take a reference from")


def typical_label(labels: np.ndarray) -> int:
    """The object of median area."""
    values, areas = np.unique(labels[labels > 0], return_counts=True)
    return int(values[np.argsort(areas, kind="stable")[len(values) // 2]])


def _mean(rows: Sequence[Row], key: str) -> float:
    return fmean(float(row[key]) for row in rows)


def _results(rows: Sequence[Row]) -> list[Result]:
    otsu = _mean(rows, f"{OTSU} iou")
    return [
        Result("text “nuclei”, foreground IoU", _mean(rows, f"{TEXT} iou"), 0.80, "", "more"),
        Result("text above Otsu", _mean(rows, f"{TEXT} iou") - otsu, 0.0, "IoU", "more"),
        Result("one reference, foreground IoU", _mean(rows, f"{REFERENCE} iou"), 0.78, "", "more"),
        Result("“red triangle”, share of pixels", _mean(rows, ABSENT_AREA), 0.02, "", "less"),
    ]


def _print_by_kind(rows: Sequence[Row]) -> None:
    kinds: Mapping[str, list[Row]] = defaultdict(list)
    for row in rows:
        kinds[str(row["kind"])].append(row)
    for metric, title in (("iou", "foreground IoU"), ("ap50", "AP@0.5 of instances")):
        table = Table("kind", "images", *METHODS, title=title)
        for kind, members in (*sorted(kinds.items()), ("mean of images", list(rows))):
            means = (f"{_mean(members, f'{method} {metric}'):.3f}" for method in METHODS)
            table.add_row(kind, str(len(members)), *means)
        Console().print(table)


def _arguments() -> argparse.Namespace:
    beside = Path(__file__).parents[1] / "../shared/data/dsb2018"
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--dsb2018",
        type=Path,
        default=Path(os.environ.get("VLSEG_DSB2018", beside)),
        help="folder with index.csv, images and labels [default: $VLSEG_DSB2018]",
    )
    parser.add_argument("--model", default="vlseg-mini", help="name or folder")
    parser.add_argument("--every", type=int, default=1, help="take every n-th image alone")
    parser.add_argument("--out", type=Path, default=Path("benchmark-results"), help="JSON files")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(not main())
