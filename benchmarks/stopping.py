"""Does the stop estimate's 90 % interval cover the truth? In simulated projects of real qualities.

``python benchmarks/stopping.py`` simulates projects from ``stopping_images.json``, which lies
beside it; ``--rebuild --dsb2018 DIR`` measures that table again: the bundled model on the 94
validation images of DSB 2018, and on painted objects that it was taught 60 of. Images are reviewed
by chance, or the most uncertain first with the noise that a project has; the goal of each is 85 of
100 projects. The noise of the first round, and that of the eighth, which is next to none, are shown
beside them without a goal: no project is ordered so throughout.
"""

from __future__ import annotations

import sys
from pathlib import Path

from harness import Result, nuclei_parser, report
from rich.console import Console
from rich.table import Table

import napari_vlseg
from napari_vlseg.events import run
from napari_vlseg.prompts import ClassPrompt, PromptTable
from napari_vlseg.training.dsb2018 import load_images, read_index, split_by_group
from napari_vlseg.training.evaluate_nuclei import as_plane
from napari_vlseg.training.finetune.project_run import require_trainable
from napari_vlseg.training.simulation.pools import TrueImage, painted_pool
from napari_vlseg.training.simulation.stopping import (
    Coverage,
    JudgedImage,
    judge,
    judge_taught,
    read_judged,
    simulate_stopping,
    write_judged,
)
from napari_vlseg.workflow.ordering import Order

TABLE = Path(__file__).with_name("stopping_images.json")
DOMAINS = range(6)
PER_DOMAIN = 90
PRODUCT: tuple[tuple[Order, int | None], ...] = (("random", None), ("uncertain", None))
STRESS: tuple[tuple[Order, int | None], ...] = (("uncertain", 0), ("uncertain", 8))
REVIEWED = (5, 10, 20, 40)
GOAL = 0.85


def main() -> bool:
    """Measure, report, and say whether the goals were reached."""
    parser = nuclei_parser(__doc__)
    parser.add_argument("--projects", type=int, default=200, help="simulated in each setting")
    parser.add_argument("--rebuild", action="store_true", help="measure the table of images again")
    arguments = parser.parse_args()
    if arguments.rebuild:
        write_judged(TABLE, _judged(arguments.dsb2018))
    found = [
        simulate_stopping(images, order, n, n_projects=arguments.projects, round_=round_)
        for images in read_judged(TABLE).values()
        for order, round_ in (*PRODUCT, *STRESS)
        for n in REVIEWED
    ]
    _print(found)
    results = [
        Result(
            f"{one.pool}, {_named(one)}, {one.n_reviewed} of {one.n_images} reviewed",
            100 * one.covered,
            100 * GOAL,
            "of 100 covered",
            "more",
        )
        for one in found
        if one.round_ is None
    ]
    return report("stopping", results, {}, arguments.out)


def _judged(dsb2018: Path) -> list[JudgedImage]:
    model = require_trainable(napari_vlseg.load_model("vlseg-mini"))
    _, validation = split_by_group(read_index(dsb2018))
    nuclei = [
        TrueImage(image.id, image.group, as_plane(image.image), image.labels)
        for image in load_images(dsb2018, validation)
    ]
    table = PromptTable((ClassPrompt("nuclei", phrases=("nuclei",)),))
    images = list(run(judge(model, "nuclei", nuclei, table)))
    for domain in DOMAINS:
        images += run(judge_taught(model, painted_pool(domain, n_work=PER_DOMAIN)))
    return images


def _named(one: Coverage) -> str:
    return one.order if one.round_ is None else f"{one.order}, round {one.round_}"


def _print(found: list[Coverage]) -> None:
    """Covered projects and mean half width, a line for each pool and order."""
    table = Table("images", "order", *(f"{n} reviewed" for n in REVIEWED))
    for start in range(0, len(found), len(REVIEWED)):
        row = found[start : start + len(REVIEWED)]
        cells = (f"{one.covered:.0%}, ±{one.half_width:.2f}" for one in row)
        table.add_row(row[0].pool, _named(row[0]), *cells)
    Console().print(table)


if __name__ == "__main__":
    sys.exit(not main())
