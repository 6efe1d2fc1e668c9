"""What corrected objects are worth to the bundled click model, on images nobody corrected.

``python benchmarks/finetuning_clicks.py --dsb2018 DIR``: nuclei of the validation split, which
the bundled model never saw, split again by slide: objects of some slides are corrected, others
measured on. And painted objects whose kinds no training has seen. For each number of corrected
objects and each seed the model is trained from the base on; IoU after one click, after three,
and by a box, before and after. Nuclei under another staining tell what was forgotten.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import numpy as np
import torch
from harness import Result, machine, nuclei_parser, report
from rich.console import Console
from rich.table import Table

import napari_vlseg
from napari_vlseg.events import run
from napari_vlseg.models.sam import SamSegmenter
from napari_vlseg.training.dsb2018 import load_images, read_index, split_by_group
from napari_vlseg.training.evaluate_nuclei import as_plane
from napari_vlseg.training.finetune.clicks.assessing import PROMPTS, Measured, object_ious
from napari_vlseg.training.finetune.clicks.replay import ClickBank, click_bank
from napari_vlseg.training.finetune.clicks.settings import ClickSettings
from napari_vlseg.training.finetune.clicks.training import finetune_clicks
from napari_vlseg.training.simulation.annotator import annotate
from napari_vlseg.training.simulation.pools import TrueImage, painted_pool
from napari_vlseg.workflow.cache import EmbeddingCache

TEST_GROUPS = {"purple_on_purple": ("31", "55")}
"""Validation slides that are measured on; objects of the other ones of the kind are corrected."""

DOMAINS = (0,)
OTHER_KIND = "fluorescence"
FEWEST_PIXELS = 20

Scores = dict[str, float]
Row = dict[str, object]


@dataclass(frozen=True, eq=False)
class Trial:
    """Images whose objects are corrected, and objects that are measured."""

    name: str
    work: tuple[TrueImage, ...]
    test: tuple[Measured, ...]


def main() -> bool:
    """Measure, report, and say whether the goals were reached."""
    parser = nuclei_parser(__doc__)
    parser.add_argument("--budgets", default="20,100", help="numbers of corrected objects")
    parser.add_argument("--seeds", type=int, default=3, help="of objects, clicks and training")
    parser.add_argument("--objects", type=int, default=30, help="measured in each trial, at most")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    model: SamSegmenter = napari_vlseg.load_model("sam-mini", device="cpu")
    budgets = [int(number) for number in arguments.budgets.split(",")]
    bank = run(click_bank(model, ClickSettings().replay_objects))
    others = measured(model, nuclei(arguments.dsb2018, OTHER_KIND), arguments.objects)
    known = mean_scores(model, others)
    chosen = tuple(trials(model, arguments.dsb2018, arguments.objects))
    rows: list[Row] = [{"trial": OTHER_KIND, "budget": 0, **known}]
    rows += [{"trial": t.name, "budget": 0, **mean_scores(model, t.test)} for t in chosen]
    for seed in range(arguments.seeds):
        for trial in chosen:
            for budget in budgets:
                rows.append(learned(model, trial, budget, seed, bank, others))
                Console(stderr=True).print(rows[-1])
                write_rows(rows, str(model.info), arguments.out)
    print_rows(rows, budgets)
    return report("finetuning_clicks", results(rows, max(budgets), known), {}, arguments.out)


def write_rows(rows: Sequence[Row], model: str, out: Path) -> None:
    """Everything that was measured so far."""
    out.mkdir(parents=True, exist_ok=True)
    document = {"model": model, "machine": machine(), "rows": list(rows)}
    text = json.dumps(document, indent=1)
    (out / "finetuning_clicks_rows.json").write_text(text + "\n", "utf-8")


def trials(model: SamSegmenter, folder: Path, most: int) -> Iterator[Trial]:
    """Nuclei by staining, and painted objects by domain."""
    for kind, groups in TEST_GROUPS.items():
        images = nuclei(folder, kind)
        test = [image for image in images if image.group in groups]
        work = tuple(image for image in images if image.group not in groups)
        yield Trial(kind, work, measured(model, test, most))
    for domain in DOMAINS:
        pool = painted_pool(domain, n_work=30, n_test=12)
        yield Trial(pool.name, pool.work, measured(model, pool.test, most))


def nuclei(folder: Path, kind: str) -> list[TrueImage]:
    """Validation images of a kind, without objects that no one would click on."""
    index = read_index(folder)
    _, validation = split_by_group(index)
    chosen = set(index.loc[index["kind"] == kind, "id"]) & set(validation)
    images = load_images(folder, sorted(chosen))
    return [TrueImage(i.id, i.group, as_plane(i.image), without_specks(i.labels)) for i in images]


def without_specks(labels: np.ndarray) -> np.ndarray:
    """Labels of objects of at least 20 pixels."""
    areas = np.bincount(labels.ravel())
    return np.where(areas[labels] >= FEWEST_PIXELS, labels, 0)


def measured(model: SamSegmenter, images: Sequence[TrueImage], most: int) -> tuple[Measured, ...]:
    """Objects of images, chosen by a seed."""
    every = [(n, int(v)) for n, image in enumerate(images) for v in np.unique(image.labels) if v]
    chosen = np.random.default_rng(0).permutation(len(every))[:most]
    picks = [every[number] for number in sorted(chosen)]
    embeddings = {n: model.encode(images[n].plane) for n in {n for n, _ in picks}}
    return tuple(Measured("", embeddings[n], images[n].labels == value) for n, value in picks)


def mean_scores(model: SamSegmenter, objects: Sequence[Measured]) -> Scores:
    """Mean IoU by prompt."""
    found = [object_ious(model, thing) for thing in objects]
    return {prompt: float(np.mean([one[prompt] for one in found])) for prompt in PROMPTS}


def learned(
    model: SamSegmenter,
    trial: Trial,
    budget: int,
    seed: int,
    bank: ClickBank,
    others: Sequence[Measured],
) -> Row:
    """Correct objects, learn from them, and measure."""
    order = np.random.default_rng(seed).permutation(len(trial.work))
    planes = annotate(trial.work, order.tolist(), budget, "object", seed)
    start = perf_counter()
    work = finetune_clicks(
        model, planes, ClickSettings(seed=seed), cache=EmbeddingCache(), bank=bank
    )
    adapted = model.with_adapter(run(work))
    seconds = perf_counter() - start
    forgotten = {f"{OTHER_KIND}, {name}": v for name, v in mean_scores(adapted, others).items()}
    return {
        "trial": trial.name,
        "budget": budget,
        "seed": seed,
        "corrected": sum(len(plane.objects) for plane in planes),
        "seconds": seconds,
        **mean_scores(adapted, trial.test),
        **forgotten,
    }


def print_rows(rows: Sequence[Row], budgets: Sequence[int]) -> None:
    """Mean over seeds, and the lowest and the highest, of each trial and budget."""
    table = Table("trial", "corrected", *PROMPTS, title="IoU, mean (least to most over seeds)")
    for name in dict.fromkeys(str(row["trial"]) for row in rows):
        for budget in (0, *budgets):
            cells = [spread(values_of(rows, name, budget, prompt)) for prompt in PROMPTS]
            if any(cells):
                table.add_row(name, str(budget), *cells)
    Console().print(table)


def values_of(rows: Sequence[Row], trial: str, budget: int, column: str) -> list[float]:
    """A column of all seeds."""
    mine = [row for row in rows if row["trial"] == trial and row["budget"] == budget]
    return [float(str(row[column])) for row in mine if column in row]


def spread(values: Sequence[float]) -> str:
    """Mean and range."""
    if len(values) < 2:
        return "".join(f"{value:.3f}" for value in values)
    return f"{np.mean(values):.3f} ({min(values):.3f} to {max(values):.3f})"


def results(rows: Sequence[Row], budget: int, known: Scores) -> list[Result]:
    """Gains with the most corrections, and what nuclei under another staining lost."""
    names = [
        name for name in dict.fromkeys(str(row["trial"]) for row in rows) if name != OTHER_KIND
    ]
    found = []
    for name in names:
        for prompt in PROMPTS:
            (before,) = values_of(rows, name, 0, prompt)
            after = float(np.mean(values_of(rows, name, budget, prompt)))
            found.append(Result(f"{name}, {prompt}: gain", after - before, 0.0, "IoU", "more"))
    for prompt in PROMPTS:
        column = f"{OTHER_KIND}, {prompt}"
        after = [value for name in names for value in values_of(rows, name, budget, column)]
        lost = known[prompt] - float(np.mean(after))
        found.append(Result(f"{column}: loss", lost, 0.02, "IoU", "less"))
    return found


if __name__ == "__main__":
    sys.exit(not main())
