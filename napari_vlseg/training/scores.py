"""Scores of probability maps over a grid of thresholds, collected and averaged."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_vlseg.metrics import dice, iou

THRESHOLDS = np.round(np.arange(0.1, 0.91, 0.05), 2)
"""Thresholds tried, the same for all images."""


@dataclass
class PresentScores:
    """IoU and Dice of one prompt on images that hold what it asks for.

    Attributes
    ----------
    threshold : float
        At which the means are given; the nearest of `THRESHOLDS` is taken.
    kinds : list of str
        Kind of each image.
    ious, dices : list of ndarray, each of shape (n_thresholds,)
    """

    threshold: float = 0.5
    kinds: list[str] = field(default_factory=list)
    ious: list[npt.NDArray[np.float64]] = field(default_factory=list)
    dices: list[npt.NDArray[np.float64]] = field(default_factory=list)

    def add(
        self, kind: str, probability: npt.NDArray[np.floating], truth: npt.NDArray[np.bool_]
    ) -> None:
        """Score one map against the true foreground."""
        masks = [probability >= threshold for threshold in THRESHOLDS]
        self.kinds.append(kind)
        self.ious.append(np.array([iou(mask, truth) for mask in masks]))
        self.dices.append(np.array([dice(mask, truth) for mask in masks]))

    def best_threshold(self) -> float:
        """The one threshold with the highest mean IoU."""
        return float(THRESHOLDS[np.mean(self.ious, axis=0).argmax()])

    def summary(self) -> dict[str, Any]:
        """Means at the threshold and at the best fixed one, over all and by kind."""
        ious, dices = np.mean(self.ious, axis=0), np.mean(self.dices, axis=0)
        best = int(ious.argmax())
        used = int(np.argmin(np.abs(THRESHOLDS - self.threshold)))
        by_kind: dict[str, list[float]] = defaultdict(list)
        for kind, values in zip(self.kinds, self.ious, strict=True):
            by_kind[kind].append(float(values[used]))
        return {
            "n": len(self.ious),
            "iou": _rounded(ious[used]),
            "dice": _rounded(dices[used]),
            "best_threshold": float(THRESHOLDS[best]),
            "best_iou": _rounded(ious[best]),
            "best_dice": _rounded(dices[best]),
            "iou_by_threshold": {
                f"{threshold:g}": _rounded(value)
                for threshold, value in zip(THRESHOLDS, ious, strict=True)
            },
            "iou_by_kind": {
                kind: _rounded(float(np.mean(values))) for kind, values in sorted(by_kind.items())
            },
        }


@dataclass
class AbsentScores:
    """Share of the image lit up, at a threshold, by prompts for what is not there."""

    threshold: float = 0.5
    areas: list[float] = field(default_factory=list)

    def add(self, probability: npt.NDArray[np.floating]) -> None:
        """Measure one map."""
        self.areas.append(float((probability >= self.threshold).mean()))

    def summary(self) -> dict[str, Any]:
        """Mean area, and the share of prompts that light up more than 2 % of an image."""
        areas = np.array(self.areas)
        return {
            "n": len(areas),
            "false_area": round(float(areas.mean()), 5),
            "share_above_2_percent": _rounded(float((areas > 0.02).mean())),
        }


def _rounded(value: float) -> float:
    return round(float(value), 4)
