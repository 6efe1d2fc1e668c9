"""Labels of real nuclei through the public API, beside Otsu, on slides never trained on.

``python benchmarks/quality.py --dsb2018 DIR``: the word “nuclei”, one nucleus of another slide as
a reference, and a phrase for something absent, on the validation split of the DSB 2018 images.
What is scored are the labels that a person gets, threshold and clean-up included.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence

from harness import Result, nuclei_parser, print_by_kind, report
from rich.console import Console
from rich.progress import track

import napari_vlseg
from napari_vlseg.training.dsb2018 import load_images, read_index, split_by_group
from napari_vlseg.training.evaluate_labels import (
    ABSENT_AREA,
    METHODS,
    OTSU,
    OTSU_SPLIT,
    REFERENCE,
    TEXT,
    Row,
    mean_of,
    reference_for,
    score_image,
)


def main() -> bool:
    """Measure, report, and say whether the goals were reached."""
    arguments = _arguments()
    _, validation = split_by_group(read_index(arguments.dsb2018))
    images = load_images(arguments.dsb2018, validation)
    model = napari_vlseg.load_model(arguments.model)
    rows = [
        score_image(image, reference_for(image, images), model)
        for image in track(images[:: arguments.every], "segmenting", console=Console(stderr=True))
    ]
    print_by_kind(rows, METHODS, {"iou": "foreground IoU", "ap50": "AP@0.5 of instances"})
    arguments.out.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"model": str(model.info), "images": rows}, indent=1)
    (arguments.out / "quality_images.json").write_text(text + "\n", "utf-8")
    return report("quality", _results(rows), {}, arguments.out)


def _results(rows: Sequence[Row]) -> list[Result]:
    text, reference = mean_of(rows, f"{TEXT} iou"), mean_of(rows, f"{REFERENCE} iou")
    otsu, split = mean_of(rows, f"{OTSU} iou"), mean_of(rows, f"{OTSU_SPLIT} ap50")
    objects = mean_of(rows, f"{TEXT} ap50")
    return [
        Result("text “nuclei”, foreground IoU", text, 0.84, "", "more"),
        Result("text above Otsu", text - otsu, 0.0, "IoU", "more"),
        Result("one reference, foreground IoU", reference, 0.83, "", "more"),
        Result("text “nuclei”, AP@0.5 of instances", objects, 0.70, "", "more"),
        Result("AP@0.5 above Otsu + watershed", objects - split, 0.0, "AP", "more"),
        Result("“red triangle”, share of pixels", mean_of(rows, ABSENT_AREA), 0.02, "", "less"),
    ]


def _arguments() -> argparse.Namespace:
    parser = nuclei_parser(__doc__)
    parser.add_argument("--model", default="vlseg-mini", help="name or folder")
    parser.add_argument("--every", type=int, default=1, help="take every n-th image alone")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(not main())
