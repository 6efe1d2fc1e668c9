"""Is an uncertain object a wrong one? On real nuclei, beside 1 − score; and how long it takes.

``python benchmarks/uncertainty.py --dsb2018 DIR``: the validation split of the DSB 2018 images,
whole slides that the model never saw. An object is wrong if no true one has an IoU of at least
0.5 with it. The number is the area under the ROC curve: how often a wrong object ranks before a
right one, of all objects together and as the mean over images, where review happens.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from time import perf_counter

import numpy as np
from harness import Result, pipeline_arguments, report
from rich.console import Console
from rich.progress import track
from rich.table import Table
from scipy import stats

import napari_vlseg
from napari_vlseg.events import run
from napari_vlseg.masks import ObjectStats, describe_objects
from napari_vlseg.metrics import match_instances
from napari_vlseg.models.base import DenseSegmenter, PromptableSegmenter
from napari_vlseg.models.registry import require_promptable
from napari_vlseg.proposals import Proposals
from napari_vlseg.training.dsb2018 import NucleiImage, load_images, read_index, split_by_group
from napari_vlseg.training.evaluate_labels import PHRASE, reference_for, typical_label
from napari_vlseg.training.evaluate_nuclei import as_plane
from napari_vlseg.workflow.api import segment
from napari_vlseg.workflow.cache import EmbeddingCache
from napari_vlseg.workflow.refine import refine
from napari_vlseg.workflow.uncertainty import boundary_entropy, object_uncertainty

TEXT, MIXED, OUTLINED = "text", "text and reference", "text → SAM"
UNCERTAINTY, ENTROPY, SCORE = "uncertainty", "entropy inside", "1 − score"
RANKINGS = (UNCERTAINTY, ENTROPY, SCORE)
FIRST = 0.2
SIDE, PER_SIDE = 4096, 224


@dataclass(frozen=True)
class Objects:
    """The objects of one image: which are wrong, and the rankings of them."""

    wrong: np.ndarray
    rankings: Mapping[str, np.ndarray]


def main() -> bool:
    """Measure, report, and say whether the goals were reached."""
    arguments = pipeline_arguments(__doc__)
    _, validation = split_by_group(read_index(arguments.dsb2018))
    images = load_images(arguments.dsb2018, validation)
    model = napari_vlseg.load_model(arguments.model)
    outliner = require_promptable(napari_vlseg.load_model(arguments.refine))
    found: dict[str, list[Objects]] = {TEXT: [], MIXED: [], OUTLINED: []}
    some = images[:: arguments.every]
    for image in track(some, "segmenting", console=Console(stderr=True)):
        for way, proposals in _proposals(image, images, model, outliner):
            if len(proposals.objects):
                found[way].append(_judged(proposals, image.labels))
    summaries = {way: _summary(objects) for way, objects in found.items()}
    _print(summaries)
    arguments.out.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"model": str(model.info), "ways": summaries}, indent=1)
    (arguments.out / "uncertainty_rankings.json").write_text(text + "\n", "utf-8")
    return report("uncertainty", _results(summaries, _seconds()), {}, arguments.out)


def _proposals(
    image: NucleiImage,
    images: Sequence[NucleiImage],
    model: DenseSegmenter,
    outliner: PromptableSegmenter,
) -> Iterator[tuple[str, Proposals]]:
    cache, reference = EmbeddingCache(), reference_for(image, images)
    shown = {PHRASE: [(reference.image, reference.labels == typical_label(reference.labels))]}
    by_text = segment(image.image, text=PHRASE, model=model, cache=cache)
    yield TEXT, by_text
    yield MIXED, segment(image.image, text=PHRASE, references=shown, model=model, cache=cache)
    yield OUTLINED, run(refine(outliner, as_plane(image.image), by_text))


def _judged(proposals: Proposals, truth: np.ndarray) -> Objects:
    objects = proposals.objects
    right = match_instances(truth, proposals.labels, 0.5).pred_labels
    return Objects(
        ~np.isin(objects["label"], right),
        {
            UNCERTAINTY: objects["uncertainty"].to_numpy(float),
            ENTROPY: _entropy_inside(proposals),
            SCORE: 1 - objects["score"].to_numpy(float),
        },
    )


def _entropy_inside(proposals: Proposals) -> np.ndarray:
    """The plain definition: mean entropy of the object's own pixels."""
    bits = boundary_entropy(proposals.probabilities[0], proposals.thresholds[0])[np.newaxis]
    one_class = np.zeros(int(proposals.labels.max()), np.int64)
    return np.array([one.score for one in describe_objects(proposals.labels, one_class, bits)])


def _summary(objects: Sequence[Objects]) -> dict[str, dict[str, float]]:
    wrong = np.concatenate([one.wrong for one in objects])
    mixed = [one for one in objects if 0 < one.wrong.sum() < len(one.wrong)]
    summary = {"objects": {"all": float(len(wrong)), "wrong": float(wrong.mean())}}
    for name in RANKINGS:
        every = np.concatenate([one.rankings[name] for one in objects])
        summary[name] = {
            "pooled": _auroc(every, wrong),
            "per image": fmean(_auroc(one.rankings[name], one.wrong) for one in mixed),
            "found early": float(wrong[np.argsort(-every)[: round(FIRST * len(every))]].sum())
            / max(1, int(wrong.sum())),
        }
    return summary


def _auroc(ranking: np.ndarray, wrong: np.ndarray) -> float:
    """Share of pairs of a wrong and a right object in which the wrong one ranks higher."""
    u = stats.mannwhitneyu(ranking[wrong], ranking[~wrong]).statistic
    return float(u / (wrong.sum() * (~wrong).sum()))


def _print(summaries: Mapping[str, Mapping[str, Mapping[str, float]]]) -> None:
    table = Table("objects by", "of", "wrong", "ranked by", "AUROC", "per image", "in first 20 %")
    for way, summary in summaries.items():
        for name in RANKINGS:
            numbers = (f"{summary[name][key]:.3f}" for key in ("pooled", "per image"))
            early = f"{summary[name]['found early']:.0%} of the wrong"
            n_objects, share = summary["objects"].values()
            table.add_row(way, f"{n_objects:.0f}", f"{share:.1%}", name, *numbers, early)
    Console().print(table)


def _seconds() -> float:
    """Seconds for 50,176 objects on 4096 × 4096 pixels, the best of three."""
    step = SIDE // PER_SIDE
    rows, cols = np.mgrid[:SIDE, :SIDE]
    inside = (rows < step * PER_SIDE) & (cols < step * PER_SIDE)
    inside &= (rows % step < step - 4) & (cols % step < step - 4)
    labels = np.where(inside, 1 + rows // step * PER_SIDE + cols // step, 0).astype(np.int32)
    objects = [ObjectStats(label, 0, 0.5, 1) for label in range(1, PER_SIDE**2 + 1)]
    maps = np.random.default_rng(0).random((1, SIDE, SIDE), np.float32)
    seconds = []
    for _ in range(3):
        start = perf_counter()
        object_uncertainty(labels, objects, maps, [0.45])
        seconds.append(perf_counter() - start)
    return min(seconds)


def _results(
    summaries: Mapping[str, Mapping[str, Mapping[str, float]]], seconds: float
) -> list[Result]:
    results = []
    for way, summary in summaries.items():
        gain = summary[UNCERTAINTY]["per image"] - summary[SCORE]["per image"]
        results += [
            Result(f"{way}, per image", summary[UNCERTAINTY]["per image"], 0.7, "AUROC", "more"),
            Result(f"{way}, above 1 − score", gain, 0.0, "AUROC", "more"),
        ]
    return [*results, Result("50,176 objects on 4096²", seconds, 2.0, "s", "less")]


if __name__ == "__main__":
    sys.exit(not main())
