"""Which image, or which region of a large one, a person should look at next.

Before anything was corrected the images are clustered by what the encoder sees in them, and the
most typical of each cluster comes first (after Hacohen et al. 2022, arXiv 2202.02794). After that
those come first of which the model is least sure where it sees something, class by class, with
noise that fades from round to round, so that the choice does not stick to one kind of mistake (as
in ClaSP PE, Lüth et al. 2026, arXiv 2601.13677). Random images with foreground are the honest
baseline, which few methods beat (nnActive, Lüth et al. 2025, arXiv 2511.19183), and can always be
chosen.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

import numpy as np
import pandas as pd
from scipy import ndimage as ndi
from scipy.cluster.vq import kmeans2

from napari_vlseg.errors import SettingsError
from napari_vlseg.events import Work
from napari_vlseg.models.base import DenseSegmenter, Embedding
from napari_vlseg.prompts import PromptTable
from napari_vlseg.proposals import Proposals
from napari_vlseg.workflow.cache import EmbeddingCache, encode
from napari_vlseg.workflow.propose import propose
from napari_vlseg.workflow.uncertainty import boundary_entropy

Order = Literal["typical", "uncertain", "random"]
ORDERS: tuple[Order, ...] = get_args(Order)

_REACH = 8
_ROUNDS_TO_HALVE_NOISE = 2
_LEAST = 1e-3
_NOTHING = "the model sees nothing in it"


@dataclass(frozen=True, eq=False)
class Look:
    """What a model makes of an image that nobody has corrected.

    Attributes
    ----------
    feature : numpy.ndarray, shape (d,), float32
        What the encoder sees, averaged.
    foreground : float
        Share of the pixels that some class lights up.
    uncertainty : dict of str to float
        For each class the mean of entropy (in bits) and of the disagreement between text and
        references near what is lit up; 0 where nothing is.
    n_objects : int
        Objects that the model proposes.
    unsureness : float
        Mean of their uncertainties, see `napari_vlseg.workflow.uncertainty`; NaN without any.
        The quality of proposals follows it, see `napari_vlseg.workflow.stopping`.
    """

    feature: np.ndarray = field(repr=False)
    foreground: float
    uncertainty: Mapping[str, float]
    n_objects: int = 0
    unsureness: float = math.nan


def look(
    model: DenseSegmenter,
    plane: np.ndarray,
    prompts: PromptTable,
    *,
    working_scale: float | None = None,
    cache: EmbeddingCache | None = None,
) -> Work[Look]:
    """Look at a plane, from its kept encoding where there is one.

    Parameters
    ----------
    model : DenseSegmenter
    plane : numpy.ndarray, shape (H, W, 3), float32 in [0, 1]
    prompts : PromptTable
    working_scale : float, optional
    cache : EmbeddingCache, optional

    Yields
    ------
    Progress or Notice
    """
    kept = EmbeddingCache() if cache is None else cache
    embedding = yield from encode(model, plane, working_scale=working_scale, cache=kept)
    proposing = propose(model, plane, prompts, working_scale=working_scale, cache=kept)
    return look_at(model, embedding, (yield from proposing))


def look_at(model: DenseSegmenter, embedding: Embedding, proposals: Proposals) -> Look:
    """The look of a plane that was segmented."""
    tensors = model.pack(embedding).tensors.values()
    parts = [tensor.float().flatten(0, -2) for tensor in tensors]
    feature = np.concatenate([p.numpy() for part in parts for p in (part.mean(0), part.std(0))])
    maps = zip(proposals.classes, proposals.probabilities, proposals.thresholds, strict=True)
    disagreement = proposals.disagreement
    uncertainty = {
        name: near_foreground(
            probability, threshold, None if disagreement is None else disagreement[number]
        )
        for number, (name, probability, threshold) in enumerate(maps)
    }
    lit = proposals.probabilities > np.reshape(proposals.thresholds, (-1, 1, 1))
    objects = proposals.objects
    return Look(
        feature.astype(np.float32),
        float(lit.any(axis=0).mean()),
        uncertainty,
        len(objects),
        mean_uncertainty(objects),
    )


def mean_uncertainty(objects: pd.DataFrame) -> float:
    """Mean of the known uncertainties of a table of objects; NaN without any."""
    known = objects["uncertainty"].dropna()
    return float(known.mean()) if len(known) else math.nan


@dataclass(frozen=True)
class Choice:
    """An image in its turn.

    Attributes
    ----------
    position : int
        In the looks.
    reason : str
        Why it comes when it does, in words that go on from “look at this one:”.
    """

    position: int
    reason: str


def order_images(
    looks: Sequence[Look], order: Order, *, seed: int = 0, round_: int = 0
) -> list[int]:
    """`choose_images` without the reasons."""
    return [choice.position for choice in choose_images(looks, order, seed=seed, round_=round_)]


def choose_images(
    looks: Sequence[Look], order: Order, *, seed: int = 0, round_: int = 0, what: str = "images"
) -> list[Choice]:
    """The images in the order in which they should be looked at.

    Parameters
    ----------
    looks : sequence of Look
    order : {"typical", "uncertain", "random"}
    seed : int
    round_ : int
        How often the model has learned from corrections: noise fades with it.
    what : str
        What they are called in the reasons.

    Returns
    -------
    list of Choice
        All of them, each once.

    Raises
    ------
    SettingsError
        If the order is unknown.
    """
    if order not in ORDERS:
        raise SettingsError(f"The order “{order}” is unknown: choose {', '.join(ORDERS)}.")
    rng = np.random.default_rng([seed, round_])
    if order == "typical":
        return _typical(looks, rng, what)
    if order == "uncertain":
        return _uncertain(looks, rng, round_)
    shuffled = rng.permutation(len(looks)).tolist()
    by_chance = sorted(shuffled, key=lambda number: looks[number].foreground == 0)
    return [
        Choice(number, "by chance" if looks[number].foreground else f"by chance; {_NOTHING}")
        for number in by_chance
    ]


def near_foreground(
    probability: np.ndarray,
    threshold: float,
    disagreement: np.ndarray | None = None,
    reviewed: np.ndarray | None = None,
) -> float:
    """Uncertainty of a class where something is lit up, or close to that.

    Parameters
    ----------
    probability : numpy.ndarray, shape (H, W), in [0, 1]
    threshold : float
    disagreement : numpy.ndarray, shape (H, W), in [0, 1], optional
        Between text and references.
    reviewed : numpy.ndarray, shape (H, W), bool, optional
        Pixels that don't count any more.

    Returns
    -------
    float
        Mean entropy in bits and mean disagreement, added; 0 where nothing is lit up.
    """
    near = ndi.binary_dilation(probability > threshold, iterations=_REACH)
    if reviewed is not None:
        near &= ~reviewed
    if not near.any():
        return 0.0
    unsure = boundary_entropy(probability[near].astype(np.float32), threshold).mean()
    differs = 0.0 if disagreement is None else float(disagreement[near].mean(dtype=np.float64))
    return float(unsure) + differs


def _typical(looks: Sequence[Look], rng: np.random.Generator, what: str) -> list[Choice]:
    """Clusters in turn, the largest first; of each the image nearest to its middle."""
    if len(looks) < 3:
        return [Choice(number, f"one of the first {what}") for number in range(len(looks))]
    features = np.stack([one.feature for one in looks]).astype(np.float64)
    features = (features - features.mean(0)) / (features.std(0) + 1e-6)
    count = min(max(2, round(len(looks) ** 0.5)), len(np.unique(features, axis=0)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a cluster may be empty
        centres, cluster = kmeans2(features, count, minit="++", rng=rng)
    distance = np.linalg.norm(features - centres[cluster], axis=1)
    members = [np.flatnonzero(cluster == number) for number in range(count)]
    members = [own[np.argsort(distance[own], kind="stable")] for own in members if len(own)]
    queues = []
    for own in sorted(members, key=len, reverse=True):
        reason = f"typical of {len(own)} {what} that look alike"
        queues.append([Choice(number, reason) for number in own.tolist()])
    return _in_turn(queues)


def _uncertain(looks: Sequence[Look], rng: np.random.Generator, round_: int) -> list[Choice]:
    """Classes in turn; of each the images with the highest noised uncertainty.

    ``log u + noise`` with Gumbel noise draws an image with a probability that grows with a power
    of its uncertainty (Kirsch et al. 2023, arXiv 2106.12059); the power grows with the rounds.
    """
    names = list(dict.fromkeys(name for one in looks for name in one.uncertainty))
    scale = 0.5 ** (round_ / _ROUNDS_TO_HALVE_NOISE)
    queues = []
    for name in names:
        values = np.array([one.uncertainty.get(name, 0.0) for one in looks])
        noised = np.log(np.maximum(values, _LEAST)) + scale * rng.gumbel(size=len(looks))
        queues.append(
            [
                Choice(number, _why(name, values[number], looks[number].foreground))
                for number in np.argsort(-noised, kind="stable").tolist()
            ]
        )
    return _in_turn(queues) if queues else [Choice(n, _NOTHING) for n in range(len(looks))]


def _why(name: str, uncertainty: float, foreground: float) -> str:
    if uncertainty > 0:
        return f"the model is unsure of {name}"
    return f"the model sees no {name} in it" if foreground else _NOTHING


def _in_turn(queues: Sequence[Sequence[Choice]]) -> list[Choice]:
    """The first of each queue, then the second, …; each position once."""
    longest = max(map(len, queues))
    mixed = [queue[place] for place in range(longest) for queue in queues if place < len(queue)]
    first: dict[int, Choice] = {}
    for choice in mixed:
        first.setdefault(choice.position, choice)
    return list(first.values())
