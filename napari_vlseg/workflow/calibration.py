"""Thresholds from a person's own masks: the best one, or one that bounds an error.

What is known about a class is a list of `Evidence`: for one image, or for one object where there
are few images, how many pixels of the class a threshold finds and how many others. From these come

- the threshold of the best Dice, with intervals by the bootstrap over the evidence, and with the
  Dice that each part gets at the threshold that the others choose;
- the threshold that bounds the expected share of missed or of false area, by conformal risk
  control (Angelopoulos et al. 2022, arXiv 2208.02814): with losses in [0, 1] of n exchangeable
  images, a threshold with ``n / (n + 1) · mean loss + 1 / (n + 1) ≤ α`` keeps the expected loss
  of the next image at or below α.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from napari_vlseg.errors import SettingsError

Bound = Literal["missed", "false"]
BOUNDS: tuple[Bound, ...] = get_args(Bound)
Kind = Literal["dice", "missed", "false"]
UnitName = Literal["images", "objects"]

GRID = tuple(round(0.01 * n, 2) for n in range(1, 100))
"""Thresholds that are tried: 0.01 to 0.99."""

CONFIDENCE = 0.9
"""Of all intervals."""

_RESAMPLES = 1000
_AS_GOOD = 0.002
_ROUNDING = 1e-9


@dataclass(frozen=True, eq=False)
class Evidence:
    """What the reviewed pixels of one image, or around one object, say about a class.

    Attributes
    ----------
    wanted : int
        Pixels that are of the class.
    found, hits : numpy.ndarray, shape (len(GRID),), int64
        Pixels that each threshold of `GRID` finds, and those of them that are of the class.
    n_objects : int
        Objects of the class.
    is_whole : bool
        Whether every pixel of the image was reviewed, so that false area would be seen anywhere.
    """

    wanted: int
    found: npt.NDArray[np.int64] = field(repr=False)
    hits: npt.NDArray[np.int64] = field(repr=False)
    n_objects: int = 1
    is_whole: bool = True

    @classmethod
    def of(
        cls,
        probability: npt.NDArray[np.floating],
        mask: npt.NDArray[np.bool_],
        reviewed: npt.NDArray[np.bool_],
        n_objects: int = 1,
        is_whole: bool | None = None,
    ) -> Evidence:
        """Count the pixels of a map.

        Parameters
        ----------
        probability : numpy.ndarray, shape (H, W), in [0, 1]
        mask : numpy.ndarray, shape (H, W), bool
            Pixels of the class.
        reviewed : numpy.ndarray, shape (H, W), bool
            Pixels that count.
        n_objects : int
        is_whole : bool, optional
            Whether all pixels were reviewed, as `reviewed` says if omitted.
        """
        wanted = mask[reviewed]
        reached = np.searchsorted(GRID, probability[reviewed] + _ROUNDING, side="right")
        return cls(
            int(wanted.sum()),
            _from_threshold_on(reached),
            _from_threshold_on(reached[wanted]),
            n_objects,
            bool(reviewed.all()) if is_whole is None else is_whole,
        )

    def joined(self, other: Evidence) -> Evidence:
        """Both as one."""
        return Evidence(
            self.wanted + other.wanted,
            self.found + other.found,
            self.hits + other.hits,
            self.n_objects + other.n_objects,
            self.is_whole and other.is_whole,
        )


@dataclass(frozen=True)
class Calibration:
    """The threshold of a class, and what it is worth.

    Attributes
    ----------
    class_name : str
    kind : {"dice", "missed", "false"}
        What was looked for: the best Dice, or a bound on the share of the class's area that is
        missed, or on the share of false area in what is found or wanted.
    threshold : float or None
        None where no threshold can be promised; `note` says why.
    estimate : float or None
        Dice of all pixels, each part at the threshold that the others choose; of a bound, the mean
        share of the images that were looked at.
    interval : tuple of float or None
        Of the estimate, 90 %.
    threshold_interval : tuple of float or None
        Of the threshold of best Dice, 90 %: how much it depends on which images were reviewed.
    n_objects, n_images : int
        That it rests on.
    units : {"images", "objects"}
        What was taken as independent: images, or objects where there are too few images.
    at : float or None
        The bound.
    note : str
        What a person should know, in a sentence; may be empty.
    """

    class_name: str
    kind: Kind
    threshold: float | None
    estimate: float | None
    interval: tuple[float, float] | None
    threshold_interval: tuple[float, float] | None
    n_objects: int
    n_images: int
    units: UnitName
    at: float | None = None
    note: str = ""

    def to_dict(self) -> dict[str, Any]:
        """JSON form."""
        return asdict(self)


def best_dice(
    class_name: str,
    evidence: Sequence[Evidence],
    n_images: int,
    *,
    units: UnitName = "images",
    present: float | None = None,
    seed: int = 0,
) -> Calibration:
    """The threshold with the highest Dice over all reviewed pixels.

    Parameters
    ----------
    class_name : str
    evidence : sequence of Evidence
        At least one has pixels of the class.
    n_images : int
        Images with objects of the class.
    units : {"images", "objects"}
    present : float, optional
        The threshold in use: of thresholds that are as good as the best one (within 0.002), the one
        nearest to it is taken.
    seed : int
        Of the bootstrap.

    Raises
    ------
    SettingsError
        If no pixel is of the class.
    """
    wanted, found, hits = _stacked(evidence)
    if not wanted.sum():
        raise SettingsError(f"No pixel of “{class_name}” was reviewed: accept some objects first.")
    totals = wanted.sum(), found.sum(0), hits.sum(0)
    chosen = _nearest(_dice(*totals), present)
    place = int(np.searchsorted(GRID, chosen))
    if len(wanted) == 1:
        estimate, interval, range_ = float(_dice(*totals)[place]), None, None
        note = "One image or object alone says nothing of how sure this is."
    else:
        others = [
            np.argmax(_dice(totals[0] - w, totals[1] - f, totals[2] - h))
            for w, f, h in zip(wanted, found, hits, strict=True)
        ]
        rows = np.arange(len(wanted))
        apart = wanted, found[rows, others], hits[rows, others]
        weights = _resamples(len(wanted), seed)
        estimate = float(_dice(*(part.sum() for part in apart)))
        interval = _interval(_dice(*(weights @ part for part in apart)))
        best = np.argmax(
            _dice((weights @ wanted)[:, None], weights @ found, weights @ hits), axis=1
        )
        range_ = _interval(np.take(GRID, best))
        note = ""
    if not any(one.is_whole for one in evidence):
        note = (
            "No image is marked as done, so that false objects far from yours are not counted: "
            "the threshold may be too low."
        )
    n_objects = sum(one.n_objects for one in evidence)
    return Calibration(
        class_name,
        "dice",
        chosen,
        estimate,
        interval,
        range_,
        n_objects,
        n_images,
        units,
        None,
        note,
    )


def bounded(
    class_name: str,
    evidence: Sequence[Evidence],
    bound: Bound,
    at: float,
    n_images: int,
    *,
    units: UnitName = "images",
    seed: int = 0,
) -> Calibration:
    """The least strict threshold that bounds an expected error, by conformal risk control.

    Parameters
    ----------
    class_name : str
    evidence : sequence of Evidence
        Only that of images of which every pixel was reviewed counts, because what a model missed
        is not among the objects that were accepted; for missed area there must be something to
        miss.
    bound : {"missed", "false"}
        Share of the wanted area that is not found, or of what is found or wanted that is false.
        Both lie in [0, 1] and are monotone in the threshold, as the method needs.
    at : float
        The bound α, above 0 and below 1.
    n_images : int
        Such images with objects of the class.
    units : {"images", "objects"}
        What the promise is about: the next image, or the next object.
    seed : int
        Of the bootstrap.

    Returns
    -------
    Calibration
        Its threshold is None, and its note says what is missing, where nothing can be promised.

    Raises
    ------
    SettingsError
        If the bound is unknown or out of range.
    """
    _check_bound(bound, at)
    used = [one for one in evidence if one.is_whole and (one.wanted or bound == "false")]
    n_objects = sum(one.n_objects for one in used)
    facts = (n_objects, n_images, units, at)
    losses = _losses(used, bound)
    promised = (losses.sum(0) + 1) / (len(used) + 1) if used else np.ones(len(GRID))
    kept = np.flatnonzero(promised <= at + _ROUNDING)
    if not len(kept):
        note = _why_not(class_name, bound, at, len(used), units, float(promised.min()))
        return Calibration(class_name, bound, None, None, None, None, *facts, note)
    place = int(kept[-1] if bound == "missed" else kept[0])
    own = losses[:, place]
    interval = _interval(_resamples(len(own), seed) @ own / len(own))
    here = "this image" if n_images == 1 else "these images"
    note = f"The promise is about further objects of {here}." if units == "objects" else ""
    return Calibration(
        class_name, bound, GRID[place], float(own.mean()), interval, None, *facts, note
    )


def fewest_for(at: float) -> int:
    """Images without any error that it takes to promise a bound.

    Examples
    --------
    >>> fewest_for(0.1)
    9
    """
    return max(1, math.ceil(1 / at - 1 - _ROUNDING))


def thresholds_of(calibrations: Sequence[Calibration]) -> Mapping[str, float]:
    """The thresholds that could be promised, by class name."""
    return {one.class_name: one.threshold for one in calibrations if one.threshold is not None}


def _from_threshold_on(reached: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """For each threshold the pixels that reach it; `reached` counts the thresholds of each."""
    counts = np.bincount(reached, minlength=len(GRID) + 1)
    return counts[::-1].cumsum()[::-1][1:]


def _stacked(evidence: Sequence[Evidence]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return (
        np.array([one.wanted for one in evidence]),
        np.stack([one.found for one in evidence]),
        np.stack([one.hits for one in evidence]),
    )


def _dice(wanted: Any, found: Any, hits: Any) -> Any:
    return 2 * hits / np.maximum(wanted + found, 1)


def _nearest(scores: npt.NDArray[np.floating], present: float | None) -> float:
    """The best threshold, or one as good that is nearer to the one in use."""
    best = GRID[int(scores.argmax())]
    good = np.take(GRID, np.flatnonzero(scores >= scores.max() - _AS_GOOD))
    return float(good[np.abs(good - (best if present is None else present)).argmin()])


def _losses(evidence: Sequence[Evidence], bound: Bound) -> npt.NDArray[np.float64]:
    """Share of missed or false area, shape (n, len(GRID))."""
    if not evidence:
        return np.zeros((0, len(GRID)))
    wanted, found, hits = _stacked(evidence)
    wanted = wanted[:, np.newaxis]
    if bound == "missed":
        return 1 - hits / np.maximum(wanted, 1)
    return (found - hits) / np.maximum(wanted + found - hits, 1)


def _resamples(n: int, seed: int) -> npt.NDArray[np.int64]:
    """How often each of n parts is in each bootstrap sample, shape (resamples, n)."""
    rng = np.random.default_rng(seed)
    return rng.multinomial(n, np.full(n, 1 / n), size=_RESAMPLES)


def _interval(values: npt.NDArray[np.floating]) -> tuple[float, float]:
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(values, [tail, 1 - tail])
    return float(low), float(high)


def _why_not(class_name: str, bound: Bound, at: float, n: int, units: UnitName, best: float) -> str:
    what = f"at most {at:.0%} {bound} area"
    done = "images marked as done"
    have = (
        f"{done} with “{class_name}”" if units == "images" else f"“{class_name}” objects in {done}"
    )
    if n < fewest_for(at):
        return f"To promise {what} takes {fewest_for(at)} or more {have}; there are {n}."
    return (
        f"No threshold can promise {what}; {n} {have} allow a promise of {best:.0%}: correct more, "
        "or ask for less."
    )


def _check_bound(bound: str, at: float) -> None:
    if bound not in BOUNDS:
        raise SettingsError(f"The bound “{bound}” is unknown: choose {' or '.join(BOUNDS)}.")
    if not 0 < at < 1:
        raise SettingsError(
            f"The bound is {at:g}: choose a share above 0 and below 1, such as 0.1."
        )
