"""The effort of a person who wants every object right: by clicks alone, or from proposals.

The proposals are those of the base model, and of models that learned from some corrected
objects of other images, so that what learning saves can be seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from napari_vlseg.errors import SettingsError
from napari_vlseg.events import Progress, Work
from napari_vlseg.metrics import match_instances
from napari_vlseg.models.base import DenseSegmenter, PromptableSegmenter
from napari_vlseg.training.finetune.project_run import require_trainable
from napari_vlseg.training.finetune.settings import FinetuneSettings
from napari_vlseg.training.simulation.actions import Account
from napari_vlseg.training.simulation.clicking import (
    MOST_CLICKS,
    Clicked,
    Clicking,
    Task,
    click_objects,
)
from napari_vlseg.training.simulation.learning import NOTHING, Student
from napari_vlseg.training.simulation.pools import Pool, TrueImage
from napari_vlseg.workflow.cache import EmbeddingCache, encode
from napari_vlseg.workflow.ordering import Order
from napari_vlseg.workflow.refine import propose_refined

CLICKS = "clicks alone"
"""The arm without proposals."""

WANTED = (0.85, 0.9)
BUDGETS = (20,)
ORDERS: tuple[Order, ...] = ("random",)

_FOUND = 0.5


@dataclass(frozen=True)
class EffortSettings:
    """How the simulated person works.

    Attributes
    ----------
    wanted : tuple of float
        IoUs that every object shall have, one after the other; a proposal that has one is
        accepted.
    most_clicks : int
        On one object; after them it is traced by hand.
    jitter : float
        Standard deviation of what clicks are off by, in pixels; see `next_click`.
    most_images : int or None
        Test images that each seed draws; None takes all.
    outlined : bool
        Whether the click model outlines proposals anew before the person sees them.

    Raises
    ------
    SettingsError
        If a value is out of range.
    """

    wanted: tuple[float, ...] = WANTED
    most_clicks: int = MOST_CLICKS
    jitter: float = 2.0
    most_images: int | None = None
    outlined: bool = False

    def __post_init__(self) -> None:
        if self.most_images is not None and self.most_images < 1:
            raise SettingsError(f"There are {self.most_images} test images: choose 1 or more.")
        if not self.wanted or min(self.wanted) <= 0:
            raise SettingsError("There is no IoU to reach: choose one above 0 and up to 1.")
        self.clicking  # noqa: B018 - refuses what is out of range

    @property
    def clicking(self) -> Clicking:
        """The same, for one object: until the highest IoU."""
        return Clicking(max(self.wanted), self.most_clicks, self.jitter)


@dataclass(frozen=True)
class EffortPoint:
    """One way of working by one person, for one wanted IoU.

    Attributes
    ----------
    arm : str
        "clicks alone"; "none" for proposals of the base model; or the order of the images that
        the model had learned from.
    seed : int
    budget : int
        Corrected objects that the model had learned from.
    wanted : float
        IoU that every object shall have.
    actions : dict of str to int or float
        `Actions` by their names, with ``total`` and ``seconds``.
    noc : float
        Mean number of clicks per object, the largest number where the IoU was never reached.
    reached : tuple of float
        Share of objects with that IoU after 0, 1, 2, … clicks.
    """

    arm: str
    seed: int
    budget: int
    wanted: float
    actions: dict[str, float]
    noc: float
    reached: tuple[float, ...]

    def to_dict(self) -> dict[str, Any]:
        """JSON form."""
        return asdict(self)


@dataclass(frozen=True, eq=False)
class _Proposer:
    arm: str
    budget: int
    model: DenseSegmenter = field(repr=False)


def simulate_effort(
    model: DenseSegmenter,
    clicker: PromptableSegmenter,
    pool: Pool,
    *,
    budgets: Sequence[int] = BUDGETS,
    orders: Sequence[Order] = ORDERS,
    seeds: Sequence[int] = (0, 1, 2, 3),
    settings: EffortSettings | None = None,
    finetuning: FinetuneSettings | None = None,
    per_image: int | None = None,
) -> Work[tuple[EffortPoint, ...]]:
    """Count what it takes until every object of the test images is right.

    Parameters
    ----------
    model : DenseSegmenter
        Proposes. To learn, it must be a CLIPSeg model as it was published.
    clicker : PromptableSegmenter
        Answers clicks.
    pool : Pool
    budgets : sequence of int
        Numbers of corrected objects of the work images that models learn from; may be empty.
    orders : sequence of {"typical", "uncertain", "random"}
        Of the work images.
    seeds : sequence of int
        Of the test images, the jitter, the corrected objects and the training. Equal seeds give
        equal results.
    settings : EffortSettings, optional
    finetuning : FinetuneSettings, optional
    per_image : int, optional
        See `annotate`.

    Yields
    ------
    Progress or Notice

    Returns
    -------
    tuple of EffortPoint

    Raises
    ------
    ModelError
        If there is something to learn and the model can't be fine-tuned.
    """
    settings = settings or EffortSettings()
    cache = EmbeddingCache()
    teaching = [(order, budget) for order in orders for budget in budgets]
    student: Student | None = None
    if teaching:
        base = require_trainable(model)
        student = Student(base, pool, finetuning or FinetuneSettings(), cache, per_image)
        yield from student.prepare()
    points: list[EffortPoint] = []
    for done, seed in enumerate(seeds):
        yield Progress("simulating", done, len(seeds))
        proposers = [_Proposer(NOTHING, 0, model)]
        if student is not None:
            for order, budget in teaching:
                taught, _ = yield from student.teach(order, seed, budget)
                proposers.append(_Proposer(order, budget, taught))
        person = _Person(clicker, pool, settings, seed, cache)
        points += yield from person.work(proposers)
    yield Progress("simulating", len(seeds), len(seeds))
    return tuple(points)


class _Person:
    """One seed: the same images and the same hand, in every way of working."""

    def __init__(
        self,
        clicker: PromptableSegmenter,
        pool: Pool,
        settings: EffortSettings,
        seed: int,
        cache: EmbeddingCache,
    ) -> None:
        self._clicker, self._pool, self._settings = clicker, pool, settings
        self._seed, self._cache = seed, cache

    def work(self, proposers: Sequence[_Proposer]) -> Work[list[EffortPoint]]:
        """Every way of working, image by image."""
        alone, accounts = Account(), [Account() for _ in proposers]
        positions = self._drawn()
        for done, position in enumerate(positions):
            image = self._pool.test[position]
            by_clicks = yield from self._click_all(image, position)
            alone.n_images += 1
            alone.from_nothing += by_clicks.values()
            for proposer, account in zip(proposers, accounts, strict=True):
                yield from self._correct(proposer.model, image, position, by_clicks, account)
            yield Progress("clicking", done + 1, len(positions))
        ways = [(CLICKS, 0, alone)]
        ways += [(p.arm, p.budget, a) for p, a in zip(proposers, accounts, strict=True)]
        return [self._point(*way, wanted) for way in ways for wanted in self._settings.wanted]

    def _drawn(self) -> list[int]:
        """Positions of the test images, in the order of the pool."""
        count = len(self._pool.test)
        most = self._settings.most_images or count
        rng = np.random.default_rng([self._seed, count])
        return sorted(rng.permutation(count)[:most].tolist())

    def _click_all(self, image: TrueImage, position: int) -> Work[dict[int, Clicked]]:
        """Each true object by clicks from nothing."""
        own = _labels_of(image.labels)
        tasks = [
            Task(image.labels == label, seed=(self._seed, position, label, 0)) for label in own
        ]
        clicked = yield from self._click(image, tasks)
        return dict(zip(own, clicked, strict=True))

    def _correct(
        self,
        model: DenseSegmenter,
        image: TrueImage,
        position: int,
        by_clicks: dict[int, Clicked],
        account: Account,
    ) -> Work[None]:
        """Begin with what a model proposes; what it misses is clicked as without a model."""
        proposing = propose_refined(
            model,
            image.plane,
            self._pool.prompts,
            outliner=self._clicker if self._settings.outlined else None,
            cache=self._cache,
        )
        proposed = (yield from proposing).labels
        matching = match_instances(image.labels, proposed, _FOUND)
        pairs = sorted(
            zip(matching.truth_labels.tolist(), matching.pred_labels.tolist(), strict=True)
        )
        tasks = [
            Task(image.labels == own, proposed == other, (self._seed, position, own, 1))
            for own, other in pairs
        ]
        account.from_proposals += yield from self._click(image, tasks)
        found = {own for own, _ in pairs}
        account.from_nothing += [one for own, one in by_clicks.items() if own not in found]
        account.deleted += matching.false_positives
        account.n_images += 1

    def _click(self, image: TrueImage, tasks: Sequence[Task]) -> Work[tuple[Clicked, ...]]:
        embedding = yield from encode(self._clicker, image.plane, cache=self._cache)
        return (yield from click_objects(self._clicker, embedding, tasks, self._settings.clicking))

    def _point(self, arm: str, budget: int, account: Account, wanted: float) -> EffortPoint:
        most = self._settings.most_clicks
        actions = account.actions(wanted)
        counted = {**asdict(actions), "total": actions.total, "seconds": actions.seconds}
        return EffortPoint(
            arm=arm,
            seed=self._seed,
            budget=budget,
            wanted=wanted,
            actions=counted,
            noc=account.number_of_clicks(wanted, most),
            reached=account.reached(wanted, most),
        )


def _labels_of(labels: np.ndarray) -> list[int]:
    return [int(label) for label in np.unique(labels) if label]
