"""Which image, or which region of a large one, a person should look at next.

Before anything was corrected the images are clustered by what the encoder sees in them, and the
most typical of each cluster comes first (Hacohen et al. 2022, arXiv 2202.02794). After that
those come first of which the model is least sure where it sees something, class by class, with
noise that fades from round to round, so that the choice does not stick to one kind of mistake
(as in ClaSP-PE, Luth et al. 2025). Random images with foreground are the honest baseline
(nnActive, Luth et al. 2025) and can always be chosen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

import numpy as np
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
    """

    feature: np.ndarray = field(repr=False)
    foreground: float
    uncertainty: Mapping[str, float]


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
        name: _near_foreground(
            probability, threshold, None if disagreement is None else disagreement[number]
        )
        for number, (name, probability, threshold) in enumerate(maps)
    }
    lit = proposals.probabilities > np.reshape(proposals.thresholds, (-1, 1, 1))
    return Look(feature.astype(np.float32), float(lit.any(axis=0).mean()), uncertainty)


def order_images(
    looks: Sequence[Look], order: Order, *, seed: int = 0, round_: int = 0
) -> list[int]:
    """The images in the order in which they should be looked at.

    Parameters
    ----------
    looks : sequence of Look
    order : {"typical", "uncertain", "random"}
    seed : int
    round_ : int
        How often the model has learned from corrections: noise fades with it.

    Returns
    -------
    list of int
        Positions in `looks`, all of them.

    Raises
    ------
    SettingsError
        If the order is unknown.
    """
    if order not in ORDERS:
        raise SettingsError(f"The order “{order}” is unknown: choose {', '.join(ORDERS)}.")
    rng = np.random.default_rng([seed, round_])
    if order == "typical":
        return _typical(looks, rng)
    if order == "uncertain":
        return _uncertain(looks, rng, round_)
    shuffled = rng.permutation(len(looks)).tolist()
    return sorted(shuffled, key=lambda number: looks[number].foreground == 0)


def _near_foreground(
    probability: np.ndarray, threshold: float, disagreement: np.ndarray | None
) -> float:
    near = ndi.binary_dilation(probability > threshold, iterations=_REACH)
    if not near.any():
        return 0.0
    unsure = boundary_entropy(probability[near].astype(np.float32), threshold).mean()
    differs = 0.0 if disagreement is None else float(disagreement[near].mean(dtype=np.float64))
    return float(unsure) + differs


def _typical(looks: Sequence[Look], rng: np.random.Generator) -> list[int]:
    """Clusters in turn, the largest first; of each the image nearest to its middle."""
    if len(looks) < 3:
        return list(range(len(looks)))
    features = np.stack([one.feature for one in looks]).astype(np.float64)
    features = (features - features.mean(0)) / (features.std(0) + 1e-6)
    count = max(2, round(len(looks) ** 0.5))
    centres, cluster = kmeans2(features, count, minit="++", rng=rng)
    distance = np.linalg.norm(features - centres[cluster], axis=1)
    members = [np.flatnonzero(cluster == number) for number in range(count)]
    members = [own[np.argsort(distance[own], kind="stable")] for own in members if len(own)]
    return _in_turn([own.tolist() for own in sorted(members, key=len, reverse=True)])


def _uncertain(looks: Sequence[Look], rng: np.random.Generator, round_: int) -> list[int]:
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
        queues.append(np.argsort(-noised, kind="stable").tolist())
    return _in_turn(queues) if queues else list(range(len(looks)))


def _in_turn(queues: Sequence[Sequence[int]]) -> list[int]:
    """The first of each queue, then the second, …; each number once."""
    longest = max(map(len, queues))
    mixed = [queue[place] for place in range(longest) for queue in queues if place < len(queue)]
    return list(dict.fromkeys(mixed))
