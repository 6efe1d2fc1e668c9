"""How well a click model outlines corrected objects: while it is trained, and as it is used."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch

from napari_vlseg.events import Progress, Work
from napari_vlseg.models.base import PromptableEmbedding
from napari_vlseg.models.sam import SamSegmenter
from napari_vlseg.models.sam_network import TunableNetwork
from napari_vlseg.training.finetune.clicks.questions import rehearse
from napari_vlseg.training.finetune.clicks.sights import Learned
from napari_vlseg.training.finetune.corrected import CorrectedPlane
from napari_vlseg.training.sam.sessions import click_session, iou

PROMPTS = ("1 click", "3 clicks", "box")
"""What the IoU of an object is measured after."""

MOST_MEASURED = 24
"""Objects that are measured before and after, at most."""

_AT_A_TIME = 8
_CLICKS = 3


@torch.no_grad()
def quick_scores(
    network: TunableNetwork, objects: Sequence[Learned], seed: int
) -> tuple[float, float]:
    """Loss and Dice on questions that are the same for equal seeds.

    Parameters
    ----------
    network : TunableNetwork
    objects : sequence of Learned
        At least one.
    seed : int

    Returns
    -------
    loss, dice : float
        Mean over objects; Dice of what a click and a box find on pixels that count.
    """
    rng = np.random.default_rng([seed, 1])
    loss, dice = 0.0, 0.0
    for first in range(0, len(objects), _AT_A_TIME):
        some = objects[first : first + _AT_A_TIME]
        rehearsal = rehearse(network, some, rng)
        loss += float(rehearsal.total) * len(some) / len(objects)
        ious = [rehearsal.report[f"iou_{kind}"] for kind in ("click", "box")]
        dice += float(np.mean([2 * v / (1 + v) for v in ious])) * len(some) / len(objects)
    return loss, dice


@dataclass(frozen=True, eq=False)
class Measured:
    """An object to measure on.

    Attributes
    ----------
    class_name : str
    embedding : PromptableEmbedding
        Of its plane.
    truth : numpy.ndarray, shape (H, W), bool
    """

    class_name: str
    embedding: PromptableEmbedding = field(repr=False)
    truth: np.ndarray = field(repr=False)


def to_measure(
    planes: Sequence[tuple[CorrectedPlane, PromptableEmbedding]], seed: int
) -> tuple[Measured, ...]:
    """Objects of planes, at most `MOST_MEASURED`, chosen by a seed."""
    every = [(plane, embedding, label) for plane, embedding in planes for label in plane.objects]
    chosen = np.random.default_rng(seed).permutation(len(every))[:MOST_MEASURED]
    return tuple(
        Measured(plane.classes[label], embedding, plane.labels == label)
        for plane, embedding, label in (every[number] for number in sorted(chosen))
    )


def measure(model: SamSegmenter, objects: Sequence[Measured]) -> Work[dict[str, float]]:
    """Mean IoU after one click, after three, and by a box, as the model is used.

    The first click is the deepest pixel, each further one the deepest pixel of the error.

    Yields
    ------
    Progress

    Returns
    -------
    dict of str to float
        By `PROMPTS`.
    """
    found: dict[str, list[float]] = {name: [] for name in PROMPTS}
    if objects and not _fits(model, objects[0].embedding):
        objects = yield from _encoded_anew(model, objects)
    for done, thing in enumerate(objects):
        for name, value in object_ious(model, thing).items():
            found[name].append(value)
        yield Progress("measuring", done + 1, len(objects))
    return {name: float(np.mean(values)) for name, values in found.items()}


def object_ious(model: Any, thing: Measured) -> dict[str, float]:
    """IoU of one object by `PROMPTS`."""
    truth = thing.truth
    session = click_session(model, thing.embedding, truth, _CLICKS)
    rows, cols = np.flatnonzero(truth.any(1)), np.flatnonzero(truth.any(0))
    box = np.array([rows[0], cols[0], rows[-1] + 1, cols[-1] + 1]) - 0.5
    (boxed,) = model.predict(thing.embedding, boxes=box[None], multimask=False)
    values = (session.ious[0], session.ious[-1], iou(boxed.mask, truth))
    return dict(zip(PROMPTS, values, strict=True))


def _fits(model: SamSegmenter, embedding: PromptableEmbedding) -> bool:
    """Whether the model's image encoder would make the same of the plane."""
    return model.embedding_key(embedding.content.plane) == embedding.key


def _encoded_anew(model: SamSegmenter, objects: Sequence[Measured]) -> Work[list[Measured]]:
    fresh: dict[str, PromptableEmbedding] = {}
    for thing in objects:
        key = thing.embedding.key
        if key not in fresh:
            fresh[key] = yield from model.encode_steps(thing.embedding.content.plane)
    return [replace(thing, embedding=fresh[thing.embedding.key]) for thing in objects]
