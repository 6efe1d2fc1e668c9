"""Do old prompts mean what they meant, after a new class was learned?

Objects that no word names are painted, in a domain of their own each time, and the bundled model
learns them from 20 and from 100 corrected ones under a word that it never saw. Then it is asked for
what it knew before: by the phrases and the references of painted scenes that no training saw, and
by the word “nuclei” in the validation images of DSB 2018. The number is the mean IoU at the
model's own threshold, in points; the goal is a loss of less than 2.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

import numpy as np
import torch
from harness import Result, nuclei_parser, report
from rich.console import Console
from rich.table import Table

import napari_vlseg
from napari_vlseg.events import run
from napari_vlseg.metrics import iou
from napari_vlseg.models.base import DenseSegmenter
from napari_vlseg.models.clipseg import ClipSegSegmenter
from napari_vlseg.prompts import ClassPrompt
from napari_vlseg.training.dsb2018 import NucleiImage, load_images, read_index, split_by_group
from napari_vlseg.training.evaluate_nuclei import as_plane
from napari_vlseg.training.evaluate_scenes import ALL_PRESENT, REFERENCE, evaluate_scenes
from napari_vlseg.training.finetune.replay import ReplayBank, replay_bank
from napari_vlseg.training.finetune.settings import FinetuneSettings
from napari_vlseg.training.finetune.training import finetune
from napari_vlseg.training.simulation.annotator import annotate
from napari_vlseg.training.simulation.pools import painted_pool

BUDGETS = (20, 100)
NUCLEI = ClassPrompt("nuclei", phrases=("nuclei",))
MOST_LOST = 2.0


def main() -> bool:
    """Measure, report, and say whether the goals were reached."""
    parser = nuclei_parser(__doc__)
    parser.add_argument("--domains", default="0,1,2,3", help="painted domains that are learned")
    parser.add_argument("--scenes", type=int, default=60, help="scenes of known objects")
    parser.add_argument("--every", type=int, default=3, help="take every n-th image of nuclei")
    parser.add_argument("--method", default="decoder", help="decoder or film")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    _, validation = split_by_group(read_index(arguments.dsb2018))
    images = load_images(arguments.dsb2018, validation[:: arguments.every])
    model = napari_vlseg.load_model("vlseg-mini", device="cpu")
    settings = FinetuneSettings(method=arguments.method)
    bank = run(replay_bank(model, settings.replay_scenes))
    before = _known(model, images, arguments.scenes)
    table = Table("learned", "objects", *before, title="mean IoU of what was known before")
    table.add_row("nothing", "0", *(f"{value:.3f}" for value in before.values()))
    after: dict[int, list[dict[str, float]]] = {budget: [] for budget in BUDGETS}
    for domain in map(int, arguments.domains.split(",")):
        for budget in BUDGETS:
            taught = _taught(model, domain, budget, settings, bank)
            known = _known(taught, images, arguments.scenes)
            after[budget].append(known)
            cells = (f"{known[name]:.3f}" for name in before)
            table.add_row(f"painted objects {domain}", str(budget), *cells)
    Console().print(table)
    results = [
        Result(
            f"{name}: lost after {budget} objects, mean of {len(rows)} domains",
            100 * (before[name] - float(np.mean([row[name] for row in rows]))),
            MOST_LOST,
            "points",
            "less",
        )
        for budget, rows in after.items()
        for name in before
    ]
    return report("forgetting", results, {}, arguments.out)


def _taught(
    model: ClipSegSegmenter,
    domain: int,
    budget: int,
    settings: FinetuneSettings,
    bank: ReplayBank,
) -> ClipSegSegmenter:
    pool = painted_pool(domain)
    order = np.random.default_rng(domain).permutation(len(pool.work)).tolist()
    planes = annotate(pool.work, order, budget, pool.class_name, domain)
    return model.with_adapter(run(finetune(model, pool.prompts, planes, settings, bank=bank)))


def _known(model: DenseSegmenter, images: Sequence[NucleiImage], n_scenes: int) -> dict[str, float]:
    """Mean IoU of the prompts that the bundled model was trained on."""
    scenes = run(evaluate_scenes(model, n_scenes))["present"]
    nuclei = [_nuclei_iou(model, image) for image in images]
    return {
        "phrases": scenes[ALL_PRESENT]["iou"],
        "references": scenes[REFERENCE]["iou"],
        "“nuclei”": float(np.mean(nuclei)),
    }


def _nuclei_iou(model: DenseSegmenter, image: NucleiImage) -> float:
    embedding = model.encode(as_plane(image.image))
    (found,) = model.predict(embedding, [model.condition(NUCLEI)[0]])
    return iou(found > model.default_threshold, image.labels > 0)


if __name__ == "__main__":
    sys.exit(not main())
