"""What a step rehearses: a click, a box, and clicks on what is still wrong, with what they cost."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import torch

from napari_vlseg.models.sam_network import Asked
from napari_vlseg.training.sam.clicks import corrective_click
from napari_vlseg.training.sam.losses import candidate_loss
from napari_vlseg.training.sam.settings import Corrections

QUALITY_WEIGHT = 0.5
"""Weight of the predicted IoU beside that of the mask."""

_CORRECTION_WEIGHT = 0.5
_ONE_OF_THREE_SHARE = {"click": 0.5, "box": 0.15, "correction": 0.2}


@dataclass(frozen=True, eq=False)
class Drills:
    """Objects that are asked for, one row each, as one window shows each of them.

    Attributes
    ----------
    masks : Tensor of float32, shape (n, m, m)
        Coverage of mask pixels.
    points : Tensor of float32, shape (n, 2)
        (row, col) inside each object, in model pixels from the window's edge.
    boxes : Tensor of float32, shape (n, 4)
        (top, left, bottom, right) around each object, in model pixels.
    hidden : Tensor of float32, shape (n,)
        What of each object lies outside its window, in mask pixels.
    known : Tensor of bool, shape (n, m, m), optional
        Mask pixels that count; all if omitted.
    """

    masks: torch.Tensor
    points: torch.Tensor
    boxes: torch.Tensor
    hidden: torch.Tensor
    known: torch.Tensor | None = None


class Ask(Protocol):
    """The decoder, asked for some of the objects."""

    def __call__(
        self, rows: torch.Tensor | None, asked: Asked, *, three: bool
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Logits (n, candidates, m, m) and predicted IoU (n, candidates).

        Parameters
        ----------
        rows : Tensor of int64 or None
            Which objects; None for all.
        asked : mapping
            Prompts, one for each of them.
        three : bool
            Three candidates rather than one.
        """
        ...


@dataclass(frozen=True, eq=False)
class _Asked:
    """What was said so far about some objects; `rows` is None for all."""

    rows: torch.Tensor | None = None
    points: torch.Tensor | None = None
    labels: torch.Tensor | None = None
    boxes: torch.Tensor | None = None
    hidden: torch.Tensor | None = None

    def take(self, picks: torch.Tensor) -> _Asked:
        """Some of them."""
        parts = {name: value[picks] for name, value in vars(self).items() if value is not None}
        return _Asked(**{"rows": picks} | parts)

    def with_clicks(self, spots: torch.Tensor, signs: torch.Tensor) -> _Asked:
        """One more click for each."""
        if self.points is not None and self.labels is not None:
            spots = torch.cat([self.points, spots], 1)
            signs = torch.cat([self.labels, signs], 1)
        return replace(self, points=spots, labels=signs)


class Rehearsal:
    """The prompts of one step, one after the other.

    Parameters
    ----------
    ask : Ask
    drills : Drills
    zoom : float
        Model pixels per mask pixel.
    rng : numpy.random.Generator

    Attributes
    ----------
    total : Tensor, shape ()
        The loss so far.
    report : dict of str to float
        Losses and IoUs by kind of question, for a log.
    """

    def __init__(self, ask: Ask, drills: Drills, zoom: float, rng: np.random.Generator) -> None:
        self._decoder, self._drills, self._zoom, self._rng = ask, drills, zoom, rng
        self._device = drills.masks.device
        self.total = torch.zeros((), device=self._device)
        self.report: dict[str, float] = {}

    def run(self, shares: Corrections) -> None:
        """Clicks, boxes, and corrections of some of both."""
        clicks, boxes = self._clicks(), _Asked(boxes=self._drills.boxes)
        clicked, boxed = self._ask("click", clicks), self._ask("box", boxes)
        n_rounds = 1 + int(self._rng.integers(shares.rounds))
        for asked, logits, share in (
            (clicks, clicked, shares.of_clicks),
            (boxes, boxed, shares.of_boxes),
        ):
            picks = self._some(share)
            if picks is not None:
                self._correct(asked.take(picks), logits[picks], n_rounds)
        picks = self._some(shares.again)
        if picks is not None:
            self._ask("correction", clicks.take(picks), clicked[picks], name="again")

    def click(self) -> None:
        """One click into each object."""
        self._ask("click", self._clicks())

    def _clicks(self) -> _Asked:
        points = self._drills.points[:, None]
        labels = torch.ones(len(points), 1, dtype=torch.long, device=self._device)
        return _Asked(None, points, labels, hidden=self._drills.hidden)

    def _some(self, share: float) -> torch.Tensor | None:
        count = round(share * len(self._drills.masks))
        if not count:
            return None
        order = self._rng.permutation(len(self._drills.masks))
        return torch.from_numpy(order[:count]).to(self._device)

    def _correct(self, asked: _Asked, logits: torch.Tensor, n_rounds: int) -> None:
        """Further clicks on the errors of some objects, round after round."""
        for number in range(n_rounds):
            clicks = self._next_clicks(asked, logits)
            wrong = torch.tensor([n for n, c in enumerate(clicks) if c], device=self._device)
            if not len(wrong):
                return
            found = torch.tensor([click for click in clicks if click], device=self._device)
            spots = (found[:, None, :2] + 0.5) * self._zoom
            asked = asked.take(wrong).with_clicks(spots, found[:, 2:])
            name = "correction" if number == 0 else "later"
            logits = self._ask("correction", asked, logits[wrong], name=name)

    def _next_clicks(
        self, asked: _Asked, logits: torch.Tensor
    ) -> list[tuple[int, int, int] | None]:
        found, wanted = logits > 0, self._drills.masks[asked.rows] > 0.5
        if self._drills.known is not None:
            known = self._drills.known[asked.rows]
            found, wanted = found & known, wanted & known
        pairs = zip(found.cpu().numpy(), wanted.cpu().numpy(), strict=True)
        return [corrective_click(*pair) for pair in pairs]

    def _ask(
        self, kind: str, asked: _Asked, previous: torch.Tensor | None = None, *, name: str = ""
    ) -> torch.Tensor:
        """Predict, add to the loss and the report; the logits a person would go on from."""
        three = bool(self._rng.random() < _ONE_OF_THREE_SHARE[kind])
        prompts = {
            "points": asked.points,
            "labels": asked.labels,
            "boxes": asked.boxes,
            "previous": previous,
        }
        logits, scores = self._decoder(asked.rows, prompts, three=three)
        drills, rows = self._drills, slice(None) if asked.rows is None else asked.rows
        known = None if drills.known is None else drills.known[rows]
        mask_loss, quality_loss, iou = candidate_loss(
            logits, scores, drills.masks[rows], asked.hidden, known
        )
        weight = _CORRECTION_WEIGHT if kind == "correction" else 1.0
        self.total = self.total + weight * (mask_loss + QUALITY_WEIGHT * quality_loss)
        name = name or kind
        self.report |= {
            f"iou_{name}": float(iou),
            f"loss_{name}": float(mask_loss.detach()),
            f"quality_{name}": float(quality_loss.detach()),
        }
        best = scores.argmax(-1)
        return logits[torch.arange(len(logits)), best].detach()
