"""Corrected objects against the quality of proposals on images that nobody corrected."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from napari_vlseg.events import Progress, Work
from napari_vlseg.metrics import average_precision, match_instances
from napari_vlseg.models.clipseg import ClipSegSegmenter
from napari_vlseg.training.finetune.replay import ReplayBank, replay_bank
from napari_vlseg.training.finetune.settings import FinetuneSettings
from napari_vlseg.training.finetune.training import finetune
from napari_vlseg.training.simulation.annotator import annotate
from napari_vlseg.training.simulation.pools import Pool
from napari_vlseg.workflow.cache import EmbeddingCache
from napari_vlseg.workflow.ordering import ORDERS, Look, Order, look, order_images
from napari_vlseg.workflow.propose import propose

BUDGETS = (5, 10, 20, 50, 100)
EVERYTHING = -1
"""As a budget: all objects of the pool."""

NOTHING, ALL = "none", "all objects"
"""Arms that are no order: the base model, and all that could be corrected."""


@dataclass(frozen=True)
class Point:
    """One trained model, measured.

    Attributes
    ----------
    arm : str
        "none" for the base model, the order of the images, or "all objects".
    seed : int
    budget : int
        Corrected objects that were allowed.
    n_objects : int
        Corrected objects there were.
    ap50 : float
        Mean over test images of AP@0.5, as `napari_vlseg.metrics.average_precision`.
    dice : float
        Mean over test images of the Dice of matched objects, those that were missed counting 0.
    """

    arm: str
    seed: int
    budget: int
    n_objects: int
    ap50: float
    dice: float

    def to_dict(self) -> dict[str, Any]:
        """JSON form."""
        return asdict(self)


def simulate_learning(
    model: ClipSegSegmenter,
    pool: Pool,
    *,
    budgets: Sequence[int] = BUDGETS,
    orders: Sequence[Order] = ORDERS,
    seeds: Sequence[int] = (0, 1, 2, 3),
    settings: FinetuneSettings | None = None,
    per_image: int | None = None,
) -> Work[tuple[Point, ...]]:
    """Correct more and more objects in each order, and measure what was learned from them.

    Every model starts from the base model, as in the product, so that a budget's model is also
    what training offline on as many objects gives.

    Parameters
    ----------
    model : ClipSegSegmenter
    pool : Pool
    budgets : sequence of int
        Numbers of corrected objects.
    orders : sequence of {"typical", "uncertain", "random"}
    seeds : sequence of int
        Of the orders, of the objects chosen and of the training.
    settings : FinetuneSettings, optional
    per_image : int, optional
        See `annotate`; all objects are learned from in the arm that has no budget.

    Yields
    ------
    Progress or Notice

    Returns
    -------
    tuple of Point
    """
    student = Student(model, pool, settings or FinetuneSettings(), per_image=per_image)
    yield from student.prepare()
    points = [Point(NOTHING, 0, 0, 0, *(yield from student.score(model)))]
    jobs: list[tuple[str, int, int]] = [
        *((order, seed, budget) for order in orders for seed in seeds for budget in budgets),
        *((ALL, seed, EVERYTHING) for seed in seeds),
    ]
    for done, job in enumerate(jobs):
        yield Progress("simulating", done, len(jobs))
        points.append((yield from student.learn(*job)))
    yield Progress("simulating", len(jobs), len(jobs))
    return tuple(points)


class Student:
    """The model, what it has encoded, and how it is examined.

    Parameters
    ----------
    model : ClipSegSegmenter
        The base model.
    pool : Pool
    settings : FinetuneSettings
    cache : EmbeddingCache, optional
        Where encoded images are.
    per_image : int, optional
        See `annotate`.
    """

    def __init__(
        self,
        model: ClipSegSegmenter,
        pool: Pool,
        settings: FinetuneSettings,
        cache: EmbeddingCache | None = None,
        per_image: int | None = None,
    ) -> None:
        self._model, self._pool, self._settings = model, pool, settings
        self._per_image = per_image
        self._cache = EmbeddingCache() if cache is None else cache
        self._bank = ReplayBank.empty()
        self._looks: list[Look] = []

    def prepare(self) -> Work[None]:
        """What all models share."""
        self._bank = yield from replay_bank(self._model, self._settings.replay_scenes)
        for done, image in enumerate(self._pool.work):
            seeing = look(self._model, image.plane, self._pool.prompts, cache=self._cache)
            self._looks.append((yield from seeing))
            yield Progress("looking at images", done + 1, len(self._pool.work))

    def teach(self, arm: str, seed: int, budget: int) -> Work[tuple[ClipSegSegmenter, int]]:
        """Correct and train: the model that learned, and the number of objects it learned from."""
        work = self._pool.work
        order = order_images(self._looks, arm if arm in ORDERS else "random", seed=seed)
        count = sum(len(np.unique(image.labels)) for image in work) if budget < 0 else budget
        some = self._per_image if budget >= 0 else None
        planes = annotate(work, order, count, self._pool.class_name, seed, some)
        settings = replace(self._settings, seed=seed)
        training = finetune(
            self._model, self._pool.prompts, planes, settings, cache=self._cache, bank=self._bank
        )
        taught = self._model.with_adapter((yield from training))
        return taught, sum(len(plane.objects) for plane in planes)

    def learn(self, arm: str, seed: int, budget: int) -> Work[Point]:
        """Correct, train, measure."""
        taught, n_objects = yield from self.teach(arm, seed, budget)
        return Point(arm, seed, budget, n_objects, *(yield from self.score(taught)))

    def score(self, model: ClipSegSegmenter) -> Work[tuple[float, float]]:
        """Mean AP@0.5 and matched Dice on the test images."""
        scores = []
        for image in self._pool.test:
            found = yield from propose(model, image.plane, self._pool.prompts, cache=self._cache)
            scores.append(score_objects(image.labels, found.labels))
        ap50, dice = np.mean(scores, axis=0)
        return float(ap50), float(dice)


def score_objects(truth: np.ndarray, found: np.ndarray) -> tuple[float, float]:
    """AP@0.5, and the Dice of matched objects with 0 for those that were missed.

    Parameters
    ----------
    truth, found : numpy.ndarray, shape (H, W), integer
    """
    matching = match_instances(truth, found)
    dice = [2 * iou / (1 + iou) for iou in matching.ious]
    total = len(dice) + matching.false_negatives
    return average_precision(truth, found), float(np.sum(dice)) / total if total else 1.0
