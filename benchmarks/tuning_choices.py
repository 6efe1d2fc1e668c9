"""Is anything beside the default way to fine-tune worth its time?

The bundled model learns objects that no word names, in two painted domains, from 5 and from 20
corrected ones: as it does by default, from encoded variants of each image as well, and with
factors in its vision tower. All learn from equal corrections and are asked about equal images.
The number is what they gain in AP@0.5 over the default, which is right as long as that is little.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from time import process_time

import numpy as np
import torch
from harness import Result, report
from rich.console import Console
from rich.table import Table

import napari_vlseg
from napari_vlseg.events import run
from napari_vlseg.models.clipseg import ClipSegSegmenter
from napari_vlseg.training.finetune.augmented import encode_variants
from napari_vlseg.training.finetune.corrected import CorrectedPlane
from napari_vlseg.training.finetune.replay import ReplayBank, replay_bank
from napari_vlseg.training.finetune.settings import FinetuneSettings
from napari_vlseg.training.finetune.training import finetune
from napari_vlseg.training.simulation.annotator import annotate
from napari_vlseg.training.simulation.learning import score_objects
from napari_vlseg.training.simulation.pools import Pool, painted_pool
from napari_vlseg.workflow.cache import EmbeddingCache
from napari_vlseg.workflow.propose import propose

WAYS = {
    "default": FinetuneSettings(),
    "4 variants": FinetuneSettings(augment=4),
    "lora": FinetuneSettings(method="lora"),
    "lora, 4 variants": FinetuneSettings(method="lora", augment=4),
}
BUDGETS = (5, 20)
MOST_GAINED = 2.0


def main() -> bool:
    """Measure, report, and say whether the default is right."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--domains", default="2,3", help="painted domains that are learned")
    parser.add_argument("--seeds", type=int, default=3, help="how often everything is repeated")
    parser.add_argument("--only", help="ways beside the default, separated by “;”")
    parser.add_argument("--out", type=Path, default=Path("benchmark-results"), help="JSON files")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    chosen = arguments.only.split(";") if arguments.only else list(WAYS)[1:]
    student = Student(napari_vlseg.load_model("vlseg-mini", device="cpu"))
    pools = [painted_pool(int(d), n_work=10, n_test=8) for d in arguments.domains.split(",")]
    table = Table("way", "objects", "AP@0.5", "Dice of matched", "seconds of training")
    scores: dict[tuple[str, int], np.ndarray] = {}
    for way in ("default", *chosen):
        for budget in BUDGETS:
            jobs = [(pool, seed) for pool in pools for seed in range(arguments.seeds)]
            rows = [student.learn(pool, budget, seed, WAYS[way]) for pool, seed in jobs]
            scores[way, budget] = np.mean(rows, axis=0)
            ap50, dice, seconds = scores[way, budget]
            table.add_row(way, str(budget), f"{ap50:.3f}", f"{dice:.3f}", f"{seconds:.1f}")
    Console().print(table)
    results = [
        Result(
            f"{way}: gained from {budget} objects",
            100 * float(scores[way, budget][0] - scores["default", budget][0]),
            MOST_GAINED,
            "points",
            "less",
        )
        for way in chosen
        for budget in BUDGETS
    ]
    return report("tuning-choices", results, {}, arguments.out)


class Student:
    """The base model with what it has encoded."""

    def __init__(self, model: ClipSegSegmenter) -> None:
        self._model, self._cache = model, EmbeddingCache()
        self._bank: ReplayBank = run(replay_bank(model, FinetuneSettings().replay_scenes))

    def learn(
        self, pool: Pool, budget: int, seed: int, settings: FinetuneSettings
    ) -> tuple[float, float, float]:
        """AP@0.5, Dice of matched objects, and seconds of the processor that training took."""
        order = np.random.default_rng(seed).permutation(len(pool.work)).tolist()
        planes = annotate(pool.work, order, budget, pool.class_name, seed)
        if settings.augment and not settings.trains_tower:
            run(encode_variants(self._model, planes, self._cache, settings.augment))
        start = process_time()
        taught = self._trained(pool, planes, replace(settings, seed=seed))
        seconds = process_time() - start
        return *self._score(taught, pool), seconds

    def _trained(
        self, pool: Pool, planes: Sequence[CorrectedPlane], settings: FinetuneSettings
    ) -> ClipSegSegmenter:
        work = finetune(
            self._model, pool.prompts, planes, settings, cache=self._cache, bank=self._bank
        )
        return self._model.with_adapter(run(work))

    def _score(self, model: ClipSegSegmenter, pool: Pool) -> tuple[float, float]:
        scores = []
        for image in pool.test:
            found = run(propose(model, image.plane, pool.prompts, cache=self._cache))
            scores.append(score_objects(image.labels, found.labels))
        ap50, dice = np.mean(scores, axis=0)
        return float(ap50), float(dice)


if __name__ == "__main__":
    sys.exit(not main())
