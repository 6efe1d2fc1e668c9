"""What the base model says about painted objects it knows, repeated while it learns others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch.nn import functional as nnf

from napari_vlseg.events import Progress, Work
from napari_vlseg.models.sam import SamSegmenter
from napari_vlseg.models.sam_network import TunableNetwork
from napari_vlseg.training.evaluate_nuclei import as_plane
from napari_vlseg.training.finetune.clicks.questions import asker, drills_of
from napari_vlseg.training.finetune.clicks.sights import Sight, learned_objects
from napari_vlseg.training.finetune.corrected import CorrectedPlane
from napari_vlseg.training.finetune.replay import REPLAY_SEEDS
from napari_vlseg.training.sam.rehearsal import QUALITY_WEIGHT
from napari_vlseg.training.scenes import generate_scene
from napari_vlseg.workflow.cache import EmbeddingCache, encode

_SCENE_SIDE = 144
_PER_SCENE = 3
_PER_WHOLE_PLANE = 12
_AT_A_TIME = 8
_CROSS_ENTROPY_WEIGHT = 4.0

KINDS = ("click", "box", "again")
"""Questions: one click, a box, and the click once more beside the mask that was found."""


@dataclass(frozen=True, eq=False)
class _Answers:
    """Of one kind of question: logits (n, candidates, m, m), float16, and scores."""

    logits: torch.Tensor
    scores: torch.Tensor


@dataclass(frozen=True, eq=False)
class ClickBank:
    """Painted objects, how they are asked for, and the base model's own answers.

    Attributes
    ----------
    sights : tuple of Sight
    points, boxes : torch.Tensor, shapes (n, 2) and (n, 4), float32
        In model pixels.
    previous : torch.Tensor, shape (n, m, m), float16
        What the base model found at the click.
    answers : dict of str to _Answers
        By `KINDS`.
    """

    sights: tuple[Sight, ...] = ()
    points: torch.Tensor = field(default_factory=lambda: torch.zeros(0, 2), repr=False)
    boxes: torch.Tensor = field(default_factory=lambda: torch.zeros(0, 4), repr=False)
    previous: torch.Tensor = field(default_factory=lambda: torch.zeros(0, 1, 1), repr=False)
    answers: dict[str, _Answers] = field(default_factory=dict, repr=False)

    def __len__(self) -> int:
        return len(self.sights)

    def ask(
        self, network: TunableNetwork, kind: str, rows: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Logits and scores of a network for some objects."""
        place, chosen = network.device, [self.sights[row] for row in rows.tolist()]
        points = self.points[rows, None].to(place)
        asked: dict[str, torch.Tensor | None] = {
            "points": None if kind == "box" else points,
            "labels": None if kind == "box" else torch.ones(len(rows), 1).long().to(place),
            "boxes": self.boxes[rows].to(place) if kind == "box" else None,
            "previous": self.previous[rows].float().to(place) if kind == "again" else None,
        }
        return asker(network, chosen)(None, asked, three=kind == "click")

    def loss(self, network: TunableNetwork, kind: str, rows: torch.Tensor) -> torch.Tensor:
        """How far the answers of a network have moved from the base model's; 0 for its own."""
        logits, scores = self.ask(network, kind, rows)
        own = self.answers[kind]
        before, expected = own.logits[rows].to(logits), own.scores[rows].to(scores)
        likely = before.sigmoid()
        moved = nnf.binary_cross_entropy_with_logits(logits, likely)
        least = nnf.binary_cross_entropy_with_logits(before, likely)
        quality = nnf.mse_loss(scores, expected)
        return _CROSS_ENTROPY_WEIGHT * (moved - least) + QUALITY_WEIGHT * quality


def click_bank(
    model: SamSegmenter, n_objects: int, seed: int = 0, *, cache: EmbeddingCache | None = None
) -> Work[ClickBank]:
    """Ask the base model for objects of procedural scenes.

    Parameters
    ----------
    model : SamSegmenter
        The base model.
    n_objects : int
        Of a model that sees whole planes several are taken from each scene; one that zooms is
        shown each in two windows, which count as two.
    seed : int
    cache : EmbeddingCache, optional
        Where encoded scenes are.

    Yields
    ------
    Progress or Notice
    """
    if not n_objects:
        return ClickBank()
    rng = np.random.default_rng(seed)
    sights: list[Sight] = []
    for scene_seed in REPLAY_SEEDS:
        sights += yield from _painted(model, scene_seed, rng, cache)
        yield Progress("recalling what the model knows", min(len(sights), n_objects), n_objects)
        if len(sights) >= n_objects:
            break
    return _answered(model.network, sights[:n_objects], rng)


def _painted(
    model: SamSegmenter, scene_seed: int, rng: np.random.Generator, cache: EmbeddingCache | None
) -> Work[list[Sight]]:
    """Some objects of a scene; of a model that zooms also as a first click is answered.

    Which of its windows it believes depends on scores that must not drift apart.
    """
    scene = generate_scene(scene_seed, size=_SCENE_SIDE)
    plane = as_plane(scene.image)
    zooms = model.network.display.zoom
    most = _PER_SCENE if zooms else _PER_WHOLE_PLANE
    picks = rng.permutation(len(scene.objects))[:most]
    classes = {scene.objects[n].label: scene.objects[n].kind for n in picks}
    everywhere = np.ones(scene.labels.shape, bool)
    corrected = CorrectedPlane(plane, scene.labels, classes, everywhere)
    embedding = yield from encode(model, plane, cache=cache)
    objects = yield from learned_objects(
        model, embedding, corrected, n_clicks=int(zooms), mirrored=False
    )
    if not zooms:
        return [thing.near[0] for thing in objects]
    every = [(thing.near[0], thing.far[int(rng.integers(len(thing.far)))]) for thing in objects]
    return [sight for pair in every for sight in pair]


@torch.no_grad()
def _answered(
    network: TunableNetwork, sights: Sequence[Sight], rng: np.random.Generator
) -> ClickBank:
    drills = drills_of(network, sights, rng)
    points, boxes = drills.points.cpu(), drills.boxes.cpu()
    size = network.mask_size
    answers: dict[str, _Answers] = {}
    previous = torch.zeros(len(sights), size, size, dtype=torch.float16)
    for kind in KINDS:
        asking = ClickBank(tuple(sights), points, boxes, previous)
        parts = [
            asking.ask(network, kind, rows) for rows in torch.arange(len(sights)).split(_AT_A_TIME)
        ]
        logits, scores = (torch.cat(values).cpu() for values in zip(*parts, strict=True))
        answers[kind] = _Answers(logits.half(), scores)
        if kind == "click":
            best = scores.argmax(-1)
            previous = logits[torch.arange(len(sights)), best].half()
    return ClickBank(tuple(sights), points, boxes, previous, answers)
