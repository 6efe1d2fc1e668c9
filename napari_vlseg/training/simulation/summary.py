"""Points of a simulation as means with intervals, and as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import stats

from napari_vlseg.files import atomic_path
from napari_vlseg.training.simulation.learning import ALL, NOTHING, Point

CONFIDENCE = 0.9


@dataclass(frozen=True)
class Mean:
    """Several seeds of one arm and budget.

    Attributes
    ----------
    arm : str
    budget : int
    n_seeds : int
    ap50, ap50_half : float
        Mean, and half of its 90 % interval (Student's t over seeds; NaN for a single seed).
    dice, dice_half : float
        The same of the Dice of matched objects.
    """

    arm: str
    budget: int
    n_seeds: int
    ap50: float
    ap50_half: float
    dice: float
    dice_half: float


def means(points: Sequence[Point]) -> tuple[Mean, ...]:
    """One mean for each arm and budget, in the order in which they occur."""
    keys = dict.fromkeys((point.arm, point.budget) for point in points)
    found = []
    for arm, budget in keys:
        own = [point for point in points if (point.arm, point.budget) == (arm, budget)]
        ap50 = interval([point.ap50 for point in own])
        dice = interval([point.dice for point in own])
        found.append(Mean(arm, budget, len(own), *ap50, *dice))
    return tuple(found)


def plot(points: Sequence[Point], title: str, path: Path) -> None:
    """Draw AP@0.5 against corrected objects, an arm a line, as a PNG.

    Parameters
    ----------
    points : sequence of Point
    title : str
    path : Path
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 4), layout="constrained")
    axes = figure.add_subplot()
    summary = means(points)
    for arm in dict.fromkeys(mean.arm for mean in summary):
        own = [mean for mean in summary if mean.arm == arm]
        if arm in (NOTHING, ALL):
            style = ":" if arm == NOTHING else "--"
            axes.axhline(own[0].ap50, color="0.4", linestyle=style, label=arm)
            continue
        half = np.nan_to_num([mean.ap50_half for mean in own])
        heights = [mean.ap50 for mean in own]
        axes.errorbar([m.budget for m in own], heights, half, capsize=3, marker="o", label=arm)
    axes.set(xlabel="corrected objects", ylabel="AP@0.5 on test images", title=title)
    axes.set_xscale("log")
    axes.legend()
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format="png", dpi=110)


def interval(values: Sequence[float]) -> tuple[float, float]:
    """Mean, and half of its interval (Student's t; NaN for a single value)."""
    mean = float(np.mean(values))
    if len(values) < 2:
        return mean, float("nan")
    spread = float(np.std(values, ddof=1)) / len(values) ** 0.5
    return mean, float(stats.t.ppf((1 + CONFIDENCE) / 2, len(values) - 1)) * spread
