"""Points of an effort as means with intervals, and as a picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_vlseg.files import atomic_path
from napari_vlseg.training.simulation.effort import CLICKS, EffortPoint
from napari_vlseg.training.simulation.learning import NOTHING
from napari_vlseg.training.simulation.summary import interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_PARTS = {
    "clicks": "clicks",
    "taken up and committed": "take up, commit",
    "accepted": "accept",
    "deleted": "delete",
    "traced": "trace",
}


@dataclass(frozen=True)
class EffortMean:
    """Several seeds of one way of working and one wanted IoU.

    Attributes
    ----------
    arm, budget, wanted
        As of `EffortPoint`.
    n_seeds : int
    values : dict of str to (float, float)
        Mean, and half of its 90 % interval over seeds (Student's t; NaN for a single seed), of:
        ``noc``, mean clicks per object; ``actions`` per object; ``actions per image``; ``ratio``
        of all actions to those by clicks alone on the same images; ``accepted``, ``corrected``,
        ``drawn`` and ``traced``, shares of objects; ``deleted``, proposals per image; and
        ``seconds`` per object.
    """

    arm: str
    budget: int
    wanted: float
    n_seeds: int
    values: Mapping[str, tuple[float, float]] = field(repr=False)

    @property
    def title(self) -> str:
        """For tables and pictures."""
        known = {CLICKS: CLICKS, NOTHING: "base model", "random": f"{self.budget} objects"}
        return known.get(self.arm, f"{self.budget} objects, {self.arm}")

    def to_dict(self) -> dict[str, Any]:
        """JSON form; half an interval that is unknown is None."""
        values = {
            name: [round(mean, 4), None if np.isnan(half) else round(half, 4)]
            for name, (mean, half) in self.values.items()
        }
        facts = {"arm": self.arm, "budget": self.budget, "wanted": self.wanted}
        return {**facts, "n_seeds": self.n_seeds, **values}


def effort_means(points: Sequence[EffortPoint]) -> tuple[EffortMean, ...]:
    """One mean for each way of working and wanted IoU, in the order in which they occur."""
    alone = {(p.seed, p.wanted): p.actions["total"] for p in points if p.arm == CLICKS}
    keys = dict.fromkeys((point.wanted, point.arm, point.budget) for point in points)
    found = []
    for wanted, arm, budget in sorted(keys, key=lambda key: key[0]):
        own = [p for p in points if (p.wanted, p.arm, p.budget) == (wanted, arm, budget)]
        facts = [_facts(point, alone[point.seed, point.wanted]) for point in own]
        values = {name: interval([one[name] for one in facts]) for name in facts[0]}
        found.append(EffortMean(arm, budget, wanted, len(own), values))
    return tuple(found)


def _facts(point: EffortPoint, alone: float) -> dict[str, float]:
    """A point as numbers that can be averaged over seeds."""
    actions = point.actions
    objects, images = max(1, actions["n_objects"]), max(1, actions["n_images"])
    shares = {n: actions[n] / objects for n in ("accepted", "corrected", "drawn", "traced")}
    return {
        "noc": point.noc,
        "actions": actions["total"] / objects,
        "actions per image": actions["total"] / images,
        "ratio": actions["total"] / alone if alone else 1.0,
        **shares,
        "deleted": actions["deleted"] / images,
        "seconds": actions["seconds"] / objects,
    }


def plot_effort(points: Sequence[EffortPoint], title: str, path: Path) -> None:
    """Draw actions per object by their kinds, and objects that are right after n clicks.

    Parameters
    ----------
    points : sequence of EffortPoint
    title : str
    path : Path
        A PNG.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.6, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    _bars(left, points)
    _curves(right, points)
    figure.suptitle(title)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format="png", dpi=110)


def _bars(axes: Axes, points: Sequence[EffortPoint]) -> None:
    """Actions per object at the highest IoU, one bar a way of working."""
    wanted = max(point.wanted for point in points)
    summary = [mean for mean in effort_means(points) if mean.wanted == wanted]
    height = np.zeros(len(summary))
    for kind, label in _PARTS.items():
        part = np.array([_per_object(points, mean, kind) for mean in summary])
        axes.bar(range(len(summary)), part, bottom=height, label=label)
        height += part
    half = np.nan_to_num([mean.values["actions"][1] for mean in summary])
    axes.errorbar(range(len(summary)), height, half, fmt="none", ecolor="0.2", capsize=4)
    axes.set_xticks(range(len(summary)), [mean.title for mean in summary])
    axes.set(ylabel="actions per object", title=f"until every object has IoU {wanted:g}")
    axes.set_ylim(0, 1.3 * float((height + half).max()) or 1)
    axes.legend(ncols=3, fontsize="small", loc="upper center")


def _per_object(points: Sequence[EffortPoint], mean: EffortMean, kind: str) -> float:
    """Mean over seeds of the actions of one kind per object."""
    key = (mean.arm, mean.budget, mean.wanted)
    shares = []
    for point in points:
        if (point.arm, point.budget, point.wanted) == key:
            actions = point.actions
            moved = actions["taken_up"] + actions["corrected"] + actions["drawn"]
            count = moved if kind == "taken up and committed" else actions[kind]
            shares.append(count / max(1, actions["n_objects"]))
    return float(np.mean(shares))


def _curves(axes: Axes, points: Sequence[EffortPoint]) -> None:
    """Share of objects that are right after n clicks, the band their interval over seeds."""
    levels = sorted({point.wanted for point in points})
    summary = [mean for mean in effort_means(points) if mean.wanted == levels[-1]]
    for number, mean in enumerate(summary):
        for wanted in levels:
            key = (mean.arm, mean.budget, wanted)
            own = [p.reached for p in points if (p.arm, p.budget, p.wanted) == key]
            found = np.array([interval(values) for values in zip(*own, strict=True)])
            clicks, half = np.arange(len(found)), np.nan_to_num(found[:, 1])
            style = "-" if wanted == levels[-1] else "--"
            label = f"{mean.title}, IoU {wanted:g}"
            wide = 3 if mean.arm == CLICKS else 1.5  # seen also below a line that is the same
            axes.plot(clicks, found[:, 0], style, color=f"C{number}", label=label, linewidth=wide)
            low, high = found[:, 0] - half, found[:, 0] + half
            axes.fill_between(clicks, low, high, color=f"C{number}", alpha=0.15, linewidth=0)
    axes.set(xlabel="clicks on the object", ylabel="share of objects", ylim=(0, 1.02))
    axes.set_title("objects that are right after n clicks")
    axes.set_xticks(range(0, max(len(point.reached) for point in points), 5))
    axes.legend(fontsize="small")
