"""Text → SAM on real nuclei, beside the two ways to take the same map apart without it.

``python benchmarks/text_to_sam.py --dsb2018 DIR``: the word “nuclei” on the validation split of
the DSB 2018 images, whole slides of which neither model was trained on. Connected components,
watershed and text → SAM start from one and the same probability map.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from time import perf_counter

import numpy as np
from harness import Result, pipeline_arguments, print_by_kind, report
from rich.console import Console
from rich.progress import track

import napari_vlseg
from napari_vlseg.events import run
from napari_vlseg.metrics import match_instances
from napari_vlseg.models.base import DenseSegmenter, PromptableSegmenter
from napari_vlseg.models.registry import require_promptable
from napari_vlseg.prompts import PromptTable
from napari_vlseg.proposals import PostProcess
from napari_vlseg.training.dsb2018 import NucleiImage, load_images, read_index, split_by_group
from napari_vlseg.training.evaluate_labels import mean_of
from napari_vlseg.training.evaluate_nuclei import as_plane
from napari_vlseg.workflow.propose import propose, rethreshold
from napari_vlseg.workflow.refine import refine

COMPONENTS, WATERSHED, REFINED = "components", "watershed", "text → SAM"
METHODS = (COMPONENTS, WATERSHED, REFINED)
LEVELS = (0.5, 0.75)

Row = dict[str, float | str]


def main() -> bool:
    """Measure, report, and say whether the goals were reached."""
    arguments = pipeline_arguments(__doc__)
    _, validation = split_by_group(read_index(arguments.dsb2018))
    images = load_images(arguments.dsb2018, validation)[:: arguments.every]
    model = napari_vlseg.load_model(arguments.model)
    outliner = require_promptable(napari_vlseg.load_model(arguments.refine))
    console = Console(stderr=True)
    rows = [
        _score(image, model, outliner) for image in track(images, "segmenting", console=console)
    ]
    titles = {f"ap{level:g}": f"AP@{level:g} of instances" for level in LEVELS}
    print_by_kind(rows, METHODS, titles)
    arguments.out.mkdir(parents=True, exist_ok=True)
    document = {"model": str(model.info), "refine": str(outliner.info), "images": rows}
    text = json.dumps(document, indent=1)
    (arguments.out / "text_to_sam_images.json").write_text(text + "\n", "utf-8")
    return report("text_to_sam", _results(rows), {}, arguments.out)


def _score(image: NucleiImage, model: DenseSegmenter, outliner: PromptableSegmenter) -> Row:
    row: Row = {"id": image.id, "kind": image.kind}
    for method, labels, seconds in _labels_by_method(image, model, outliner):
        row[f"{method} seconds"] = seconds
        row |= {f"{method} ap{level:g}": ap for level, ap in _precisions(image.labels, labels)}
    return row


def _labels_by_method(
    image: NucleiImage, model: DenseSegmenter, outliner: PromptableSegmenter
) -> Iterator[tuple[str, np.ndarray, float]]:
    """Labels of each method, and the seconds it takes beyond the map."""
    plane = as_plane(image.image)
    table = PromptTable.build("nuclei")
    found = run(propose(model, plane, table))
    for method, split in ((COMPONENTS, "components"), (WATERSHED, "watershed")):
        start = perf_counter()
        labels = rethreshold(found, postprocess=PostProcess(split=split)).labels
        yield method, labels, perf_counter() - start
    start = perf_counter()
    yield REFINED, run(refine(outliner, plane, found)).labels, perf_counter() - start


def _precisions(truth: np.ndarray, labels: np.ndarray) -> Iterator[tuple[float, float]]:
    """TP / (TP + FP + FN) at each level; above an IoU of 0.5 an object has one partner only."""
    matching = match_instances(truth, labels, LEVELS[0])
    every = matching.n_truth + matching.n_pred
    for level in LEVELS:
        hits = int(np.count_nonzero(matching.ious >= level))
        yield level, hits / (every - hits) if every else 1.0


def _results(rows: Sequence[Row]) -> list[Result]:
    ours = mean_of(rows, f"{REFINED} ap0.5")
    return [
        Result("text → SAM, AP@0.5", ours, 0.7, "", "more"),
        Result("above components", ours - mean_of(rows, f"{COMPONENTS} ap0.5"), 0.0, "AP", "more"),
        Result("above watershed", ours - mean_of(rows, f"{WATERSHED} ap0.5"), 0.0, "AP", "more"),
        Result("per image", mean_of(rows, f"{REFINED} seconds"), 10.0, "s", "less"),
    ]


if __name__ == "__main__":
    sys.exit(not main())
