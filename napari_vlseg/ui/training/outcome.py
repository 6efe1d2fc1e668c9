"""What a training brought: its curve, scores before and after, and one line about it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from napari_vlseg.training.finetune.shelf import ShelvedAdapter

_AS_GOOD = 0.005
"""Dice that two digits don't show."""


@dataclass(frozen=True)
class EpochPoint:
    """An epoch on the plot, see `napari_vlseg.training.finetune.training.Epoch`."""

    loss: float
    held_out_loss: float
    dice: float


@dataclass(frozen=True)
class ScoreRow:
    """A class before and after; nan where nothing is known.

    Attributes
    ----------
    name : str
    n_objects : int
        Objects that were measured on.
    base, in_use, after : float
        Dice of the base model, of the training that was in use before, and of this one.
    threshold : float
        What "auto" stands for after it.
    """

    name: str
    n_objects: int
    base: float
    in_use: float
    after: float
    threshold: float


@dataclass(frozen=True, eq=False)
class Pictures:
    """The same region with what is proposed before and after.

    Attributes
    ----------
    before, after : numpy.ndarray, shape (side, side, 3), uint8
    before_title, after_title : str
        Which models proposed it.
    """

    before: np.ndarray = field(repr=False)
    after: np.ndarray = field(repr=False)
    before_title: str
    after_title: str


@dataclass(frozen=True, eq=False)
class Outcome:
    """What a training brought.

    Attributes
    ----------
    title : str
        Its number; "" where it was not kept.
    rows : tuple of ScoreRow
    n_objects : int
        Corrected objects that it learned from or was measured on.
    is_held_out : bool
        Whether it was measured on objects that it did not learn from.
    curve : tuple of EpochPoint
    pictures : Pictures or None
    """

    title: str
    rows: tuple[ScoreRow, ...]
    n_objects: int
    is_held_out: bool
    curve: tuple[EpochPoint, ...] = ()
    pictures: Pictures | None = None

    @property
    def before(self) -> float:
        """Mean Dice of what was in use before."""
        used = [row.base if math.isnan(row.in_use) else row.in_use for row in self.rows]
        return _mean(used)

    @property
    def after(self) -> float:
        """Mean Dice after."""
        return _mean(row.after for row in self.rows)

    @property
    def line(self) -> str:
        """What it learned, on one line."""
        objects = f"{self.n_objects} object{'s'[: self.n_objects != 1]}"
        where = "" if self.is_held_out else " (on the training objects)"
        worse = ", which is worse: you can roll back" if self.is_worse else ""
        return f"learned from {objects}: Dice {self.before:.2f} → {self.after:.2f}{where}{worse}"

    @property
    def is_worse(self) -> bool:
        """Whether it is worse than what was in use, as far as anybody knows."""
        return self.after < self.before - _AS_GOOD

    @classmethod
    def of(
        cls,
        title: str,
        card: Mapping[str, Any],
        thresholds: Mapping[str, float],
        pictures: Pictures | None = None,
    ) -> Outcome:
        """What the card of an adapter tells."""
        corrections = card.get("corrections", {})
        trained_on, held_out = corrections.get("trained_on", {}), corrections.get("held_out", {})
        is_held_out = card.get("measured_on") == "held-out objects"
        base, after = (card.get(name, {}).get("dice", {}) for name in ("before", "after"))
        in_use = card.get("in_use", {})
        rows = tuple(
            ScoreRow(
                name,
                (held_out if is_held_out else trained_on).get(name, 0),
                float(base.get(name, math.nan)),
                float(in_use.get(name, math.nan)),
                float(after[name]),
                float(thresholds.get(name, math.nan)),
            )
            for name in after
        )
        total = sum(trained_on.values()) + sum(held_out.values())
        curve = tuple(_point(epoch) for epoch in card.get("epochs", ()))
        return cls(title, rows, total, is_held_out, curve, pictures)

    @classmethod
    def of_shelved(cls, shelved: ShelvedAdapter) -> Outcome:
        """What an adapter on the shelf tells of itself."""
        return cls.of(shelved.title, shelved.card, shelved.thresholds)


def _point(epoch: Mapping[str, Any]) -> EpochPoint:
    names = ("loss", "held_out_loss", "dice")
    values = (epoch.get(name) for name in names)
    return EpochPoint(*(math.nan if value is None else float(value) for value in values))


def _mean(values: Iterable[float]) -> float:
    known = [value for value in values if not math.isnan(value)]
    return sum(known) / len(known) if known else math.nan
